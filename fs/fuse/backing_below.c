// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what is done with names and inodes below a tree.
 *
 * A name is valid as long as the backing directory has the same inode under it.  In
 * RCU mode the backing dcache is asked, and nothing is written to; what is not in there,
 * or needs more than a look, is looked up.  Whoever may sleep looks so first, too.
 *
 * Permissions are those of the backing inode for the client, and then those that whoever
 * registered the tree has.  A directory that everybody may search is so for both: that is
 * seen at once, as the VFS sees it.  Some are checked by the VFS, in the FUSE inode:
 * whenever a name is used, or a directory, or something is about to be changed, that gets
 * mode and owner; and whenever a file is opened, its size.
 *
 * Locking: the FUSE directory's lock, where a name is looked up, and inside of it that
 * of the backing directory.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_below.h"
#include "backing_bpf.h"
#include "backing_mapping.h"
#include "backing_names.h"
#include "backing_reject.h"
#include "backing_tree.h"

#include <linux/cred.h>
#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/slab.h>

/* Sets @inode only if there is one */
static int take_inode(const struct fuse_tree_dir *at, struct super_block *sb,
		      struct dentry *backing, struct inode **inode)
{
	struct inode *found = fuse_tree_get_inode(at, sb, backing);

	if (IS_ERR(found))
		return PTR_ERR(found);
	*inode = found;
	return 0;
}

/**
 * fuse_below_verdict - what becomes of a name
 * @at: the backing directory
 * @dir: the FUSE directory
 * @name: the name
 *
 * Rules come first: a program is asked about what they pass through.
 *
 * Context: any, RCU mode too.
 * Return: what they say.
 */
enum fuse_backing_verdict fuse_below_verdict(const struct fuse_tree_dir *at,
					     struct inode *dir, const struct qstr *name)
{
	enum fuse_backing_verdict verdict = fuse_tree_verdict(at, name);

	if (verdict != FUSE_BACKING_PASS || !fuse_is_filtered(at->tree->fc))
		return verdict;
	return fuse_filter_lookup(dir, name);
}

/* Of a name that is passed through; returns false if what is there is the server's */
static bool lookup_passed(const struct fuse_tree_dir *at, struct inode *dir,
			  struct dentry *entry, struct inode **inode, int *err)
{
	struct dentry *backing = fuse_tree_lookup(at, &entry->d_name);
	bool passed, absent;

	if (IS_ERR(backing)) {
		*err = PTR_ERR(backing);
		return true;
	}
	fuse_backing_remember_hash(entry, &entry->d_name, at->dentry);
	/* before: what others make of it meanwhile has to pass, too, to be taken */
	absent = d_flags_negative(smp_load_acquire(&backing->d_flags));
	passed = fuse_tree_passes(at, backing, &entry->d_name);
	if (passed && !absent)
		*err = take_inode(at, dir->i_sb, backing, inode);
	dput(backing);
	return passed;
}

/*
 * What becomes of a name that was passed through, when it has been looked up: whoever has
 * said other rules meanwhile, or has detached the tree, is to be sure that it counts.
 */
static enum fuse_backing_verdict verdict_since(const struct fuse_tree_dir *at,
					       struct inode *dir, const struct qstr *name,
					       unsigned long rulings)
{
	if (likely(READ_ONCE(at->tree->rulings) == rulings) &&
	    !fuse_is_filtered(at->tree->fc))
		return FUSE_BACKING_PASS;
	return READ_ONCE(at->tree->detached) ? FUSE_BACKING_SERVER :
					       fuse_below_verdict(at, dir, name);
}

/* Returns false if the name is the server's */
static bool lookup_at(const struct fuse_tree_dir *at, struct inode *dir,
		      struct dentry *entry, struct inode **inode, int *err)
{
	/* before the verdict: there may be more by then, but none that it doesn't heed */
	const unsigned long rulings = smp_load_acquire(&at->tree->rulings);
	enum fuse_backing_verdict verdict = fuse_below_verdict(at, dir, &entry->d_name);

	*inode = NULL;
	*err = 0;
	if (verdict != FUSE_BACKING_PASS)
		return verdict == FUSE_BACKING_HIDE;
	if (!lookup_passed(at, dir, entry, inode, err))
		return false;
	verdict = verdict_since(at, dir, &entry->d_name, rulings);
	if (likely(verdict == FUSE_BACKING_PASS))
		return true;
	iput(*inode);
	*inode = NULL;
	*err = 0;
	return verdict == FUSE_BACKING_HIDE;
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
	return !fuse_node_may_ask(dir, err);
}

