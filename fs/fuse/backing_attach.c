// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: attached to inodes.
 *
 * An attachment says that a FUSE inode may be opened on a backing file without
 * asking the server.  It waits for its inode in a hash, or is the inode's until
 * that is evicted or detached.  Files that are open keep what they were opened
 * with; an attachment is only for those to come.
 *
 * Locking: fuse_backing_nodes::lock protects hash and list, fuse_inode::lock is
 * taken inside of it and protects fuse_inode_backing::attached.  Whoever takes an
 * attachment from both is its owner.
 *
 * An inode that is made and an attachment that is left to wait must not miss each
 * other: each makes itself known first and looks for the other then.
 */

#include "fuse_i.h"
#include "backing_reject.h"

#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/pagemap.h>

#define ATTACH_MODES	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define ATTACH_FLAGS	(ATTACH_MODES | FUSE_BACKING_ATTACH_PENDING)

/*
 * @fb: the mapping, with a reference
 * @use: as a user of it
 * @backing: its inode, to compare with
 * @fi: the inode it is attached to, which takes it along when it goes; %NULL if
 *	it waits for one
 * @hash: where it waits
 * @link: among the attached
 */
struct fuse_backing_attachment {
	struct fuse_backing *fb;
	struct fuse_backing_use use;
	const struct inode *backing;
	struct fuse_inode *fi;
	union {
		struct hlist_node hash;
		struct list_head link;
	};
	u64 nodeid;
	u32 generation;
	u32 modes;
};

/**
 * fuse_backing_nodes_init - attachments of a table
 * @nodes: of the table
 *
 * Context: any.
 */
void fuse_backing_nodes_init(struct fuse_backing_nodes *nodes)
{
	spin_lock_init(&nodes->lock);
	hash_init(nodes->pending);
	atomic_set(&nodes->nr_pending, 0);
	INIT_LIST_HEAD(&nodes->attached);
	nodes->closed = false;
}

/* An attachment that is nobody's any more */
static void drop(struct fuse_backing_attachment *att)
{
	fuse_backing_unuse(att->fb, &att->use);
	fuse_backing_put(att->fb);
	kfree(att);
}

/* The same where a file can't be closed */
static void drop_deferred(struct fuse_backing_attachment *att)
{
	fuse_backing_unuse(att->fb, &att->use);
	fuse_backing_put_deferred(att->fb);
	kfree(att);
}

static struct fuse_backing_attachment *
find_pending_locked(struct fuse_backing_nodes *nodes, u64 nodeid,
		    u32 generation)
{
	struct fuse_backing_attachment *att;

	hash_for_each_possible(nodes->pending, att, hash, nodeid)
		if (att->nodeid == nodeid && att->generation == generation)
			return att;
	return NULL;
}

static void remove_pending_locked(struct fuse_backing_nodes *nodes,
				  struct fuse_backing_attachment *att)
{
	hash_del(&att->hash);
	atomic_dec(&nodes->nr_pending);
}

/* Its id may have been closed since it was looked up */
static bool is_closed(const struct fuse_backing *fb)
{
	return !fb->per_open && READ_ONCE(fb->closed);
}

/* May @att be the attachment of @fi?  Returns an errno, and why in @reason */
static int check_inode(const struct fuse_inode *fi,
		       const struct fuse_backing_attachment *att,
		       enum fuse_backing_reason *reason)
{
	*reason = FUSE_BACKING_ATTACHED;
	if (fi->backing.attached)
		return -EEXIST;
	*reason = FUSE_BACKING_CACHED_OPEN;
	if (fi->iocachectr > 0)
		return -ETXTBSY;
	*reason = FUSE_BACKING_OTHER_INODE;
	if (fi->backing.inode && fi->backing.inode != att->backing)
		return -EBUSY;
	return 0;
}

/* Is there still something to attach? */
static int check_mapping(const struct fuse_backing_nodes *nodes,
			 const struct fuse_backing *fb,
			 enum fuse_backing_reason *reason)
{
	*reason = FUSE_BACKING_TABLE;
	if (nodes->closed)
		return -ENOTCONN;
	*reason = FUSE_BACKING_UNKNOWN_ID;
	return is_closed(fb) ? -ENOENT : 0;
}

/* Takes over @att if it succeeds */
static int attach_locked(struct fuse_conn *fc, struct fuse_backing_nodes *nodes,
			 struct fuse_inode *fi,
			 struct fuse_backing_attachment *att)
{
	enum fuse_backing_reason reason;
	int err;

