// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what is attached to an inode, a file or extents.
 *
 * Whoever attaches and detaches need not know which of the two it is.
 *
 * Locking: see backing_attach.c; what changes an attachment, or asks for its ids, is
 * called with fuse_attachments::lock held, unless nobody else knows it.
 */

#include "fuse_i.h"
#include "backing_attachment.h"
#include "backing_extents.h"
#include "backing_mapping.h"
#include "backing_rules.h"
#include "backing_trace.h"
#include "backing_usage.h"

#include <linux/slab.h>

/**
 * fuse_attachment_of_file - have a file, or a directory, attached
 * @fc: the connection
 * @fb: its mapping; if this succeeds, the reference is taken over
 * @args: where to, and what for
 *
 * Context: process context; may sleep.
 * Return: what can be attached, %NULL if there is no memory for it.
 */
struct fuse_attachment *
fuse_attachment_of_file(struct fuse_conn *fc, struct fuse_backing *fb,
			const struct fuse_backing_attach *args)
{
	struct fuse_tree *tree = NULL;
	struct fuse_attachment *att;

	if (fuse_backing_start_use(fb, true))
		return NULL;
	if (args->ops & FUSE_BACKING_OPS_LOOKUP) {
		tree = fuse_tree_create(fc, fb, args);
		if (!tree)
			return NULL;
	}
	att = kmalloc_obj(*att, GFP_KERNEL_ACCOUNT);
	if (!att) {
		if (tree)
			fuse_tree_put(tree);
		return NULL;
	}

	att->extents = NULL;
	att->fb = fb;
	att->nodeid = args->nodeid;
	att->generation = args->generation;
	att->use.generation = args->generation;
	att->modes = args->flags & ATTACH_MODES;
	att->ops = args->ops;
	att->tree = tree;
	return att;
}

/**
 * fuse_attachment_of_extents - have extents attached
 * @fc: the connection
 * @args: where to, and what for
 * @map: from fuse_extents_map_read(), which is taken over in any case
 *
 * Context: process context without locks; may sleep.
 * Return: what can be attached, or an ERR_PTR() as fuse_extents_create().
 */
struct fuse_attachment *
fuse_attachment_of_extents(struct fuse_conn *fc,
			   const struct fuse_backing_extents *args,
			   struct fuse_extents_map *map)
{
	struct fuse_attachment *att;

	att = kmalloc_obj(*att, GFP_KERNEL_ACCOUNT);
	if (!att) {
		fuse_extents_map_abandon(map);
		return ERR_PTR(-ENOMEM);
	}
	*att = (struct fuse_attachment) {
		.extents = fuse_extents_create(fc, map),
		.nodeid = args->nodeid,
		.generation = args->generation,
		.modes = args->flags & ATTACH_MODES,
	};
	if (IS_ERR(att->extents)) {
		void *err = att->extents;

		kfree(att);
		return err;
	}
	return att;
}

/**
 * fuse_attachment_free - free what nobody else knows
 * @att: the attachment
 * @defer: backing files are to be closed by the thread
 *
 * Context: process context without locks; may sleep unless @defer.
 */
void fuse_attachment_free(struct fuse_attachment *att, bool defer)
{
	if (att->tree)
		fuse_tree_put(att->tree);
	if (att->extents)
		fuse_extents_put(att->extents, defer);
	else if (defer)
		fuse_backing_put_deferred(att->fb);
	else
		fuse_backing_put(att->fb);
	kfree(att);
}

/* Extents may be in many files, and aren't known by any */
static int reported_id(const struct fuse_attachment *att)
{
	return att->extents ? 0 : att->fb->id;
}

/**
 * fuse_attachment_report - tell tracepoints what is attached, or left to wait
 * @fc: the connection
 * @att: the attachment
 * @pending: %FUSE_BACKING_ATTACH_PENDING if it waits, or 0
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_attachment_report(const struct fuse_conn *fc,
			    const struct fuse_attachment *att, u32 pending)
{
	fuse_backing_trace(fuse_backing_attach, fc, att->nodeid,
			   reported_id(att), att->modes | pending);
}

/**
 * fuse_attachment_drop - free what was attached, or waited, and say so
 * @fc: the connection
 * @att: the attachment, which nobody else knows any more
 * @defer: as fuse_attachment_free()
 *
 * Context: as fuse_attachment_free().
 */