/* Ids that the server's namespace has no number for are all the same to it */
static bool is_same_uid(struct user_namespace *ns, kuid_t a, kuid_t b)
{
	return likely(uid_eq(a, b)) || from_kuid_munged(ns, a) == from_kuid_munged(ns, b);
}

static bool is_same_gid(struct user_namespace *ns, kgid_t a, kgid_t b)
{
	return likely(gid_eq(a, b)) || from_kgid_munged(ns, a) == from_kgid_munged(ns, b);
}

/* By a mount that maps ids, or a namespace that has no number for one */
static noinline bool has_owners(const struct inode *inode, const struct fuse_tree *tree,
				const struct inode *backing)
{
	struct user_namespace *ns = tree->fc->user_ns;
	struct mnt_idmap *idmap = mnt_idmap(tree->mnt);
	kuid_t uid = vfsuid_into_kuid(i_uid_into_vfsuid(idmap, backing));
	kgid_t gid = vfsgid_into_kgid(i_gid_into_vfsgid(idmap, backing));

	return is_same_uid(ns, fuse_glance(inode->i_uid), uid) &&
	       is_same_gid(ns, fuse_glance(inode->i_gid), gid);
}

/*
 * Has the FUSE inode what the VFS goes by without asking?  That is who may execute a file as
 * whom, and in a directory with a sticky bit, remove it; and who may change it.
 */
static bool is_fresh(const struct inode *inode, const struct fuse_tree *tree,
		     const struct inode *backing)
{
	if (fuse_glance(inode->i_mode) != READ_ONCE(backing->i_mode))
		return false;
	if (likely(mnt_idmap(tree->mnt) == &nop_mnt_idmap &&
		   uid_eq(fuse_glance(inode->i_uid), fuse_glance(backing->i_uid)) &&
		   gid_eq(fuse_glance(inode->i_gid), fuse_glance(backing->i_gid))))
		return true;
	return has_owners(inode, tree, backing);
}

static void refresh(struct inode *inode, const struct fuse_tree *tree,
		    struct inode *backing)
{
	if (unlikely(!is_fresh(inode, tree, backing)))
		fuse_tree_tell(inode, tree, backing);
}

/* The size too, if it is no directory: there ends what is copied, or locked from the end */
static bool is_fresh_file(const struct inode *inode, const struct fuse_tree *tree,
			  const struct inode *backing)
{
	return i_size_read(inode) == i_size_read(backing) &&
	       is_fresh(inode, tree, backing);
}

static void refresh_file(struct inode *inode, const struct fuse_tree *tree,
			 struct inode *backing)
{
	if (unlikely(!is_fresh_file(inode, tree, backing)))
		fuse_tree_tell(inode, tree, backing);
}

/*
 * SAME: the name is what it was
 * OTHER: it isn't
 * HIDDEN: there is no such name for who asks, but maybe for others
 * DONT_KNOW: the backing dcache doesn't know
 * SERVERS: it is to be asked, or what it said is; or the inode is no good any more
 * ANEW: it is to be asked, whatever it said
 * DETACHED: the server may be asked, but only for what it knows
 */
enum look { SAME, OTHER, HIDDEN, DONT_KNOW, SERVERS, ANEW, DETACHED };

/*
 * What the backing dcache says of a name that is @node, or is nothing; in RCU mode.  No
 * reference is needed: what was read is good if the dentry is the same afterwards.
 */
static __always_inline enum look look_in_dcache(const struct fuse_tree_dir *at,
						const struct qstr *name,
						const struct dentry *entry,
						const struct fuse_node *node)
{
	const struct dentry *backing;
	const struct inode *inode;
	unsigned int flags, seq;
	bool same;

	backing = fuse_tree_look_for(at, name, entry, &seq);
	if (!backing)
		return DONT_KNOW;
	inode = READ_ONCE(backing->d_inode);
	flags = READ_ONCE(backing->d_flags);
	same = node ? inode && fuse_node_is_at(node, inode) : !inode;
	/* what it became, if only its type, or its address, is for who may sleep to look at */
	if (node && (same ? !is_fresh(&node->fi->inode, at->tree, inode) :
			    inode && !node->key.inode))
		return DONT_KNOW;
	if ((flags & FUSE_TREE_LOOK_UP) || read_seqcount_retry(&backing->d_seq, seq))
		return DONT_KNOW;
	return same ? SAME : OTHER;
}

