/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: names, as the VFS hands them on and takes them.
 */

#ifndef _FS_FUSE_BACKING_NAMES_H
#define _FS_FUSE_BACKING_NAMES_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/stringhash.h>

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

/**
 * fuse_backing_start_creating - a name is about to be made in a backing directory
 * @idmap: of its mount
 * @name: the name; its hash is not looked at
 * @dir: the directory, which is locked
 *
 * Context: process context; may sleep.
 * Return: the dentry, which may be there already, for fuse_backing_end_creating(); or an
 *	ERR_PTR().
 */
static inline struct dentry *fuse_backing_start_creating(struct mnt_idmap *idmap,
							 const struct qstr *name,
							 struct dentry *dir)
{
	struct qstr below = QSTR_INIT(name->name, name->len);

	return start_creating(idmap, dir, &below);
}

/**
 * fuse_backing_end_creating - it has been made, or not
 * @dentry: from fuse_backing_start_creating(), or after it from fuse_backing_mkdir_at()
 * @dir: the directory
 *
 * Context: process context.
 */
static inline void fuse_backing_end_creating(struct dentry *dentry, struct dentry *dir)
{
	end_creating(dentry);
}

/**
 * fuse_backing_start_removing - a name is about to be removed from a backing directory
 * @idmap: of its mount
 * @name: the name; its hash is not looked at
 * @dir: the directory, which is locked
 *
 * Context: process context; may sleep.
 * Return: the dentry, for fuse_backing_end_removing(); or an ERR_PTR().
 */
static inline struct dentry *fuse_backing_start_removing(struct mnt_idmap *idmap,
							 const struct qstr *name,
							 struct dentry *dir)
{
	struct qstr below = QSTR_INIT(name->name, name->len);

	return start_removing(idmap, dir, &below);
}

/**
 * fuse_backing_end_removing - it has been removed, or not
 * @dentry: from fuse_backing_start_removing()
 * @dir: the directory
 *
 * Context: process context.
 */
static inline void fuse_backing_end_removing(struct dentry *dentry, struct dentry *dir)
{
	end_removing(dentry);
}

/**
 * fuse_backing_mkdir_at - make a directory
 * @idmap: of the backing mount
 * @dir: the backing directory, locked
 * @dentry: the name in there
 * @mode: its mode
 *
 * Context: process context; may sleep.
 * Return: the dentry that it is then, or an ERR_PTR(); either is in place of @dentry.
 */
static inline struct dentry *fuse_backing_mkdir_at(struct mnt_idmap *idmap,
						   struct inode *dir,
						   struct dentry *dentry, umode_t mode)
{
	return vfs_mkdir(idmap, dir, dentry, mode, NULL);
}

/* What the VFS makes and removes, without waiting for a delegation: the server does that */
static inline int fuse_backing_create_at(struct mnt_idmap *idmap, struct inode *dir,
					 struct dentry *dentry, umode_t mode)
{
	return vfs_create(idmap, dentry, mode, NULL);
}

static inline int fuse_backing_symlink_at(struct mnt_idmap *idmap, struct inode *dir,
					  struct dentry *dentry, const char *text)
{
	return vfs_symlink(idmap, dir, dentry, text, NULL);
}

static inline int fuse_backing_rmdir_at(struct mnt_idmap *idmap, struct inode *dir,
					struct dentry *dentry)
{
	return vfs_rmdir(idmap, dir, dentry, NULL);
}

/**
 * struct fuse_backing_move - a name that is moved
 * @data: as vfs_rename() takes it
 */
struct fuse_backing_move {
	struct renamedata data;
};

/* What is moved from where to where, by which mount */
static inline void fuse_backing_init_move(struct fuse_backing_move *move,
					  struct mnt_idmap *idmap,
					  struct dentry *from, struct dentry *to,
					  unsigned int flags)
{
	move->data = (struct renamedata) {
		.mnt_idmap = idmap,
		.old_parent = from,
		.new_parent = to,
		.flags = flags,
	};
}

/**
 * fuse_backing_start_moving - a name is about to be moved
 * @move: from fuse_backing_init_move()
 * @from: the name in the one directory
 * @to: the name in the other
 *
 * Context: process context; may sleep.
 * Return: 0, and fuse_backing_end_moving() is to be called; or an errno.
 */
static inline int fuse_backing_start_moving(struct fuse_backing_move *move,
					    const struct qstr *from,
					    const struct qstr *to)
{
	struct qstr old = QSTR_INIT(from->name, from->len);
	struct qstr new = QSTR_INIT(to->name, to->len);

	return start_renaming(&move->data, 0, &old, &new);
}

static inline void fuse_backing_end_moving(struct fuse_backing_move *move)
{
	end_renaming(&move->data);
}

/**
 * fuse_backing_guess_hash - what the hash of a name may be in a backing directory
 * @entry: the FUSE dentry
 * @name: its name
 * @dir: the backing directory
 *
 * With a wrong one nothing is found: what is has the whole name, and is in @dir.
 *
 * Context: any, RCU mode too.
 * Return: what it was when it was remembered last.
 */
static inline u32 fuse_backing_guess_hash(const struct dentry *entry,
					  const struct qstr *name,
					  const struct dentry *dir)
{
	const struct fuse_dentry *fd = entry->d_fsdata;

	return READ_ONCE(fd->backing_hash);
}

/**
 * fuse_backing_remember_hash - remember the hash of a name in a backing directory
 * @entry: the FUSE dentry
 * @name: its name
 * @dir: the backing directory
 *
 * Context: any, but not in RCU mode, which writes nothing.
 */
static inline void fuse_backing_remember_hash(const struct dentry *entry,
					      const struct qstr *name,
					      const struct dentry *dir)
{
	struct fuse_dentry *fd = entry->d_fsdata;

	WRITE_ONCE(fd->backing_hash, full_name_hash(dir, name->name, name->len));
}

/**
 * fuse_backing_revalidate_known - revalidate a name that the server has named
 * @dir: the FUSE directory
 * @name: the name
 * @entry: the FUSE dentry
 * @flags: LOOKUP_*
 *
 * Context: process context; may sleep unless LOOKUP_RCU is set.
 * Return: as ->d_revalidate().
 */
static inline int fuse_backing_revalidate_known(struct inode *dir,
						const struct qstr *name,
						struct dentry *entry,
						unsigned int flags)
{
	return fuse_dentry_revalidate(dir, name, entry, flags);
}

#endif /* _FS_FUSE_BACKING_NAMES_H */
