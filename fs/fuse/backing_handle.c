// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: who has a handle of the server's.
 *
 * A FUSE file that the kernel opened on its own has none, so no request that carries
 * one may be sent for it.  Where one is needed, the server is asked to open the file
 * after all, once, and to release it in the end.
 */

#include "fuse_i.h"
#include "backing_handle.h"

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

/*
 * Bits of &fuse_passthrough.local, which is 0 for files that the server opened.
 *
 * LOCAL_OPENED: the kernel opened the file on its own
 * LOCAL_ASKING: a lock, held by who asks the server to open the file
 * LOCAL_HAS_HANDLE: fuse_file::fh and ::args are valid; set once
 */
enum {
	LOCAL_OPENED,
	LOCAL_ASKING,
	LOCAL_HAS_HANDLE,
};

static void init_passthrough(struct fuse_passthrough *pt, struct fuse_file *ff)
{
	/* nothing is as cheap as to say which: each open gets here */
	pt->ff = ff;
	pt->fb = NULL;
	pt->file = NULL;
	pt->extents = NULL;
	pt->tree = NULL;
	INIT_LIST_HEAD(&pt->link);
	pt->mapped = NULL;
	pt->local = 0;
	atomic_set(&pt->io, 0);
	pt->append_only = false;
	pt->stored_to = false;
}

/**
 * fuse_passthrough_alloc - make what a FUSE file in passthrough mode has
 * @ff: the file's data
 * @gfp: how to get memory
 *
 * Context: process context.
 * Return: what ff->passthrough is to be, which fuse_backing_file_end() frees; %NULL
 *	without memory.
 */
struct fuse_passthrough *fuse_passthrough_alloc(struct fuse_file *ff, gfp_t gfp)
{
	struct fuse_passthrough *pt = kmalloc_obj(*pt, gfp);

	if (pt)
		init_passthrough(pt, ff);
	return pt;
}

/**
 * fuse_backing_alloc_local - make a FUSE file that the server doesn't know of
 * @inode: the FUSE inode
 * @size: of what begins with its struct fuse_passthrough, in bytes
 *
 * Context: process context; may sleep.
 * Return: the file data, to be freed with fuse_file_free(); %NULL without memory.
 */
struct fuse_file *fuse_backing_alloc_local(struct inode *inode, size_t size)
{
	struct fuse_file *ff = fuse_file_alloc(get_fuse_mount(inode), false);

	if (!ff)
		return NULL;
	ff->passthrough = kmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!ff->passthrough) {
		fuse_file_free(ff);
		return NULL;
	}
	init_passthrough(ff->passthrough, ff);
	ff->passthrough->local = BIT(LOCAL_OPENED);
	ff->nodeid = get_node_id(inode);
	ff->open_flags = FOPEN_PASSTHROUGH | FOPEN_NOFLUSH;
	return ff;
}

/**
 * fuse_backing_is_local - was a file opened without the server
 * @file: an open FUSE file or directory
 *
 * Context: any.
 * Return: whether it was, even if the server has opened it since.
 */
bool fuse_backing_is_local(const struct file *file)
{
	const struct fuse_file *ff = file->private_data;

	return ff->passthrough && ff->passthrough->local;
}

/**
 * fuse_backing_has_no_handle - did the server give no handle for a file
 * @ff: file data of an open FUSE file
 *
 * Context: any.
 * Return: whether it is so, for now.
 */
bool fuse_backing_has_no_handle(const struct fuse_file *ff)
{
	unsigned long local;

	if (!ff->passthrough)
		return false;
	/* pairs with smp_mb__before_atomic() in get_handle_locked() */
	local = smp_load_acquire(&ff->passthrough->local);
	return local && !(local & BIT(LOCAL_HAS_HANDLE));
}

/**
 * fuse_backing_handle_file - a file whose handle may be sent along
 * @file: an open FUSE file or directory, or %NULL
 *
 * Context: any.
 * Return: @file; %NULL if the server gave no handle for it.
 */
struct file *fuse_backing_handle_file(struct file *file)
{
	if (file && fuse_backing_has_no_handle(file->private_data))
		return NULL;
	return file;
}

static int get_handle_locked(struct file *file)
{
	struct fuse_file *ff = file->private_data;
	/* what created or emptied the file is done */
	unsigned int flags = file->f_flags & ~(O_CREAT | O_EXCL | O_NOCTTY |
					       O_TRUNC);
	bool isdir = S_ISDIR(file_inode(file)->i_mode);
	struct fuse_file *opened;
	int err;

	err = fuse_backing_introduce(file_inode(file));
	if (err)
		return err;
	ff->nodeid = get_node_id(file_inode(file));
	/* whoever needs the handle now, the file is whose it was */
	scoped_with_creds(file->f_cred)
		opened = fuse_file_open(ff->fm, ff->nodeid, flags, isdir);
	if (IS_ERR(opened))
		return PTR_ERR(opened);

	ff->fh = opened->fh;
	ff->args = opened->args;
	/* whatever the server says, the file stays as it is */
	ff->open_flags = FOPEN_PASSTHROUGH |
			 (opened->open_flags & FOPEN_NOFLUSH);
	opened->args = NULL;
	fuse_file_free(opened);
	/* pairs with smp_load_acquire() in fuse_backing_has_no_handle() */
	smp_mb__before_atomic();
	set_bit(LOCAL_HAS_HANDLE, &ff->passthrough->local);
	return 0;
}

/**
 * fuse_backing_need_handle - a request needs the server's handle
 * @file: an open FUSE file or directory
 *
 * The server sees an OPEN, and in the end FLUSH and RELEASE; or an OPENDIR, and in the
 * end RELEASEDIR.
 *
 * Context: process context without locks; may sleep, killable.
 * Return: 0, -EINTR, or what the server answers to OPEN.
 */
int fuse_backing_need_handle(struct file *file)
{
	struct fuse_file *ff = file->private_data;
	int err = 0;

	if (!fuse_backing_has_no_handle(ff))
		return 0;
	if (wait_on_bit_lock(&ff->passthrough->local, LOCAL_ASKING, TASK_KILLABLE))
		return -EINTR;
	if (fuse_backing_has_no_handle(ff))
		err = get_handle_locked(file);
	clear_and_wake_up_bit(LOCAL_ASKING, &ff->passthrough->local);
	return err;
}

/**
 * fuse_backing_need_lock - a lock is set, or taken back, at the server
 * @file: an open FUSE file
 * @flock: is it one of flock(2)
 *
 * A process's POSIX locks go when it closes any file of the inode, so from now
 * on the server has to hear of that.  Those of flock(2) go with their own file.
 *
 * Context: process context without locks; may sleep, killable.
 * Return: as fuse_backing_need_handle().
 */
int fuse_backing_need_lock(struct file *file, bool flock)
{
	if (!flock)
		WRITE_ONCE(get_fuse_inode(file_inode(file))->backing.remote_locks, true);
	return fuse_backing_need_handle(file);
}
