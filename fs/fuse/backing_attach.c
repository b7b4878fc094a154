// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: attached to inodes.
 *
 * An attachment says that a FUSE inode may be opened on a backing file without
 * asking the server.  It waits for its inode in a tree, or is the inode's until
 * that is evicted or detached.  Files that are open keep what they were opened
 * with; an attachment is only for those to come.
 *
 * Locking: fuse_attachments::lock protects the list of those that inodes have, and what is
 * in backing_pending.c; fuse_inode::lock is taken inside of it and protects
 * fuse_inode_backing::attached.
 *
 * Ownership: the inode, or the tree of those that wait, owns an attachment.  Whoever takes
 * it out is its owner then, and frees it with what it refers to.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_attach.h"
#include "backing_attachment.h"
#include "backing_extents.h"
#include "backing_inode.h"
#include "backing_mapping.h"
#include "backing_mmap.h"
#include "backing_pending.h"
#include "backing_reject.h"
#include "backing_revoke.h"
#include "backing_rules.h"
#include "backing_server.h"
#include "backing_table.h"
#include "backing_trace.h"
#include "backing_tree.h"

#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#define ATTACH_FLAGS	(ATTACH_MODES | FUSE_BACKING_ATTACH_PENDING | \
			 FUSE_BACKING_ATTACH_UNCHECKED)

/**
 * fuse_attachments_init - attachments of a table
 * @all: of the table
 * @fc: the connection
 *
 * Context: any.
 */
void fuse_attachments_init(struct fuse_attachments *all,
			   const struct fuse_conn *fc)
{
	all->fc = fc;
	spin_lock_init(&all->lock);
	all->pending = RB_ROOT;
	INIT_LIST_HEAD(&all->pending_list);
	atomic_set(&all->nr_pending, 0);
	all->serial = 0;
	INIT_LIST_HEAD(&all->attached);
	all->closed = false;
}

/* May @att be the attachment of @fi?  Returns an errno, and why in @reason */
static int check_inode(const struct fuse_inode *fi,
		       const struct fuse_attachment *att,
		       enum fuse_backing_reason *reason)
{
	const struct inode *backing = fuse_attachment_backing(att);

	*reason = FUSE_BACKING_ATTACHED;
	if (fi->backing.attached)
		return -EEXIST;
	/* directories have no I/O modes; below a tree they have that one's names */
	if (fuse_attachment_is_dir(att))
		return fuse_inode_live_node(&fi->inode) ? -EEXIST : 0;
	/* files are opened on what that has, for as long as they are known */
	if (fuse_inode_node(&fi->inode))
		return -EEXIST;
	*reason = FUSE_BACKING_CACHED_OPEN;
	if (fi->iocachectr > 0)
		return -ETXTBSY;
	*reason = FUSE_BACKING_OTHER_INODE;
	if (fi->backing.inode && fi->backing.inode != backing)
		return -EBUSY;
	return 0;
}

/* Is there still something to attach? */
static int check_mapping(const struct fuse_attachments *all,
			 const struct fuse_attachment *att,
			 enum fuse_backing_reason *reason)
{
	*reason = FUSE_BACKING_TABLE;
	if (all->closed)
		return -ENOTCONN;
	*reason = FUSE_BACKING_UNKNOWN_ID;
	return fuse_attachment_is_closed(att) ? -ENOENT : 0;
}

/* Takes over @att if it succeeds */
static int attach_locked(struct fuse_conn *fc, struct fuse_attachments *all,
			 struct fuse_inode *fi,
			 struct fuse_attachment *att)
{
	enum fuse_backing_reason reason;
	int err;

	err = check_mapping(all, att, &reason);
	if (!err) {
		spin_lock(&fi->lock);
		err = check_inode(fi, att, &reason);
		if (!err) {
			fuse_inode_set_attached(fi, att);
			fi->backing.was_attached = true;
		}
		spin_unlock(&fi->lock);
	}
	if (err)
		return fuse_backing_reject(fc, fuse_attachment_id(att), err,
					   reason);

	att->fi = fi;
	att->serial = ++all->serial;
	list_add_tail(&att->link, &all->attached);
	fuse_attachment_use(att, FUSE_BACKING_ATTACH);
	fuse_attachment_report(all->fc, att, 0);
	return 0;
}

/* Have @there, which is attached or waits, take what @att has, and the other way round */
static void replace(const struct fuse_attachments *all,
		    struct fuse_attachment *there,
		    struct fuse_attachment *att,
		    enum fuse_backing_use_kind kind)
{
	fuse_attachment_replace(there, att, kind);
	fuse_attachment_report(all->fc, there, kind == FUSE_BACKING_PENDING ?
					       FUSE_BACKING_ATTACH_PENDING : 0);
}

/*
 * Replace what is attached to an inode.  Returns whether that was done; what can't be
 * is refused later.
 */
