/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: names, as the VFS hands them on and takes them.
 */

#ifndef _FS_FUSE_BACKING_NAMES_H
#define _FS_FUSE_BACKING_NAMES_H

#include <linux/dcache.h>
#include <linux/namei.h>

/**
 * fuse_backing_lookup_one - look a name up in a backing directory
 * @idmap: of its mount
 * @name: the name; its hash is not looked at
 * @dir: the directory
 *
 * Context: process context; may sleep.
 * Return: as lookup_one_unlocked().
 */
static inline struct dentry *fuse_backing_lookup_one(struct mnt_idmap *idmap,
						     const struct qstr *name,
						     struct dentry *dir)
{
	struct qstr below = QSTR_INIT(name->name, name->len);

	return lookup_one_unlocked(idmap, &below, dir);
}

/**
 * fuse_backing_next_alias - walk through the dentries of an inode
 * @inode: the inode
 * @last: one of them, or %NULL to begin
 *
 * Context: inode::i_lock is held.
 * Return: the one that comes after, or %NULL.
 */
static inline struct dentry *fuse_backing_next_alias(struct inode *inode,
						     struct dentry *last)
{
	struct hlist_node *next = inode->i_dentry.first;

	if (last)
		next = last->d_alias.next;
	return hlist_entry_safe(next, struct dentry, d_alias);
}

#endif /* _FS_FUSE_BACKING_NAMES_H */
