/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * FUSE backing files: what a server gets from the ioctls on /dev/fuse, and its
 * clients from open(2).
 *
 * FUSE_DEV_IOC_BACKING_OPEN (struct fuse_backing_map) returns a backing id, at
 * least 1, which is also the number of the file in the table of the mount's
 * kernel thread. No privilege is needed. flags is 0 or
 * FUSE_BACKING_MAP_AUTO_CLOSE.
 * It fails with
 *
 *   EPERM       passthrough was not negotiated; the caller's user namespace is
 *               not within the mount's; or fuse.unprivileged_passthrough is off
 *               and the caller lacks CAP_SYS_ADMIN
 *   EINVAL      unknown flags, padding that is not 0, or it is no regular file
 *   EFAULT      the structure is not readable
 *   EBADF       the descriptor is not open
 *   EISDIR      it is a directory
 *   ELOOP       its filesystem is stacked too deeply, see max_stack_depth
 *   EOPNOTSUPP  it is on an internal mount (memfd, SysV shared memory), or on a
 *               pseudo filesystem and the caller lacks CAP_SYS_ADMIN; or the
 *               kernel is built without passthrough
 *   EMFILE      RLIMIT_NOFILE of the thread, or fs.nr_open, is reached
 *   EAGAIN      the thread would exceed RLIMIT_NPROC of the caller
 *   ENOTCONN    the connection was aborted or unmounted
 *   EINTR       the caller was killed
 *   ENOMEM      out of memory, or over the limit of the caller's memory cgroup
 *
 * FUSE_DEV_IOC_BACKING_CLOSE (the id) closes an id for new opens. It fails with
 *
 *   EPERM       as above
 *   EINVAL      the id is not positive
 *   ENOENT      the id is closed, was never registered, or the connection was
 *               aborted
 *   EFAULT      the id is not readable
 *
 * When an OPEN or CREATE reply has FOPEN_PASSTHROUGH, the client's open(2) fails
 * with
 *
 *   EINVAL      the id is not positive, or the reply has flags that do not go
 *               with passthrough
 *   ENOENT      the id is closed or was never registered; or it belongs to one open
 *               and another reply named it before
 *   EACCES      neither the registered descriptor nor the credentials of the
 *               registration allow the access mode; or the file is to be
 *               executed from a mount that forbids it
 *   EPERM       the backing file is immutable, or can only be appended to and
 *               the client doesn't
 *   EROFS       the backing mount is read-only
 *   EBUSY       files of the same inode are open on another backing inode
 *   ETXTBSY     files of the same inode are open in cached mode
 *   others      what the backing filesystem says
 *
 * I/O on an open passthrough file fails as on the backing file itself, and with
 *
 *   EPERM       a write that does not append, where nothing else is allowed; an
 *               executable mapping where the backing mount forbids it
 *   EACCES      a shared mapping of a file open for writing, where only
 *               appending is allowed
 *
 * The tracepoint fuse:fuse_backing_reject says why, in a word.
 */

#ifndef _UAPI_LINUX_FUSE_BACKING_H
#define _UAPI_LINUX_FUSE_BACKING_H

#include <linux/fuse.h>

/*
 * fuse_backing_map.flags: the id belongs to the first OPEN, CREATE or TMPFILE
 * reply with FOPEN_PASSTHROUGH that names it. Nobody has to close it.
 *
 * The kernel closes the id when it takes that reply, and drops the mapping when
 * that open file is released; at once if the open fails in the kernel after
 * all. If no reply names it, it is dropped by FUSE_DEV_IOC_BACKING_CLOSE, or
 * when the server is gone. A second reply that names it is refused with ENOENT.
 * Each open brings an id of its own; the ids of one inode must be of the same
 * backing inode.
 */
#define FUSE_BACKING_MAP_AUTO_CLOSE	(1U << 16)

#endif /* _UAPI_LINUX_FUSE_BACKING_H */
