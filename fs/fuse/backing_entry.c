// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: changes below a tree, made without the server: of names.
 *
 * Who may have them made so is said in backing_change.c.  Names that rules, or a program,
 * leave to the server, or hide, are the server's to make and to move, and so is what it
 * named itself.  Whether a directory that has such names is empty, it knows: that is the
 * server's to remove, and to move something over.
 *
 * What is about to be removed or moved is looked up again with the backing directories
 * locked.  If it isn't what the client has seen, that is ESTALE: the VFS looks once more.
 * What the server is asked for, a device or a mount point, it may have hidden: then the
 * name is its own, too.
 *
 * Security modules that go by paths are asked here, as system calls ask them: what the
 * registration's domain forbids, nobody has done by its power.
 *
 * Locking: the VFS has locked the FUSE directories.  Inside of these, see
 * backing_change.c, are those of the backing directories.
 */

#include "fuse_i.h"
#include "backing_below.h"
#include "backing_bpf.h"
#include "backing_change.h"
#include "backing_mapping.h"
#include "backing_names.h"
#include "backing_server.h"
#include "backing_tree.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/security.h>

/* Not ours: of a delegation, that others may have to give back, only the server waits */
#define ASK_SERVER	(-EWOULDBLOCK)

/* What is to be made, and how */
struct making {
	umode_t mode;
	/* of a symbolic link */
	const char *text;
	/* what gets another name, and the FUSE dentry of that */
	struct path old;
	struct dentry *known;
};

/*
 * Names with several spellings are the server's, and so is what has to be labelled as the
 * client says.
 */
static bool is_plain(const struct fuse_tree_dir *at)
{
	return !(READ_ONCE(at->dentry->d_flags) & (DCACHE_OP_HASH | DCACHE_OP_COMPARE)) &&
	       !at->tree->fc->init_security;
}

/* Get where @entry is, with a reference on the tree; false if that is the server's */
static bool get_place(struct inode *dir, const struct dentry *entry,
		      struct fuse_tree_dir *at)
{
	if (likely(!fuse_backing_has_names(dir)) || !fuse_tree_get_dir(dir, at))
		return false;
	if (fuse_change_is_passed(at->tree, FUSE_BACKING_OPS_NAMES) && is_plain(at) &&
	    fuse_below_verdict(at, dir, &entry->d_name) == FUSE_BACKING_PASS)
		return true;
	fuse_tree_put(at->tree);
	return false;
}

/* Was nothing else said of @entry before the change was begun?  To be asked as the client. */
static bool is_passed_still(const struct fuse_tree_dir *at, const struct dentry *entry)
{
	return fuse_below_verdict(at, d_inode(entry->d_parent), &entry->d_name) ==
	       FUSE_BACKING_PASS;
}

/* Is @entry what was found below, or nothing? */
static bool is_ours(const struct dentry *entry, const struct fuse_tree *tree)
{
	const struct fuse_node *node;

	if (d_really_is_negative(entry))
		return true;
	node = fuse_inode_node(d_inode(entry));
	return node && node->tree == tree;
}

/*
 * Is @entry, which is ours, a directory that may have other names than the backing directory?
 * No program can be asked for all of them.
 */
static bool has_other_names(const struct dentry *entry)
{
	const struct fuse_node *node;

	if (!d_is_dir(entry))
		return false;
	node = fuse_inode_node(d_inode(entry));
	return rcu_access_pointer(node->rules) || fuse_is_filtered(node->tree->fc);
}

/* May @entry, which is ours, go? */
static bool may_go(const struct dentry *entry, unsigned int flags)
{
	return (flags & RENAME_EXCHANGE) || !has_other_names(entry);
}

/* Does the client see nothing where the server has something to say? */
static bool is_servers(const struct fuse_tree_dir *at, const struct dentry *entry,
		       struct dentry *backing)
{
	return d_really_is_negative(entry) &&
	       !fuse_tree_passes(at, backing, &entry->d_name);
}

