// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: trees, and the inodes below them that the server never named.
 *
 * What is below an attached directory is found by name, in the backing directory, each
 * time: the backing filesystem's dcache is the only one that knows.  So nothing but
 * directories is pinned there, and a file that is removed from below is gone at once.
 *
 * Who looks a name up looks into that dcache first, without its locks, and gets a reference
 * on what is there.  What isn't, or needs more than a look, is looked up as by anybody else.
 *
 * A name that is found becomes a FUSE inode without node id, outside of the inode hash:
 * a node.  It is known by its backing inode, so that hard links are one inode.  The
 * backing inode isn't pinned.  On a disk it may go from memory, and be read anew to another
 * address: it is known by number and generation there, and what is mounted on the FUSE inode,
 * or watches it, stays.  Elsewhere it is known by its address, too, to which another may
 * come; that it has the same number and generation as well would be one of a FUSE, whose
 * server says both.  That it is of the same type is all that is certain then.
 *
 * References: a node has one on its tree, the tree has one on the mapping of the
 * directory, which thus outlives all of them.  Whoever puts the last may be memory
 * reclaim: the thread frees.
 *
 * All open files of a node share one mapping, which goes with the last of them and of
 * what is mapped, and then leaves its place in the node.  Each of these keeps the FUSE
 * inode until it has put its reference on the mapping, or left that to the thread; so the
 * node, which is left to the thread after that, is freed later than the mapping.
 *
 * In RCU mode nothing is written to.  A node, its directory, its tree and what that has,
 * credentials and mount, may be going while somebody looks: all are freed after a grace
 * period that begins when no inode has the node, or the tree, any more.
 */

#include "fuse_i.h"
#include "backing_bpf.h"
#include "backing_mapping.h"
#include "backing_names.h"
#include "backing_rules.h"
#include "backing_server.h"
#include "backing_table.h"
#include "backing_tree.h"

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/posix_acl.h>
#include <linux/rhashtable.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait.h>

/* The table isn't charged to anybody: a tree that waits, or is empty, has a small one */
static const struct rhashtable_params node_params = {
	.nelem_hint = 2,
	.head_offset = offsetof(struct fuse_node, link),
	.key_offset = offsetof(struct fuse_node, key),
	.key_len = offsetofend(struct fuse_node_key, type),
	.automatic_shrinking = true,
};

/* As stat(2) says, as far as no disk or server has to be asked; 0 if it says nothing */
static noinline dev_t device_of(const struct fuse_tree *tree, struct dentry *dentry)
{
	const struct path path = { .mnt = tree->mnt, .dentry = dentry };
	struct kstat stat;

	return vfs_getattr_nosec(&path, &stat, 0, AT_STATX_DONT_SYNC) ? 0 : stat.dev;
}

/**
 * fuse_tree_create - have names below a directory passed through
 * @fc: the connection
 * @fb: the mapping of the directory, of which another reference is taken
 * @args: what for
 *
 * Context: process context; may sleep.
 * Return: the tree, %NULL if there is no memory for it.
 */
struct fuse_tree *fuse_tree_create(struct fuse_conn *fc, struct fuse_backing *fb,
				   const struct fuse_backing_attach *args)
{
	struct fuse_tree *tree = kzalloc_obj(*tree, GFP_KERNEL_ACCOUNT);

	if (!tree)
		return NULL;
	if (rhashtable_init(&tree->nodes, &node_params)) {
		kfree(tree);
		return NULL;
	}
	refcount_set(&tree->count, 1);
	init_rwsem(&tree->changes);
	refcount_inc(&fb->count);
	tree->fb = fb;
	tree->fc = fc;
	tree->cred = fb->cred;
	tree->mnt = fb->file->f_path.mnt;
	tree->root = fb->file->f_path.dentry;
	tree->dev = device_of(tree, tree->root);
	tree->ops = args->ops;
	tree->modes = args->flags & (FUSE_BACKING_READ | FUSE_BACKING_WRITE);
	return tree;
}

/* What goes is for the thread to free, and counts until then */
static void leave(struct fuse_backing_table *table, struct kthread_files_work *work,
		  void (*free)(struct kthread_files_work *work))
{
	atomic_inc(&table->leaving);
	kthread_files_queue(table->files, work, free);
}

static void end_leaving(struct fuse_backing_table *table)
{
	atomic_dec(&table->leaving);
	/* one who goes on takes nothing that others wait for */
	wake_up_all(&table->fewer);
}

static void free_tree(struct kthread_files_work *work)
{
	struct fuse_tree *tree = container_of(work, struct fuse_tree, dead);

	rhashtable_destroy(&tree->nodes);
	fuse_rules_free(rcu_access_pointer(tree->rules));
	end_leaving(tree->fb->table);
	fuse_backing_put(tree->fb);
	kfree_rcu(tree, rcu);
}

