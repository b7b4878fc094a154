/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: names, as the VFS hands them on and takes them.
 */

#ifndef _FS_FUSE_BACKING_NAMES_H
#define _FS_FUSE_BACKING_NAMES_H

#include <linux/dcache.h>
#include <linux/namei.h>

#include "fuse_i.h"

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
	return lookup_one_unlocked(idmap, name->name, dir, name->len);
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
		next = last->d_u.d_alias.next;
	return hlist_entry_safe(next, struct dentry, d_u.d_alias);
}

/* Is there anything to ask for?  Almost never, so this comes before all else */
static inline bool fuse_backing_may_revalidate(const struct dentry *entry)
{
	const struct inode *dir;
	bool may;

	rcu_read_lock();
	dir = d_inode_rcu(READ_ONCE(entry->d_parent));
	may = dir && fuse_backing_has_names(dir);
	rcu_read_unlock();
	return may;
}

/*
 * In RCU mode nothing is written to, not even the lock of a name.  It is there until a
 * grace period has passed; that it is the dentry's, and goes with the length, is known
 * when that hasn't changed.
 */
static inline bool fuse_backing_revalidate_rcu(struct dentry *entry,
					       unsigned int flags, int *ret)
{
	unsigned int seq = raw_seqcount_begin(&entry->d_seq);
	struct inode *dir = d_inode_rcu(READ_ONCE(entry->d_parent));
	const struct qstr name = QSTR_INIT(READ_ONCE(entry->d_name.name),
					   READ_ONCE(entry->d_name.len));
	bool ours;

	*ret = -ECHILD;
	if (!dir || read_seqcount_retry(&entry->d_seq, seq))
		return true;
	ours = fuse_backing_revalidate(dir, &name, entry, flags, ret);
	if (read_seqcount_retry(&entry->d_seq, seq)) {
		*ret = -ECHILD;
		return true;
	}
	return ours;
}

static inline bool fuse_backing_revalidate_in(struct dentry *parent,
					      struct dentry *entry,
					      unsigned int flags, int *ret)
{
	struct inode *dir = d_inode_rcu(parent);
	struct name_snapshot name;
	bool ours;

	if (!dir)
		return false;
	take_dentry_name_snapshot(&name, entry);
	ours = fuse_backing_revalidate(dir, &name.name, entry, flags, ret);
	release_dentry_name_snapshot(&name);
	return ours;
}

/**
 * fuse_backing_revalidate_entry - fuse_backing_revalidate() without parent and name
 * @entry: the FUSE dentry
 * @flags: LOOKUP_*
 * @ret: set to the result
 *
 * Context: as fuse_backing_revalidate().
 * Return: as that.
 */
static inline bool fuse_backing_revalidate_entry(struct dentry *entry,
						 unsigned int flags, int *ret)
{
	struct dentry *parent;
	bool ours;

	if (!fuse_backing_may_revalidate(entry))
		return false;
	if (flags & LOOKUP_RCU)
		return fuse_backing_revalidate_rcu(entry, flags, ret);
	parent = dget_parent(entry);
	ours = fuse_backing_revalidate_in(parent, entry, flags, ret);
	dput(parent);
	return ours;
}

#endif /* _FS_FUSE_BACKING_NAMES_H */
