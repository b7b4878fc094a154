// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what is done with names and inodes below a tree.
 *
 * A name is valid as long as the backing directory has the same inode under it.  In
 * RCU mode the backing dcache is asked, and nothing is written to, but the tree's
 * count; what is not in there, or needs more than a look, is looked up.
 *
 * Permissions are those of the backing inode for the client, and then those that whoever
 * registered the tree has.
 *
 * Locking: the FUSE directory's lock, where a name is looked up, and inside of it that
 * of the backing directory.
 */

#include "fuse_i.h"
#include "backing_below.h"
#include "backing_bpf.h"
#include "backing_mapping.h"
#include "backing_reject.h"
#include "backing_tree.h"

#include <linux/cred.h>
#include <linux/dcache-look.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/stringhash.h>

/* Leaves @inode as it is if there is no such name */
static int take_inode(const struct fuse_tree_dir *at, struct super_block *sb,
		      struct dentry *backing, struct inode **inode)
{
	if (d_is_negative(backing))
		return 0;
	*inode = fuse_tree_get_inode(at, sb, backing);
	if (!IS_ERR(*inode))
		return 0;
	return PTR_ERR(*inode);
}

/* Rules come first: a program is asked about what they pass through */
static enum fuse_backing_verdict verdict_at(const struct fuse_tree_dir *at,
					    struct inode *dir, const struct qstr *name)
{
	enum fuse_backing_verdict verdict = fuse_tree_verdict(at, name);

	if (verdict != FUSE_BACKING_PASS || !fuse_is_filtered(at->tree->fc))
		return verdict;
	return fuse_filter_lookup(dir, name);
}

/* Returns false if the name is the server's */
static bool lookup_at(const struct fuse_tree_dir *at, struct inode *dir,
		      struct dentry *entry, struct inode **inode, int *err)
{
	enum fuse_backing_verdict verdict = verdict_at(at, dir, &entry->d_name);
	struct dentry *backing;
	bool passed;

	*inode = NULL;
	*err = 0;
	if (verdict != FUSE_BACKING_PASS)
		return verdict == FUSE_BACKING_HIDE;
	backing = fuse_tree_lookup(at, &entry->d_name);
	if (IS_ERR(backing)) {
		*err = PTR_ERR(backing);
		return true;
	}
	passed = fuse_tree_is_passed(backing);
	if (passed)
		*err = take_inode(at, dir->i_sb, backing, inode);
	dput(backing);
	return passed;
}

/**
 * fuse_backing_lookup_below - look a name up below a tree
 * @dir: the FUSE directory, locked
 * @entry: with the name
 * @out: filled in as if the server had answered
 * @inode: set to what was found, with a reference; %NULL if there is no such name
 * @err: set to the result
 *
 * Context: process context; may sleep, killable.
 * Return: false if the server is to be asked, who knows the directory then.
 */
bool fuse_backing_lookup_below(struct inode *dir, struct dentry *entry,
			       struct fuse_entry_out *out, struct inode **inode,
			       int *err)
{
	struct fuse_tree_dir at;
	bool passed = false;

	if (fuse_tree_get_dir(dir, &at)) {
		/* good for nothing but another look, which is ours to have */
		memset(out, 0, sizeof(*out));
		passed = lookup_at(&at, dir, entry, inode, err);
		fuse_tree_put(at.tree);
	}
	if (passed)
		return true;
	*err = fuse_backing_introduce(dir);
	return *err;
}

enum look { SAME, OTHER, DONT_KNOW };