static bool replace_attached(struct fuse_attachments *all,
			     struct fuse_inode *fi,
			     struct fuse_attachment *att)
{
	enum fuse_backing_reason reason;
	bool may;

	if (check_mapping(all, att, &reason))
		return false;
	spin_lock(&fi->lock);
	may = fuse_attachment_may_replace(att, fi->backing.attached);
	if (may)
		replace(all, fi->backing.attached, att, FUSE_BACKING_ATTACH);
	spin_unlock(&fi->lock);
	return may;
}

/*
 * Whoever fills a page has it locked, and may wait for the server.  Most of them, all but
 * who begins just then, don't keep from being killed who is to invalidate the page.
 */
static int wait_for_pages(struct address_space *pages)
{
	struct folio_batch batch;
	pgoff_t next = 0;
	unsigned int i;
	int err = 0;

	folio_batch_init(&batch);
	while (!err && filemap_get_folios(pages, &next, ULONG_MAX, &batch)) {
		for (i = 0; !err && i < folio_batch_count(&batch); i++)
			err = folio_wait_locked_killable(batch.folios[i]);
		folio_batch_release(&batch);
		cond_resched();
	}
	return err;
}

/*
 * What is cached must not be seen again once it has changed behind the cache.
 * Pages are dirty only as long as a file is open, without a writeback cache.
 */
static int forget_cache(struct fuse_conn *fc, struct inode *inode, int id)
{
	int err;

	if (READ_ONCE(get_fuse_inode(inode)->iocachectr) <= 0) {
		err = wait_for_pages(inode->i_mapping);
		if (err)
			return err;
		if (!invalidate_inode_pages2(inode->i_mapping))
			return 0;
	}
	return fuse_backing_reject(fc, id, -ETXTBSY, FUSE_BACKING_CACHED_OPEN);
}

/* Returns whether there were extents that others took the place of */
static bool replace_extents(struct fuse_attachments *all, struct inode *inode,
			    struct fuse_attachment *att)
{
	bool replaced;

	if (!att->extents)
		return false;
	spin_lock(&all->lock);
	replaced = replace_attached(all, get_fuse_inode(inode), att);
	spin_unlock(&all->lock);
	return replaced;
}

/* What was filled from extents that others have taken the place of */
static int forget_replaced(struct inode *inode)
{
	int err = wait_for_pages(inode->i_mapping);

	if (!err)
		invalidate_inode_pages2(inode->i_mapping);
	return err;
}

/* attach_node() for an inode that is there */
static int attach_inode(struct fuse_conn *fc, struct fuse_attachments *all,
			struct inode *inode,
			struct fuse_attachment **att)
{
	int err, id = fuse_attachment_id(*att);
	bool is_dir = fuse_attachment_is_dir(*att);

	if (replace_extents(all, inode, *att))
		return forget_replaced(inode);
	err = fuse_backing_may_attach_to(fc, inode, id, is_dir);
	if (err)
		return err;
	err = is_dir ? 0 : forget_cache(fc, inode, id);
	if (err)
		return err;

	spin_lock(&all->lock);
	err = attach_locked(fc, all, get_fuse_inode(inode), *att);
	spin_unlock(&all->lock);
	if (!err)
		*att = NULL;
	return err;
}

/*
 * May what waits for an inode be attached by whoever made it?  What is to replace
 * extents that were there before is left to who has it wait, and then for what uses them;
 * what came later was to replace it.
 */
static bool is_to_be_taken(const struct fuse_inode *fi,
			   const struct fuse_attachment *att)
{
	const struct fuse_attachment *there = READ_ONCE(fi->backing.attached);

	return !fuse_attachment_may_replace(att, there) || there->serial > att->serial;
}

/* Attach what waits for @inode */
static void take_pending(struct fuse_conn *fc, struct fuse_attachments *all,
			 struct inode *inode)
{
	struct fuse_attachment *att;
	int err = 0;

	spin_lock(&all->lock);
	att = fuse_pending_find(all, get_node_id(inode), inode->i_generation);
	if (att && is_to_be_taken(get_fuse_inode(inode), att)) {
		fuse_pending_remove(all, att);
		err = fuse_backing_may_attach_to(fc, inode,
						 fuse_attachment_id(att),
						 fuse_attachment_is_dir(att));
		if (!err)
			err = attach_locked(fc, all, get_fuse_inode(inode),
					    att);
	}
	spin_unlock(&all->lock);

	if (err)
		fuse_attachment_drop(all->fc, att, true);
}

/**
 * fuse_backing_inode_made - the server named an inode
 * @inode: the FUSE inode, new or not
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_inode_made(struct inode *inode)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_backing_table *table;
	struct fuse_attachments *all;

	if (!fc->passthrough)
		return;
	/* the inode is hashed; pairs with smp_mb() in add_pending() */
	smp_mb();
	table = fuse_backing_table_find(fc);
	if (!table)
		return;
	all = &table->attachments;
	if (atomic_read(&all->nr_pending))
		take_pending(fc, all, inode);
}