/**
 * fuse_tree_last_put - a tree has no references left
 * @tree: the tree
 *
 * Context: any.
 */
void fuse_tree_last_put(struct fuse_tree *tree)
{
	leave(tree->fb->table, &tree->dead, free_tree);
}

static bool may_make_another(void *arg)
{
	const struct fuse_backing_table *table = arg;

	return atomic_read(&table->leaving) < max(kthread_files_limit(table->files), 1);
}

/**
 * fuse_tree_wait_for_room - wait until another tree, or inode below one, may be made
 * @table: the table
 *
 * Those that went are freed by the thread: where that waits for somebody's server, they
 * would pile up.
 *
 * Context: process context; may sleep, killable.
 * Return: 0; -EINTR, also for who isn't to wait.
 */
int fuse_tree_wait_for_room(struct fuse_backing_table *table)
{
	return kthread_files_wait(table->files, &table->fewer, may_make_another, table);
}

/**
 * fuse_tree_lock_changes - have whoever detaches a tree, or says other rules, wait
 * @tree: the tree, whose @changes are to be let go of with up_read()
 *
 * Context: process context; may sleep, killable.
 * Return: 0; -EWOULDBLOCK if all below is the server's by now, -EINTR.
 */
int fuse_tree_lock_changes(struct fuse_tree *tree)
{
	int err = down_read_killable(&tree->changes);

	if (err || !READ_ONCE(tree->detached))
		return err;
	up_read(&tree->changes);
	return -EWOULDBLOCK;
}

/**
 * fuse_tree_wait_for_changes - wait until what was begun below is done
 * @tree: the tree, which is detached, or whose rules are others now
 *
 * Context: process context without locks; may sleep, killable.
 * Return: 0 or -EINTR.
 */
int fuse_tree_wait_for_changes(struct fuse_tree *tree)
{
	int err = down_write_killable(&tree->changes);

	if (!err)
		up_write(&tree->changes);
	return err;
}

/**
 * fuse_tree_get_dir - where names of a FUSE directory are looked up
 * @dir: the FUSE directory, with a reference
 * @at: filled in; the tree is to be put
 *
 * Context: any.
 * Return: false if its names are the server's.
 */
bool fuse_tree_get_dir(struct inode *dir, struct fuse_tree_dir *at)
{
	bool found;

	rcu_read_lock();
	found = fuse_tree_look_dir(dir, at) &&
		refcount_inc_not_zero(&at->tree->count);
	rcu_read_unlock();
	return found;
}

/**
 * fuse_tree_may_search - may whoever registered a tree search a backing directory
 * @tree: the tree
 * @dir: the backing directory
 * @mask: 0 or MAY_NOT_BLOCK
 *
 * Context: process context; may sleep, unless MAY_NOT_BLOCK is set: RCU mode.
 * Return: 0, or an errno as inode_permission().
 */
int fuse_tree_may_search(const struct fuse_tree *tree, struct inode *dir, int mask)
{
	int err;

	if (fuse_tree_is_for_all(dir))
		return fuse_tree_ask_modules(tree, dir, MAY_EXEC | mask);
	scoped_with_creds(tree->cred)
		err = inode_permission(mnt_idmap(tree->mnt), dir, MAY_EXEC | mask);
	return err;
}

/* A dentry of the backing dcache with a reference; %NULL if it has to be looked up */
static struct dentry *find_in_dcache(const struct fuse_tree_dir *at,
				     const struct qstr *name)
{
	struct dentry *dentry;
	unsigned int seq;
	bool found;

	rcu_read_lock();
	dentry = fuse_tree_look(at, name, &seq);
	found = dentry && !(READ_ONCE(dentry->d_flags) & FUSE_TREE_LOOK_UP) &&
		lockref_get_not_dead(&dentry->d_lockref);
	rcu_read_unlock();
	if (!found)
		return NULL;
	if (!read_seqcount_retry(&dentry->d_seq, seq))
		return dentry;
	dput(dentry);
	return NULL;
}

static struct dentry *find_if_allowed(const struct fuse_tree_dir *at,
				      const struct qstr *name)
{
	struct dentry *dentry = find_in_dcache(at, name);
	int err;

	if (!dentry)
		return NULL;
	err = fuse_tree_may_search(at->tree, d_inode(at->dentry), 0);
	if (!err)
		return dentry;
	dput(dentry);
	return ERR_PTR(err);
}

/**
 * fuse_tree_verdict - what becomes of a name
 * @at: the directory
 * @name: the name; its hash is not looked at
 *
 * Context: any, RCU mode too.
 * Return: what the rules of the directory say, if it has any.
 */