/* What the backing dcache says; in RCU mode */
static enum look look_in_dcache(const struct fuse_tree_dir *at,
				const struct qstr *name, const struct fuse_node *node)
{
	struct qstr below = QSTR_INIT(name->name, name->len);
	const struct dentry *backing;
	const struct inode *inode;
	unsigned int flags, seq;
	bool same;

	below.hash = full_name_hash(at->dentry, below.name, below.len);
	backing = __d_lookup_rcu(at->dentry, &below, &seq);
	if (!backing)
		return DONT_KNOW;
	inode = READ_ONCE(backing->d_inode);
	flags = READ_ONCE(backing->d_flags);
	same = node ? inode && fuse_node_is(node, inode) : !inode;
	if ((flags & (DCACHE_OP_REVALIDATE | DCACHE_MANAGED_DENTRY | DCACHE_OP_HASH |
		      DCACHE_OP_COMPARE)) ||
	    read_seqcount_retry(&backing->d_seq, seq))
		return DONT_KNOW;
	return same ? SAME : OTHER;
}

static enum look look_up(const struct fuse_tree_dir *at, const struct qstr *name,
			 const struct fuse_node *node)
{
	struct dentry *backing = fuse_tree_lookup(at, name);
	bool same;

	if (IS_ERR(backing))
		return OTHER;
	same = fuse_tree_is_passed(backing) &&
	       (node ? d_is_positive(backing) && fuse_node_is(node, d_inode(backing)) :
		       d_is_negative(backing));
	dput(backing);
	return same ? SAME : OTHER;
}

static int validate(const struct fuse_tree_dir *at, const struct qstr *name,
		    struct inode *inode, bool rcu)
{
	const struct fuse_node *node = NULL;
	enum look look;

	rcu_read_lock();
	if (inode)
		node = rcu_dereference(get_fuse_inode(inode)->backing.node);
	look = inode && !node ? OTHER : look_in_dcache(at, name, node);
	rcu_read_unlock();
	if (look == DONT_KNOW && rcu)
		return -ECHILD;
	/* the caller has a reference on the inode: it keeps the node */
	if (look == DONT_KNOW)
		look = look_up(at, name, node);
	return look == SAME;
}

static bool is_below(struct inode *inode)
{
	return !inode || fuse_inode_node(inode);
}

/* A name that is passed through */
static bool revalidate_passed(const struct fuse_tree_dir *at, const struct qstr *name,
			      struct inode *inode, unsigned int flags, int *ret)
{
	*ret = 0;
	/* one that the server named stays its own; one that is no good is dropped */
	if (!is_below(inode) || (inode && fuse_is_bad(inode)))
		return false;
	*ret = validate(at, name, inode, flags & LOOKUP_RCU);
	return true;
}

/*
 * By what a program says, of who is asking: what isn't there for one is there for others,
 * and stays.  So does what something is mounted on, which goes with a name that isn't
 * valid, and isn't theirs to unmount.
 */
static bool revalidate_filtered(const struct fuse_tree_dir *at, struct inode *dir,
				const struct qstr *name, struct dentry *entry,
				struct inode *inode, unsigned int flags, int *ret)
{
	switch (fuse_filter_lookup(dir, name)) {
	case FUSE_BACKING_HIDE:
		*ret = inode ? -ENOENT : 1;
		return true;
	case FUSE_BACKING_SERVER:
		*ret = d_mountpoint(entry);
		return inode && !get_node_id(inode);
	default:
		if (is_below(inode) || !fuse_filter_is_per_caller(at->tree->fc))
			return revalidate_passed(at, name, inode, flags, ret);
		*ret = d_mountpoint(entry);
		return true;
	}
}

/*
 * As fuse_backing_revalidate(), by what the rules say.  Where a name becomes the server's,
 * it isn't asked for what it doesn't know; what it said itself is good for as long as it
 * said, and what isn't there by the backing directory isn't good at all.
 */
static bool revalidate_at(const struct fuse_tree_dir *at, struct inode *dir,
			  const struct qstr *name, struct dentry *entry,
			  struct inode *inode, unsigned int flags, int *ret)
{
	switch (fuse_tree_verdict(at, name)) {
	case FUSE_BACKING_HIDE:
		*ret = !inode;
		return true;
	case FUSE_BACKING_SERVER:
		*ret = 0;
		return inode && !get_node_id(inode);
	default:
		if (fuse_is_filtered(at->tree->fc))
			return revalidate_filtered(at, dir, name, entry, inode, flags,
						   ret);
		return revalidate_passed(at, name, inode, flags, ret);
	}
}