/* How many attachments may wait: as many as the thread may have files */
static int pending_limit(struct fuse_attachments *all)
{
	struct fuse_backing_table *table =
		container_of(all, struct fuse_backing_table, attachments);

	return min_t(unsigned int, kthread_files_limit(table->files), INT_MAX);
}

/* Is there room for @att among those that wait, but for @there which it would replace? */
static int check_pending(struct fuse_attachments *all,
			 const struct fuse_attachment *att,
			 const struct fuse_attachment *there,
			 enum fuse_backing_reason *reason)
{
	int err = check_mapping(all, att, reason);

	if (err)
		return err;
	*reason = FUSE_BACKING_ATTACHED;
	if (there)
		return fuse_attachment_may_replace(att, there) ? 0 : -EEXIST;
	*reason = FUSE_BACKING_TABLE;
	return atomic_read(&all->nr_pending) < pending_limit(all) ? 0 :
									-EMFILE;
}

/*
 * Leave @att to wait, with @serial; or if it takes the place of another one, which
 * the caller gets, with @serial 0.
 */
static int add_pending(struct fuse_conn *fc, struct fuse_attachments *all,
		       struct fuse_attachment *att, u64 *serial)
{
	int err, id = fuse_attachment_id(att);
	struct fuse_attachment *there;
	enum fuse_backing_reason reason;

	*serial = 0;
	spin_lock(&all->lock);
	there = fuse_pending_find(all, att->nodeid, att->generation);
	err = check_pending(all, att, there, &reason);
	if (!err && there) {
		replace(all, there, att, FUSE_BACKING_PENDING);
	} else if (!err) {
		fuse_pending_add(all, att);
		*serial = att->serial;
		fuse_attachment_report(all->fc, att, FUSE_BACKING_ATTACH_PENDING);
	}
	spin_unlock(&all->lock);

	if (err)
		return fuse_backing_reject(fc, id, err, reason);
	/* pairs with smp_mb() of who names an inode */
	smp_mb();
	return 0;
}

/* The inode of a node, with a reference; killsb is held */
static struct inode *find_inode(struct fuse_conn *fc, u64 nodeid,
				u32 generation)
{
	struct inode *inode = fuse_ilookup(fc, nodeid, NULL);

	if (!inode)
		return NULL;
	if (inode->i_generation == generation && !fuse_is_bad(inode))
		return inode;
	iput(inode);
	return NULL;
}

/* attach_node() for an inode that isn't there yet */
static int attach_later(struct fuse_conn *fc, struct fuse_attachments *all,
			struct fuse_attachment **att)
{
	u32 generation = (*att)->generation;
	u64 serial, nodeid = (*att)->nodeid;
	struct inode *inode;
	int err;

	err = fuse_attachment_charge(fc, *att) ?:
	      add_pending(fc, all, *att, &serial);
	if (err || !serial)
		return err;
	*att = NULL;

	/* it may have been made meanwhile */
	inode = find_inode(fc, nodeid, generation);
	if (!inode)
		return 0;
	*att = fuse_pending_take(all, nodeid, generation, serial);
	if (*att)
		err = attach_inode(fc, all, inode, att);
	iput(inode);
	return err;
}

/*
 * Attach to a node; killsb is held.  Takes *@att over, and sets it to %NULL, or leaves
 * there what the caller is to be done with when it no longer is: what it took the place
 * of, or what could not be attached.
 */
static int attach_node(struct fuse_conn *fc, struct fuse_attachments *all,
		       struct fuse_attachment **att, bool pending)
{
	struct inode *inode;
	int err;

	inode = find_inode(fc, (*att)->nodeid, (*att)->generation);
	if (inode) {
		err = attach_inode(fc, all, inode, att);
		iput(inode);
		return err;
	}
	if (!pending)
		return fuse_backing_reject(fc, fuse_attachment_id(*att), -ENOENT,
					   FUSE_BACKING_NO_INODE);
	return attach_later(fc, all, att);
}

/* Takes over @att */
static int attach(struct fuse_conn *fc, struct fuse_attachments *all,
		  struct fuse_attachment *att, bool pending)
{
	int err;

	err = down_read_killable(&fc->killsb);
	if (!err) {
		err = attach_node(fc, all, &att, pending);
		up_read(&fc->killsb);
	}
	if (!att)
		return err;
	if (fuse_attachment_is_replaced(att))
		return fuse_attachment_retire(att) ?: err;
	fuse_attachment_free(att, false);
	return err;
}