/* Is it that still, and nothing is mounted there? */
static bool is_still(const struct dentry *entry, const struct dentry *backing)
{
	if (!fuse_tree_is_passed(backing))
		return false;
	if (d_really_is_negative(entry) || d_really_is_negative(backing))
		return d_really_is_negative(entry) == d_really_is_negative(backing);
	return fuse_node_is(fuse_inode_node(d_inode(entry)), d_inode(backing));
}

static struct path path_of(const struct fuse_tree_dir *at)
{
	return (struct path) { .mnt = at->tree->mnt, .dentry = at->dentry };
}

/* As for all below: with the credentials of the registration, whose domain counts */
static int may_make(const struct fuse_tree_dir *at, struct dentry *backing,
		    const struct making *what)
{
	const struct path dir = path_of(at);

	if (S_ISDIR(what->mode))
		return security_path_mkdir(&dir, backing, what->mode & ~S_IFMT);
	if (what->old.dentry)
		return security_path_link(what->old.dentry, &dir, backing);
	if (S_ISLNK(what->mode))
		return security_path_symlink(&dir, backing, what->text);
	return security_path_mknod(&dir, backing, what->mode, 0);
}

/* Returns what was made, in place of @backing, or an ERR_PTR() in place of a directory */
static struct dentry *make_at(const struct fuse_tree_dir *at, struct dentry *backing,
			      const struct making *what, int *err)
{
	struct mnt_idmap *idmap = mnt_idmap(at->tree->mnt);
	struct inode *dir = d_inode(at->dentry);

	*err = 0;
	if (S_ISDIR(what->mode)) {
		backing = fuse_backing_mkdir_at(idmap, dir, backing, what->mode);
		*err = PTR_ERR_OR_ZERO(backing);
	} else if (what->old.dentry) {
		*err = vfs_link(what->old.dentry, idmap, dir, backing, NULL);
	} else if (S_ISLNK(what->mode)) {
		*err = fuse_backing_symlink_at(idmap, dir, backing, what->text);
	} else {
		*err = fuse_backing_create_at(idmap, dir, backing, what->mode);
	}
	return backing;
}

/* To be called with the credentials of the registration; returns with a reference */
static struct dentry *make_locked(const struct fuse_tree_dir *at,
				  const struct dentry *entry, const struct making *what)
{
	struct dentry *made = ERR_PTR(-EEXIST);
	struct dentry *backing;
	int err;

	backing = fuse_backing_start_creating(mnt_idmap(at->tree->mnt), &entry->d_name,
					      at->dentry);
	if (IS_ERR(backing))
		return backing;
	if (d_is_negative(backing)) {
		err = may_make(at, backing, what);
		if (!err)
			backing = make_at(at, backing, what, &err);
		made = err ? ERR_PTR(err) : dget(backing);
	} else if (is_servers(at, entry, backing)) {
		made = ERR_PTR(ASK_SERVER);
	}
	fuse_backing_end_creating(backing, at->dentry);
	return made;
}

static struct dentry *make(const struct fuse_tree_dir *at, const struct dentry *entry,
			   const struct making *what)
{
	struct dentry *made = ERR_PTR(ASK_SERVER);
	int err;

	err = fuse_change_start(at->tree);
	if (err)
		return ERR_PTR(err);
	if (is_passed_still(at, entry) &&
	    !(what->known && fuse_change_is_servers(what->known))) {
		scoped_with_creds(at->tree->cred)
			made = make_locked(at, entry, what);
	}
	fuse_change_end(at->tree);
	return made;
}

/* Somebody else may have removed it already: then there is nothing to be known of it */
static struct inode *inode_of(const struct fuse_tree_dir *at, struct dentry *entry,
			      struct dentry *backing)
{
	if (d_is_negative(backing))
		return ERR_PTR(-ESTALE);
	return fuse_tree_get_inode(at, entry->d_sb, backing);
}

/* A dentry has its inode without the server; by now the tree may be detached */
static void entry_made(struct dentry *entry)
{
	fuse_backing_entry_made(entry);
	fuse_backing_entry_timed(entry);
}