	err = check_mapping(nodes, att->fb, &reason);
	if (!err) {
		spin_lock(&fi->lock);
		err = check_inode(fi, att, &reason);
		if (!err) {
			WRITE_ONCE(fi->backing.attached, att);
			fi->backing.was_attached = true;
		}
		spin_unlock(&fi->lock);
	}
	if (err)
		return fuse_backing_reject(fc, att->fb->id, err, reason);

	att->fi = fi;
	list_add_tail(&att->link, &nodes->attached);
	fuse_backing_use(att->fb, &att->use, FUSE_BACKING_ATTACH, att->nodeid);
	return 0;
}

static int check_type(struct fuse_conn *fc, struct inode *inode, int id)
{
	if (S_ISREG(inode->i_mode))
		return 0;
	return fuse_backing_reject(fc, id,
				   S_ISDIR(inode->i_mode) ? -EISDIR : -EINVAL,
				   FUSE_BACKING_FILE_TYPE);
}

/*
 * What is cached must not be seen again once it has changed behind the cache.
 * Pages are dirty only as long as a file is open, without a writeback cache.
 */
static int forget_cache(struct fuse_conn *fc, struct inode *inode, int id)
{
	if (READ_ONCE(get_fuse_inode(inode)->iocachectr) <= 0 &&
	    !invalidate_inode_pages2(inode->i_mapping))
		return 0;
	return fuse_backing_reject(fc, id, -ETXTBSY, FUSE_BACKING_CACHED_OPEN);
}

static int attach_inode(struct fuse_conn *fc, struct fuse_backing_nodes *nodes,
			struct inode *inode,
			struct fuse_backing_attachment *att)
{
	int err;

	err = check_type(fc, inode, att->fb->id);
	if (err)
		return err;
	err = forget_cache(fc, inode, att->fb->id);
	if (err)
		return err;

	spin_lock(&nodes->lock);
	err = attach_locked(fc, nodes, get_fuse_inode(inode), att);
	spin_unlock(&nodes->lock);
	return err;
}

/* Attach what waits for @inode */
static void take_pending(struct fuse_conn *fc, struct fuse_backing_nodes *nodes,
			 struct inode *inode)
{
	struct fuse_backing_attachment *att;
	int err = 0;

	spin_lock(&nodes->lock);
	att = find_pending_locked(nodes, get_node_id(inode),
				  inode->i_generation);
	if (att) {
		remove_pending_locked(nodes, att);
		fuse_backing_unuse(att->fb, &att->use);
		err = check_type(fc, inode, att->fb->id);
		if (!err)
			err = attach_locked(fc, nodes, get_fuse_inode(inode),
					    att);
	}
	spin_unlock(&nodes->lock);

	if (err) {
		fuse_backing_put_deferred(att->fb);
		kfree(att);
	}
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
	struct fuse_backing_nodes *nodes;

	if (!fc->passthrough)
		return;
	/* the inode is hashed; pairs with smp_mb__after_atomic() in add_pending() */
	smp_mb();
	/* pairs with smp_store_release() in table_publish() */
	table = smp_load_acquire(&fc->backing_table);
	if (!table)
		return;
	nodes = fuse_backing_table_nodes(table);
	if (atomic_read(&nodes->nr_pending))
		take_pending(fc, nodes, inode);
}

/* Takes over @att if it succeeds */
static int add_pending(struct fuse_conn *fc, struct fuse_backing_nodes *nodes,
		       struct fuse_backing_attachment *att)
{
	enum fuse_backing_reason reason;
	int err, id = att->fb->id;

	spin_lock(&nodes->lock);
	err = check_mapping(nodes, att->fb, &reason);
	if (!err && find_pending_locked(nodes, att->nodeid, att->generation)) {
		err = -EEXIST;
		reason = FUSE_BACKING_ATTACHED;
	}
	if (!err && atomic_read(&nodes->nr_pending) >=
		    fuse_backing_table_limit(att->fb->table)) {
		err = -EMFILE;
		reason = FUSE_BACKING_TABLE;
	}
	if (!err) {
		hash_add(nodes->pending, &att->hash, att->nodeid);
		atomic_inc(&nodes->nr_pending);
		fuse_backing_use(att->fb, &att->use, FUSE_BACKING_PENDING,
				 att->nodeid);
	}
	spin_unlock(&nodes->lock);