enum fuse_backing_verdict fuse_tree_verdict(const struct fuse_tree_dir *at,
					    const struct qstr *name)
{
	enum fuse_backing_verdict verdict = FUSE_BACKING_PASS;
	const struct fuse_rules *rules;

	if (likely(!rcu_access_pointer(*at->rules)))
		return verdict;
	rcu_read_lock();
	rules = rcu_dereference(*at->rules);
	if (rules)
		verdict = fuse_rules_verdict(rules, name->name, name->len);
	rcu_read_unlock();
	return verdict;
}

/**
 * fuse_tree_lists - is an entry of a backing directory one of the FUSE directory
 * @at: the directory
 * @name: the entry's name; its hash is not looked at
 *
 * Context: any.
 * Return: false if it is hidden, or if rules say themselves as what it is listed.
 */
bool fuse_tree_lists(const struct fuse_tree_dir *at, const struct qstr *name)
{
	const struct fuse_rules *rules;
	struct fuse_rule rule = {};

	rcu_read_lock();
	rules = rcu_dereference(*at->rules);
	if (rules)
		fuse_rules_find(rules, name->name, name->len, &rule);
	rcu_read_unlock();
	return rule.verdict != FUSE_BACKING_HIDE && !rule.type;
}

/**
 * fuse_tree_lookup - look a name up in a backing directory
 * @at: the directory
 * @name: its hash is not looked at
 *
 * Context: process context; may sleep.  Takes the lock of the backing directory, unless
 *	its dcache has the name.
 * Return: the backing dentry, maybe negative, or an ERR_PTR() as whoever registered the
 *	tree would get it.
 */
struct dentry *fuse_tree_lookup(const struct fuse_tree_dir *at,
				const struct qstr *name)
{
	struct dentry *dentry = find_if_allowed(at, name);

	if (dentry)
		return dentry;
	scoped_with_creds(at->tree->cred)
		dentry = fuse_backing_lookup_one(mnt_idmap(at->tree->mnt), name,
						 at->dentry);
	return dentry;
}

/**
 * fuse_tree_is_passed - is what a name stands for passed through
 * @dentry: the backing dentry
 *
 * Not at mount points, whose directory nobody is to see; not where a name has several
 * spellings; nor devices and the like.
 *
 * Context: any.
 * Return: false if the server is to be asked.
 */
bool fuse_tree_is_passed(const struct dentry *dentry)
{
	if (READ_ONCE(dentry->d_flags) & (DCACHE_MANAGED_DENTRY | DCACHE_OP_HASH |
					  DCACHE_OP_COMPARE))
		return false;
	return d_is_negative(dentry) || d_is_reg(dentry) || d_is_dir(dentry) ||
	       d_is_symlink(dentry);
}

/**
 * fuse_tree_is_numbered - is an inode's number that of nothing else in a tree
 * @tree: the tree
 * @dentry: what was found in there
 *
 * A filesystem may have volumes, which are directories, or layers, which stat(2) says are
 * other devices, with the same numbers.  The FUSE mount is one device: who goes by numbers,
 * as cp(1), diff(1) and tar(1) do, would take two files for one.
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_tree_is_numbered(const struct fuse_tree *tree, struct dentry *dentry)
{
	if (d_is_negative(dentry) || !(d_is_dir(dentry) || dentry->d_sb->s_stack_depth))
		return true;
	return tree->dev && device_of(tree, dentry) == tree->dev;
}

/**
 * fuse_tree_is_named - is what was found what rules, or a program, say something of
 * @at: the directory
 * @dentry: the backing dentry, from fuse_tree_lookup()
 * @name: the name
 *
 * A filesystem may find a name by another spelling of it, that they don't know.
 *
 * Context: process context.
 * Return: false if the server is to be asked.
 */
bool fuse_tree_is_named(const struct fuse_tree_dir *at, struct dentry *dentry,
			const struct qstr *name)
{
	struct name_snapshot found;
	bool same;

	if ((likely(!rcu_access_pointer(*at->rules)) && !fuse_is_filtered(at->tree->fc)) ||
	    d_is_negative(dentry))
		return true;
	take_dentry_name_snapshot(&found, dentry);
	same = found.name.len == name->len &&
	       !memcmp(found.name.name, name->name, name->len);
	release_dentry_name_snapshot(&found);
	return same;
}

/*
 * The inode of the next node, with a reference; that on @last is put.  Until the next is
 * found @last has its place in the table, where the walk goes on.  If the table is resized,
 * it begins anew, with what is there still.
 */
static struct inode *next_inode(struct rhashtable_iter *iter, struct inode *last)
{
	struct inode *inode = NULL;
	struct fuse_node *node;