/* Have @entry be what was made, whose reference is taken over: as ->mkdir() returns it */
static struct dentry *know(const struct fuse_tree_dir *at, struct dentry *entry,
			   struct dentry *backing)
{
	struct inode *inode = inode_of(at, entry, backing);
	struct dentry *alias;

	dput(backing);
	d_drop(entry);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	alias = d_splice_alias(inode, entry);
	if (!IS_ERR(alias))
		entry_made(alias ?: entry);
	return alias;
}

static bool make_entry(struct inode *dir, struct dentry *entry,
		       const struct making *what, struct dentry **alias)
{
	struct fuse_tree_dir at;
	struct dentry *backing;

	if (!get_place(dir, entry, &at))
		return false;
	backing = make(&at, entry, what);
	if (IS_ERR(backing))
		*alias = backing;
	else
		*alias = know(&at, entry, backing);
	/* it was not there for the client: let it look again */
	if (*alias == ERR_PTR(-EEXIST))
		d_drop(entry);
	fuse_dir_changed(dir);
	fuse_tree_put(at.tree);
	return backing != ERR_PTR(ASK_SERVER);
}

/**
 * fuse_backing_mkdir - make a directory below a tree
 * @dir: the FUSE directory, locked
 * @entry: its name in there
 * @mode: its mode, without umask
 * @alias: set to what ->mkdir() returns
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_mkdir(struct inode *dir, struct dentry *entry, umode_t mode,
			struct dentry **alias)
{
	const struct making what = { .mode = (mode & ~S_IFMT) | S_IFDIR };

	return make_entry(dir, entry, &what, alias);
}

static bool make_nondir(struct inode *dir, struct dentry *entry,
			const struct making *what, int *err)
{
	struct dentry *alias;

	if (!make_entry(dir, entry, what, &alias))
		return false;
	/* only of a directory there may be an alias */
	*err = PTR_ERR_OR_ZERO(alias);
	return true;
}

/**
 * fuse_backing_mknod - make a regular file below a tree
 * @dir: the FUSE directory, locked
 * @entry: its name in there
 * @mode: its mode, without umask; others than regular files are the server's
 * @err: set to the result
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_mknod(struct inode *dir, struct dentry *entry, umode_t mode, int *err)
{
	const struct making what = { .mode = mode };

	return S_ISREG(mode) && make_nondir(dir, entry, &what, err);
}

/**
 * fuse_backing_symlink - make a symbolic link below a tree
 * @dir: the FUSE directory, locked
 * @entry: its name in there
 * @text: what it says
 * @err: set to the result
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_symlink(struct inode *dir, struct dentry *entry, const char *text,
			  int *err)
{
	const struct making what = { .mode = S_IFLNK, .text = text };

	return make_nondir(dir, entry, &what, err);
}

/* Whoever doesn't own a file may be forbidden to link it, by rules of the system's */
static bool is_linkable(const struct path *old)
{
	return inode_owner_or_capable(mnt_idmap(old->mnt), d_inode(old->dentry));
}

static bool link_at(const struct fuse_tree_dir *at, struct dentry *old,
		    struct inode *dir, struct dentry *entry, int *err)
{
	struct making what = { .known = old };
	bool passed;

	*err = fuse_node_path(d_inode(old), old, &what.old);
	if (*err)
		return *err != -ESTALE;
	passed = is_linkable(&what.old) && make_nondir(dir, entry, &what, err);
	dput(what.old.dentry);
	return passed;
}

/**
 * fuse_backing_link - give a file below a tree another name
 * @old: a name of it, whose inode is locked
 * @dir: the FUSE directory, locked
 * @entry: the other name in there
 * @err: set to the result
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_link(struct dentry *old, struct inode *dir, struct dentry *entry,
		       int *err)
{
	struct fuse_tree_dir at;
	bool passed;

	if (!get_place(dir, entry, &at))
		return false;
	passed = is_ours(old, at.tree) && !fuse_change_is_servers(old) &&
		 link_at(&at, old, dir, entry, err);
	fuse_tree_put(at.tree);
	return passed;
}

static int may_remove(const struct fuse_tree_dir *at, struct dentry *backing)
{
	const struct path dir = path_of(at);

	return d_is_dir(backing) ? security_path_rmdir(&dir, backing) :
				   security_path_unlink(&dir, backing);
}

/* How many names are left of what is about to be removed, or replaced */
static unsigned int links_left(const struct dentry *backing)
{
	/* another name that it gets, or loses, at this moment may be missed for a moment */
	unsigned int links = data_race(d_inode(backing)->i_nlink);

	return d_is_dir(backing) || !links ? 0 : links - 1;
}