/* Get the mapping, of a directory or not, to attach */
static struct fuse_backing *
get_mapping(struct fuse_conn *fc, const struct fuse_backing_attach *args, bool dir)
{
	int err, id = args->backing_id;
	struct fuse_backing *fb;

	fb = fuse_backing_claim(fc, id) ?: fuse_backing_lookup(fc, id);
	if (!fb) {
		fuse_backing_reject(fc, id, -ENOENT, FUSE_BACKING_UNKNOWN_ID);
		return ERR_PTR(-ENOENT);
	}
	err = fuse_backing_is_of_kind(fb, dir) ?:
	      fuse_backing_may_answer(fb, args->ops);
	if (!err && args->ops & FUSE_BACKING_OPS_LOOKUP)
		err = fuse_tree_wait_for_room(fb->table);
	if (!err)
		return fb;
	fuse_backing_put(fb);
	return ERR_PTR(err);
}

static int attach_id(struct fuse_conn *fc, struct fuse_attachments *all,
		     const struct fuse_backing_attach *args, bool dir)
{
	struct fuse_attachment *att;
	struct fuse_backing *fb;

	fb = get_mapping(fc, args, dir);
	if (IS_ERR(fb))
		return PTR_ERR(fb);
	att = fuse_attachment_of_file(fc, fb, args);
	if (!att) {
		fuse_backing_put(fb);
		return -ENOMEM;
	}
	WRITE_ONCE(fb->per_inode, true);
	return attach(fc, all, att, args->flags & FUSE_BACKING_ATTACH_PENDING);
}

/* The table that ids are looked up in */
static struct fuse_backing_table *get_table(struct fuse_conn *fc, int id)
{
	struct fuse_backing_table *table;

	/* the attachments' lock makes sure; this is for who finds no id any more */
	if (!fuse_backing_has_server(fc)) {
		fuse_backing_reject(fc, id, -ENOTCONN, FUSE_BACKING_TABLE);
		return ERR_PTR(-ENOTCONN);
	}
	table = fuse_backing_table_get(fc);
	if (table)
		return table;
	fuse_backing_reject(fc, id, -ENOENT, FUSE_BACKING_UNKNOWN_ID);
	return ERR_PTR(-ENOENT);
}

/* Are what belongs together in @ops all there, or none? */
static bool are_ops_whole(u64 ops)
{
	static const u64 wholes[] = {
		FUSE_BACKING_OPS_ATTR, FUSE_BACKING_OPS_XATTR, FUSE_BACKING_OPS_LIST,
		FUSE_BACKING_OPS_SETXATTR, FUSE_BACKING_OPS_NAMES,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wholes); i++)
		if ((ops & wholes[i]) && (ops & wholes[i]) != wholes[i])
			return false;
	return true;
}

/* Attach a file, or a directory; @valid says whether its arguments are */
static int attach_file(struct fuse_conn *fc,
		       const struct fuse_backing_attach *args, bool valid,
		       bool dir)
{
	struct fuse_backing_table *table;
	int err, id = args->backing_id;

	err = fuse_backing_may_call(fc, id);
	if (err)
		return err;
	if (!valid || !args->nodeid || id <= 0 || !are_ops_whole(args->ops))
		return fuse_backing_reject(fc, id, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);
	if (args->ops & ~(dir ? FUSE_BACKING_OPS_DIR | FUSE_BACKING_OPS_BELOW |
				FUSE_BACKING_OPS_CHANGE : FUSE_BACKING_OPS_FILE))
		return fuse_backing_reject(fc, id, -EOPNOTSUPP,
					   FUSE_BACKING_OPERATIONS);
	err = args->ops & FUSE_BACKING_OPS_LOOKUP ?
	      fuse_backing_may_pass_names(fc, id, args->flags) :
	      fuse_backing_may_attach(fc, id, args->flags);
	if (err)
		return err;

	table = get_table(fc, id);
	if (IS_ERR(table))
		return PTR_ERR(table);
	err = attach_id(fc, &table->attachments, args, dir);
	fuse_backing_table_put(table);
	return err;
}

/**
 * fuse_backing_ioctl_attach - FUSE_DEV_IOC_BACKING_ATTACH: attach to an inode
 * @fc: the connection
 * @args: node, backing id and flags
 *
 * Consumes an id that belongs to one open, also if it fails after all.
 *
 * Context: process context without locks; may sleep, killable.  If pages of the
 *	inode are dirty, waits for the server to write them.
 * Return: 0; -EPERM as for fuse_backing_open(); -EINVAL, -EISDIR; -EOPNOTSUPP for what
 *	a file can't answer; -EACCES if nobody would check who may open the file; -ENOENT
 *	if the id is closed or unknown, or there is no such inode; -EEXIST, -ETXTBSY,
 *	-EBUSY, -EMFILE, -ENOTCONN, -EINTR, -ENOMEM.
 */
int fuse_backing_ioctl_attach(struct fuse_conn *fc,
			      const struct fuse_backing_attach *args)
{
	bool valid = (args->flags & ATTACH_MODES) &&
		     !(args->flags & ~ATTACH_FLAGS) && !args->reserved;

	return attach_file(fc, args, valid, false);
}

/*
 * Who isn't asked for names isn't asked for attributes; nor has anything below a name
 * if nobody can see that.
 */
