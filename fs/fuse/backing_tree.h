/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: trees, and the inodes below them that the server never named.
 *
 * To be included after fuse_i.h.
 */

#ifndef _FS_FUSE_BACKING_TREE_H
#define _FS_FUSE_BACKING_TREE_H

#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/dcache-look.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>
#include <linux/kthread_files.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>
#include <linux/rwsem.h>
#include <linux/security.h>
#include <linux/stringhash.h>
#include <linux/types.h>

#include "backing_names.h"
#include "backing_server.h"
#include "backing_types.h"

struct fuse_backing;
struct fuse_backing_attach;
struct fuse_backing_table;
struct fuse_conn;
struct fuse_inode;
struct fuse_rules;
struct inode;
struct path;
struct qstr;
struct super_block;
struct vfsmount;

/**
 * struct fuse_tree - a directory whose names are passed through
 * @count: one for the attachment, one for each node, and of who looks something up
 * @fb: the mapping of the directory, with a reference
 * @fc: the connection, which is there as long as the mapping
 * @cred: of the registration
 * @mnt: of the directory
 * @root: the directory
 * @dev: that stat(2) says it is on
 * @ops: FUSE_BACKING_OPS_*, what is answered of everything below
 * @modes: FUSE_BACKING_READ and _WRITE, what files below may be opened for
 * @detached: everything below is the server's
 * @rules: of names in @root, if there are any
 * @rulings: how many times it was said what becomes of names, by rules of @root, or of what
 *	is below, or by detaching; what was said last is so as long as there are no more
 * @changes: held for reading while something below is changed, by the rules there are
 * @nodes: inodes below, by backing inode
 * @left: the directory is gone: for the thread to drop other names
 * @dead: without references: for the thread to free
 * @rcu: when nobody looks any more
 */
struct fuse_tree {
	refcount_t count;
	struct fuse_backing *fb;
	struct fuse_conn *fc;
	const struct cred *cred;
	struct vfsmount *mnt;
	struct dentry *root;
	dev_t dev;
	u64 ops;
	u32 modes;
	bool detached;
	struct fuse_rules __rcu *rules;
	unsigned long rulings;
	struct rw_semaphore changes;
	struct rhashtable nodes;
	struct kthread_files_work left;
	struct kthread_files_work dead;
	struct rcu_head rcu;
};

/**
 * struct fuse_node_key - which backing inode a node is
 * @ino: its number
 * @inode: its address, which nothing keeps from being another's later; %NULL where the number
 *	and @generation are enough, and it may be read anew from disk to another
 * @generation: as there may be another of this number
 * @type: S_IFMT of its mode, as all three are what whoever made a FUSE says they are, and
 *	of a device nobody expects to find it where a file was
 *
 * Hashed as bytes, so there is nothing between members.
 */
struct fuse_node_key {
	u64 ino;
	const struct inode *inode;
	u32 generation;
	u32 type;
};

/**
 * struct fuse_node - a FUSE inode below a tree
 * @link: in fuse_tree::nodes
 * @key: the backing inode
 * @seen: the address at which that was last, to know it by at once
 * @fi: the FUSE inode, which has it to its end
 * @tree: with a reference
 * @dir: the backing directory, with a reference; %NULL if it is none
 * @rules: of names in there, if there are any
 * @state: bits, see backing_introduce.c
 * @place: where the mapping is found that its open files share
 * @dead: the inode is gone: for the thread to free
 * @rcu: when nobody looks any more
 */
struct fuse_node {
	struct rhash_head link;
	struct fuse_node_key key;
	const struct inode *seen;
	struct fuse_inode *fi;
	struct fuse_tree *tree;
	struct dentry *dir;
	struct fuse_rules __rcu *rules;
	unsigned long state;
	struct fuse_backing_place place;
	struct kthread_files_work dead;
	struct rcu_head rcu;
};

/**
 * struct fuse_tree_dir - where a name is looked up
 * @tree: with a reference; in RCU mode without
 * @dentry: the backing directory, which the FUSE directory keeps; in RCU mode it may be
 *	going
 * @rules: of names in there, if there are any; of the tree, or the FUSE directory
 */
struct fuse_tree_dir {
	struct fuse_tree *tree;
	struct dentry *dentry;
	struct fuse_rules __rcu **rules;
};

