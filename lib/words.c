// SPDX-License-Identifier: LGPL-2.1
/*
 * Errors in words. See fuse_backing.h.
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "device.h"
#include "fuse_backing.h"

enum fusebacking_verdict fusebacking_verdict(int err)
{
	if (err >= 0)
		return FUSEBACKING_FINE;
	switch (-err) {
	case EPERM:
	case EACCES:
	case ENOTTY:
	case ENOTCONN:
	case ENODEV:
		return FUSEBACKING_NEVER;
	case EINVAL:
	case EISDIR:
	case ENOTDIR:
	case ELOOP:
	case EOPNOTSUPP:
	case ERANGE:
	case E2BIG:
		return FUSEBACKING_NOT_THIS;
	case EBADF:
	case EFAULT:
	case ENOENT:
	case EEXIST:
		return FUSEBACKING_MISTAKE;
	default:
		return FUSEBACKING_NOT_NOW;
	}
}

static const struct {
	int error;
	const char *text;
} errors[] = {
	{ EPERM, "not negotiated, or not permitted: see fuse.unprivileged_passthrough" },
	{ EACCES, "nobody would check who may open the file: mount with default_permissions" },
	{ ENOTTY, "the kernel can't do that: it needs FUSE backing file tables" },
	{ ENOTCONN, "the mount is gone" },
	{ EINVAL, "the file isn't a regular one, or an argument is wrong" },
	{ EISDIR, "a directory, not a file: register it as one, attach it to a directory" },
	{ ENOTDIR, "not a directory: register and attach it as a file" },
	{ ELOOP, "its filesystem is stacked on too many: raise max_backing_stack_depth at INIT" },
	{ EOPNOTSUPP, "not with this filesystem, or the kernel has no FUSE_PASSTHROUGH: serve it" },
	{ ERANGE, "an extent is beyond the end of its backing file" },
	{ E2BIG, "too many extents, or backing files of them, or rules of names" },
	{ EMFILE, "the table is full: start with a larger ulimit -Hn, or prlimit it as root" },
	{ EAGAIN, "there can't be another process: raise RLIMIT_NPROC, or pids.max of the cgroup" },
	{ ENOBUFS, "extents or rules take more memory than RLIMIT_MEMLOCK allows: raise it" },
	{ ENOMEM, "no memory, or none left for the cgroup" },
	{ EBUSY, "open on another backing file, or mapped: try again when it is closed" },
	{ ETXTBSY, "the inode is open in cached mode: try again when it is closed" },
	{ EEXIST, "something is attached to the inode: detach it first" },
	{ ENOENT, "there is no such id, inode or attachment" },
	{ EBADF, "the descriptor isn't open, or not for what is needed" },
	{ EFAULT, "the address of an argument is wrong" },
	{ EINTR, "a signal came: call it again" },
};

/* In the order of the kernel's numbers, which begin with 0; make check compares words */
static const struct {
	const char *word;
	const char *text;
} reasons[] = {
	{ "not-negotiated", "passthrough wasn't negotiated: ask for it at INIT" },
	{ "switched-off", "only root may: set fuse.unprivileged_passthrough to Y" },
	{ "user-namespace", "this process isn't in the mount's user namespace, or in one below" },
	{ "bad-argument", "an argument is unknown, or not 0 where it must be" },
	{ "bad-descriptor", "the descriptor isn't open, or not for what is needed" },
	{ "file-type", "not a regular file, or not a directory, where one is needed" },
	{ "stack-depth", "on too many stacked filesystems: raise max_backing_stack_depth" },
	{ "internal-mount", "files of memfd_create(2) and shared memory can't be passed through" },
	{ "filesystem", "on a pseudo filesystem, or a directory of an overlayfs: serve it" },
	{ "no-thread", "no thread for the mount: see RLIMIT_NPROC, pids.max and memory" },
	{ "table", "the table is full, or gone: start with a larger ulimit -Hn, or see prlimit" },
	{ "unknown-id", "the id is closed, or was never registered" },
	{ "permission", "neither descriptor nor credentials of the registration allow this mode" },
	{ "immutable", "the backing file is immutable: see chattr -i" },
	{ "append-only", "the backing file can only be appended to: see chattr -a" },
	{ "noexec", "the backing file's mount is noexec" },
	{ "reopen", "the backing filesystem refused to open the file" },
	{ "open-flags", "the reply has flags that don't go with passthrough" },
	{ "other-inode", "the inode is open on another backing file: try again when it is closed" },
	{ "cached-open", "the inode is open in cached mode: try again when it is closed" },
	{ "mixed-open", "some files of the inode are passed through, and this one isn't" },
	{ "no-inode", "the kernel knows no such inode: attach with FUSE_BACKING_ATTACH_PENDING" },
	{ "attached", "something is attached to the inode: detach it first" },
	{ "not-attached", "nothing is attached to the inode" },
	{ "mmapped", "a file of the inode is mapped: try again when it isn't" },
	{ "extent", "an extent is empty, overlaps, or is beyond the end of its backing file" },
	{ "read-only-extent", "the extent isn't to be written to" },
	{ "short-file", "the backing file became shorter than its extents" },
	{ "shared-mmap", "a shared mapping can't be written to where a file has extents" },
	{ "memlock", "extents or rules take more memory than RLIMIT_MEMLOCK allows: raise it" },
	{ "unchecked", "nobody would check who may open the file: mount with default_permissions" },
	{ "overlay-on-fuse", "the overlayfs is on a FUSE: register the file there" },
	{ "brokered", "who registers it has more power than the mount's owner: do it as that" },
	{ "operations", "the kernel doesn't answer one of these requests: leave it out of ops" },
	{ "taken-away", "the directory was taken away while it was listed: rewind it" },
	{ "read-only-mount", "the backing file's mount, or its filesystem, is read-only" },
	{ "swap-area", "the backing file is swapped to: see swapoff" },
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static int is_reason(int reason)
{
	return reason > 0 && (size_t)reason <= COUNT(reasons);
}

const char *fusebacking_strerror(int err, int reason)
{
	const char *text;

	if (err >= 0)
		return "no error";
	if (is_reason(reason))
		return reasons[reason - 1].text;
	for (size_t i = 0; i < COUNT(errors); i++)
		if (errors[i].error == -err)
			return errors[i].text;
	text = strerrordesc_np(-err);
	return text ?: "unknown error";
}

int fusebacking_reason(const char *word)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (!strcmp(reasons[i].word, word))
			return i + 1;
	return 0;
}

int fusebacking_why(int dev, int err)
{
	struct fuse_backing_refusal refusal;

	if (device_ioctl(dev, FUSE_DEV_IOC_BACKING_REFUSAL, &refusal) < 0 ||
	    refusal.error != (uint32_t)-err)
		return 0;
	return fusebacking_reason(refusal.reason);
}

const char *fusebacking_reason_word(int reason)
{
	return is_reason(reason) ? reasons[reason - 1].word : NULL;
}