	rhashtable_walk_start(iter);
	while (!inode && (node = rhashtable_walk_next(iter)))
		if (!IS_ERR(node))
			inode = igrab(&node->fi->inode);
	rhashtable_walk_stop(iter);
	iput(last);
	return inode;
}

/* A name, and those in the directory that it is, which keep it */
static void watch_name(struct dentry *alias)
{
	struct dentry *child;

	spin_lock(&alias->d_lock);
	alias->d_flags |= DCACHE_OP_DELETE;
	hlist_for_each_entry(child, &alias->d_children, d_sib) {
		spin_lock_nested(&child->d_lock, DENTRY_D_LOCK_NESTED);
		child->d_flags |= DCACHE_OP_DELETE;
		spin_unlock(&child->d_lock);
	}
	spin_unlock(&alias->d_lock);
}

/* Have ->d_delete() asked of them when they aren't in use any more */
static void watch_names(struct inode *inode)
{
	struct dentry *alias = NULL;

	spin_lock(&inode->i_lock);
	while ((alias = fuse_backing_next_alias(inode, alias)))
		watch_name(alias);
	spin_unlock(&inode->i_lock);
}

/* All below a directory that nobody uses; and that itself, when nothing is in it any more */
static void drop_below(struct inode *dir)
{
	struct dentry *alias = d_find_any_alias(dir);

	if (alias)
		shrink_dcache_parent(alias);
	dput(alias);
}

static void drop_names(struct inode *inode)
{
	if (!S_ISDIR(inode->i_mode)) {
		watch_names(inode);
		d_prune_aliases(inode);
		return;
	}
	/* so that few are left to be watched */
	drop_below(inode);
	if (!fuse_inode_node(inode))
		return;
	watch_names(inode);
	drop_below(inode);
}

/* Those of all nodes that there are; killsb is held.  Returns false if killed before that. */
static bool drop_nodes(struct fuse_tree *tree)
{
	struct rhashtable_iter iter;
	struct inode *inode = NULL;
	bool killed;

	/* pairs with that of who gives a name to a node: either sees the other */
	smp_mb();
	rhashtable_walk_enter(&tree->nodes, &iter);
	do {
		inode = next_inode(&iter, inode);
		if (inode)
			drop_names(inode);
		cond_resched();
		killed = fatal_signal_pending(current);
	} while (inode && !killed);
	iput(inode);
	rhashtable_walk_exit(&iter);
	return !killed;
}

static void drop_left(struct kthread_files_work *work)
{
	struct fuse_tree *tree = container_of(work, struct fuse_tree, left);
	struct fuse_conn *fc = tree->fc;

	down_read(&fc->killsb);
	/* else they go with the superblock */
	if (!list_empty(&fc->mounts))
		drop_nodes(tree);
	up_read(&fc->killsb);
	fuse_tree_put(tree);
}

/**
 * fuse_tree_drop_left - what is left of a tree is the server's to name
 * @tree: the tree, which is detached
 *
 * Whoever has it open keeps it, and nobody keeps it longer, see fuse_backing_drops().  The
 * rest goes soon, and with it what keeps the mapping in the table.
 *
 * Context: may be memory reclaim: it is left to the thread.  Once for each tree.
 */
void fuse_tree_drop_left(struct fuse_tree *tree)
{
	/* most often nothing is */
	if (!atomic_read(&tree->nodes.nelems))
		return;
	refcount_inc(&tree->count);
	kthread_files_queue(tree->fb->table->files, &tree->left, drop_left);
}

/**
 * fuse_tree_drop - what was below a tree is the server's to name
 * @tree: the tree, which is detached
 * @dir: the FUSE directory that it was attached to
 *
 * As fuse_tree_drop_left(), but at once: what is below @dir, and what the server knows by
 * other names than these.
 *
 * Context: process context, where no superblock of the connection's ends: killsb is held;
 *	may sleep.  If the caller is killed, the thread does what it would have done.
 */
void fuse_tree_drop(struct fuse_tree *tree, struct inode *dir)
{
	drop_names(dir);
	/* what the server listed before knows of no changes since */
	fuse_dir_changed(dir);
	if (!drop_nodes(tree))
		fuse_tree_drop_left(tree);
}

/* As a server would have said them */
static void attributes_of(const struct fuse_tree *tree, struct inode *backing,
			  struct fuse_attr *attr)
{
	struct user_namespace *ns = tree->fc->user_ns;
	struct mnt_idmap *idmap = mnt_idmap(tree->mnt);
	struct timespec64 atime = inode_get_atime(backing);
	struct timespec64 mtime = inode_get_mtime(backing);
	struct timespec64 ctime = inode_get_ctime(backing);
	vfsuid_t uid = i_uid_into_vfsuid(idmap, backing);
	vfsgid_t gid = i_gid_into_vfsgid(idmap, backing);

