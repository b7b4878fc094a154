// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: the state of an inode, and who is open on it.
 *
 * All files of a FUSE inode that are open in passthrough mode have the same
 * backing inode, whatever their backing ids, so that they see the same data.
 *
 * Each FUSE file counts what it has in flight.  The count is negative once the
 * backing file is taken away, so that one atomic operation both counts and asks.
 *
 * A file that was being opened meanwhile is noticed by its age: fuse_file::kh is
 * given before the server is asked and before an attachment is looked at, from
 * the counter that a revocation takes its own time from.  Those that were there already
 * are as old, and behind all that come later: they are told some at a time, because a
 * user may have any number of them open.
 *
 * Locking: fuse_inode::lock protects all of struct fuse_inode_backing.  No other is
 * taken inside of it but those of extents and of a mapping's users.
 */

#include "fuse_i.h"
#include "backing_attachment.h"
#include "backing_extents.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_mapping.h"
#include "backing_mmap.h"
#include "backing_trace.h"
#include "backing_tree.h"
#include "backing_usage.h"

#include <linux/sched.h>
#include <linux/wait_bit.h>

/* So many files are told that they lose their backing file before others get the lock */
#define REVOKED_AT_ONCE	64

/**
 * fuse_inode_backing_init - a FUSE inode without backing files
 * @fi: the FUSE inode, new and zeroed
 *
 * Context: any.
 */
void fuse_inode_backing_init(struct fuse_inode *fi)
{
	INIT_LIST_HEAD(&fi->backing.open);
	INIT_LIST_HEAD(&fi->backing.revoked);
	INIT_LIST_HEAD(&fi->backing.mapped);
}

/*
 * All have one name: the root's changes while others may be taking its lock, and lockdep
 * may look up the old class by the new name.
 */
static void set_dir_class(struct inode *dir, struct lock_class_key *key)
{
	static const char name[] = "fuse_dir_key";

	lockdep_set_class_and_name(&dir->i_rwsem, key, name);
}

/**
 * fuse_inode_backing_made - a FUSE inode is new
 * @inode: the FUSE inode, which nobody else knows yet, with its type
 *
 * A write to a backing file is done with our inode locked, a page filled from one with the
 * lock of our mapping, a backing directory looked up in with our directory locked; and what
 * is below may be on another FUSE filesystem: to lockdep the same lock, without this.  Not a
 * subclass of a directory's: those say which is the parent when directories are removed and
 * renamed.
 *
 * It has to be known before anybody waits for the lock.  The root is there before INIT says
 * how deep its filesystem is: until then its lock is like no other.
 *
 * Context: any.
 */
void fuse_inode_backing_made(struct inode *inode)
{
	static struct lock_class_key files[FILESYSTEM_MAX_STACK_DEPTH];
	static struct lock_class_key dirs[FILESYSTEM_MAX_STACK_DEPTH];
	static struct lock_class_key root;
	int depth = inode->i_sb->s_stack_depth;

	if (S_ISREG(inode->i_mode) && depth) {
		lockdep_set_class(&inode->i_rwsem, &files[depth - 1]);
		lockdep_set_subclass(&inode->i_mapping->invalidate_lock, depth);
	} else if (S_ISDIR(inode->i_mode) && depth) {
		set_dir_class(inode, &dirs[depth - 1]);
	} else if (get_node_id(inode) == FUSE_ROOT_ID) {
		set_dir_class(inode, &root);
	}
}

/**
 * fuse_backing_initialized - INIT was answered
 * @sb: the FUSE superblock, with its root
 *
 * Nobody makes a request before this returns.  Whoever waited for the root's lock before
 * may come to that of one on which nothing is stacked: what they wait for is to be another.
 *
 * Context: process context.
 */
void fuse_backing_initialized(struct super_block *sb)
{
	struct inode *root = d_inode(sb->s_root);
	static struct lock_class_key flat;

	if (sb->s_stack_depth)
		fuse_inode_backing_made(root);
	else
		set_dir_class(root, &flat);
}

static struct fuse_passthrough *first_of(struct list_head *files)
{
	return list_first_entry_or_null(files, struct fuse_passthrough, link);
}

/* Those of an attachment, or what open files have kept of one: never of two */
static struct fuse_extents *find_extents(struct fuse_inode *fi)
{
	struct fuse_extents *extents = fuse_inode_attached_extents(fi);
	struct fuse_passthrough *pt;

	if (extents)
		return extents;
	pt = first_of(&fi->backing.open) ?: first_of(&fi->backing.revoked);
	return pt ? pt->extents : NULL;
}