/* Below one tree, and of another: moved there, unless that is detached and the server has it */
static bool is_moved(const struct fuse_node *node, const struct fuse_tree *tree)
{
	return node->tree != tree &&
	       (!READ_ONCE(node->fi->nodeid) || !READ_ONCE(node->tree->detached));
}

/*
 * Does an error say that there is no such name?  Any other says nothing of it: that who
 * asked was killed, that there is no memory for an answer, that a disk or a server has none.
 * As NFS has it, which gets most of them.
 */
static bool is_gone(int err)
{
	return err == -ENOENT || err == -ESTALE;
}

/*
 * Is a name still @node, or nothing?  Looked up; what it has become is put into its inode.
 * What is mounted at a name that isn't valid goes with it, for everybody: an error that says
 * nothing of the name is its caller's.
 */
static int look_up(const struct fuse_tree_dir *at, const struct qstr *name,
		   struct fuse_node *node, enum look *look)
{
	struct dentry *backing = fuse_tree_lookup(at, name);
	bool same;

	*look = OTHER;
	if (IS_ERR(backing))
		return is_gone(PTR_ERR(backing)) ? 0 : PTR_ERR(backing);
	same = !(node && is_moved(node, at->tree)) &&
	       fuse_tree_is_passed(backing) && fuse_tree_is_named(at, backing, name) &&
	       (node ? d_is_positive(backing) && fuse_node_find(node, d_inode(backing)) :
		       d_is_negative(backing));
	if (same && node)
		refresh(&node->fi->inode, at->tree, d_inode(backing));
	dput(backing);
	if (same)
		*look = SAME;
	return 0;
}

static bool is_below(const struct inode *inode)
{
	return !inode || fuse_inode_node(inode);
}

/* Of a name that is passed through */
static __always_inline enum look look_at_passed(const struct fuse_tree_dir *at,
						const struct qstr *name,
						const struct dentry *entry,
						struct inode *inode)
{
	const struct fuse_node *node = NULL;

	/* one that the server named stays its own; one that is no good is dropped */
	if (inode) {
		node = rcu_dereference(get_fuse_inode(inode)->backing.node);
		if (!node || fuse_is_bad(inode))
			return SERVERS;
		if (unlikely(node->tree != at->tree))
			return DONT_KNOW;
	}
	return look_in_dcache(at, name, entry, node);
}

/*
 * A name is the server's for who asks.  It can't be asked for one that it doesn't know, or in
 * a directory that it doesn't.  What was passed through to somebody, and named for that, is
 * no answer to anybody else.
 */
static enum look look_at_servers(const struct fuse_conn *fc, const struct inode *dir,
				 const struct inode *inode)
{
	if (!inode)
		return SERVERS;
	if (!fuse_inode_of(inode)->nodeid || !fuse_inode_of(dir)->nodeid)
		return OTHER;
	return fuse_inode_node(inode) && fuse_filter_is_per_caller(fc) ? ANEW : SERVERS;
}

/*
 * By what a program says, of who is asking: what isn't there for one is there for others,
 * and stays.
 */
static enum look look_at_filtered(const struct fuse_tree_dir *at, struct inode *dir,
				  const struct qstr *name, const struct dentry *entry,
				  struct inode *inode)
{
	const struct fuse_conn *fc = at->tree->fc;
	enum look look = OTHER;

	switch (fuse_filter_lookup(dir, name)) {
	case FUSE_BACKING_HIDE:
		return inode ? HIDDEN : SAME;
	case FUSE_BACKING_SERVER:
		look = look_at_servers(fc, dir, inode);
		break;
	default:
		if (is_below(inode) || !fuse_filter_is_per_caller(fc))
			return look_at_passed(at, name, entry, inode);
	}
	/* what is mounted there goes with a name that isn't valid, and isn't theirs to unmount */
	return look != SERVERS && d_mountpoint(entry) ? SAME : look;
}

/*
 * By rules, and what comes after them.  A name that becomes the server's isn't asked for
 * what that doesn't know; what it said itself is good for as long as it said.
 * Where there are neither, @at is in registers: for that it is passed by value.
 */