	/* each of a moment, as for any stat(2) */
	*attr = (struct fuse_attr) {
		.ino = backing->i_ino,
		/* who changes it holds a lock that nobody else needs */
		.nlink = data_race(backing->i_nlink),
		.mode = READ_ONCE(backing->i_mode),
		.uid = from_kuid_munged(ns, vfsuid_into_kuid(uid)),
		.gid = from_kgid_munged(ns, vfsgid_into_kgid(gid)),
		.size = i_size_read(backing),
		/* so it is with this */
		.blocks = data_race(backing->i_blocks),
		.blksize = i_blocksize(backing),
		.atime = atime.tv_sec,
		.atimensec = atime.tv_nsec,
		.mtime = mtime.tv_sec,
		.mtimensec = mtime.tv_nsec,
		.ctime = ctime.tv_sec,
		.ctimensec = ctime.tv_nsec,
	};
}

/* Are ids the same everywhere, and does nothing that is cached depend on what changed? */
static bool is_taken_as_it_is(const struct inode *inode, const struct fuse_tree *tree,
			      const struct inode *backing)
{
	return tree->fc->user_ns == &init_user_ns && i_user_ns(backing) == &init_user_ns &&
	       mnt_idmap(tree->mnt) == &nop_mnt_idmap &&
	       i_size_read(inode) == i_size_read(backing) &&
	       !READ_ONCE(inode->i_mapping->nrpages) && !tree->fc->writeback_cache;
}

/* What fuse_change_attributes() does then */
static void take_attributes(struct fuse_inode *fi, const struct inode *backing)
{
	struct inode *inode = &fi->inode;

	set_mask_bits(&fi->inval_mask, STATX_BASIC_STATS, 0);
	fi->attr_version =
		atomic64_inc_return(&get_fuse_conn(inode)->attr_version);
	fi->i_time = 0;
	inode->i_mode = (inode->i_mode & S_IFMT) |
			(READ_ONCE(backing->i_mode) & ~S_IFMT);
	set_nlink(inode, fuse_glance(backing->i_nlink));
	inode->i_uid = fuse_glance(backing->i_uid);
	inode->i_gid = fuse_glance(backing->i_gid);
	inode->i_blocks = fuse_glance(backing->i_blocks);
	inode_set_atime_to_ts(inode, inode_get_atime(backing));
	inode_set_mtime_to_ts(inode, inode_get_mtime(backing));
	inode_set_ctime_to_ts(inode, inode_get_ctime(backing));
	fi->orig_i_mode = inode->i_mode;
	inode->i_flags &= ~S_NOSEC;
}

static void change_attributes(struct inode *inode, const struct fuse_tree *tree,
			      struct inode *backing, u64 version)
{
	struct fuse_attr attr;

	attributes_of(tree, backing, &attr);
	/* the root of a tree has the server's */
	attr.ino = data_race(get_fuse_inode(inode)->orig_ino);
	fuse_change_attributes(inode, &attr, NULL, 0, version);
}

/**
 * fuse_tree_tell - tell a FUSE inode what the VFS goes by
 * @inode: the FUSE inode, of a node or of the tree's root
 * @tree: the tree
 * @backing: the backing inode
 *
 * Nothing of it has a lifetime: below a tree nobody looks at that, and who does when it is
 * detached is to ask the server.
 *
 * Context: process context; may sleep.
 */
void fuse_tree_tell(struct inode *inode, const struct fuse_tree *tree,
		    struct inode *backing)
{
	u64 version = fuse_get_attr_version(tree->fc);
	struct fuse_inode *fi = get_fuse_inode(inode);

	if (!is_taken_as_it_is(inode, tree, backing)) {
		change_attributes(inode, tree, backing, version);
		return;
	}
	spin_lock(&fi->lock);
	if (fi->attr_version <= version &&
	    !test_bit(FUSE_I_SIZE_UNSTABLE, &fi->state))
		take_attributes(fi, backing);
	spin_unlock(&fi->lock);
}

/*
 * Has no other inode its number, with the generation, as long as the filesystem is mounted?
 * It has on disks, for file handles; without generations where nothing is ever written.
 * Not where somebody says what it is, as the server of a FUSE, or an overlayfs.
 */
static bool is_known_by_number(const struct inode *backing)
{
	const struct super_block *sb = backing->i_sb;

	return sb->s_export_op && (sb->s_type->fs_flags & FS_REQUIRES_DEV) &&
	       sb->s_magic != FUSE_SUPER_MAGIC &&
	       (READ_ONCE(backing->i_generation) || sb_rdonly(sb));
}