	if (err)
		return fuse_backing_reject(fc, id, err, reason);
	/* pairs with smp_mb() in fuse_backing_inode_made() */
	smp_mb__after_atomic();
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

/* Takes over @att if it succeeds; killsb is held */
static int attach_node(struct fuse_conn *fc, struct fuse_backing_nodes *nodes,
		       struct fuse_backing_attachment *att, bool pending)
{
	u32 generation = att->generation;
	u64 nodeid = att->nodeid;
	struct inode *inode;
	int err;

	inode = find_inode(fc, nodeid, generation);
	if (inode) {
		err = attach_inode(fc, nodes, inode, att);
		iput(inode);
		return err;
	}
	if (!pending)
		return fuse_backing_reject(fc, att->fb->id, -ENOENT,
					   FUSE_BACKING_NO_INODE);

	err = add_pending(fc, nodes, att);
	if (err)
		return err;
	/* it may have been made meanwhile */
	inode = find_inode(fc, nodeid, generation);
	if (inode) {
		take_pending(fc, nodes, inode);
		iput(inode);
	}
	return 0;
}

static struct fuse_backing_attachment *
make_attachment(struct fuse_backing *fb, const struct fuse_backing_attach *args)
{
	struct fuse_backing_attachment *att;
	struct file *registered;

	if (fuse_backing_usage_start(fb))
		return NULL;
	att = kmalloc(sizeof(*att), GFP_KERNEL_ACCOUNT);
	if (!att)
		return NULL;

	registered = fuse_backing_file(fb);
	att->backing = file_inode(registered);
	fput(registered);
	att->fb = fb;
	att->fi = NULL;
	att->nodeid = args->nodeid;
	att->generation = args->generation;
	att->modes = args->flags & ATTACH_MODES;
	return att;
}

/* Takes over the reference on @fb if it succeeds */
static int attach_mapping(struct fuse_conn *fc, struct fuse_backing *fb,
			  const struct fuse_backing_attach *args)
{
	struct fuse_backing_attachment *att;
	int err;

	att = make_attachment(fb, args);
	if (!att)
		return -ENOMEM;
	WRITE_ONCE(fb->per_inode, true);

	err = down_read_killable(&fc->killsb);
	if (!err) {
		err = attach_node(fc, fuse_backing_table_nodes(fb->table), att,
				  args->flags & FUSE_BACKING_ATTACH_PENDING);
		up_read(&fc->killsb);
	}
	if (err)
		kfree(att);
	return err;
}

static int attach_id(struct fuse_conn *fc,
		     const struct fuse_backing_attach *args)
{
	struct fuse_backing *fb;
	int err;

	fb = fuse_backing_claim(fc, args->backing_id) ?:
	     fuse_backing_lookup(fc, args->backing_id);
	if (!fb)
		return fuse_backing_reject(fc, args->backing_id, -ENOENT,
					   FUSE_BACKING_UNKNOWN_ID);
	err = attach_mapping(fc, fb, args);
	if (err)
		fuse_backing_put(fb);
	return err;
}

static bool is_attach_valid(const struct fuse_backing_attach *args)
{
	return args->nodeid && args->backing_id > 0 &&
	       (args->flags & ATTACH_MODES) && !(args->flags & ~ATTACH_FLAGS) &&
	       !args->reserved[0] && !args->reserved[1];
}

/**
 * fuse_backing_attach - FUSE_DEV_IOC_BACKING_ATTACH: attach to an inode
 * @fc: the connection
 * @args: node, backing id and flags
 *
 * Consumes an id that belongs to one open, also if it fails after all.
 *
 * Context: process context without locks; may sleep, killable.  If pages of the
 *	inode are dirty, waits for the server to write them.
 * Return: 0; -EPERM as for fuse_backing_open(); -EINVAL, -EISDIR; -ENOENT if the
 *	id is closed or unknown, or there is no such inode; -EEXIST, -ETXTBSY,
 *	-EBUSY, -EMFILE, -ENOTCONN, -EINTR, -ENOMEM.
 */
int fuse_backing_attach(struct fuse_conn *fc,
			const struct fuse_backing_attach *args)
{
	struct fuse_backing_table *table;
	int err;

	err = fuse_backing_may_call(fc, args->backing_id);
	if (err)
		return err;
	if (!is_attach_valid(args))
		return fuse_backing_reject(fc, args->backing_id, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	table = fuse_backing_table_get(fc);
	if (!table)
		return fuse_backing_reject(fc, args->backing_id, -ENOENT,
					   FUSE_BACKING_UNKNOWN_ID);
	err = attach_id(fc, args);
	fuse_backing_table_put(table);
	return err;
}

/* Take its attachment from an inode */
static struct fuse_backing_attachment *
take_attached_locked(struct fuse_inode *fi)
{
	struct fuse_backing_attachment *att;

	spin_lock(&fi->lock);
	att = fi->backing.attached;
	WRITE_ONCE(fi->backing.attached, NULL);
	spin_unlock(&fi->lock);
	if (att)
		list_del(&att->link);
	return att;
}

static struct fuse_backing_attachment *
take_attached(struct fuse_backing_nodes *nodes, struct fuse_inode *fi)
{
	struct fuse_backing_attachment *att;

	spin_lock(&nodes->lock);
	att = take_attached_locked(fi);
	spin_unlock(&nodes->lock);
	return att;
}

static struct fuse_backing_attachment *
cancel_pending(struct fuse_backing_nodes *nodes, u64 nodeid, u32 generation)
{
	struct fuse_backing_attachment *att;

	spin_lock(&nodes->lock);
	att = find_pending_locked(nodes, nodeid, generation);
	if (att)
		remove_pending_locked(nodes, att);
	spin_unlock(&nodes->lock);
	return att;
}

/*
 * Take its attachment from an inode, and start to take the backing file from open
 * files.  Returns how many those are, or -EBUSY and nothing is done.
 */
static int revoke_attached(struct fuse_backing_nodes *nodes,
			   struct fuse_inode *fi,
			   struct fuse_backing_attachment **att)
{
	int files;

	spin_lock(&nodes->lock);
	spin_lock(&fi->lock);
	files = fuse_backing_revoke_start(fi);
	/* at once: who still gets the attachment is old enough to lose it */
	if (files >= 0) {
		*att = fi->backing.attached;
		WRITE_ONCE(fi->backing.attached, NULL);
	}
	spin_unlock(&fi->lock);
	if (*att)
		list_del(&(*att)->link);
	spin_unlock(&nodes->lock);
	return files;
}

/*
 * Take what is attached to an inode.  Returns how many files lost their backing
 * file, or an errno.
 */
static int detach_inode(struct fuse_conn *fc, struct fuse_backing_nodes *nodes,
			struct fuse_inode *fi, bool revoke,
			struct fuse_backing_attachment **att)
{
	int files, err;

	if (!revoke) {
		*att = take_attached(nodes, fi);
		return 0;
	}
	files = revoke_attached(nodes, fi, att);
	if (files < 0)
		return fuse_backing_reject(fc, 0, files, FUSE_BACKING_MMAPPED);
	err = fuse_backing_revoke_finish(fi);
	return err ?: files;
}

/* The same for a node; killsb is held */
static int detach_node(struct fuse_conn *fc, struct fuse_backing_nodes *nodes,
		       const struct fuse_backing_detach *args,
		       struct fuse_backing_attachment **att)
{
	struct inode *inode = find_inode(fc, args->nodeid, args->generation);
	int files;

	if (!inode)
		return 0;
	files = detach_inode(fc, nodes, get_fuse_inode(inode),
			     args->flags & FUSE_BACKING_DETACH_REVOKE, att);
	iput(inode);
	return files;
}

static int detach(struct fuse_conn *fc, struct fuse_backing_nodes *nodes,
		  const struct fuse_backing_detach *args)
{
	struct fuse_backing_attachment *pending, *attached = NULL;
	int err, files;

	err = down_read_killable(&fc->killsb);
	if (err)
		return err;
	/* one that waits goes first: it can't be attached behind our back then */
	pending = cancel_pending(nodes, args->nodeid, args->generation);
	files = detach_node(fc, nodes, args, &attached);
	up_read(&fc->killsb);

	if (pending)
		drop(pending);
	if (attached)
		drop(attached);
	if (files < 0)
		return files;
	return pending || attached || files ? 0 : -ENOENT;
}

/**
 * fuse_backing_detach - FUSE_DEV_IOC_BACKING_DETACH: undo an attachment
 * @fc: the connection
 * @args: node and flags
 *
 * Open files keep what they were opened with, unless it is to be taken away.
 *
 * Context: process context without locks; may sleep, killable.  Waits for what
 *	is in flight, if the backing file is taken away.
 * Return: 0; -EPERM as for fuse_backing_open(); -EINVAL; -ENOENT if nothing is
 *	attached to the node or waits for it, and nothing is to be taken away;
 *	-EBUSY if it can't be, because the inode was mmapped; -EINTR.
 */
int fuse_backing_detach(struct fuse_conn *fc,
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
		err = detach(fc, fuse_backing_table_nodes(table), args);
		fuse_backing_table_put(table);
	}
	if (err == -ENOENT)
		fuse_backing_reject(fc, 0, err, FUSE_BACKING_NOT_ATTACHED);
	return err;
}

/**
 * fuse_backing_close_nodes - nothing is attached any more
 * @nodes: of a table whose connection is aborted
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_close_nodes(struct fuse_backing_nodes *nodes)
{
	spin_lock(&nodes->lock);
	nodes->closed = true;
	spin_unlock(&nodes->lock);
}

static struct fuse_backing_attachment *
any_pending_locked(struct fuse_backing_nodes *nodes,
		   const struct fuse_backing *fb)
{
	struct fuse_backing_attachment *att;
	int bucket;

	hash_for_each(nodes->pending, bucket, att, hash)
		if (!fb || att->fb == fb)
			return att;
	return NULL;
}

/**
 * fuse_backing_drop_pending - drop attachments that wait
 * @nodes: of the table
 * @fb: the mapping whose id was closed; %NULL for all
 *
 * Context: process context without locks; may sleep.
 */
void fuse_backing_drop_pending(struct fuse_backing_nodes *nodes,
			       const struct fuse_backing *fb)
{
	struct fuse_backing_attachment *att;

	while (fb ? fuse_backing_uses(fb, FUSE_BACKING_PENDING) :
		    atomic_read(&nodes->nr_pending)) {
		spin_lock(&nodes->lock);
		att = any_pending_locked(nodes, fb);
		if (att)
			remove_pending_locked(nodes, att);
		spin_unlock(&nodes->lock);
		if (!att)
			return;
		drop(att);
		cond_resched();
	}
}

/**
 * fuse_backing_detach_all - drop all attachments
 * @nodes: of a table that the caller holds a reference on
 *
 * Context: process context without locks; may sleep.
 */
void fuse_backing_detach_all(struct fuse_backing_nodes *nodes)
{
	struct fuse_backing_attachment *att;

	fuse_backing_drop_pending(nodes, NULL);
	do {
		spin_lock(&nodes->lock);
		att = list_first_entry_or_null(&nodes->attached,
					       struct fuse_backing_attachment,
					       link);
		/* an inode that is evicted would have to get past the lock */
		if (att)
			take_attached_locked(att->fi);
		spin_unlock(&nodes->lock);
		if (att)
			drop(att);
		cond_resched();
	} while (att);
}

/**
 * fuse_backing_evict_attached - an inode takes its attachment along
 * @fi: the FUSE inode, which nobody else uses
 *
 * Context: may be memory reclaim: backing files are closed by a worker.
 */
void fuse_backing_evict_attached(struct fuse_inode *fi)
{
	struct fuse_conn *fc = get_fuse_conn(&fi->inode);
	struct fuse_backing_attachment *att;

	/* the lock also waits for who detaches all */
	if (!fi->backing.was_attached)
		return;
	/* the table ends after the inodes do */
	att = take_attached(fuse_backing_table_nodes(fc->backing_table), fi);
	if (att)
		drop_deferred(att);
}

/**
 * fuse_backing_attached - the mapping that is attached to an inode
 * @fi: the FUSE inode
 * @modes: FUSE_BACKING_READ and _WRITE, what it has to be good for
 *
 * Context: any but interrupts.
 * Return: the mapping with a reference; %NULL if there is none like that.
 */
struct fuse_backing *fuse_backing_attached(struct fuse_inode *fi, u32 modes)
{
	const struct fuse_backing_attachment *att;
	struct fuse_backing *fb = NULL;

	spin_lock(&fi->lock);
	att = fi->backing.attached;
	if (att && !(modes & ~att->modes)) {
		fb = att->fb;
		refcount_inc(&fb->count);
	}
	spin_unlock(&fi->lock);

	return fb;
}