static noinline enum look look_by_rules(struct fuse_tree_dir at, struct inode *dir,
					const struct qstr *name,
					const struct dentry *entry, struct inode *inode)
{
	switch (rcu_access_pointer(*at.rules) ? fuse_tree_verdict(&at, name) :
						FUSE_BACKING_PASS) {
	case FUSE_BACKING_HIDE:
		return inode ? OTHER : SAME;
	case FUSE_BACKING_SERVER:
		return inode && !get_node_id(inode) ? OTHER : SERVERS;
	default:
		if (fuse_is_filtered(at.tree->fc))
			return look_at_filtered(&at, dir, name, entry, inode);
		return look_at_passed(&at, name, entry, inode);
	}
}

/* Do rules, or a program, decide about names? */
static __always_inline bool is_decided(const struct fuse_tree_dir *at)
{
	return rcu_access_pointer(*at->rules) || fuse_is_filtered(at->tree->fc);
}

/* Is a name still what the FUSE dentry says?  In RCU mode, for each part of a path */
static __always_inline enum look look_at_name(struct inode *dir,
					      const struct qstr *name,
					      const struct dentry *entry)
{
	struct inode *inode = d_inode_rcu(entry);
	struct fuse_tree_dir at __uninitialized;

	if (!fuse_tree_look_dir(dir, &at))
		return DETACHED;
	if (is_decided(&at))
		return look_by_rules(at, dir, name, entry, inode);
	return look_at_passed(&at, name, entry, inode);
}

/* Is it, if it has to be looked up?  The caller's reference on the inode keeps the node */
static int look_up_name(struct inode *dir, const struct qstr *name,
			const struct dentry *entry, enum look *look)
{
	const struct inode *inode = d_inode(entry);
	struct fuse_tree_dir at;
	int err;

	*look = DETACHED;
	if (!fuse_tree_get_dir(dir, &at))
		return 0;
	err = look_up(&at, name, inode ? fuse_inode_node(inode) : NULL, look);
	fuse_backing_remember_hash(entry, name, at.dentry);
	fuse_tree_put(at.tree);
	return err;
}

/*
 * A name was looked up, and is @look if it is passed through still: by rules that there are
 * by now, and what a program says.
 */
static enum look look_since(struct inode *dir, const struct qstr *name,
			    const struct dentry *entry, enum look look)
{
	enum look now = DONT_KNOW;
	struct fuse_tree_dir at;

	rcu_read_lock();
	if (!fuse_tree_look_dir(dir, &at))
		now = DETACHED;
	else if (is_decided(&at))
		now = look_by_rules(at, dir, name, entry, d_inode(entry));
	rcu_read_unlock();
	return now == DONT_KNOW ? look : now;
}

/* Detached: the server may only be asked for what it knows */
static bool may_ask(const struct inode *dir, const struct inode *inode)
{
	return !is_below(inode) ||
	       (inode && fuse_inode_of(inode)->nodeid && fuse_inode_of(dir)->nodeid);
}

/* What a look found isn't the end of it */
static noinline int revalidate_otherwise(struct inode *dir, const struct qstr *name,
					 struct dentry *entry, unsigned int flags,
					 enum look look)
{
	int err;

	if (look == DONT_KNOW) {
		if (flags & LOOKUP_RCU)
			return -ECHILD;
		err = look_up_name(dir, name, entry, &look);
		if (err)
			return err;
		look = look_since(dir, name, entry, look);
	}
	if (look == ANEW)
		flags |= LOOKUP_REVAL;
	if (look == SERVERS || look == ANEW ||
	    (look == DETACHED && may_ask(dir, d_inode_rcu(entry))))
		return fuse_backing_revalidate_known(dir, name, entry, flags);
	return look == HIDDEN ? -ENOENT : look == SAME;
}

static noinline int revalidate_ref(struct inode *dir, const struct qstr *name,
				   struct dentry *entry, unsigned int flags)
{
	enum look look;

	rcu_read_lock();
	look = look_at_name(dir, name, entry);
	rcu_read_unlock();
	return revalidate_otherwise(dir, name, entry, flags, look);
}

/* Apart, so that it costs nothing where there is no tree */
static noinline int revalidate_below(struct inode *dir, const struct qstr *name,
				     struct dentry *entry, unsigned int flags)
{
	enum look look;

	if (unlikely(!(flags & LOOKUP_RCU)))
		return revalidate_ref(dir, name, entry, flags);
	look = look_at_name(dir, name, entry);
	return likely(look == SAME) ? 1 :
	       revalidate_otherwise(dir, name, entry, flags, look);
}