static bool is_tree_valid(const struct fuse_backing_tree *tree)
{
	const u64 below = FUSE_BACKING_OPS_OPEN | FUSE_BACKING_OPS_READLINK |
			  FUSE_BACKING_OPS_CHANGE;
	bool opens = tree->ops & FUSE_BACKING_OPS_OPEN;
	u64 needed = 0;

	if (!tree->ops || (tree->flags & ~ATTACH_FLAGS) ||
	    opens != !!(tree->flags & ATTACH_MODES))
		return false;
	if (tree->ops & below)
		needed |= FUSE_BACKING_OPS_LOOKUP;
	if (tree->ops & FUSE_BACKING_OPS_LOOKUP)
		needed |= FUSE_BACKING_OPS_ATTR;
	return (tree->ops & needed) == needed;
}

/**
 * fuse_backing_ioctl_tree - FUSE_DEV_IOC_BACKING_TREE: attach to a directory
 * @fc: the connection
 * @tree: node, backing id, flags and what is to be answered
 *
 * Context: process context without locks; may sleep, killable.
 * Return: 0, or an error as fuse_backing_ioctl_attach(); -ENOTDIR instead of -EISDIR, and
 *	neither -ETXTBSY nor -EBUSY.
 */
int fuse_backing_ioctl_tree(struct fuse_conn *fc,
			    const struct fuse_backing_tree *tree)
{
	const struct fuse_backing_attach args = {
		.nodeid = tree->nodeid,
		.generation = tree->generation,
		.backing_id = tree->backing_id,
		.flags = tree->flags,
		.ops = tree->ops,
	};
	bool valid = !memchr_inv(tree->reserved, 0, sizeof(tree->reserved)) &&
		     is_tree_valid(tree);

	return attach_file(fc, &args, valid, true);
}

static int set_extents(struct fuse_conn *fc, struct fuse_attachments *all,
		       const struct fuse_backing_extents *args,
		       struct fuse_extents_map *map)
{
	struct fuse_attachment *att;

	att = fuse_attachment_of_extents(fc, args, map);
	if (IS_ERR(att))
		return PTR_ERR(att);
	return attach(fc, all, att, args->flags & FUSE_BACKING_ATTACH_PENDING);
}

static int check_extents(struct fuse_conn *fc,
			 const struct fuse_backing_extents *args)
{
	if (args->count > FUSE_BACKING_EXTENTS_MAX)
		return fuse_backing_reject(fc, 0, -E2BIG, FUSE_BACKING_EXTENT);
	if (!args->nodeid || !args->count || !(args->flags & ATTACH_MODES) ||
	    (args->flags & ~ATTACH_FLAGS) ||
	    args->reserved[0] || args->reserved[1])
		return fuse_backing_reject(fc, 0, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);
	return fuse_backing_may_attach(fc, 0, args->flags);
}

/**
 * fuse_backing_ioctl_extents - FUSE_DEV_IOC_BACKING_EXTENTS: where an inode's bytes are
 * @fc: the connection
 * @args: node, extents and flags
 *
 * Context: process context without locks; may sleep, killable.  Waits for I/O
 *	that is in flight, if there were extents before.
 * Return: 0; -EPERM as for fuse_backing_open(); -EINVAL, -E2BIG, -ENOTCONN, or an
 *	error as fuse_extents_map_read(), fuse_extents_create() or
 *	fuse_backing_ioctl_attach() describe it.
 */
int fuse_backing_ioctl_extents(struct fuse_conn *fc,
			       const struct fuse_backing_extents *args)
{
	struct fuse_backing_table *table;
	struct fuse_extents_map *map;
	int err;

	err = fuse_backing_may_call(fc, 0);
	if (err)
		return err;
	err = check_extents(fc, args);
	if (err)
		return err;

	/* memory of the caller's may take forever: the table's end would wait */
	map = fuse_extents_map_read(fc, args);
	if (IS_ERR(map))
		return PTR_ERR(map);
	table = get_table(fc, 0);
	if (IS_ERR(table)) {
		fuse_extents_map_abandon(map);
		return PTR_ERR(table);
	}
	err = set_extents(fc, &table->attachments, args, map);
	fuse_backing_table_put(table);
	return err;
}

/* Take its attachment from an inode */
static struct fuse_attachment *
take_attached_locked(struct fuse_inode *fi)
{
	struct fuse_attachment *att;

	spin_lock(&fi->lock);
	att = fi->backing.attached;
	fuse_inode_set_attached(fi, NULL);
	spin_unlock(&fi->lock);
	if (att) {
		list_del(&att->link);
		fuse_attachment_unuse(att);
	}
	return att;
}

static struct fuse_attachment *
take_attached(struct fuse_attachments *all, struct fuse_inode *fi)
{
	struct fuse_attachment *att;

	spin_lock(&all->lock);
	att = take_attached_locked(fi);
	spin_unlock(&all->lock);
	return att;
}

/*
 * Take its attachment from an inode, and with it the backing file from open files, which
 * are yet to be told.  Returns as fuse_backing_revoke_start().
 */