/* What is found in the backing dcache with one of these needs more than a look */
#define FUSE_TREE_LOOK_UP	(DCACHE_OP_REVALIDATE | DCACHE_MANAGED_DENTRY |	\
				 DCACHE_OP_HASH | DCACHE_OP_COMPARE)

struct fuse_tree *fuse_tree_create(struct fuse_conn *fc, struct fuse_backing *fb,
				   const struct fuse_backing_attach *args);
int fuse_tree_wait_for_room(struct fuse_backing_table *table);
void fuse_tree_last_put(struct fuse_tree *tree);
int fuse_tree_lock_changes(struct fuse_tree *tree);
int fuse_tree_wait_for_changes(struct fuse_tree *tree);
void fuse_tree_drop(struct fuse_tree *tree, struct inode *dir);
void fuse_tree_drop_left(struct fuse_tree *tree);
bool fuse_tree_get_dir(struct inode *dir, struct fuse_tree_dir *at);
int fuse_tree_may_search(const struct fuse_tree *tree, struct inode *dir, int mask);
enum fuse_backing_verdict fuse_tree_verdict(const struct fuse_tree_dir *at,
					    const struct qstr *name);
bool fuse_tree_lists(const struct fuse_tree_dir *at, const struct qstr *name);
struct dentry *fuse_tree_lookup(const struct fuse_tree_dir *at,
				const struct qstr *name);
bool fuse_tree_is_passed(const struct dentry *dentry);
bool fuse_tree_is_named(const struct fuse_tree_dir *at, struct dentry *dentry,
			const struct qstr *name);
bool fuse_node_is_anew(const struct fuse_node *node, const struct inode *backing);
bool fuse_tree_is_numbered(const struct fuse_tree *tree, struct dentry *dentry);
void fuse_tree_tell(struct inode *inode, const struct fuse_tree *tree,
		    struct inode *backing);
struct inode *fuse_tree_get_inode(const struct fuse_tree_dir *at,
				  struct super_block *sb, struct dentry *backing);
int fuse_node_path(struct inode *inode, struct dentry *dentry, struct path *path);
struct dentry *fuse_node_alias(struct inode *inode);
void fuse_node_evict(struct fuse_inode *fi);

/**
 * fuse_glance - read what somebody may be changing
 * @what: of an inode
 *
 * It is of a moment, as whatever stat(2) says: an inode has no lock for readers.
 */
#define fuse_glance(what)	data_race(what)	/* see above */

/**
 * fuse_inode_of - get_fuse_inode() of what isn't changed
 * @inode: the inode
 *
 * Context: any.
 * Return: the FUSE inode.
 */
static inline const struct fuse_inode *fuse_inode_of(const struct inode *inode)
{
	return container_of(inode, const struct fuse_inode, inode);
}

/**
 * fuse_inode_node - the node that a FUSE inode is
 * @inode: the FUSE inode, with a reference: it has its node to its end
 *
 * Context: any; in RCU mode, only to see whether there is one.
 * Return: the node, or %NULL if the inode isn't below a tree.
 */
static inline struct fuse_node *fuse_inode_node(const struct inode *inode)
{
	const struct fuse_inode *fi = fuse_inode_of(inode);

	return rcu_access_pointer(fi->backing.node);
}

/**
 * fuse_inode_live_node - the node that a FUSE inode is, if its tree is attached
 * @inode: the FUSE inode, with a reference
 *
 * Context: any.
 * Return: the node, or %NULL.
 */
static inline struct fuse_node *fuse_inode_live_node(const struct inode *inode)
{
	/* as long as the inode */
	struct fuse_node *node = fuse_inode_node(inode);

	return node && !READ_ONCE(node->tree->detached) ? node : NULL;
}

/**
 * fuse_tree_passes - is what is there passed through, and not the server's
 * @at: the directory
 * @dentry: the backing dentry, from fuse_tree_lookup()
 * @name: the name
 *
 * So is that nothing is.
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
static inline bool fuse_tree_passes(const struct fuse_tree_dir *at, struct dentry *dentry,
				    const struct qstr *name)
{
	return fuse_tree_is_passed(dentry) && fuse_tree_is_named(at, dentry, name) &&
	       fuse_tree_is_numbered(at->tree, dentry);
}

/**
 * fuse_node_has - is a request for an inode below a tree answered
 * @inode: the FUSE inode, with a reference
 * @ops: of FUSE_BACKING_OPS_*
 *
 * Context: any.
 * Return: false if the server is to be asked.
 */