/**
 * fuse_backing_d_revalidate - ->d_revalidate(): is a name what it was
 * @dir: the FUSE directory
 * @name: the name
 * @entry: the FUSE dentry
 * @flags: LOOKUP_*
 *
 * Below a tree that is what the backing directory says, and nothing has a lifetime.
 *
 * Context: process context; may sleep unless LOOKUP_RCU is set.
 * Return: 1 or 0; -ECHILD in RCU mode, if that isn't enough; or an errno.
 */
int fuse_backing_d_revalidate(struct inode *dir, const struct qstr *name,
			      struct dentry *entry, unsigned int flags)
{
	return unlikely(fuse_backing_has_names(dir)) ?
	       revalidate_below(dir, name, entry, flags) :
	       fuse_backing_revalidate_known(dir, name, entry, flags);
}

/* Was it below a tree that is detached, and has got none of its own since? */
static bool is_left_over(const struct inode *inode)
{
	/* a dentry keeps the inode, or whoever asks is in RCU mode */
	const struct fuse_node *node =
		rcu_dereference_raw(fuse_inode_of(inode)->backing.node);

	if (likely(!node))
		return false;
	/* it is in the tree's table by now; pairs with smp_mb() in drop_nodes() */
	smp_mb();
	return READ_ONCE(node->tree->detached) &&
	       !rcu_access_pointer(fuse_inode_of(inode)->backing.tree);
}

/**
 * fuse_backing_entry_timed - a name has got a lifetime, or none
 * @entry: the FUSE dentry, with a reference
 *
 * ->d_delete() is asked of few names, for what it costs, and FUSE has said by then that it
 * isn't of this one.  Whoever detaches a tree has it asked of the names that there are.
 *
 * Context: process context.
 */
void fuse_backing_entry_timed(struct dentry *entry)
{
	const struct inode *dir, *inode = d_inode(entry);
	bool left_over;

	rcu_read_lock();
	dir = d_inode_rcu(READ_ONCE(entry->d_parent));
	left_over = (inode && is_left_over(inode)) || (dir && is_left_over(dir));
	rcu_read_unlock();
	if (likely(!left_over))
		return;
	spin_lock(&entry->d_lock);
	entry->d_flags |= DCACHE_OP_DELETE;
	spin_unlock(&entry->d_lock);
}

/**
 * fuse_backing_drops - ->d_delete(): is a name to go that nobody uses any more
 * @entry: the FUSE dentry
 * @expired: is its lifetime over
 *
 * When a tree is detached, what was found below it has the mapping stay in the table:
 * nobody's name is to keep it, wherever the server has it by then, nor a name in there.
 * Else those that may be passed through are looked at when they are used again.
 *
 * Context: any, with its lock held.
 * Return: whether it is to go.
 */
bool fuse_backing_drops(const struct dentry *entry, bool expired)
{
	const struct inode *dir = d_inode(entry->d_parent), *inode = d_inode(entry);

	if (is_left_over(dir) || (inode && is_left_over(inode)))
		return true;
	return expired && !fuse_backing_has_names(dir);
}

/* Is it opened for reading by whoever registered the tree?  What was opened is already. */
static bool is_read(const struct fuse_tree *tree, const struct inode *backing)
{
	const struct file *root = tree->fb->file;

	if (backing == file_inode(root) && (root->f_mode & FMODE_READ))
		return false;
	if (S_ISDIR(backing->i_mode))
		return tree->ops & FUSE_BACKING_OPS_LIST;
	return (tree->ops & FUSE_BACKING_OPS_OPEN) && (tree->modes & FUSE_BACKING_READ);
}

/* Is what is written there passed through?  Else the server may have another place for it. */
static bool is_written(const struct fuse_tree *tree, const struct inode *backing)
{
	if (S_ISDIR(backing->i_mode))
		return (tree->ops & FUSE_BACKING_OPS_NAMES) == FUSE_BACKING_OPS_NAMES;
	return (tree->ops & FUSE_BACKING_OPS_OPEN) && (tree->modes & FUSE_BACKING_WRITE);
}

/*
 * May whoever registered the tree do what is passed through?  The filesystem is asked, too: a
 * part of it may be read-only.
 */