/* By which the VFS sees whether who watches the inode is to be told that it is gone */
static void set_links(struct inode *inode, unsigned int links)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	fi->attr_version =
		atomic64_inc_return(&get_fuse_conn(inode)->attr_version);
	set_nlink(inode, links);
	spin_unlock(&fi->lock);
}

static int remove_at(const struct fuse_tree_dir *at, struct dentry *entry,
		     struct dentry *backing)
{
	struct mnt_idmap *idmap = mnt_idmap(at->tree->mnt);
	struct inode *dir = d_inode(at->dentry);
	unsigned int left;
	int err;

	if (!is_still(entry, backing))
		return -ESTALE;
	left = links_left(backing);
	err = may_remove(at, backing) ?:
	      (d_is_dir(backing) ? fuse_backing_rmdir_at(idmap, dir, backing) :
				   vfs_unlink(idmap, dir, backing, NULL));
	if (!err)
		set_links(d_inode(entry), left);
	return err;
}

static int remove_locked(const struct fuse_tree_dir *at, struct dentry *entry)
{
	struct dentry *backing;
	int err;

	backing = fuse_backing_start_removing(mnt_idmap(at->tree->mnt), &entry->d_name,
					      at->dentry);
	if (IS_ERR(backing))
		return PTR_ERR(backing);
	err = remove_at(at, entry, backing);
	fuse_backing_end_removing(backing, at->dentry);
	return err;
}

static int remove_entry(const struct fuse_tree_dir *at, struct dentry *entry)
{
	int err = fuse_change_start(at->tree);

	if (err)
		return err;
	err = ASK_SERVER;
	if (is_passed_still(at, entry) && may_go(entry, 0)) {
		scoped_with_creds(at->tree->cred)
			err = remove_locked(at, entry);
	}
	fuse_change_end(at->tree);
	return err;
}

/**
 * fuse_backing_remove - remove a file or a directory below a tree
 * @dir: the FUSE directory, locked
 * @entry: the name in there, whose inode is locked
 * @err: set to the result
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_remove(struct inode *dir, struct dentry *entry, int *err)
{
	struct fuse_tree_dir at;
	bool passed;

	if (!get_place(dir, entry, &at))
		return false;
	passed = is_ours(entry, at.tree) && may_go(entry, 0);
	if (passed)
		*err = remove_entry(&at, entry);
	fuse_dir_changed(dir);
	fuse_tree_put(at.tree);
	return passed && *err != ASK_SERVER;
}

static int may_move(const struct fuse_tree_dir *at, const struct fuse_tree_dir *to_at,
		    const struct renamedata *data)
{
	const struct path dir = path_of(at), to_dir = path_of(to_at);

	return security_path_rename(&dir, data->old_dentry, &to_dir, data->new_dentry,
				    data->flags);
}

/* What was there by that name, @to, goes, unless it gets the other */
static int move_to(const struct fuse_tree_dir *at, const struct fuse_tree_dir *to_at,
		   struct renamedata *data, const struct dentry *to)
{
	/* another name of the same file stays, too */
	bool goes = d_is_positive(data->new_dentry) && !(data->flags & RENAME_EXCHANGE) &&
		    d_inode(data->new_dentry) != d_inode(data->old_dentry);
	unsigned int left = goes ? links_left(data->new_dentry) : 0;
	int err;

	err = may_move(at, to_at, data) ?: vfs_rename(data);
	if (!err && goes)
		set_links(d_inode(to), left);
	return err;
}

/*
 * Whether there is anything to be replaced is asked here, not by the VFS as it looks names
 * up: what is there may be the server's.  So may be what contains @from, if the client
 * doesn't see it at its own name.
 */
