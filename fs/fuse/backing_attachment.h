/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what is attached to an inode, a file or extents.
 */

#ifndef _FS_FUSE_BACKING_ATTACHMENT_H
#define _FS_FUSE_BACKING_ATTACHMENT_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>

#include "backing_tree.h"
#include "backing_types.h"

struct fuse_extents;
struct fuse_extents_map;

#define ATTACH_MODES	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

/**
 * struct fuse_attachment - what is attached to an inode, or waits for it
 * @extents: where the inode's bytes are, with a reference; %NULL if a whole file is
 *	attached
 * @fb: the mapping of that file, with a reference
 * @use: as a user of it
 * @node: where it waits
 * @fi: or the inode it is attached to, which takes it along when it goes
 * @link: among those that wait, or the attached, the latest last
 * @serial: given when it was put there; no other ever has the same
 * @nodeid: of the FUSE inode
 * @generation: of the FUSE inode
 * @modes: FUSE_BACKING_READ and _WRITE, what it is good for
 * @ops: FUSE_BACKING_OPS_*, what else the file has the answer to
 * @tree: of a directory, names below which are passed through, with a reference; or %NULL
 */
struct fuse_attachment {
	struct fuse_extents *extents;
	struct fuse_backing *fb;
	struct fuse_backing_use use;
	union {
		struct rb_node node;
		struct fuse_inode *fi;
	};
	struct list_head link;
	u64 serial;
	u64 nodeid;
	u32 generation;
	u32 modes;
	u64 ops;
	struct fuse_tree *tree;
};

struct fuse_attachment *
fuse_attachment_of_file(struct fuse_conn *fc, struct fuse_backing *fb,
			const struct fuse_backing_attach *args);
struct fuse_attachment *
fuse_attachment_of_extents(struct fuse_conn *fc,
			   const struct fuse_backing_extents *args,
			   struct fuse_extents_map *map);
void fuse_attachment_free(struct fuse_attachment *att, bool defer);
void fuse_attachment_report(const struct fuse_conn *fc,
			    const struct fuse_attachment *att, u32 pending);
void fuse_attachment_drop(const struct fuse_conn *fc, struct fuse_attachment *att,
			  bool defer);
int fuse_attachment_charge(struct fuse_conn *fc, struct fuse_attachment *att);
void fuse_attachment_uncharge(struct fuse_attachment *att);

int fuse_attachment_id(const struct fuse_attachment *att);
const struct inode *
fuse_attachment_backing(const struct fuse_attachment *att);
bool fuse_attachment_is_closed(const struct fuse_attachment *att);
bool fuse_attachment_may_replace(const struct fuse_attachment *att,
				 const struct fuse_attachment *there);
void fuse_attachment_replace(struct fuse_attachment *there,
			     struct fuse_attachment *att,
			     enum fuse_backing_use_kind kind);
bool fuse_attachment_is_replaced(const struct fuse_attachment *att);
int fuse_attachment_retire(struct fuse_attachment *att);
void fuse_attachment_use(struct fuse_attachment *att,
			 enum fuse_backing_use_kind kind);
void fuse_attachment_unuse(struct fuse_attachment *att);

struct fuse_extents *
fuse_inode_attached_extents(const struct fuse_inode *fi);
bool fuse_inode_use_attached(struct fuse_inode *fi, u32 modes,
			     struct fuse_passthrough *pt);
struct fuse_backing *fuse_inode_find_attached(struct fuse_inode *fi, u64 ops);
struct fuse_backing *fuse_inode_get_listed(struct fuse_inode *fi,
					   struct fuse_tree **tree);
void fuse_inode_forget_attributes(struct fuse_inode *fi);

/**
 * fuse_inode_get_attached - what has the answer to a request
 * @fi: the FUSE inode
 * @ops: of FUSE_BACKING_OPS_*
 *
 * Context: any but interrupts.
 * Return: the mapping with a reference; %NULL if the server is to be asked, as for
 *	almost all inodes.
 */
static inline struct fuse_backing *
fuse_inode_get_attached(struct fuse_inode *fi, u64 ops)
{
	return unlikely(READ_ONCE(fi->backing.ops) & ops) ?
	       fuse_inode_find_attached(fi, ops) : NULL;
}

/**
 * fuse_inode_set_attached - an inode gets something attached, or loses it
 * @fi: the FUSE inode
 * @att: what is attached from now on, or %NULL
 *
 * Context: fi->lock is held.
 */
static inline void fuse_inode_set_attached(struct fuse_inode *fi,
					   struct fuse_attachment *att)
{
	const struct fuse_attachment *old = fi->backing.attached;

	if (unlikely(fi->backing.ops & FUSE_BACKING_OPS_ATTR))
		fuse_inode_forget_attributes(fi);
	/* what is below it still is the server's from here on */
	if (old && old->tree) {
		WRITE_ONCE(old->tree->detached, true);
		fuse_tree_ruled(old->tree);
	}
	WRITE_ONCE(fi->backing.attached, att);
	WRITE_ONCE(fi->backing.ops, att ? att->ops : 0);
	rcu_assign_pointer(fi->backing.tree, att ? att->tree : NULL);
}

/**
 * fuse_inode_is_passed - is there something that the kernel may open files on
 * @fi: the FUSE inode
 *
 * Context: any.
 * Return: whether something is attached, or it was found below a tree.
 */
static inline bool fuse_inode_is_passed(const struct fuse_inode *fi)
{
	return READ_ONCE(fi->backing.attached) ||
	       rcu_access_pointer(fi->backing.node);
}

/**
 * fuse_attachment_is_dir - is a directory attached
 * @att: the attachment
 *
 * Context: any.
 * Return: whether it is.
 */
static inline bool fuse_attachment_is_dir(const struct fuse_attachment *att)
{
	return !att->extents && d_is_dir(att->fb->file->f_path.dentry);
}

#endif /* _FS_FUSE_BACKING_ATTACHMENT_H */