/**
 * fuse_inode_backing_note_server - something is written to the server, or cut there
 * @inode: a FUSE inode, which may have extents or be given some
 *
 * Context: any.
 */
void fuse_inode_backing_note_server(struct inode *inode)
{
	WRITE_ONCE(get_fuse_inode(inode)->backing.remote_data, true);
}

/**
 * fuse_inode_backing_size - the size of a FUSE inode is about to change
 * @inode: the FUSE inode
 * @size: the new one
 *
 * With extents, the server has it, and fsync(2) asks for it.  If the file becomes longer,
 * what is between the old end and what somebody wrote reads as zeros, whatever the
 * extents have there: the server knows.
 *
 * Context: fuse_inode::lock is held.
 */
void fuse_inode_backing_size(struct inode *inode, loff_t size)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_extents *extents;

	lockdep_assert_held(&fi->lock);
	if (size == inode->i_size)
		return;
	/* also if there are no extents yet */
	fuse_inode_backing_note_server(inode);
	extents = find_extents(fi);
	if (!extents)
		return;
	/* i_size_read() and what it lets find are ordered */
	if (size > inode->i_size)
		fuse_extents_cut(extents, inode->i_size);
}

/**
 * fuse_inode_backing_truncated - an open has truncated a FUSE inode at the server
 * @inode: the FUSE inode, whose size has been set to 0
 *
 * FUSE does that once the server has answered, and it may have been written to since.
 * What files are open on knows better.
 *
 * Context: process context with the FUSE inode locked exclusively; doesn't sleep.
 */
void fuse_inode_backing_truncated(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	if (fi->backing.files && fi->backing.inode != inode) {
		fi->attr_version =
			atomic64_inc_return(&get_fuse_conn(inode)->attr_version);
		i_size_write(inode, i_size_read(fi->backing.inode));
	}
	spin_unlock(&fi->lock);
}

/**
 * fuse_inode_backing_resized - the kernel has changed the size of the backing file
 * @inode: the FUSE inode, locked exclusively
 * @backing: of the backing file, whose size is to be ours; %NULL if that failed
 *
 * Attributes that were asked for before are not to be believed.
 *
 * Context: process context.
 */
void fuse_inode_backing_resized(struct inode *inode, struct inode *backing)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_conn *fc = get_fuse_conn(inode);

	spin_lock(&fi->lock);
	fi->attr_version = atomic64_inc_return(&fc->attr_version);
	if (backing) {
		fuse_inode_backing_size(inode, i_size_read(backing));
		i_size_write(inode, i_size_read(backing));
	}
	spin_unlock(&fi->lock);

	fuse_backing_invalidate(inode, FUSE_STATX_MODSIZE);
}

/*
 * Take the size of what a file of @fi is open on, if attributes are from there: else the server
 * says it.  Others have written there, or have truncated it, and the VFS goes by the FUSE inode
 * where it copies a range, locks one from the end, or reads a file as a whole.
 *
 * A reply that is on its way may take it back: nobody has waited for those others.
 */
static void take_size_locked(struct fuse_inode *fi, const struct fuse_passthrough *pt)
{
	const struct fuse_node *node = fuse_inode_live_node(&fi->inode);
	struct inode *backing = file_inode(pt->file);
	bool same;

	if (node)
		same = fuse_node_is(node, backing);
	else
		same = (fi->backing.ops & FUSE_BACKING_OPS_ATTR) &&
		       fi->backing.attached->fb == pt->fb;
	if (!same)
		return;
	/* attributes that were asked for before are not to be believed */
	fi->attr_version = atomic64_inc_return(&pt->ff->fm->fc->attr_version);
	fuse_inode_backing_size(&fi->inode, i_size_read(backing));
	i_size_write(&fi->inode, i_size_read(backing));
}

/**
 * fuse_inode_backing_grown - a read has gone beyond the size of a FUSE inode
 * @inode: the FUSE inode
 * @pt: of the file, which has its backing file
 *
 * Else copy_file_range(2) would end where the file was shorter than what its caller has read.
 *
 * Context: any but interrupts.
 */
void fuse_inode_backing_grown(struct inode *inode, const struct fuse_passthrough *pt)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	/* or it was a read beyond the end */
	if (i_size_read(file_inode(pt->file)) <= i_size_read(inode))
		return;
	spin_lock(&fi->lock);
	take_size_locked(fi, pt);
	spin_unlock(&fi->lock);
}

/*
 * A file of @fi is being opened in passthrough mode: on @backing, which the open file
 * keeps alive, or else on @extents.  Returns -EBUSY if files of another backing inode
 * are open, or if @extents are not the inode's any more.
 */
