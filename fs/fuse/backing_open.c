// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: opened for a FUSE file.
 *
 * A FUSE file that is open in passthrough mode has a backing file of its own,
 * reopened through the mapping that the server named in its reply.  It is never
 * in a file table: there is one for each FUSE file, which the opener's own
 * limit counts.
 *
 * Where the id belongs to one open, whoever waits for the reply claims it as soon as
 * there is one, whatever becomes of the open.  From then on &fuse_passthrough.fb keeps
 * the mapping: with the backing file once that is open, without it before and when that
 * fails.
 *
 * References: &fuse_passthrough.file is the backing file, &fuse_passthrough.fb keeps the
 * mapping.  Both go with fuse_passthrough_release(); what was only claimed goes with
 * fuse_backing_file_end(), and an open that doesn't get a backing file for it fails.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_bpf.h"
#include "backing_extents.h"
#include "backing_handle.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_mapping.h"
#include "backing_open.h"
#include "backing_reject.h"
#include "backing_tree.h"
#include "backing_usage.h"

#include <linux/backing-file.h>
#include <linux/slab.h>

/**
 * fuse_backing_reply - a reply to OPEN, CREATE or TMPFILE was delivered
 * @ff: file data of the FUSE file, with the reply
 * @isdir: the reply is to OPENDIR, which has no backing file
 *
 * Context: process context; may sleep.
 */
void fuse_backing_reply(struct fuse_file *ff, bool isdir)
{
	const struct fuse_open_out *reply;
	struct fuse_backing *fb;

	if (isdir)
		return;
	reply = &ff->args->open_outarg;
	if (!(reply->open_flags & FOPEN_PASSTHROUGH))
		return;
	fb = fuse_backing_claim(ff->fm->fc, reply->backing_id);
	if (!fb)
		return;
	/* it is consumed, whatever becomes of the open: so there must be where to keep it */
	ff->passthrough = fuse_passthrough_alloc(ff, GFP_KERNEL_ACCOUNT |
						     __GFP_NOFAIL);
	ff->passthrough->fb = fb;
}

/**
 * fuse_backing_file_end - give up what a reply claimed, if nothing opened it
 * @ff: file data that is given up, without a backing file (any more)
 *
 * What was attached, too.
 *
 * Context: process context; may sleep, because the last reference closes the
 *	backing file.
 */
void fuse_backing_file_end(struct fuse_file *ff)
{
	struct fuse_passthrough *pt = ff->passthrough;

	if (!pt)
		return;
	if (pt->fb)
		fuse_backing_put(pt->fb);
	if (pt->extents)
		fuse_extents_put(pt->extents, false);
	if (pt->tree)
		fuse_tree_put(pt->tree);
	kfree(pt);
	ff->passthrough = NULL;
}

#ifdef CONFIG_FUSE_BACKING_BPF

/* What the reply may have claimed is not for this file, then */
static void use_instead(struct fuse_file *ff, int id)
{
	struct fuse_open_out *reply = &ff->args->open_outarg;

	if (reply->backing_id == id)
		return;
	fuse_backing_file_end(ff);
	reply->backing_id = id;
}

/**
 * fuse_backing_ask_filter - the server leaves it to a program what a file is opened on
 * @file: the FUSE file, with FOPEN_BACKING_FILTER in the reply
 *
 * Context: process context; may sleep.
 * Return: 0, and the reply is what the program made of it; -ENOENT if there is no such
 *	file; -EINVAL if the reply's flags don't go together.
 */
int fuse_backing_ask_filter(struct file *file)
{
	struct fuse_file *ff = file->private_data;
	int id;

	if (!(ff->open_flags & FOPEN_PASSTHROUGH))
		return fuse_passthrough_bad_flags(ff);
	ff->open_flags &= ~FOPEN_BACKING_FILTER;
	switch (fuse_filter_open(file, &id)) {
	case FUSE_BACKING_PASS:
		if (id)
			use_instead(ff, id);
		return 0;
	case FUSE_BACKING_HIDE:
		return -ENOENT;
	default:
		/* others may have it passed through later */
		ff->open_flags &= ~FOPEN_PASSTHROUGH;
		ff->open_flags |= FOPEN_DIRECT_IO;
		use_instead(ff, 0);
		return 0;
	}
}

#endif /* CONFIG_FUSE_BACKING_BPF */

/* Returns the backing file; to be called with the mapping's credentials */
static struct file *reopen_file(struct file *file, struct fuse_backing *fb)
{
	struct fuse_file *ff = file->private_data;
	struct file *backing;
	int flags, err;

	err = fuse_backing_may_open(fb, file);
	if (err)
		return ERR_PTR(err);

	flags = fuse_backing_open_flags(fb, file_inode(fb->file), file->f_flags);
	backing = backing_file_open(file, flags, &fb->file->f_path, fb->cred);
	if (IS_ERR(backing)) {
		fuse_backing_reject(ff->fm->fc, fb->id, PTR_ERR(backing),
				    FUSE_BACKING_REOPEN);
		return backing;
	}
	err = fuse_backing_may_use(ff->fm->fc, fb, backing);
	if (!err)
		return backing;
	fput(backing);
	return ERR_PTR(err);
}