static int start_revoking(struct fuse_attachments *all, struct fuse_inode *fi,
			  struct fuse_attachment **att)
{
	int ret;

	spin_lock(&all->lock);
	spin_lock(&fi->lock);
	ret = fuse_backing_revoke_start(fi);
	/* at once: who still gets the attachment is old enough to lose it */
	if (ret >= 0) {
		*att = fi->backing.attached;
		fuse_inode_set_attached(fi, NULL);
	}
	spin_unlock(&fi->lock);
	if (*att) {
		list_del(&(*att)->link);
		fuse_attachment_unuse(*att);
	}
	spin_unlock(&all->lock);
	return ret;
}

/*
 * The same, and tell them.  Returns whether there were any, -EBUSY and nothing is done, or
 * -EINTR.
 */
static int revoke_attached(struct fuse_attachments *all,
			   struct fuse_inode *fi,
			   struct fuse_attachment **att)
{
	struct address_space *pages = fi->inode.i_mapping;
	int ret;

	do {
		/*
		 * A vma that is being changed is still one.  None that maps pages is
		 * added either before all files were told, which may fill them.
		 */
		i_mmap_lock_read(pages);
		ret = start_revoking(all, fi, att);
		if (ret >= 0)
			fuse_inode_backing_revoke(fi);
		i_mmap_unlock_read(pages);
		cond_resched();
	} while (ret == -EAGAIN && !signal_pending(current));
	return ret == -EAGAIN ? -EINTR : ret;
}

/*
 * Take what is attached to an inode.  Returns whether files lost their backing file, or an
 * errno.
 */
static int detach_inode(struct fuse_conn *fc, struct fuse_attachments *all,
			struct fuse_inode *fi, bool revoke,
			struct fuse_attachment **att, bool *queued)
{
	int ret, err;

	if (!revoke) {
		*att = take_attached(all, fi);
		return 0;
	}
	ret = revoke_attached(all, fi, att);
	if (ret == -EBUSY)
		fuse_backing_reject(fc, 0, ret, FUSE_BACKING_MMAPPED);
	if (ret < 0)
		return ret;
	err = fuse_backing_revoke_finish(fi, queued);
	return err ?: ret;
}

/*
 * Take what is attached to a node; killsb is held.  @queued is set if the thread has files
 * to close.
 */
static int detach_node(struct fuse_conn *fc, struct fuse_attachments *all,
		       const struct fuse_backing_detach *args,
		       struct fuse_attachment **att, bool *queued)
{
	struct inode *inode = find_inode(fc, args->nodeid, args->generation);
	int files;

	if (!inode)
		return 0;
	files = detach_inode(fc, all, get_fuse_inode(inode),
			     args->flags & FUSE_BACKING_DETACH_REVOKE, att, queued);
	if (*att && (*att)->tree)
		fuse_tree_drop((*att)->tree, inode);
	iput(inode);
	return files;
}

/* What was attached goes when nobody changes anything any more that is below it */
static int drop_attached(const struct fuse_attachments *all, struct fuse_attachment *att)
{
	int err = 0;

	if (att->tree)
		err = fuse_tree_wait_for_changes(att->tree);
	fuse_attachment_drop(all->fc, att, false);
	return err;
}

static int detach(struct fuse_conn *fc, struct fuse_attachments *all,
		  const struct fuse_backing_detach *args)
{
	struct fuse_attachment *pending, *attached = NULL;
	struct fuse_backing_table *table =
		container_of(all, struct fuse_backing_table, attachments);
	bool queued = false;
	int err, files;

	err = down_read_killable(&fc->killsb);
	if (err)
		return err;
	/* one that waits goes first: it can't be attached behind our back then */
	pending = fuse_pending_take(all, args->nodeid, args->generation, 0);
	files = detach_node(fc, all, args, &attached, &queued);
	up_read(&fc->killsb);

	if (queued)
		kthread_files_flush(table->files);
	if (pending)
		fuse_attachment_drop(all->fc, pending, false);
	if (attached)
		err = drop_attached(all, attached);
	if (err || files < 0)
		return err ?: files;
	return pending || attached || files ? 0 : -ENOENT;
}

/**
 * fuse_backing_ioctl_detach - FUSE_DEV_IOC_BACKING_DETACH: undo an attachment
 * @fc: the connection
 * @args: node and flags
 *
 * Open files keep what they were opened with, unless it is to be taken away.
 *
 * Context: process context without locks; may sleep, killable.  Waits for what
 *	is in flight, if the backing file is taken away, which any signal ends, and for
 *	changes below a tree.
 * Return: 0; -EPERM as for fuse_backing_open(); -EINVAL; -ENOENT if nothing is
 *	attached to the node or waits for it, and nothing is to be taken away;
 *	-EBUSY if it can't be, because something of it is mmapped; -EINTR.
 */
