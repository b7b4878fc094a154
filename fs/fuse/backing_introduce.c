// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: inodes that the server never named are made known to it.
 *
 * Whatever isn't answered below a tree is a request, and that needs a node id.  The
 * server is asked for the name, and for those of the directories above it that it
 * doesn't know, from the nearest that it does know downwards.  It sees LOOKUPs, and
 * FORGETs in the end.
 *
 * Callers may hold the lock of the parent, as for any LOOKUP; no other is taken here.
 * One at a time introduces a node; what changed while the server answered is noticed by
 * the name, the number and the type.
 */

#include "fuse_i.h"
#include "backing_pending.h"
#include "backing_server.h"
#include "backing_trace.h"
#include "backing_tree.h"

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

/* Bits of &fuse_node.state: a lock, held by who introduces it */
enum {
	NODE_INTRODUCING,
};

static int is_node_id(struct inode *inode, void *id)
{
	return get_node_id(inode) == *(u64 *)id;
}

static int set_node_id(struct inode *inode, void *id)
{
	get_fuse_inode(inode)->nodeid = *(u64 *)id;
	return 0;
}

/* Is the answer about this inode? */
static bool fits(struct inode *inode, const struct fuse_entry_out *out)
{
	return !fuse_invalid_attr((struct fuse_attr *)&out->attr) &&
	       out->nodeid != FUSE_ROOT_ID &&
	       !inode_wrong_type(inode, out->attr.mode) &&
	       out->attr.ino == get_fuse_inode(inode)->orig_ino;
}

/* Is @dentry still there, under the name that the server was asked for? */
static bool is_named(struct dentry *dentry, struct dentry *parent,
		     const struct qstr *name)
{
	struct name_snapshot now;
	bool same;

	take_dentry_name_snapshot(&now, dentry);
	same = READ_ONCE(dentry->d_parent) == parent && now.name.len == name->len &&
	       !memcmp(now.name.name, name->name, name->len);
	release_dentry_name_snapshot(&now);
	return same;
}

/* Give @inode the node id; false if another inode has it */
static bool take_id(struct inode *inode, const struct fuse_entry_out *out)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	u64 id = out->nodeid;
	struct inode *there;

	inode->i_generation = out->generation;
	spin_lock(&fi->lock);
	fi->nlookup = 1;
	spin_unlock(&fi->lock);
	there = inode_insert5(inode, id, is_node_id, set_node_id, &id);
	if (there == inode) {
		unlock_new_inode(inode);
		return true;
	}
	spin_lock(&fi->lock);
	fi->nlookup = 0;
	spin_unlock(&fi->lock);
	if (there)
		iput(there);
	return false;
}

static int ask(struct inode *dir, const struct qstr *name,
	       struct fuse_entry_out *out)
{
	FUSE_ARGS(args);
	int err;

	fuse_backing_lookup_init(get_fuse_conn(dir), &args, get_node_id(dir), name,
				 out);
	err = fuse_simple_request(get_fuse_mount(dir), &args);
	return err ?: out->nodeid ? 0 : -ENOENT;
}

static int ask_and_take(struct dentry *dentry, struct dentry *parent,
			const struct qstr *name)
{
	struct fuse_forget_link *link = fuse_alloc_forget();
	struct inode *inode = d_inode(dentry);
	struct fuse_entry_out out;
	int err;

	if (!link)
		return -ENOMEM;
	err = ask(d_inode(parent), name, &out);
	if (err) {
		kfree(link);
		return err == -ENOENT ? -ESTALE : err;
	}
	if (fits(inode, &out) && is_named(dentry, parent, name) &&
	    take_id(inode, &out)) {
		/* for when the tree is detached */
		fuse_change_entry_timeout(dentry, &out);
		if (!S_ISDIR(inode->i_mode) || fuse_inode_live_node(inode))
			fuse_pending_refuse(get_fuse_conn(inode), out.nodeid,
					    out.generation);
		kfree(link);
		return 0;
	}
	fuse_backing_forget(get_fuse_conn(inode), link, out.nodeid);
	d_invalidate(dentry);
	return -ESTALE;
}

static int introduce_locked(struct dentry *dentry, struct dentry *parent)
{
	struct inode *inode = d_inode(dentry);
	struct name_snapshot name;
	int err;

	if (get_node_id(inode))
		return 0;
	take_dentry_name_snapshot(&name, dentry);
	err = ask_and_take(dentry, parent, &name.name);
	release_dentry_name_snapshot(&name);
	fuse_backing_trace(fuse_backing_introduce, get_fuse_conn(inode), get_node_id(inode),
			   get_fuse_inode(inode)->orig_ino, err);
	return err;
}

/* Introduce what is in a directory that the server knows */
static int introduce(struct dentry *dentry, struct dentry *parent)
{
	struct fuse_inode *fi = get_fuse_inode(d_inode(dentry));
	struct fuse_node *node = rcu_access_pointer(fi->backing.node);
	int err;

	if (wait_on_bit_lock(&node->state, NODE_INTRODUCING, TASK_KILLABLE))
		return -EINTR;
	err = introduce_locked(dentry, parent);
	clear_and_wake_up_bit(NODE_INTRODUCING, &node->state);
	return err;
}

/* One step: the one that is nearest to what the server knows */
static int introduce_nearest(struct dentry *dentry)
{
	struct dentry *child = dget(dentry);
	struct dentry *parent = dget_parent(child);
	int err;

	while (!get_node_id(d_inode(parent))) {
		dput(child);
		child = parent;
		parent = dget_parent(child);
	}
	err = introduce(child, parent);
	dput(child);
	dput(parent);
	return err;
}

/**
 * fuse_backing_introduce_node - have the server know an inode below a tree
 * @inode: the FUSE inode, which the server may not know
 *
 * Context: process context; may sleep, killable.
 * Return: 0; -ESTALE if what the server knows under its name is another, -EINTR, -ENOMEM,
 *	or what the server says.
 */
int fuse_backing_introduce_node(struct inode *inode)
{
	struct dentry *alias;
	int err = 0;

	if (!fuse_inode_node(inode))
		return 0;
	alias = fuse_node_alias(inode);
	if (IS_ERR(alias))
		return PTR_ERR(alias);
	while (!err && !get_node_id(inode))
		err = introduce_nearest(alias);
	dput(alias);
	return err;
}

/**
 * fuse_backing_known_node - which node a request may name that is about the filesystem
 * @dentry: where it was asked
 *
 * Context: process context.
 * Return: the id of the node, or if the server doesn't know it, of the directory above that
 *	it does.
 */
u64 fuse_backing_known_node(struct dentry *dentry)
{
	struct dentry *known = dget(dentry), *parent;
	u64 nodeid;

	while (!get_node_id(d_inode(known)) && !IS_ROOT(known)) {
		parent = dget_parent(known);
		dput(known);
		known = parent;
	}
	nodeid = get_node_id(d_inode(known));
	dput(known);
	return nodeid;
}