static int start_locked(struct fuse_inode *fi, struct inode *backing,
			const struct fuse_extents *extents)
{
	if (fi->backing.files && fi->backing.inode != backing)
		return -EBUSY;
	/* detached since they were taken: no change of the size has cut them */
	if (extents && find_extents(fi) != extents)
		return -EBUSY;

	WRITE_ONCE(fi->backing.inode, backing);
	/* a cached open that waits for uncached I/O to end would wait for us */
	if (!fi->backing.files++ && wq_has_sleeper(&fi->direct_io_waitq))
		wake_up(&fi->direct_io_waitq);
	return 0;
}

/* The counterpart of start_locked(), before the backing file is put */
static void end_locked(struct fuse_inode *fi)
{
	if (!--fi->backing.files)
		WRITE_ONCE(fi->backing.inode, NULL);
}

/**
 * fuse_backing_io_idle - a file that lost its backing file has done its last I/O
 * @file: the FUSE file
 *
 * Context: any; may be an interrupt.
 */
void fuse_backing_io_idle(struct file *file)
{
	wake_up_var(&get_fuse_inode(file_inode(file))->backing);
}

/* What an open FUSE file had */
struct taken {
	struct fuse_extents *extents;
	struct fuse_tree *tree;
	struct file *file;
	struct fuse_backing *fb;
};

/*
 * Take the backing file, or the extents, from an open FUSE file;
 * fuse_inode::lock is held.  The caller gets the references.
 */
static void take_file_locked(struct fuse_inode *fi, struct fuse_passthrough *pt,
			     struct taken *taken)
{
	*taken = (struct taken) {
		.extents = pt->extents,
		.tree = pt->tree,
		.file = pt->file,
		.fb = pt->fb,
	};
	if (pt->file)
		fuse_backing_unmap(pt);
	if (pt->stored_to)
		fi->backing.storing--;
	pt->stored_to = false;
	WRITE_ONCE(pt->extents, NULL);
	pt->tree = NULL;
	pt->file = NULL;
	pt->fb = NULL;
	list_del_init(&pt->link);
	if (taken->file)
		fuse_backing_unuse(taken->fb, &pt->use);
	if (pt->ff->iomode == IOM_UNCACHED)
		end_locked(fi);
}

/* The inode may be cached again if this was the last file to forbid it */
static void end_uncached_locked(struct fuse_inode *fi, struct fuse_file *ff)
{
	if (ff->iomode != IOM_UNCACHED)
		return;
	ff->iomode = IOM_NONE;
	if (!++fi->iocachectr && wq_has_sleeper(&fi->direct_io_waitq))
		wake_up(&fi->direct_io_waitq);
}

/* @asked: the server is to hear of it */
static void report_taken(struct fuse_inode *fi, const struct taken *taken, bool asked)
{
	fuse_backing_trace(fuse_passthrough_release, &fi->inode,
			   taken->fb ? taken->fb->id : 0, asked);
}

static void put_taken(struct fuse_inode *fi, const struct taken *taken, bool asked)
{
	report_taken(fi, taken, asked);
	if (taken->extents) {
		fuse_extents_put(taken->extents, false);
		return;
	}
	if (taken->tree)
		fuse_tree_put(taken->tree);
	fuse_backing_close_file(taken->fb, taken->file);
}

/* The same, without waiting for the thread.  Returns whether that is left something. */
static bool queue_taken(struct fuse_inode *fi, const struct taken *taken)
{
	report_taken(fi, taken, false);
	if (taken->extents) {
		fuse_extents_put(taken->extents, true);
		return true;
	}
	if (taken->tree)
		fuse_tree_put(taken->tree);
	return fuse_backing_queue_file(taken->fb, taken->file);
}

static void retire_locked(struct fuse_inode *fi, struct fuse_passthrough *pt,
			  struct taken *taken)
{
	take_file_locked(fi, pt, taken);
	end_uncached_locked(fi, pt->ff);
}

/**
 * fuse_inode_backing_retire - one file that lost its backing file lets go of it
 * @fi: the FUSE inode
 * @queued: set if the thread is left something to close
 *
 * The one that lost it first: who waits for it waits for the others, too.
 *
 * Context: process context without locks but killsb; may sleep, but doesn't wait for a
 *	server.
 * Return: 1 if there may be another; 0 if there is none; -EBUSY if something of it is in
 *	flight.
 */