void fuse_attachment_drop(const struct fuse_conn *fc, struct fuse_attachment *att,
			  bool defer)
{
	fuse_backing_trace(fuse_backing_detach, fc, att->nodeid,
			   reported_id(att), att->modes);
	fuse_attachment_free(att, defer);
}

/**
 * fuse_attachment_charge - charge what is to wait
 * @fc: the connection
 * @att: the attachment, which nobody else knows
 *
 * A node that it waits for may never come.  What is as large as whoever makes it likes is
 * charged until then; the rest takes no more than an open file.
 *
 * Context: process context without spinlocks; may sleep.
 * Return: 0; -ENOMEM; -ENOBUFS if RLIMIT_MEMLOCK of the caller's user is reached.
 */
int fuse_attachment_charge(struct fuse_conn *fc, struct fuse_attachment *att)
{
	return att->extents ? fuse_extents_charge(fc, att->extents) : 0;
}

/**
 * fuse_attachment_uncharge - an attachment doesn't wait any more
 * @att: the attachment
 *
 * Nor do rules that its tree has got meanwhile.
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_attachment_uncharge(struct fuse_attachment *att)
{
	if (att->extents)
		fuse_extents_uncharge(att->extents);
	/* they are replaced with the lock held */
	if (att->tree)
		fuse_rules_uncharge(rcu_dereference_protected(att->tree->rules, true));
}

/**
 * fuse_attachment_id - an id of what is attached
 * @att: the attachment
 *
 * Context: process context with fuse_attachments::lock held, unless nobody else knows
 *	@att.
 * Return: one of several, to tell why it is refused; 0 for holes.
 */
int fuse_attachment_id(const struct fuse_attachment *att)
{
	return att->extents ? fuse_extents_id(att->extents) : att->fb->id;
}

/**
 * fuse_attachment_backing - what open files of the inode may be on
 * @att: the attachment
 *
 * Context: any.
 * Return: the backing inode; %NULL for extents, because open files with extents that
 *	were detached would share their pages.
 */
const struct inode *
fuse_attachment_backing(const struct fuse_attachment *att)
{
	return att->extents ? NULL : file_inode(att->fb->file);
}

/**
 * fuse_attachment_is_closed - was an id closed since it was looked up
 * @att: the attachment
 *
 * Context: process context with fuse_attachments::lock held.
 * Return: whether it was, of one at least.
 */
bool fuse_attachment_is_closed(const struct fuse_attachment *att)
{
	if (att->extents)
		return fuse_extents_are_closed(att->extents);
	return !att->fb->per_open && READ_ONCE(att->fb->closed);
}

/**
 * fuse_attachment_may_replace - can one take the place of another
 * @att: the one
 * @there: the other, or %NULL
 *
 * Context: any.
 * Return: whether both are extents.
 */
bool fuse_attachment_may_replace(const struct fuse_attachment *att,
				 const struct fuse_attachment *there)
{
	return there && there->extents && att->extents;
}

/**
 * fuse_attachment_replace - have an attachment take the extents of another
 * @there: the one
 * @att: the other, which nobody else knows, and which gets what there was
 * @kind: what uses the mappings
 *
 * Context: process context with fuse_attachments::lock held, and where @there is an
 *	inode's, fuse_inode::lock.
 */
void fuse_attachment_replace(struct fuse_attachment *there,
			     struct fuse_attachment *att,
			     enum fuse_backing_use_kind kind)
{
	fuse_extents_swap(there->extents, att->extents, kind);
	swap(there->modes, att->modes);
}

/**
 * fuse_attachment_is_replaced - did others take the place of its extents
 * @att: an attachment that nobody else knows
 *
 * Context: any.
 * Return: whether it is from fuse_attachment_replace().
 */
bool fuse_attachment_is_replaced(const struct fuse_attachment *att)
{
	return att->extents && fuse_extents_are_replaced(att->extents);
}

/**
 * fuse_attachment_retire - wait until nothing uses what was replaced
 * @att: from fuse_attachment_replace(); it is done with
 *
 * Context: as fuse_extents_retire().
 * Return: 0 or -EINTR.
 */