static inline bool fuse_node_has(const struct inode *inode, u64 ops)
{
	const struct fuse_node *node = fuse_inode_live_node(inode);

	return node && (node->tree->ops & ops);
}

/**
 * fuse_node_is_servers - is a node the server's that isn't there any more
 * @inode: the FUSE inode of the node
 * @err: from fuse_node_path()
 *
 * It may have opened it, or have named it elsewhere: then it knows.
 *
 * Context: any.
 * Return: whether the server is to be asked.
 */
static inline bool fuse_node_is_servers(const struct inode *inode, int err)
{
	const struct fuse_inode *fi = fuse_inode_of(inode);

	return err == -ESTALE && READ_ONCE(fi->nodeid);
}

/**
 * fuse_node_may_ask - may the server be asked about an inode
 * @inode: the FUSE inode
 * @err: set to 0, or to why not
 *
 * It can be once it knows the inode: else it is an error.
 *
 * Context: process context; may sleep, killable.
 * Return: whether it may; always of an inode that isn't below a tree.
 */
static inline bool fuse_node_may_ask(struct inode *inode, int *err)
{
	*err = fuse_backing_introduce(inode);
	return !*err;
}

/**
 * fuse_node_is_at - is a backing inode where a node was seen last, and has its number
 * @node: the node
 * @backing: the backing inode
 *
 * Context: any, RCU mode too.
 * Return: whether it is; it may be of another type.  If not, it may be what the node is all
 *	the same.
 */
static inline bool fuse_node_is_at(const struct fuse_node *node,
				   const struct inode *backing)
{
	return READ_ONCE(node->seen) == backing && node->key.ino == backing->i_ino &&
	       node->key.generation == READ_ONCE(backing->i_generation);
}

/**
 * fuse_node_is - is a node what a backing inode is
 * @node: the node
 * @backing: the backing inode
 *
 * Context: any, RCU mode too.
 * Return: whether it is.
 */
static inline bool fuse_node_is(const struct fuse_node *node,
				const struct inode *backing)
{
	return (fuse_node_is_at(node, backing) || fuse_node_is_anew(node, backing)) &&
	       node->key.type == (READ_ONCE(backing->i_mode) & S_IFMT);
}

/**
 * fuse_node_find - is a node what a backing inode is, also from now on
 * @node: the node
 * @backing: the backing inode, with a reference
 *
 * Context: any.
 * Return: whether it is.
 */
static inline bool fuse_node_find(struct fuse_node *node, const struct inode *backing)
{
	if (!fuse_node_is(node, backing))
		return false;
	if (READ_ONCE(node->seen) != backing)
		WRITE_ONCE(node->seen, backing);
	return true;
}

/**
 * fuse_tree_of_dir - the tree that a FUSE directory is in, in RCU mode
 * @dir: the FUSE directory
 * @at: filled in, without references
 *
 * Nothing is written to: not even a count that all processors would share.
 *
 * Context: rcu_read_lock() is held, for as long as @at is used.
 * Return: false if it is in none.
 */
static inline bool fuse_tree_of_dir(const struct inode *dir,
				    struct fuse_tree_dir *at)
{
	const struct fuse_inode *fi = fuse_inode_of(dir);
	struct fuse_node *node = rcu_dereference(fi->backing.node);

	/* below one that was detached, it may have another attached */
	if (node && !READ_ONCE(node->tree->detached)) {
		at->tree = node->tree;
		at->dentry = node->dir;
		at->rules = &node->rules;
		return at->dentry;
	}
	at->tree = rcu_dereference(fi->backing.tree);
	if (!at->tree)
		return false;
	at->dentry = at->tree->root;
	at->rules = &at->tree->rules;
	return !READ_ONCE(at->tree->detached);
}

/**
 * fuse_tree_look_dir - where names of a FUSE directory are looked up, in RCU mode
 * @dir: the FUSE directory
 * @at: filled in, without references
 *
 * Context: as fuse_tree_of_dir().
 * Return: false if its names are the server's, or that is gone.
 */