int fuse_inode_backing_retire(struct fuse_inode *fi, bool *queued)
{
	struct fuse_passthrough *pt;
	struct taken taken;
	int ret = 0;

	spin_lock(&fi->lock);
	pt = first_of(&fi->backing.revoked);
	if (pt)
		ret = fuse_backing_is_idle(pt) ? 1 : -EBUSY;
	if (ret > 0)
		retire_locked(fi, pt, &taken);
	spin_unlock(&fi->lock);

	if (ret > 0 && queue_taken(fi, &taken))
		*queued = true;
	return ret;
}

/**
 * fuse_inode_backing_is_busy - does fuse_inode_backing_retire() have to wait
 * @fi: the FUSE inode
 *
 * Context: process context; doesn't sleep.
 * Return: whether it would return -EBUSY.
 */
bool fuse_inode_backing_is_busy(struct fuse_inode *fi)
{
	const struct fuse_passthrough *pt;
	bool busy;

	spin_lock(&fi->lock);
	pt = first_of(&fi->backing.revoked);
	busy = pt && !fuse_backing_is_idle(pt);
	spin_unlock(&fi->lock);
	return busy;
}

/**
 * fuse_inode_backing_is_taken - have all open files lost their backing file
 * @fi: the FUSE inode
 *
 * Some may still be using it, for as long as their clients like.
 *
 * Context: process context; doesn't sleep.
 * Return: whether no file is open that has one to keep.
 */
bool fuse_inode_backing_is_taken(struct fuse_inode *fi)
{
	bool taken;

	spin_lock(&fi->lock);
	taken = list_empty(&fi->backing.open);
	spin_unlock(&fi->lock);
	return taken;
}

static void revoke_locked(struct fuse_inode *fi, struct fuse_passthrough *pt)
{
	list_move_tail(&pt->link, &fi->backing.revoked);
	atomic_add(FUSE_BACKING_REVOKED, &pt->io);
}

/* Returns whether there may be more */
static bool revoke_some_locked(struct fuse_inode *fi)
{
	struct fuse_passthrough *pt;
	unsigned int i;

	for (i = 0; i < REVOKED_AT_ONCE; i++) {
		if (list_empty(&fi->backing.open))
			return false;
		/* all that are too old are behind those that are not */
		pt = list_last_entry(&fi->backing.open, struct fuse_passthrough,
				     link);
		if (!fuse_backing_is_too_old(fi, pt))
			return false;
		revoke_locked(fi, pt);
	}
	return true;
}

/**
 * fuse_inode_backing_revoke - tell open files that they lose their backing file
 * @fi: the FUSE inode, of which &fuse_inode_backing.revoked_at was set
 *
 * Those that are older than that.
 *
 * Context: process context without spinlocks; may sleep.
 */
void fuse_inode_backing_revoke(struct fuse_inode *fi)
{
	bool more;

	do {
		spin_lock(&fi->lock);
		more = revoke_some_locked(fi);
		spin_unlock(&fi->lock);
		cond_resched();
	} while (more);
}

static void enter_locked(struct fuse_file *ff, struct fuse_inode *fi)
{
	struct fuse_passthrough *pt = ff->passthrough;

	list_add(&pt->link, &fi->backing.open);
	if (fuse_backing_is_too_old(fi, pt))
		revoke_locked(fi, pt);
}

static void enter_uncached_locked(struct fuse_file *ff, struct fuse_inode *fi)
{
	WARN_ON(ff->iomode != IOM_NONE);
	ff->iomode = IOM_UNCACHED;
	fi->iocachectr--;
	enter_locked(ff, fi);
}

/* If the backing file was taken away while it was opened, and nobody has used it yet */
static void retire_late(struct fuse_inode *fi, struct fuse_passthrough *pt)
{
	struct taken taken;
	bool has;

	if (likely(!fuse_backing_is_revoked(pt)))
		return;
	spin_lock(&fi->lock);
	has = pt->extents || pt->file;
	if (has)
		retire_locked(fi, pt, &taken);
	spin_unlock(&fi->lock);
	if (has)
		put_taken(fi, &taken, false);
}

/**
 * fuse_backing_enter - a file with backing file or extents enters passthrough mode
 * @ff: file data of the FUSE file
 * @fi: its inode
 *
 * The counterpart of fuse_backing_leave(), which is needed even if this fails.  If the kernel
 * opens the file by itself, whoever calls drops what is cached: the size may be another.
 *
 * Context: process context; may sleep.
 * Return: 0; -ETXTBSY if the inode is open in cached mode, -EBUSY if files of
 *	another backing inode are, or the extents were detached meanwhile.
 */
