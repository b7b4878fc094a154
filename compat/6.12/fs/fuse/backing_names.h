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

/**
 * fuse_backing_guess_hash - what the hash of a name is in a backing directory
 * @entry: the FUSE dentry, which has no room for it
 * @name: its name
 * @dir: the backing directory
 *
 * Context: any, RCU mode too.
 * Return: the hash.
 */
static inline u32 fuse_backing_guess_hash(const struct dentry *entry,
					  const struct qstr *name,
					  const struct dentry *dir)
{
	return full_name_hash(dir, name->name, name->len);
}

static inline void fuse_backing_remember_hash(const struct dentry *entry,
					      const struct qstr *name,
					      const struct dentry *dir)
{
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
	return fuse_dentry_revalidate(entry, flags);
}

#ifdef CONFIG_FUSE_PASSTHROUGH

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
static inline int fuse_backing_revalidate_rcu(struct dentry *entry,
					      unsigned int flags)
{
	unsigned int seq = raw_seqcount_begin(&entry->d_seq);
	struct inode *dir = d_inode_rcu(READ_ONCE(entry->d_parent));
	const struct qstr name = QSTR_INIT(READ_ONCE(entry->d_name.name),
					   READ_ONCE(entry->d_name.len));
	int ret;

	if (!dir || read_seqcount_retry(&entry->d_seq, seq))
		return -ECHILD;
	ret = fuse_backing_d_revalidate(dir, &name, entry, flags);
	return read_seqcount_retry(&entry->d_seq, seq) ? -ECHILD : ret;
}

static inline int fuse_backing_revalidate_ref(struct dentry *entry,
					      unsigned int flags)
{
	struct dentry *parent = dget_parent(entry);
	struct name_snapshot name;
	int ret;

	take_dentry_name_snapshot(&name, entry);
	ret = fuse_backing_d_revalidate(d_inode(parent), &name.name, entry, flags);
	release_dentry_name_snapshot(&name);
	dput(parent);
	return ret;
}

/**
 * fuse_backing_revalidate_entry - fuse_backing_d_revalidate() without parent and name
 * @entry: the FUSE dentry
 * @flags: LOOKUP_*
 *
 * Context: as fuse_backing_d_revalidate().
 * Return: as that.
 */
static inline int fuse_backing_revalidate_entry(struct dentry *entry,
						unsigned int flags)
{
	if (!fuse_backing_may_revalidate(entry))
		return fuse_dentry_revalidate(entry, flags);
	return flags & LOOKUP_RCU ? fuse_backing_revalidate_rcu(entry, flags) :
				    fuse_backing_revalidate_ref(entry, flags);
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
	struct dentry *dentry;

	inode_lock_nested(d_inode(dir), I_MUTEX_PARENT);
	dentry = lookup_one(idmap, name->name, dir, name->len);
	if (IS_ERR(dentry))
		inode_unlock(d_inode(dir));
	return dentry;
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
	inode_unlock(d_inode(dir));
	if (!IS_ERR(dentry))
		dput(dentry);
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
	struct dentry *dentry = fuse_backing_start_creating(idmap, name, dir);

	if (IS_ERR(dentry) || d_is_positive(dentry))
		return dentry;
	fuse_backing_end_creating(dentry, dir);
	return ERR_PTR(-ENOENT);
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
	fuse_backing_end_creating(dentry, dir);
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
	int err = vfs_mkdir(idmap, dir, dentry, mode);

	if (!err)
		return dentry;
	dput(dentry);
	return ERR_PTR(err);
}

/* What the VFS makes and removes, without waiting for a delegation: the server does that */
static inline int fuse_backing_create_at(struct mnt_idmap *idmap, struct inode *dir,
					 struct dentry *dentry, umode_t mode)
{
	return vfs_create(idmap, dir, dentry, mode, true);
}

static inline int fuse_backing_symlink_at(struct mnt_idmap *idmap, struct inode *dir,
					  struct dentry *dentry, const char *text)
{
	return vfs_symlink(idmap, dir, dentry, text);
}

static inline int fuse_backing_rmdir_at(struct mnt_idmap *idmap, struct inode *dir,
					struct dentry *dentry)
{
	return vfs_rmdir(idmap, dir, dentry);
}

/**
 * struct fuse_backing_move - a name that is moved
 * @data: as vfs_rename() takes it
 * @from: the directory that it is in
 * @to: the one that it goes to
 */
struct fuse_backing_move {
	struct renamedata data;
	struct dentry *from;
	struct dentry *to;
};

/* What is moved from where to where, by which mount */
static inline void fuse_backing_init_move(struct fuse_backing_move *move,
					  struct mnt_idmap *idmap,
					  struct dentry *from, struct dentry *to,
					  unsigned int flags)
{
	*move = (struct fuse_backing_move) {
		.data.old_mnt_idmap = idmap,
		.data.old_dir = d_inode(from),
		.data.new_mnt_idmap = idmap,
		.data.new_dir = d_inode(to),
		.data.flags = flags,
		.from = from,
		.to = to,
	};
}

/* Are both names what can be moved?  @trap is what contains both directories */
static inline int fuse_backing_check_move(const struct renamedata *data,
					  const struct dentry *trap)
{
	bool exchange = data->flags & RENAME_EXCHANGE;

	if (d_is_negative(data->old_dentry) ||
	    (exchange && d_is_negative(data->new_dentry)))
		return -ENOENT;
	if (data->old_dentry == trap)
		return -EINVAL;
	if (data->new_dentry == trap)
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* Sets dentries that are to be put, or to %NULL */
static inline int fuse_backing_look_up_move(struct fuse_backing_move *move,
					    const struct qstr *from,
					    const struct qstr *to)
{
	struct renamedata *data = &move->data;
	struct dentry *old, *new;

	old = lookup_one(data->old_mnt_idmap, from->name, move->from, from->len);
	if (IS_ERR(old))
		return PTR_ERR(old);
	data->old_dentry = old;
	new = lookup_one(data->new_mnt_idmap, to->name, move->to, to->len);
	if (IS_ERR(new))
		return PTR_ERR(new);
	data->new_dentry = new;
	return 0;
}

static inline void fuse_backing_end_moving(struct fuse_backing_move *move)
{
	unlock_rename(move->from, move->to);
	dput(move->data.old_dentry);
	dput(move->data.new_dentry);
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
	struct dentry *trap = lock_rename(move->from, move->to);
	int err;

	if (IS_ERR(trap))
		return PTR_ERR(trap);
	err = fuse_backing_look_up_move(move, from, to) ?:
	      fuse_backing_check_move(&move->data, trap);
	if (err)
		fuse_backing_end_moving(move);
	return err;
}

#else

#define fuse_backing_revalidate_entry	fuse_dentry_revalidate

#endif /* CONFIG_FUSE_PASSTHROUGH */

#endif /* _FS_FUSE_BACKING_NAMES_H */