static int check_passed(const struct fuse_tree *tree, struct inode *backing, int mask)
{
	int passed = (is_read(tree, backing) ? MAY_READ : 0) |
		     (is_written(tree, backing) ? MAY_WRITE : 0);
	int err;

	if (!(mask & passed))
		return 0;
	scoped_with_creds(tree->cred)
		err = inode_permission(mnt_idmap(tree->mnt), backing,
				       mask & (passed | MAY_ACCESS));
	return err;
}

/* access(2) says what would become of it: in the order in which it does of the directory */
static int check_access(const struct fuse_tree *tree, struct inode *backing, int mask)
{
	bool writes = (mask & MAY_WRITE) && is_written(tree, backing);
	int err = fuse_backing_check_mount(tree->fb, backing, mask & MAY_EXEC);

	if (!err && writes)
		err = fuse_backing_check_writable(tree->fb, backing);
	if (!err)
		err = generic_permission(mnt_idmap(tree->mnt), backing, mask) ?:
		      check_passed(tree, backing, mask);
	if (!err && writes)
		err = fuse_backing_check_mount(tree->fb, backing, MAY_WRITE);
	return err;
}

/*
 * Is a look in RCU mode enough?  Not for access(2), which asks the mapping, and filesystems
 * that may sleep: no caller of theirs has MAY_ACCESS and MAY_NOT_BLOCK at once.
 */
static bool is_glanced_at(int mask)
{
	return !(mask & MAY_ACCESS);
}

static int check_permission(const struct fuse_tree *tree, struct inode *backing,
			    int mask)
{
	int err;

	if (mask & MAY_ACCESS)
		err = check_access(tree, backing, mask);
	else
		err = generic_permission(mnt_idmap(tree->mnt), backing, mask);
	/* whoever changes something asks the server, or is looked at when opening */
	if (err || !(mask & MAY_EXEC) || !S_ISDIR(backing->i_mode))
		return err;
	return fuse_tree_may_search(tree, backing, mask & MAY_NOT_BLOCK);
}

/*
 * With a sticky bit the VFS goes by the FUSE directory, too, when somebody opens or follows
 * what is in there.
 */
static bool is_sticky(const struct inode *inode, const struct inode *backing)
{
	return (fuse_glance(inode->i_mode) | READ_ONCE(backing->i_mode)) & S_ISVTX;
}

/* Does it?  Also for whoever is about to change something */
static bool is_gone_by(const struct inode *inode, const struct inode *backing, int mask)
{
	return (mask & ~MAY_NOT_BLOCK) != MAY_EXEC || is_sticky(inode, backing);
}

/*
 * In RCU mode, where the backing directory may be going, and with it the mapping, if the
 * directory is the tree's root
 */
static int look_at_dir(const struct inode *inode, int mask, bool *asked)
{
	struct fuse_tree_dir at;
	struct inode *backing;

	*asked = fuse_tree_look_dir(inode, &at);
	if (!*asked)
		return 0;
	backing = d_inode_rcu(at.dentry);
	if (!backing)
		return -ECHILD;
	if (is_gone_by(inode, backing, mask) && !is_fresh(inode, at.tree, backing))
		return -ECHILD;
	return check_permission(at.tree, backing, mask | MAY_NOT_BLOCK);
}

static int permission_of_dir(struct inode *inode, int mask, bool *asked)
{
	struct fuse_tree_dir at;
	int err = -ECHILD;

	*asked = true;
	if (is_glanced_at(mask)) {
		rcu_read_lock();
		err = look_at_dir(inode, mask, asked);
		rcu_read_unlock();
	}
	if (err != -ECHILD || (mask & MAY_NOT_BLOCK))
		return err;
	*asked = fuse_tree_get_dir(inode, &at);
	if (!*asked)
		return 0;
	refresh(inode, at.tree, d_inode(at.dentry));
	err = check_permission(at.tree, d_inode(at.dentry), mask);
	fuse_tree_put(at.tree);
	return err;
}

/*
 * The backing inode of a file that is open, if the FUSE inode is as that is, or %NULL; in RCU
 * mode.  What was looked at of it is good if the file is open on it still.
 */
static struct inode *fresh_open(const struct inode *inode, const struct fuse_node *node)
{
	struct inode *backing = READ_ONCE(fuse_inode_of(inode)->backing.inode);

	/* what has extents is its own, and what the server opened may be another */
	return backing && fuse_node_is(node, backing) &&
	       is_fresh_file(inode, node->tree, backing) ? backing : NULL;
}

static bool is_open_on(const struct inode *inode, const struct inode *backing)
{
	return READ_ONCE(fuse_inode_of(inode)->backing.inode) == backing;
}