/**
 * fuse_backing_revalidate - is a name below a tree what it was
 * @dir: the FUSE directory
 * @name: the name
 * @entry: the FUSE dentry
 * @flags: LOOKUP_*
 * @ret: set to the result: as ->d_revalidate()
 *
 * Context: process context; may sleep unless LOOKUP_RCU is set.
 * Return: false if the name is the server's.
 */
bool fuse_backing_revalidate(struct inode *dir, const struct qstr *name,
			     struct dentry *entry, unsigned int flags, int *ret)
{
	struct inode *inode = d_inode_rcu(entry);
	struct fuse_tree_dir at;
	bool ours;

	if (likely(!fuse_backing_has_names(dir)))
		return false;
	if (!fuse_tree_get_dir(dir, &at)) {
		/* detached: the server may only be asked for what it knows */
		*ret = 0;
		return is_below(inode) &&
		       (!inode || !get_node_id(inode) || !get_node_id(dir));
	}
	ours = revalidate_at(&at, dir, name, entry, inode, flags, ret);
	fuse_tree_put(at.tree);
	return ours;
}

/**
 * fuse_backing_keeps - is a name to be kept that nobody uses
 * @entry: the FUSE dentry, which has no lifetime
 *
 * Context: any, with its lock held.
 * Return: whether it is looked at when it is used again.
 */
bool fuse_backing_keeps(const struct dentry *entry)
{
	return fuse_backing_has_names(d_inode(entry->d_parent)) &&
	       is_below(d_inode(entry));
}

static int check_permission(const struct fuse_tree *tree, struct inode *backing,
			    int mask)
{
	struct mnt_idmap *idmap = mnt_idmap(tree->mnt);
	int err;

	err = generic_permission(idmap, backing, mask);
	/* whoever changes something asks the server, or is looked at when opening */
	mask &= MAY_EXEC | MAY_NOT_BLOCK;
	if (err || !(mask & MAY_EXEC) || !S_ISDIR(backing->i_mode))
		return err;
	scoped_with_creds(tree->cred)
		err = inode_permission(idmap, backing, mask);
	return err;
}

static int permission_of_dir(struct inode *inode, int mask, bool *asked)
{
	struct fuse_tree_dir at;
	int err;

	*asked = fuse_tree_get_dir(inode, &at);
	if (!*asked)
		return 0;
	err = check_permission(at.tree, d_inode(at.dentry), mask);
	fuse_tree_put(at.tree);
	return err;
}

/* Whoever goes by the FUSE inode from here on, as execve(2), finds what was checked */
static void refresh(struct inode *inode, const struct fuse_tree *tree,
		    struct inode *backing)
{
	struct fuse_attr attr;

	fuse_tree_attributes(tree, backing, &attr);
	if (inode->i_mode != attr.mode ||
	    from_kuid_munged(tree->fc->user_ns, inode->i_uid) != attr.uid ||
	    from_kgid_munged(tree->fc->user_ns, inode->i_gid) != attr.gid)
		fuse_change_attributes(inode, &attr, NULL, 0,
				       fuse_get_attr_version(tree->fc));
}

static int permission_by_name(struct inode *inode, const struct fuse_node *node,
			      int mask)
{
	struct path path;
	int err;

	if (mask & MAY_NOT_BLOCK)
		return -ECHILD;
	err = fuse_node_path(inode, NULL, &path);
	if (err)
		return err;
	refresh(inode, node->tree, d_inode(path.dentry));
	err = check_permission(node->tree, d_inode(path.dentry), mask);
	path_put(&path);
	return err;
}

/**
 * fuse_backing_permission - check permissions below a tree
 * @inode: the FUSE inode
 * @mask: MAY_*
 * @err: set to the result
 *
 * Context: process context; may sleep unless MAY_NOT_BLOCK is set.
 * Return: false if the server, or what it said, is to be asked.
 */