int fuse_backing_ioctl_detach(struct fuse_conn *fc,
			      const struct fuse_backing_detach *args)
{
	struct fuse_backing_table *table;
	int err;

	err = fuse_backing_may_call(fc, 0);
	if (err)
		return err;
	if ((args->flags & ~FUSE_BACKING_DETACH_REVOKE) || args->padding ||
	    args->reserved[0] || args->reserved[1])
		return fuse_backing_reject(fc, 0, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	err = -ENOENT;
	table = fuse_backing_table_get(fc);
	if (table) {
		err = detach(fc, &table->attachments, args);
		fuse_backing_table_put(table);
	}
	if (err == -ENOENT)
		fuse_backing_reject(fc, 0, err, FUSE_BACKING_NOT_ATTACHED);
	return err;
}

/* Rules that are said */
struct ruling {
	const struct fuse_backing_rules *args;
	/* they, and once they are set what there was */
	struct fuse_rules *rules;
	/* may they wait with an attachment: 0 or an errno */
	int may_wait;
	/* where they are set by then, with a reference */
	struct fuse_tree *tree;
};

/*
 * The tree that a directory is below, that it has attached, or that waits for it, and
 * where its rules are; as long as the lock is held.  %NULL if its names aren't passed
 * through.  @waits says whether it is one that waits.
 */
static struct fuse_tree *find_rules_locked(struct fuse_attachments *all,
					   const struct inode *inode,
					   const struct fuse_backing_rules *args,
					   struct fuse_rules __rcu ***rules,
					   bool *waits)
{
	struct fuse_node *node = inode ? fuse_inode_live_node(inode) : NULL;
	const struct fuse_attachment *att = NULL;

	*waits = false;
	if (node) {
		*rules = &node->rules;
		return node->tree;
	}
	if (inode)
		att = fuse_inode_of(inode)->backing.attached;
	/* it may wait still for an inode that was just made */
	*waits = !att;
	att = att ?: fuse_pending_find(all, args->nodeid, args->generation);
	if (!att || !att->tree)
		return NULL;
	*rules = &att->tree->rules;
	return att->tree;
}

/* killsb is held */
static int replace_rules(struct fuse_conn *fc, struct fuse_attachments *all,
			 const struct inode *inode, struct ruling *ruling)
{
	const struct fuse_backing_rules *args = ruling->args;
	struct fuse_rules __rcu **there;
	struct fuse_tree *tree;
	bool waits;
	int err;

	if (inode && fuse_inode_node(inode) && !S_ISDIR(inode->i_mode))
		return fuse_backing_reject(fc, 0, -ENOTDIR, FUSE_BACKING_FILE_TYPE);
	spin_lock(&all->lock);
	tree = find_rules_locked(all, inode, args, &there, &waits);
	err = !tree ? -ENOENT : waits ? ruling->may_wait : 0;
	if (!err) {
		if (!waits)
			fuse_rules_uncharge(ruling->rules);
		fuse_backing_trace(fuse_backing_rules, fc, args->nodeid,
				   fuse_rules_count(ruling->rules), args->otherwise);
		ruling->rules = rcu_replace_pointer(*there, ruling->rules,
						    lockdep_is_held(&all->lock));
		fuse_tree_ruled(tree);
		refcount_inc(&tree->count);
		ruling->tree = tree;
	}
	spin_unlock(&all->lock);
	return err == -ENOBUFS ?
	       fuse_backing_reject(fc, 0, err, FUSE_BACKING_MEMLOCK) : err;
}

static int set_rules(struct fuse_conn *fc, struct fuse_attachments *all,
		     struct ruling *ruling)
{
	const struct fuse_backing_rules *args = ruling->args;
	int err, tries = 2;
	struct inode *inode;

	ruling->may_wait = fuse_rules_charge(ruling->rules);
	err = down_read_killable(&fc->killsb);
	if (err)
		return err;
	/* what waits for an inode may become the inode's meanwhile */
	do {
		inode = find_inode(fc, args->nodeid, args->generation);
		err = replace_rules(fc, all, inode, ruling);
		iput(inode);
	} while (err == -ENOENT && --tries);
	up_read(&fc->killsb);
	if (err)
		return err;
	err = fuse_tree_wait_for_changes(ruling->tree);
	fuse_tree_put(ruling->tree);
	return err;
}

/**
 * fuse_backing_ioctl_rules - FUSE_DEV_IOC_BACKING_RULES: what becomes of names
 * @fc: the connection
 * @args: node and rules
 *
 * Returns when nobody changes anything any more by what rules said before.
 *
 * Context: process context without locks; may sleep, killable.
 * Return: 0; -EPERM as for fuse_backing_open(); -ENOENT if names of the node aren't passed
 *	through, -ENOTDIR, -EINTR, or an error as fuse_rules_read().
 */
int fuse_backing_ioctl_rules(struct fuse_conn *fc,
			     const struct fuse_backing_rules *args)
{
	struct ruling ruling = { .args = args };
	struct fuse_backing_table *table;
	int err;

	err = fuse_backing_may_call(fc, 0);
	if (err)
		return err;
	/* memory of the caller's may take forever: the table's end would wait */
	ruling.rules = fuse_rules_read(fc, args);
	if (IS_ERR(ruling.rules))
		return PTR_ERR(ruling.rules);
	err = -ENOENT;
	table = fuse_backing_table_get(fc);
	if (table) {
		err = set_rules(fc, &table->attachments, &ruling);
		fuse_backing_table_put(table);
	}
	fuse_rules_free(ruling.rules);
	if (err == -ENOENT)
		fuse_backing_reject(fc, 0, err, FUSE_BACKING_NOT_ATTACHED);
	return err;
}

/**
 * fuse_attachments_close - nothing can be attached any more
 * @all: of a table whose connection is aborted
 *
 * Context: process context; doesn't sleep.
 */
void fuse_attachments_close(struct fuse_attachments *all)
{
	spin_lock(&all->lock);
	all->closed = true;
	spin_unlock(&all->lock);
}

/* What comes later has a larger serial number */
static u64 latest_serial(struct fuse_attachments *all)
{
	u64 serial;

	spin_lock(&all->lock);
	serial = all->serial;
	spin_unlock(&all->lock);
	return serial;
}

/*
 * Take what has been attached for the longest time, unless it came after @latest.  Of a
 * tree, its inode is set to @dir with a reference, unless that or @fc's superblock is going;
 * killsb is held.
 */
static struct fuse_attachment *
take_oldest_attached(struct fuse_conn *fc, struct fuse_attachments *all, u64 latest,
		     struct inode **dir)
{
	struct fuse_attachment *att;

	*dir = NULL;
	spin_lock(&all->lock);
	att = list_first_entry_or_null(&all->attached,
				       struct fuse_attachment, link);
	if (att && att->serial > latest)
		att = NULL;
	/* an inode that is evicted would have to get past the lock */
	if (att && att->tree && !list_empty(&fc->mounts))
		*dir = igrab(&att->fi->inode);
	if (att)
		take_attached_locked(att->fi);
	spin_unlock(&all->lock);
	return att;
}

/* Returns 1 if there may be more, 0, or -EINTR */
static int detach_oldest(struct fuse_attachments *all, u64 latest)
{
	struct fuse_backing_table *table =
		container_of(all, struct fuse_backing_table, attachments);
	struct fuse_attachment *att;
	struct inode *dir;
	int err;

	err = down_read_killable(&table->fc->killsb);
	if (err)
		return err;
	att = take_oldest_attached(table->fc, all, latest, &dir);
	if (dir) {
		fuse_tree_drop(att->tree, dir);
		iput(dir);
	} else if (att && att->tree) {
		/* whoever evicts its inode finds nothing attached to it any more */
		fuse_tree_drop_left(att->tree);
	}
	up_read(&table->fc->killsb);
	if (!att)
		return 0;
	err = drop_attached(all, att);
	return err || fatal_signal_pending(current) ? -EINTR : 1;
}

/**
 * fuse_attachments_detach_all - drop all attachments
 * @all: of a table that the caller holds a reference on
 *
 * Those that somebody adds meanwhile stay, so that it ends.
 *
 * Context: process context without locks; may sleep, killable.  Waits for changes below
 *	trees.
 * Return: 0; -EINTR if the caller was killed: some may be left.
 */
int fuse_attachments_detach_all(struct fuse_attachments *all)
{
	u64 latest;
	int err;

	/* all but those that are added meanwhile */
	err = fuse_pending_drop(all, NULL, latest_serial(all));
	if (err)
		return err;
	/* from here on: those that waited may be attached by now */
	latest = latest_serial(all);
	do {
		err = detach_oldest(all, latest);
		cond_resched();
	} while (err > 0);
	return err;
}

/* An inode takes its attachment along */
static void evict_attached(struct fuse_inode *fi)
{
	struct fuse_conn *fc = get_fuse_conn(&fi->inode);
	struct fuse_attachment *att;
	struct fuse_attachments *all;

	/* the lock also waits for who detaches all */
	if (!fi->backing.was_attached)
		return;
	/* the table ends after the inodes do */
	all = &fc->backing_table->attachments;
	att = take_attached(all, fi);
	if (!att)
		return;
	if (att->tree)
		fuse_tree_drop_left(att->tree);
	fuse_attachment_drop(all->fc, att, true);
}

/**
 * fuse_inode_backing_evict - give up the mappings of an inode
 * @fi: the FUSE inode, which nobody else uses
 *
 * Context: may be memory reclaim: backing files are closed by the thread.
 */
void fuse_inode_backing_evict(struct fuse_inode *fi)
{
	evict_attached(fi);
	fuse_inode_backing_evict_mapped(fi);
	/* last: the thread is to free mappings of a node before that */
	fuse_node_evict(fi);
}