/**
 * fuse_node_is_anew - is a backing inode what a node is, read from disk once more
 * @node: the node
 * @backing: the backing inode
 *
 * Nothing keeps it in memory while it isn't open: it may be at another address by now.
 *
 * Context: any, RCU mode too.
 * Return: whether it is; it may be of another type.
 */
bool fuse_node_is_anew(const struct fuse_node *node, const struct inode *backing)
{
	return !node->key.inode && node->key.ino == backing->i_ino &&
	       node->key.generation == READ_ONCE(backing->i_generation) &&
	       backing->i_sb == node->tree->root->d_sb;
}

static struct fuse_node_key key_of(const struct inode *backing)
{
	return (struct fuse_node_key) {
		.ino = backing->i_ino,
		.inode = is_known_by_number(backing) ? NULL : backing,
		.generation = READ_ONCE(backing->i_generation),
		.type = READ_ONCE(backing->i_mode) & S_IFMT,
	};
}

/* The inode of a node with a reference, unless it is going, or is no good any more */
static struct inode *grab_inode(struct fuse_node *node)
{
	if (fuse_is_bad(&node->fi->inode))
		return NULL;
	return igrab(&node->fi->inode);
}

static struct inode *find_inode(struct fuse_tree *tree, const struct inode *backing)
{
	const struct fuse_node_key key = key_of(backing);
	struct inode *inode = NULL;
	struct fuse_node *node;

	rcu_read_lock();
	node = rhashtable_lookup(&tree->nodes, &key, node_params);
	if (node && fuse_node_find(node, backing))
		inode = grab_inode(node);
	rcu_read_unlock();
	return inode;
}

/*
 * Insert @node, unless another of its key is there that isn't going: then the inode of
 * that is returned, with a reference.  Returns an ERR_PTR() without memory.
 */
static struct inode *insert_node(struct fuse_tree *tree, struct fuse_node *node)
{
	struct inode *inode;
	struct fuse_node *old;
	int err;

	do {
		inode = NULL;
		err = 0;
		rcu_read_lock();
		old = rhashtable_lookup_get_insert_fast(&tree->nodes, &node->link,
							node_params);
		if (IS_ERR(old)) {
			err = PTR_ERR(old);
		} else if (old) {
			inode = grab_inode(old);
			if (!inode)
				err = rhashtable_replace_fast(&tree->nodes,
							      &old->link,
							      &node->link,
							      node_params);
		}
		rcu_read_unlock();
		/* the old one was taken out meanwhile */
	} while (err == -ENOENT);
	return err ? ERR_PTR(err) : inode;
}

static struct fuse_node *alloc_node(const struct fuse_tree_dir *at,
				    struct dentry *backing, struct inode *inode)
{
	struct fuse_node *node = kzalloc_obj(*node, GFP_KERNEL_ACCOUNT);

	if (!node)
		return NULL;
	refcount_inc(&at->tree->count);
	node->tree = at->tree;
	node->key = key_of(d_inode(backing));
	node->seen = d_inode(backing);
	node->fi = get_fuse_inode(inode);
	spin_lock_init(&node->place.lock);
	node->dir = d_is_dir(backing) ? dget(backing) : NULL;
	return node;
}

static struct inode *make_inode(const struct fuse_tree_dir *at,
				struct dentry *backing, struct super_block *sb)
{
	int err = fuse_tree_wait_for_room(at->tree->fb->table);
	struct inode *inode, *other;
	struct fuse_node *node;
	struct fuse_attr attr;

	/* who isn't to wait may try again, as a server of NFS has its client do */
	if (err)
		return ERR_PTR(kthread_files_may_wait() ? err : -EAGAIN);
	attributes_of(at->tree, d_inode(backing), &attr);
	inode = fuse_new_inode(sb, &attr);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	node = alloc_node(at, backing, inode);
	if (!node) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	/* now: when the inode is hashed somebody may hold its lock */
	lockdep_annotate_inode_mutex_key(inode);
	inode->i_generation = node->key.generation;
	/* whoever changes them below tells nobody */
	inode->i_acl = ACL_DONT_CACHE;
	inode->i_default_acl = ACL_DONT_CACHE;
	fuse_change_attributes(inode, &attr, NULL, 0, 0);
	rcu_assign_pointer(get_fuse_inode(inode)->backing.node, node);
	other = insert_node(at->tree, node);
	if (!other)
		return inode;
	iput(inode);
	return other;
}

/**
 * fuse_tree_get_inode - the FUSE inode of what was found below a tree
 * @at: where it was found
 * @sb: the FUSE superblock
 * @backing: what was found, a file, a directory or a symbolic link
 *
 * Context: process context; may sleep, killable.  Waits for the thread, if as many that
 *	went are yet to be freed as it may have files.
 * Return: the inode with a reference, or an ERR_PTR(): -ENOMEM, -EINTR, or -EAGAIN if the
 *	caller can't be killed.
 */