bool fuse_backing_permission(struct inode *inode, int mask, int *err)
{
	const struct fuse_node *node = fuse_inode_node(inode);
	bool asked;

	if (likely(!fuse_backing_has_names(inode)))
		return false;
	if (S_ISDIR(inode->i_mode)) {
		*err = permission_of_dir(inode, mask, &asked);
		return asked;
	}
	rcu_read_lock();
	asked = node && !READ_ONCE(node->tree->detached);
	rcu_read_unlock();
	if (asked)
		*err = permission_by_name(inode, node, mask);
	return asked;
}

static void free_link(void *link)
{
	kfree(link);
}

/* The text of a symbolic link, to be freed; or an ERR_PTR() */
static char *read_link(const struct fuse_node *node, const struct path *path)
{
	DEFINE_DELAYED_CALL(done);
	const char *link;
	char *copy;

	scoped_with_creds(node->tree->cred)
		link = vfs_get_link(path->dentry, &done);
	if (IS_ERR(link))
		return ERR_CAST(link);
	copy = kstrdup(link, GFP_KERNEL_ACCOUNT);
	do_delayed_call(&done);
	return copy ?: ERR_PTR(-ENOMEM);
}

/**
 * fuse_backing_get_link - what a symbolic link below a tree says
 * @dentry: a FUSE dentry of it, %NULL in RCU mode
 * @inode: the FUSE inode
 * @done: set to what is to be done afterwards
 * @link: set to the text, or an ERR_PTR()
 *
 * Context: process context; may sleep if there is a @dentry.
 * Return: false if the server is to be asked, who knows the inode then.
 */
bool fuse_backing_get_link(struct dentry *dentry, struct inode *inode,
			   struct delayed_call *done, const char **link)
{
	const struct fuse_node *node;
	struct path path;
	int err;

	if (likely(!fuse_inode_node(inode)))
		return false;
	*link = ERR_PTR(-ECHILD);
	if (!dentry)
		return true;
	if (!fuse_node_has(inode, FUSE_BACKING_OPS_READLINK)) {
		err = fuse_backing_introduce(inode);
		*link = ERR_PTR(err);
		return err;
	}
	node = fuse_inode_node(inode);
	err = fuse_node_path(inode, dentry, &path);
	*link = ERR_PTR(err);
	if (err)
		return true;
	*link = read_link(node, &path);
	path_put(&path);
	if (!IS_ERR(*link))
		set_delayed_call(done, free_link, (void *)*link);
	return true;
}

/**
 * fuse_node_has - is a request for an inode below a tree answered
 * @inode: the FUSE inode, with a reference
 * @ops: of FUSE_BACKING_OPS_*
 *
 * Context: any.
 * Return: false if the server is to be asked.
 */
bool fuse_node_has(struct inode *inode, u64 ops)
{
	/* as long as the inode */
	const struct fuse_node *node = fuse_inode_node(inode);

	return node && !READ_ONCE(node->tree->detached) && (node->tree->ops & ops);
}

/**
 * fuse_node_map - give a file below a tree a place in the thread's table
 * @inode: the FUSE inode, of a regular file
 * @dentry: a FUSE dentry of it
 * @modes: FUSE_BACKING_READ and _WRITE, what it is to be opened for
 *
 * For as long as it is open: its id is closed already.
 *
 * Context: process context; may sleep.
 * Return: the mapping with a reference; %NULL if the server is to be asked; or an
 *	ERR_PTR().
 */
struct fuse_backing *fuse_node_map(struct inode *inode, struct dentry *dentry,
				   u32 modes)
{
	const struct fuse_node *node = fuse_inode_node(inode);
	struct fuse_tree *tree = node->tree;
	struct fuse_backing *fb;
	struct path path;
	int err;

	if (!fuse_node_has(inode, FUSE_BACKING_OPS_OPEN) || (modes & ~tree->modes))
		return NULL;
	err = fuse_node_path(inode, dentry, &path);
	if (err)
		return ERR_PTR(err);
	scoped_with_creds(tree->cred)
		fb = fuse_backing_install_path(tree->fb->table, &path);
	path_put(&path);
	return fb;
}
