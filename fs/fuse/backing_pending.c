// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: attachments that wait for their inode.
 *
 * A server may say what to attach before the kernel has its answer to the LOOKUP that
 * names the inode.
 *
 * Locking: fuse_attachments::lock protects the tree and the list, and which users of a
 * mapping wait.  A server may have as many wait as the thread may have files: whatever is
 * done with the lock held takes no longer for that, but for the few steps down the tree.
 *
 * Ownership: the tree owns what is in it, whoever takes it out does then.  Who put it
 * there knows it by its serial number: its address may be another one's any time.
 *
 * An inode that is made and an attachment that is left to wait must not miss each other:
 * each makes itself known first and looks for the other then.
 */

#include "fuse_i.h"
#include "backing_attachment.h"
#include "backing_pending.h"
#include "backing_reject.h"
#include "backing_table.h"
#include "backing_usage.h"

#include <linux/rbtree.h>
#include <linux/sched/signal.h>

/* Who drops attachments that wait doesn't hold the lock for more than that many */
#define TAKEN_AT_ONCE	32

struct node_key {
	u64 nodeid;
	u32 generation;
};

static struct fuse_attachment *pending_of(const struct rb_node *node)
{
	return rb_entry(node, struct fuse_attachment, node);
}

static int compare_key(const void *data, const struct rb_node *node)
{
	const struct fuse_attachment *att = pending_of(node);
	const struct node_key *key = data;

	if (key->nodeid != att->nodeid)
		return key->nodeid < att->nodeid ? -1 : 1;
	if (key->generation != att->generation)
		return key->generation < att->generation ? -1 : 1;
	return 0;
}

static bool is_less(struct rb_node *node, const struct rb_node *other)
{
	const struct fuse_attachment *att = pending_of(node);
	const struct node_key key = { att->nodeid, att->generation };

	return compare_key(&key, other) < 0;
}

/**
 * fuse_pending_find - what waits for a node
 * @all: attachments of the table
 * @nodeid: of the node
 * @generation: of the node
 *
 * Context: fuse_attachments::lock is held.
 * Return: the attachment, or %NULL.
 */
struct fuse_attachment *
fuse_pending_find(struct fuse_attachments *all, u64 nodeid, u32 generation)
{
	const struct node_key key = { nodeid, generation };
	struct rb_node *node = rb_find(&key, &all->pending, compare_key);

	return node ? pending_of(node) : NULL;
}

/**
 * fuse_pending_add - leave an attachment to wait
 * @all: attachments of the table, which owns it from here on
 * @att: the attachment, the first for its node; it gets a serial number
 *
 * Context: fuse_attachments::lock is held.
 */
void fuse_pending_add(struct fuse_attachments *all, struct fuse_attachment *att)
{
	att->serial = ++all->serial;
	rb_add(&att->node, &all->pending, is_less);
	list_add_tail(&att->link, &all->pending_list);
	atomic_inc(&all->nr_pending);
	fuse_attachment_use(att, FUSE_BACKING_PENDING);
}

/**
 * fuse_pending_remove - an attachment doesn't wait any more
 * @all: attachments of the table
 * @att: one of those that wait, the caller's from here on
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_pending_remove(struct fuse_attachments *all, struct fuse_attachment *att)
{
	rb_erase(&att->node, &all->pending);
	list_del(&att->link);
	atomic_dec(&all->nr_pending);
	fuse_attachment_unuse(att);
	fuse_attachment_uncharge(att);
}

/**
 * fuse_pending_take - take what waits for a node, if it still does
 * @all: attachments of the table
 * @nodeid: of the node
 * @generation: of the node
 * @serial: of the attachment; 0 for any
 *
 * Context: process context; doesn't sleep.
 * Return: the attachment, the caller's from here on, or %NULL.
 */
struct fuse_attachment *
fuse_pending_take(struct fuse_attachments *all, u64 nodeid, u32 generation,
		  u64 serial)
{
	struct fuse_attachment *att;

	spin_lock(&all->lock);
	att = fuse_pending_find(all, nodeid, generation);
	if (att && serial && att->serial != serial)
		att = NULL;
	if (att)
		fuse_pending_remove(all, att);
	spin_unlock(&all->lock);
	return att;
}

/**
 * fuse_pending_refuse - the server named a node that nothing can be attached to
 * @fc: the connection
 * @nodeid: of the node, whose inode is hashed
 * @generation: of the node
 *
 * Context: process context; doesn't sleep.
 */
void fuse_pending_refuse(struct fuse_conn *fc, u64 nodeid, u32 generation)
{
	struct fuse_backing_table *table;
	struct fuse_attachment *att;

	/* the inode is hashed; pairs with smp_mb() in add_pending() */
	smp_mb();
	table = fuse_backing_table_find(fc);
	if (!table || !atomic_read(&table->attachments.nr_pending))
		return;
	att = fuse_pending_take(&table->attachments, nodeid, generation, 0);
	if (!att)
		return;
	fuse_backing_reject(fc, fuse_attachment_id(att), -EEXIST,
			    FUSE_BACKING_ATTACHED);
	fuse_attachment_drop(fc, att, true);
}

/* One of those that wait, for @fb if it isn't %NULL */
static struct fuse_attachment *
any_pending_locked(struct fuse_attachments *all, struct fuse_backing *fb)
{
	const struct fuse_backing_use *use;

	if (!fb)
		return list_first_entry_or_null(&all->pending_list,
						struct fuse_attachment,
						link);
	use = fuse_backing_any_pending(fb);
	return use ? fuse_pending_find(all, use->nodeid, use->generation) : NULL;
}

/* Take some of those that wait, up to @latest; returns whether there may be more */
static bool take_some_pending(struct fuse_attachments *all,
			      struct fuse_backing *fb, u64 latest,
			      struct list_head *taken)
{
	struct fuse_attachment *att;
	bool more = true;
	unsigned int i;

	spin_lock(&all->lock);
	for (i = 0; more && i < TAKEN_AT_ONCE; i++) {
		att = any_pending_locked(all, fb);
		more = att && att->serial <= latest;
		if (more) {
			fuse_pending_remove(all, att);
			list_add_tail(&att->link, taken);
		}
	}
	spin_unlock(&all->lock);
	return more;
}

/**
 * fuse_pending_drop - drop attachments that wait
 * @all: attachments of the table
 * @fb: the mapping whose id was closed, so that it gets no more of them; %NULL for all
 * @latest: up to that serial number
 *
 * Context: process context without locks; may sleep.
 * Return: 0; -EINTR if @fb is %NULL and the caller was killed: some may be left.
 */
int fuse_pending_drop(struct fuse_attachments *all, struct fuse_backing *fb,
		      u64 latest)
{
	struct fuse_attachment *att, *next;
	LIST_HEAD(taken);
	bool more;

	do {
		more = take_some_pending(all, fb, latest, &taken);
		list_for_each_entry_safe(att, next, &taken, link) {
			list_del(&att->link);
			fuse_attachment_drop(all->fc, att, false);
			cond_resched();
		}
		/* what waits for an id that is closed must go */
		if (more && !fb && fatal_signal_pending(current))
			return -EINTR;
	} while (more);
	return 0;
}