struct inode *fuse_tree_get_inode(const struct fuse_tree_dir *at,
				  struct super_block *sb, struct dentry *backing)
{
	struct inode *inode = find_inode(at->tree, d_inode(backing));

	return inode ?: make_inode(at, backing, sb);
}

/*
 * Not by what is good for a descriptor's modes alone, nor by what the server opened else, or
 * by another mount, which may show other owners, and may not be written to.
 */
static bool is_as_below(const struct fuse_node *node,
			const struct fuse_passthrough *pt)
{
	return pt->file && !pt->fb->brokered && !pt->fb->as_opened &&
	       pt->file->f_path.mnt == node->tree->mnt &&
	       fuse_node_is(node, file_inode(pt->file));
}

/* An open file has its backing file, whatever its name stands for by now */
static bool path_of_open(struct fuse_inode *fi, const struct fuse_node *node,
			 struct path *path)
{
	const struct fuse_passthrough *pt;

	/* whoever has it open finds it so */
	if (!READ_ONCE(fi->backing.files))
		return false;
	spin_lock(&fi->lock);
	pt = list_first_entry_or_null(&fi->backing.open, struct fuse_passthrough,
				      link);
	if (pt && is_as_below(node, pt)) {
		*path = pt->file->f_path;
		dget(path->dentry);
	}
	spin_unlock(&fi->lock);
	return path->dentry;
}

/*
 * The backing dentry of what @dentry, of @node, is the name of, if the backing dcache has
 * it and whoever registered the tree may find it; in RCU mode.  It is to be compared with
 * @seq after a reference was taken.
 */
static __always_inline struct dentry *look_by_name(const struct fuse_node *node,
						   const struct dentry *dentry,
						   unsigned int *seq)
{
	unsigned int named = raw_seqcount_begin(&dentry->d_seq);
	struct inode *backing, *dir = d_inode_rcu(READ_ONCE(dentry->d_parent));
	const struct qstr name = QSTR_INIT(READ_ONCE(dentry->d_name.name),
					   READ_ONCE(dentry->d_name.len));
	struct fuse_tree_dir at;
	struct dentry *found;

	/* else the name may be as long as another */
	if (!dir || read_seqcount_retry(&dentry->d_seq, named))
		return NULL;
	if (!fuse_tree_look_dir(dir, &at) || at.tree != node->tree)
		return NULL;
	backing = d_inode_rcu(at.dentry);
	if (!backing || fuse_tree_may_search(at.tree, backing, MAY_NOT_BLOCK))
		return NULL;
	found = fuse_tree_look_for(&at, &name, dentry, seq);
	if (!found || (READ_ONCE(found->d_flags) & FUSE_TREE_LOOK_UP) ||
	    read_seqcount_retry(&dentry->d_seq, named))
		return NULL;
	backing = d_inode_rcu(found);
	return backing && fuse_node_is(node, backing) ? found : NULL;
}

/* Returns false if it has to be looked up.  stat(2) gets here each time. */
static __always_inline bool path_in_dcache(const struct fuse_node *node,
					   const struct dentry *dentry, struct path *path)
{
	struct dentry *backing;
	unsigned int seq;
	bool found;

	rcu_read_lock();
	backing = look_by_name(node, dentry, &seq);
	found = backing && lockref_get_not_dead(&backing->d_lockref);
	rcu_read_unlock();
	if (!found)
		return false;
	if (read_seqcount_retry(&backing->d_seq, seq)) {
		dput(backing);
		return false;
	}
	path->mnt = node->tree->mnt;
	path->dentry = backing;
	return true;
}

static int path_at(const struct fuse_tree_dir *at, struct fuse_node *node,
		   const struct qstr *name, struct path *path)
{
	struct dentry *dentry = fuse_tree_lookup(at, name);

	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	if (d_is_negative(dentry) || !fuse_node_find(node, d_inode(dentry))) {
		dput(dentry);
		return -ESTALE;
	}
	path->mnt = at->tree->mnt;
	path->dentry = dentry;
	return 0;
}

/* Returns -EXDEV if @dentry isn't below the tree, where the server may have named it */
static int look_up_path(struct fuse_node *node, struct dentry *dentry,
			struct path *path)
{
	struct dentry *parent = dget_parent(dentry);
	struct name_snapshot name;
	struct fuse_tree_dir at;
	int err = -EXDEV;

	take_dentry_name_snapshot(&name, dentry);
	if (fuse_tree_get_dir(d_inode(parent), &at)) {
		if (at.tree == node->tree)
			err = path_at(&at, node, &name.name, path);
		fuse_tree_put(at.tree);
	}
	release_dentry_name_snapshot(&name);
	dput(parent);
	return err;
}