/* Returns -ECHILD if what is open is not enough */
static int permission_of_open(const struct inode *inode, const struct fuse_node *node,
			      int mask)
{
	struct inode *backing = fresh_open(inode, node);
	int err;

	if (!backing)
		return -ECHILD;
	err = check_permission(node->tree, backing, mask | MAY_NOT_BLOCK);
	return is_open_on(inode, backing) ? err : -ECHILD;
}

static int permission_by_name(struct inode *inode, const struct fuse_node *node,
			      int mask, bool *asked)
{
	struct path path;
	int err = -ECHILD;

	if (is_glanced_at(mask)) {
		rcu_read_lock();
		err = permission_of_open(inode, node, mask);
		rcu_read_unlock();
	}
	if (err != -ECHILD || (mask & MAY_NOT_BLOCK))
		return err;
	err = fuse_node_path(inode, NULL, &path);
	*asked = !fuse_node_is_servers(inode, err);
	if (err)
		return err;
	refresh_file(inode, node->tree, d_inode(path.dentry));
	err = check_permission(node->tree, d_inode(path.dentry), mask);
	dput(path.dentry);
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
		*err = permission_by_name(inode, node, mask, &asked);
	if (asked || !node || (mask & (MAY_READ | MAY_WRITE | MAY_EXEC)))
		return asked;
	/* who has made it, before it was detached, may do so without being asked */
	*err = 0;
	return true;
}

/*
 * Does no mode keep anybody from searching a FUSE directory?  In RCU mode.  That a server
 * is there is asked with the name that is searched for.  Returns the backing directory.
 */
static struct inode *for_all(const struct inode *dir, struct fuse_tree_dir *at)
{
	struct inode *backing = NULL;

	if (fuse_tree_of_dir(dir, at))
		backing = d_inode_rcu(at->dentry);
	return backing && fuse_tree_is_for_all(backing) && !is_sticky(dir, backing) ?
	       backing : NULL;
}

/**
 * fuse_backing_i_permission - ->permission() of a FUSE directory
 * @idmap: of the mount through which the FUSE inode is seen
 * @inode: the FUSE directory
 * @mask: MAY_*
 *
 * Most are walked over in RCU mode, and below a tree most are for everybody.
 *
 * Context: process context; may sleep unless MAY_NOT_BLOCK is set.
 * Return: 0 or a negative errno.
 */
int fuse_backing_i_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	struct fuse_tree_dir at __uninitialized;
	struct inode *backing = NULL;

	if (mask == (MAY_EXEC | MAY_NOT_BLOCK) && !fuse_is_bad(inode))
		backing = for_all(inode, &at);
	if (!backing)
		return fuse_permission(idmap, inode, mask);
	if (!fuse_allow_current_process(get_fuse_conn(inode)))
		return -EACCES;
	return fuse_tree_ask_modules(at.tree, backing, mask);
}

static void refresh_dir(struct inode *inode)
{
	struct fuse_tree_dir at;

	if (!fuse_tree_get_dir(inode, &at))
		return;
	refresh(inode, at.tree, d_inode(at.dentry));
	fuse_tree_put(at.tree);
}

/* Needs no reference, as most who change a file have it open */
static bool is_fresh_by_open(const struct inode *inode)
{
	const struct inode *backing;
	bool fresh;

	rcu_read_lock();
	backing = fresh_open(inode, fuse_inode_node(inode));
	fresh = backing && is_open_on(inode, backing);
	rcu_read_unlock();
	return fresh;
}

/* Of file handles that nothing is found by, see fuse_fh_to_dentry() */
#define FUSE_BACKING_FILEID	0x83

/**
 * fuse_backing_encode_fh - a file handle of what the server doesn't know
 * @inode: the FUSE inode
 * @fh: what is filled in
 * @max_len: its length, in words of 32 bits; set to what is needed
 * @parent: the FUSE directory that is to be in it, or %NULL
 *
 * It says which inode it is, as fanotify and a filesystem on top want to know.  Nobody finds
 * that by it: the server may be asked for a node once it knows it, and then has a number.
 * That can't be had here, as callers may hold any lock, and the inode may be going.
 *
 * Context: any.
 * Return: its type, or FILEID_INVALID if there is no room, or none with a directory.
 */
int fuse_backing_encode_fh(struct inode *inode, u32 *fh, int *max_len,
			   struct inode *parent)
{
	const struct fuse_node *node = fuse_inode_node(inode);
	const int len = 4;