/* Open what @fb maps as @file was opened, as whoever registered it */
static struct file *reopen(struct file *file, struct fuse_backing *fb)
{
	scoped_with_creds(fb->cred)
		return reopen_file(file, fb);
}

/* May others have files open on the mapping, too? */
static bool is_shared(const struct fuse_backing *fb)
{
	/* who finds it at its place has a reference by then */
	return fuse_backing_place(fb) ? refcount_read(&fb->count) > 1 : !fb->per_open;
}

static int open_mapping(struct file *file, struct fuse_passthrough *pt)
{
	struct fuse_backing *fb = pt->fb;
	struct file *backing;
	int err;

	err = fuse_backing_is_of_kind(fb, false) ?:
	      fuse_backing_may_reopen(fb) ?:
	      fuse_backing_start_use(fb, is_shared(fb));
	if (err)
		return err;
	backing = reopen(file, fb);
	if (IS_ERR(backing))
		return PTR_ERR(backing);

	/* else the server does I/O, and only mmap(2) is passed through */
	if (!(pt->ff->open_flags & FOPEN_DIRECT_IO)) {
		file->f_op = &fuse_passthrough_file_operations;
		file->f_mode |= backing->f_mode & FMODE_NOWAIT;
	}
	pt->file = backing;
	fuse_backing_use(fb, &pt->use, FUSE_BACKING_FILE, pt->ff->nodeid);
	return 0;
}

/**
 * fuse_backing_open_file - open the backing file of a FUSE file
 * @file: the FUSE file
 * @backing_id: of a mapping, which is looked up unless the file has one already
 *
 * Context: process context; may sleep.
 * Return: as fuse_passthrough_open(); on failure, the file has no mapping any more.
 */
int fuse_backing_open_file(struct file *file, int backing_id)
{
	struct fuse_file *ff = file->private_data;
	struct fuse_conn *fc = ff->fm->fc;
	struct fuse_passthrough *pt;
	int err;

	if (backing_id <= 0)
		return fuse_backing_reject(fc, backing_id, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	if (!ff->passthrough)
		ff->passthrough = fuse_passthrough_alloc(ff, GFP_KERNEL_ACCOUNT);
	pt = ff->passthrough;
	if (!pt)
		return -ENOMEM;
	if (!pt->fb)
		pt->fb = fuse_backing_lookup(fc, backing_id);
	if (!pt->fb)
		return fuse_backing_reject(fc, backing_id, -ENOENT,
					   FUSE_BACKING_UNKNOWN_ID);

	err = open_mapping(file, pt);
	if (err) {
		fuse_backing_put(pt->fb);
		pt->fb = NULL;
	}
	return err;
}

/**
 * fuse_passthrough_bad_flags - refuse a reply whose flags don't go together
 * @ff: file data of the FUSE file
 *
 * Context: any.
 * Return: -EINVAL.
 */
int fuse_passthrough_bad_flags(struct fuse_file *ff)
{
	struct fuse_conn *fc = ff->fm->fc;

	return fuse_backing_reject(fc, ff->args->open_outarg.backing_id, -EINVAL,
				   fc->passthrough ? FUSE_BACKING_OPEN_FLAGS :
						     FUSE_BACKING_NOT_NEGOTIATED);
}

/**
 * fuse_passthrough_open_failed - the FUSE inode doesn't take another such file
 * @ff: file data of the FUSE file, opened with fuse_passthrough_open()
 * @fi: its inode
 * @err: -EBUSY or -ETXTBSY, see the I/O modes of an inode
 *
 * Context: process context; may sleep.
 */
void fuse_passthrough_open_failed(struct fuse_file *ff, struct fuse_inode *fi,
				  int err)
{
	fuse_backing_reject(ff->fm->fc, ff->passthrough->fb->id, err,
			    err == -EBUSY ? FUSE_BACKING_OTHER_INODE :
					    FUSE_BACKING_CACHED_OPEN);
	fuse_backing_leave(ff, fi);
}

/* Was it said already what is wrong with the reply? See fuse_backing_ask_filter(). */
static bool was_refused(const struct fuse_file *ff)
{
	return IS_ENABLED(CONFIG_FUSE_BACKING_BPF) && ff->open_flags & FOPEN_BACKING_FILTER;
}

/**
 * fuse_passthrough_open_error - what open(2) says of a file that has no I/O mode
 * @ff: file data of the FUSE file
 * @err: why
 *
 * A server that asks for passthrough gets the reason to its clients' side, so
 * that it can be found.  To all others the reason is a mistake of the server's
 * that has always been -EIO.  So is -ENOSYS of a backing filesystem: callers
 * would take it for the server's, which doesn't implement the operation.
 *
 * Context: any.
 * Return: a negative errno.
 */
int fuse_passthrough_open_error(const struct fuse_file *ff, int err)
{
	if (ff->fm->fc->passthrough && !(ff->open_flags & FOPEN_PASSTHROUGH) &&
	    !was_refused(ff))
		fuse_backing_reject(ff->fm->fc, 0, -EIO,
				    FUSE_BACKING_MIXED_OPEN);
	if (err == -ENOSYS || !ff->fm->fc->passthrough ||
	    !(ff->open_flags & FOPEN_PASSTHROUGH))
		return -EIO;
	return err;
}