int fuse_backing_enter(struct fuse_file *ff, struct fuse_inode *fi)
{
	struct fuse_passthrough *pt = ff->passthrough;
	/* what has extents is its own backing inode */
	struct inode *backing = pt->extents ? &fi->inode :
					      file_inode(pt->file);
	int err = -ETXTBSY;

	spin_lock(&fi->lock);
	if (fi->iocachectr <= 0)
		err = start_locked(fi, backing, pt->extents);
	if (!err) {
		enter_uncached_locked(ff, fi);
		if (unlikely(i_size_read(&fi->inode) != i_size_read(backing)) &&
		    pt->local)
			take_size_locked(fi, pt);
	}
	spin_unlock(&fi->lock);

	if (!err)
		retire_late(fi, pt);
	return err;
}

/**
 * fuse_backing_enter_dir - a directory is listed by its backing directory
 * @ff: file data of the open FUSE directory
 * @fi: its inode
 *
 * Directories have no I/O modes, and may be open on several.  The counterpart is
 * fuse_backing_leave().
 *
 * Context: process context; may sleep.
 */
void fuse_backing_enter_dir(struct fuse_file *ff, struct fuse_inode *fi)
{
	spin_lock(&fi->lock);
	enter_locked(ff, fi);
	spin_unlock(&fi->lock);

	retire_late(fi, ff->passthrough);
}

/**
 * fuse_backing_leave - a FUSE file gives up its backing file
 * @ff: file data of the FUSE file, which nobody else uses
 * @fi: its inode
 *
 * The backing file is closed before the mapping is given up, both before this
 * returns, unless the caller is killed.  A file that the server knows of leaves
 * the inode's I/O mode when the last request for it has ended, and one that it
 * doesn't know of now.
 *
 * Context: process context; may sleep.
 */
void fuse_backing_leave(struct fuse_file *ff, struct fuse_inode *fi)
{
	struct fuse_passthrough *pt = ff->passthrough;
	struct taken taken;
	bool has;

	spin_lock(&fi->lock);
	has = pt->extents || pt->file;
	if (has)
		take_file_locked(fi, pt, &taken);
	if (!ff->args)
		end_uncached_locked(fi, ff);
	spin_unlock(&fi->lock);
	if (!has)
		return;

	put_taken(fi, &taken, ff->args && !ff->fm->fc->no_open);
	/* it may be the last that somebody waits for */
	if (unlikely(fuse_backing_is_revoked(pt)))
		wake_up_var(&fi->backing);
}

/**
 * fuse_inode_backing_store - a file is going to be mmapped to be written to
 * @ff: file data of the FUSE file
 * @fi: its inode
 *
 * Context: process context between fuse_backing_io_start() and _end(); doesn't sleep.
 */
void fuse_inode_backing_store(struct fuse_file *ff, struct fuse_inode *fi)
{
	struct fuse_passthrough *pt = ff->passthrough;

	spin_lock(&fi->lock);
	if (!pt->stored_to)
		fi->backing.storing++;
	pt->stored_to = true;
	/* 0 is no round */
	fi->backing.round = fi->backing.round + 1 ?: 1;
	WRITE_ONCE(fi->backing.stored_to, true);
	spin_unlock(&fi->lock);
}

/*
 * Not to be believed now is what stores to a mapping change.  If there are none any
 * more it is so for the last time, and of what was asked for before, too.
 */
static void check_stores(struct fuse_inode *fi)
{
	struct fuse_conn *fc = get_fuse_conn(&fi->inode);

	spin_lock(&fi->lock);
	/* a mapping that is being made isn't among those yet, but its file is open */
	if (fi->backing.stored_to && !fi->backing.storing &&
	    !fuse_inode_backing_is_stored_to(fi)) {
		WRITE_ONCE(fi->backing.stored_to, false);
		fi->attr_version = atomic64_inc_return(&fc->attr_version);
	}
	/* with the lock held: nobody is to find neither */
	fuse_backing_invalidate(&fi->inode,
				STATX_MTIME | STATX_CTIME | STATX_BLOCKS);
	spin_unlock(&fi->lock);
}

/**
 * fuse_inode_backing_inval_mask - attributes that have to be asked for
 * @fi: the FUSE inode
 *
 * A store to a shared mapping changes times and blocks of the backing file, and
 * neither FUSE nor the server hears of it.  So those aren't believed as long as there
 * is such a mapping, and once afterwards.
 *
 * Context: process context; doesn't sleep.
 * Return: fuse_inode::inval_mask.
 */
u32 fuse_inode_backing_inval_mask(struct fuse_inode *fi)
{
	if (unlikely(READ_ONCE(fi->backing.stored_to)))
		check_stores(fi);
	return READ_ONCE(fi->inval_mask);
}