static __always_inline int path_by_name(struct fuse_node *node,
					struct dentry *dentry, struct path *path)
{
	return path_in_dcache(node, dentry, path) ?
	       0 : look_up_path(node, dentry, path);
}

/* The next dentry of @inode after @last, whose reference is taken over; the first of all */
static struct dentry *next_alias(struct inode *inode, struct dentry *last)
{
	struct dentry *alias;

	spin_lock(&inode->i_lock);
	/* it has its place there as long as we have it */
	alias = fuse_backing_next_alias(inode, last);
	if (alias)
		dget(alias);
	spin_unlock(&inode->i_lock);
	dput(last);
	return alias;
}

/* Whoever mounts something there meanwhile finds it gone, or is found */
static void drop_unless_mounted(struct dentry *alias)
{
	spin_lock(&alias->d_lock);
	if (!d_mountpoint(alias))
		__d_drop(alias);
	spin_unlock(&alias->d_lock);
}

/*
 * The dentry of a file by whose name it is there still, with a reference, and where; %NULL
 * and an errno if there is none.  A name that it isn't found by, and that nobody has
 * looked at since, isn't tried again.
 */
static struct dentry *find_alias(struct inode *inode, struct fuse_node *node,
				 struct path *path, int *err)
{
	struct dentry *alias = NULL;

	*err = -ESTALE;
	while ((alias = next_alias(inode, alias))) {
		*err = path_by_name(node, alias, path);
		if (!*err)
			return alias;
		if (*err == -ESTALE)
			drop_unless_mounted(alias);
		if (fatal_signal_pending(current)) {
			*err = -EINTR;
			dput(alias);
			return NULL;
		}
	}
	return NULL;
}

/**
 * fuse_node_path - where a node is in the backing filesystem
 * @inode: the FUSE inode of the node
 * @dentry: a FUSE dentry of it; any if %NULL
 * @path: filled in, with a reference on the dentry; the mount is the tree's, which the inode
 *	keeps
 *
 * Context: process context; may sleep, killable where several names are looked up.
 * Return: 0; -ESTALE if it isn't there any more, see fuse_node_is_servers(); or an error
 *	of the lookup.
 */
int fuse_node_path(struct inode *inode, struct dentry *dentry, struct path *path)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	/* as long as the inode, which the caller keeps */
	struct fuse_node *node = rcu_access_pointer(fi->backing.node);
	struct dentry *alias;
	int err;

	*path = (struct path) {};
	if (node->dir) {
		path->mnt = node->tree->mnt;
		path->dentry = dget(node->dir);
		return 0;
	}
	if (path_of_open(fi, node, path))
		return 0;
	if (dentry) {
		err = path_by_name(node, dentry, path);
	} else {
		alias = find_alias(inode, node, path, &err);
		dput(alias);
	}
	return err == -EXDEV ? -ESTALE : err;
}

/**
 * fuse_node_alias - a FUSE dentry of a node that is its name below the tree
 * @inode: the FUSE inode of the node
 *
 * Context: process context; may sleep, killable.
 * Return: the dentry with a reference; or an ERR_PTR(), -ESTALE if it has no name.
 */
struct dentry *fuse_node_alias(struct inode *inode)
{
	struct fuse_node *node = fuse_inode_node(inode);
	struct path path = {};
	struct dentry *alias;
	int err;

	if (S_ISDIR(inode->i_mode))
		return d_find_any_alias(inode) ?: ERR_PTR(-ESTALE);
	alias = find_alias(inode, node, &path, &err);
	if (alias)
		dput(path.dentry);
	return alias ?: ERR_PTR(err == -EXDEV ? -ESTALE : err);
}

static void free_node(struct kthread_files_work *work)
{
	struct fuse_node *node = container_of(work, struct fuse_node, dead);

	WARN_ON_ONCE(node->place.fb);
	dput(node->dir);
	fuse_rules_free(rcu_access_pointer(node->rules));
	end_leaving(node->tree->fb->table);
	fuse_tree_put(node->tree);
	kfree_rcu(node, rcu);
}

/**
 * fuse_node_evict - an inode goes
 * @fi: the FUSE inode, which nobody else uses
 *
 * Context: may be memory reclaim: what may sleep is left to the thread.
 */
void fuse_node_evict(struct fuse_inode *fi)
{
	struct fuse_node *node = rcu_access_pointer(fi->backing.node);

	if (!node)
		return;
	RCU_INIT_POINTER(fi->backing.node, NULL);
	/* not there if another took its place */
	rhashtable_remove_fast(&node->tree->nodes, &node->link, node_params);
	leave(node->tree->fb->table, &node->dead, free_node);
}