static int start_moving(struct fuse_backing_move *move, const struct dentry *from,
			const struct dentry *to)
{
	const unsigned int flags = move->data.flags;
	int err;

	move->data.flags = flags & ~RENAME_NOREPLACE;
	err = fuse_backing_start_moving(move, &from->d_name, &to->d_name);
	move->data.flags = flags;
	return err == -ENOTEMPTY && d_really_is_negative(to) ? ASK_SERVER : err;
}

static int may_replace(const struct fuse_tree_dir *at, const struct renamedata *data,
		       const struct dentry *to)
{
	if (is_servers(at, to, data->new_dentry))
		return ASK_SERVER;
	return (data->flags & RENAME_NOREPLACE) && d_is_positive(data->new_dentry) ?
	       -EEXIST : 0;
}

static int move_locked(struct fuse_backing_move *move, const struct fuse_tree_dir *at,
		       const struct dentry *from, const struct fuse_tree_dir *to_at,
		       const struct dentry *to)
{
	struct renamedata *data = &move->data;
	int err;

	err = start_moving(move, from, to);
	if (err)
		return err;
	err = may_replace(to_at, data, to);
	if (!err && !(is_still(from, data->old_dentry) && is_still(to, data->new_dentry)))
		err = -ESTALE;
	if (!err)
		err = move_to(at, to_at, data, to);
	fuse_backing_end_moving(move);
	return err;
}

static int move_entry(const struct fuse_tree_dir *at, const struct dentry *from,
		      const struct fuse_tree_dir *to_at, const struct dentry *to,
		      unsigned int flags)
{
	struct fuse_backing_move move;
	int err = fuse_change_start(at->tree);

	if (err)
		return err;
	fuse_backing_init_move(&move, mnt_idmap(at->tree->mnt), at->dentry,
			       to_at->dentry, flags);
	err = ASK_SERVER;
	if (is_passed_still(at, from) && is_passed_still(to_at, to) && may_go(to, flags)) {
		scoped_with_creds(at->tree->cred)
			err = move_locked(&move, at, from, to_at, to);
	}
	fuse_change_end(at->tree);
	return err;
}

static bool move_from(const struct fuse_tree_dir *at, struct dentry *from,
		      struct inode *dir, struct dentry *to, unsigned int flags, int *err)
{
	struct fuse_tree_dir to_at;
	bool passed;

	if (!get_place(dir, to, &to_at))
		return false;
	passed = to_at.tree == at->tree && is_ours(from, at->tree) &&
		 is_ours(to, at->tree) && may_go(to, flags);
	if (passed)
		*err = move_entry(at, from, &to_at, to, flags);
	fuse_dir_changed(dir);
	fuse_tree_put(to_at.tree);
	return passed && *err != ASK_SERVER;
}

/**
 * fuse_backing_rename - move a name below a tree
 * @olddir: the FUSE directory that it is in, locked
 * @from: the name in there
 * @newdir: the FUSE directory that it goes to, locked
 * @to: the name that it gets in there
 * @flags: RENAME_*
 * @err: set to the result
 *
 * Between a tree and what is elsewhere, another tree too, it is the server's.
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_rename(struct inode *olddir, struct dentry *from,
			 struct inode *newdir, struct dentry *to, unsigned int flags,
			 int *err)
{
	struct fuse_tree_dir at;
	bool passed;

	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    !get_place(olddir, from, &at))
		return false;
	passed = move_from(&at, from, newdir, to, flags, err);
	fuse_dir_changed(olddir);
	fuse_tree_put(at.tree);
	return passed;
}

/*
 * Who makes a file may write to it, whatever its mode is: so it is opened before anybody
 * else gets to it.  A table that is full leaves that to the server: %NULL.
 */
static struct fuse_backing *open_made(const struct fuse_tree_dir *at,
				      struct dentry *backing, int flags)
{
	const struct path path = { .mnt = at->tree->mnt, .dentry = backing };
	struct fuse_backing *fb;