	if (parent || !node)
		return FILEID_INVALID;
	if (*max_len < len) {
		*max_len = len;
		return FILEID_INVALID;
	}
	fh[0] = upper_32_bits(node->key.ino);
	fh[1] = lower_32_bits(node->key.ino);
	fh[2] = node->key.generation;
	fh[3] = new_encode_dev(node->tree->root->d_sb->s_dev);
	*max_len = len;
	return FUSE_BACKING_FILEID;
}

/**
 * fuse_backing_find_mode - the mode and the owner of a file below a tree
 * @dentry: a FUSE dentry of it
 * @err: set to the result: 0, and the FUSE inode has them; or as fuse_node_path()
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_find_mode(struct dentry *dentry, int *err)
{
	struct inode *inode = d_inode(dentry);
	struct path path;

	*err = 0;
	if (S_ISDIR(inode->i_mode) || !fuse_node_has(inode, FUSE_BACKING_OPS_ATTR))
		return false;
	if (is_fresh_by_open(inode))
		return true;
	*err = fuse_node_path(inode, dentry, &path);
	if (*err)
		return !fuse_node_is_servers(inode, *err);
	refresh_file(inode, fuse_inode_node(inode)->tree, d_inode(path.dentry));
	dput(path.dentry);
	return true;
}

/**
 * fuse_backing_refresh_below - whose an inode is that is about to be changed
 * @dentry: a FUSE dentry of it
 *
 * The VFS goes by the FUSE inode, and by a descriptor nobody has looked at that.
 *
 * Context: process context; may sleep.
 * Return: 0, or as fuse_node_path().
 */
int fuse_backing_refresh_below(struct dentry *dentry)
{
	int err;

	if (S_ISDIR(d_inode(dentry)->i_mode)) {
		refresh_dir(d_inode(dentry));
		return 0;
	}
	return fuse_backing_find_mode(dentry, &err) ? err : 0;
}

static void free_link(void *link)
{
	kfree(link);
}

/* The text of a symbolic link, to be freed; or an ERR_PTR().  It was used, as by readlink(2). */
static char *read_link(const struct fuse_node *node, const struct path *path)
{
	DEFINE_DELAYED_CALL(done);
	const char *link;
	char *copy;

	scoped_with_creds(node->tree->cred) {
		link = vfs_get_link(path->dentry, &done);
		if (!IS_ERR(link))
			touch_atime(path);
	}
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
		if (fuse_node_may_ask(inode, &err))
			return false;
		*link = ERR_PTR(err);
		return true;
	}
	node = fuse_inode_node(inode);
	err = fuse_node_path(inode, dentry, &path);
	*link = ERR_PTR(err);
	if (err)
		return !fuse_node_is_servers(inode, err);
	*link = read_link(node, &path);
	dput(path.dentry);
	if (!IS_ERR(*link))
		set_delayed_call(done, free_link, (void *)*link);
	return true;
}

/**
 * fuse_node_map - the mapping of a file below a tree, with a slot in the thread's table
 * @inode: the FUSE inode, of a regular file
 * @dentry: a FUSE dentry of it
 * @modes: FUSE_BACKING_READ and _WRITE, what it is to be opened for
 *
 * One for all who have it open, and for as long as somebody has: its id is closed
 * already.  What each of them may do with it is asked of the backing inode later.
 *
 * Context: process context; may sleep.
 * Return: the mapping with a reference; %NULL if the server is to be asked; or an
 *	ERR_PTR().
 */
struct fuse_backing *fuse_node_map(struct inode *inode, struct dentry *dentry,
				   u32 modes)
{
	struct fuse_node *node = fuse_inode_node(inode);
	struct fuse_tree *tree = node->tree;
	struct fuse_backing *fb;
	struct path path;
	int err;

	if (!fuse_node_has(inode, FUSE_BACKING_OPS_OPEN) || (modes & ~tree->modes))
		return NULL;
	fb = fuse_backing_find_at(&node->place);
	if (fb)
		return fb;
	err = fuse_node_path(inode, dentry, &path);
	if (fuse_node_is_servers(inode, err))
		return NULL;
	if (err)
		return ERR_PTR(err);
	scoped_with_creds(tree->cred)
		fb = fuse_backing_install_path(tree->fb->table, &path,
					       &node->place);
	dput(path.dentry);
	return fb;
}