static inline bool fuse_tree_look_dir(const struct inode *dir,
				      struct fuse_tree_dir *at)
{
	return fuse_tree_of_dir(dir, at) && fuse_backing_has_server(at->tree->fc);
}

/**
 * fuse_tree_is_for_all - does the mode of a backing directory let everybody search it
 * @dir: the backing directory
 *
 * What the VFS looks at before all else, on its way: then it doesn't matter who asks, but
 * to a security module.
 *
 * Context: any, RCU mode too.
 * Return: false if it has to be asked for whom.
 */
static inline bool fuse_tree_is_for_all(const struct inode *dir)
{
	/* set by the first who asked, if the filesystem has no other rules */
	if (!(READ_ONCE(dir->i_opflags) & IOP_FASTPERM))
		return false;
#ifdef CONFIG_FS_POSIX_ACL
	if (READ_ONCE(dir->i_acl))
		return false;
#endif
	return (READ_ONCE(dir->i_mode) & 0111) == 0111;
}

/**
 * fuse_tree_ask_modules - what security modules say to whoever registered a tree
 * @tree: the tree
 * @dir: the backing directory, that everybody may search otherwise
 * @mask: MAY_*, with MAY_NOT_BLOCK in RCU mode
 *
 * All that inode_permission() asks then.
 *
 * Context: process context; may sleep, unless MAY_NOT_BLOCK is set.
 * Return: 0 or a negative errno.
 */
static inline int fuse_tree_ask_modules(const struct fuse_tree *tree, struct inode *dir,
					int mask)
{
	int err;

	if (!IS_ENABLED(CONFIG_SECURITY))
		return 0;
	scoped_with_creds(tree->cred)
		err = security_inode_permission(dir, mask);
	return err;
}

/**
 * fuse_tree_look - look for a name in the backing dcache
 * @at: the backing directory
 * @name: the name; its hash is not looked at, which is of another directory
 * @seq: set to the dentry's sequence number
 *
 * What is found is good for nothing unless that is still the same afterwards, and has
 * none of %FUSE_TREE_LOOK_UP.
 *
 * Context: rcu_read_lock() is held.
 * Return: the backing dentry, without a reference, or %NULL.
 */
static inline struct dentry *fuse_tree_look(const struct fuse_tree_dir *at,
					    const struct qstr *name,
					    unsigned int *seq)
{
	struct qstr below = QSTR_INIT(name->name, name->len);

	below.hash = full_name_hash(at->dentry, below.name, below.len);
	return __d_lookup_rcu(at->dentry, &below, seq);
}

/**
 * fuse_tree_look_for - look in the backing dcache for what a FUSE dentry is
 * @at: the backing directory
 * @name: the name of the FUSE dentry
 * @entry: the FUSE dentry
 * @seq: as for fuse_tree_look()
 *
 * Context: rcu_read_lock() is held.
 * Return: as fuse_tree_look().
 */
static inline struct dentry *fuse_tree_look_for(const struct fuse_tree_dir *at,
						const struct qstr *name,
						const struct dentry *entry,
						unsigned int *seq)
{
	struct qstr below = QSTR_INIT(name->name, name->len);
	struct dentry *found;

	below.hash = fuse_backing_guess_hash(entry, name, at->dentry);
	found = __d_lookup_rcu(at->dentry, &below, seq);
	return found ?: fuse_tree_look(at, name, seq);
}

/**
 * fuse_tree_ruled - something else becomes of names from here on
 * @tree: the tree, of which it has been said
 *
 * To be called when it can be found: by whoever finds that there was one more ruling.
 *
 * Context: fuse_attachments::lock is held.
 */
static inline void fuse_tree_ruled(struct fuse_tree *tree)
{
	/* pairs with smp_load_acquire() in lookup_at() */
	smp_store_release(&tree->rulings, tree->rulings + 1);
}

/**
 * fuse_tree_put - drop a reference on a tree
 * @tree: the tree
 *
 * Context: any; the thread frees it.
 */
static inline void fuse_tree_put(struct fuse_tree *tree)
{
	if (refcount_dec_and_test(&tree->count))
		fuse_tree_last_put(tree);
}

#endif /* _FS_FUSE_BACKING_TREE_H */