	scoped_with_creds(at->tree->cred)
		fb = fuse_backing_install_made(at->tree->fb->table, &path, flags);
	return fb == ERR_PTR(-EMFILE) ? NULL : fb;
}

static bool is_in_lookup(const struct dentry *entry)
{
	/* only who looks a name up says so of it; who detaches the tree sets another flag */
	return data_race(d_in_lookup(entry));
}

static int open_entry(const struct fuse_tree_dir *at, struct dentry *entry,
		      struct dentry *backing, struct file *file)
{
	struct inode *inode = inode_of(at, entry, backing);
	struct fuse_backing *fb;
	int err;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	fb = open_made(at, backing, file->f_flags);
	if (is_in_lookup(entry))
		d_add(entry, inode);
	else
		d_instantiate(entry, inode);
	entry_made(entry);
	if (IS_ERR(fb))
		return PTR_ERR(fb);
	/* it is empty */
	file->f_flags &= ~O_TRUNC;
	/* until it is open, see fuse_backing_open_attached() */
	file->private_data = fb;
	err = finish_open(file, entry, NULL);
	if (fb)
		fuse_backing_put(fb);
	return err;
}

/*
 * Returns false if the server is to be asked.  What has been made is not to be made again,
 * whatever the server, or a lease, then says of opening it.
 */
static bool create_at(const struct fuse_tree_dir *at, struct dentry *entry,
		      struct file *file, umode_t mode, int *err)
{
	const struct making what = { .mode = mode };
	struct dentry *backing = make(at, entry, &what);

	if (backing == ERR_PTR(ASK_SERVER))
		return false;
	if (!IS_ERR(backing)) {
		*err = open_entry(at, entry, backing, file);
		dput(backing);
		return true;
	}
	d_drop(entry);
	*err = PTR_ERR(backing);
	/* somebody else was faster: it may be opened */
	if (*err == -EEXIST && !(file->f_flags & O_EXCL))
		*err = -ESTALE;
	return true;
}

/*
 * Who opens it may want to do either, and both are asked for where it is opened again.  Where
 * making and opening is one step, as on NFS and 9p, what was made of mode 0444 can't be opened
 * for writing afterwards: nobody there knows that it is ours.
 */
static bool opens_too(const struct fuse_tree_dir *at)
{
	const u32 modes = FUSE_BACKING_READ | FUSE_BACKING_WRITE;

	return (at->tree->ops & FUSE_BACKING_OPS_OPEN) &&
	       (at->tree->modes & modes) == modes &&
	       !d_inode(at->dentry)->i_op->atomic_open;
}

/**
 * fuse_backing_create - make a file below a tree, and open it
 * @dir: the FUSE directory, locked
 * @entry: its name in there, of which nothing is known
 * @file: the FUSE file
 * @mode: its mode, without umask
 * @err: set to the result
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_create(struct inode *dir, struct dentry *entry, struct file *file,
			 umode_t mode, int *err)
{
	struct fuse_tree_dir at;
	bool passed;

	if (!get_place(dir, entry, &at))
		return false;
	passed = opens_too(&at) && create_at(&at, entry, file, mode, err);
	fuse_dir_changed(dir);
	fuse_tree_put(at.tree);
	return passed;
}

/**
 * fuse_backing_create_new - the same for whoever wants no such file to be there
 * @dir: the FUSE directory, locked
 * @entry: its name in there; if nobody has looked for it yet, nobody needs to
 * @file: the FUSE file
 * @flags: O_*
 * @mode: its mode, without umask
 * @err: set to the result
 *
 * Context: process context; may sleep.
 * Return: false if the name is to be looked for.
 */
bool fuse_backing_create_new(struct inode *dir, struct dentry *entry, struct file *file,
			     unsigned int flags, umode_t mode, int *err)
{
	if (likely(!fuse_backing_has_names(dir)) || !is_in_lookup(entry) ||
	    (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		return false;
	file->f_mode |= FMODE_CREATED;
	if (fuse_backing_create(dir, entry, file, mode, err))
		return true;
	file->f_mode &= ~FMODE_CREATED;
	return false;
}