int fuse_attachment_retire(struct fuse_attachment *att)
{
	struct fuse_extents *extents = att->extents;

	kfree(att);
	return fuse_extents_retire(extents);
}

/**
 * fuse_attachment_use - an attachment waits, or is an inode's
 * @att: the attachment, which was neither
 * @kind: which of the two
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_attachment_use(struct fuse_attachment *att,
			 enum fuse_backing_use_kind kind)
{
	if (att->extents)
		fuse_extents_use(att->extents, kind);
	else
		fuse_backing_use(att->fb, &att->use, kind, att->nodeid);
}

/**
 * fuse_attachment_unuse - an attachment is nobody's any more
 * @att: the attachment
 *
 * Open files that keep extents are what uses them from now on.
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_attachment_unuse(struct fuse_attachment *att)
{
	if (att->extents)
		fuse_extents_use(att->extents, FUSE_BACKING_FILE);
	else
		fuse_backing_unuse(att->fb, &att->use);
}

/**
 * fuse_inode_attached_extents - the extents that are attached to an inode
 * @fi: the FUSE inode
 *
 * Context: fi->lock is held.
 * Return: the extents, or %NULL.
 */
struct fuse_extents *fuse_inode_attached_extents(const struct fuse_inode *fi)
{
	return fi->backing.attached ? fi->backing.attached->extents : NULL;
}

/**
 * fuse_inode_use_attached - have a file opened on what is attached
 * @fi: the FUSE inode
 * @modes: FUSE_BACKING_READ and _WRITE, what it has to be good for
 * @pt: of the FUSE file, which gets a reference on the mapping, or on the extents
 *
 * Context: any but interrupts.
 * Return: false if nothing like that is attached.
 */
bool fuse_inode_use_attached(struct fuse_inode *fi, u32 modes,
			     struct fuse_passthrough *pt)
{
	const struct fuse_attachment *att;
	bool found;

	spin_lock(&fi->lock);
	att = fi->backing.attached;
	found = att && !(modes & ~att->modes);
	if (found && att->extents) {
		pt->extents = fuse_extents_get(att->extents);
	} else if (found) {
		pt->fb = att->fb;
		refcount_inc(&pt->fb->count);
	}
	spin_unlock(&fi->lock);

	return found;
}

/**
 * fuse_inode_find_attached - fuse_inode_get_attached(), where it may be
 * @fi: the FUSE inode
 * @ops: of FUSE_BACKING_OPS_*
 *
 * Context: any but interrupts.
 * Return: as fuse_inode_get_attached().
 */
struct fuse_backing *fuse_inode_find_attached(struct fuse_inode *fi, u64 ops)
{
	struct fuse_backing *fb = NULL;

	spin_lock(&fi->lock);
	if (fi->backing.ops & ops) {
		fb = fi->backing.attached->fb;
		refcount_inc(&fb->count);
	}
	spin_unlock(&fi->lock);
	return fb;
}

/**
 * fuse_inode_get_listed - what lists a directory
 * @fi: the FUSE inode
 * @tree: set to what its names are passed through by, with a reference; or to %NULL
 *
 * Context: any but interrupts.
 * Return: the mapping with a reference; %NULL if the server is to be asked.
 */
struct fuse_backing *fuse_inode_get_listed(struct fuse_inode *fi,
					   struct fuse_tree **tree)
{
	struct fuse_backing *fb = NULL;

	*tree = NULL;
	spin_lock(&fi->lock);
	if (fi->backing.ops & FUSE_BACKING_OPS_LIST) {
		fb = fi->backing.attached->fb;
		refcount_inc(&fb->count);
		*tree = fi->backing.attached->tree;
	}
	if (*tree)
		refcount_inc(&(*tree)->count);
	spin_unlock(&fi->lock);
	return fb;
}

/**
 * fuse_inode_forget_attributes - what had the attributes of an inode is taken away
 * @fi: the FUSE inode
 *
 * They were not the server's, and what is on its way isn't either.
 *
 * Context: fi->lock is held.
 */
void fuse_inode_forget_attributes(struct fuse_inode *fi)
{
	struct fuse_conn *fc = get_fuse_conn(&fi->inode);

	fi->attr_version = atomic64_inc_return(&fc->attr_version);
	fuse_invalidate_attr_mask(&fi->inode, STATX_BASIC_STATS);
}
