// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: mappings, and the ids that they are known by.
 *
 * Copyright (c) 2023 CTERA Networks.
 *
 * Each connection that registers a backing file gets a kernel thread; the file
 * is installed in the file table of that thread, together with what else a
 * mapping is.  Its number there is the backing id.
 *
 * Locking: the lock of the thread's table protects fuse_backing::closed,
 * fuse_backing_place::lock what is found at a place.  None of them is held while another
 * is taken.  Whoever is the last to use a mapping takes it out of the thread's table, and
 * away from its place, before it is freed, so a mapping that is found there can be looked
 * at: but for its file and its credentials, which only one has that has references.
 *
 * References: a place has none on its mapping.  One that has none left is still found
 * there, until it is taken away or another has come, but nobody gets it.
 *
 * Closing: a file on another FUSE may wait for that one's server, without end and
 * beyond the reach of signals, so the thread flushes and closes it, and whoever needs
 * that done can give up.  Other files are closed by who puts them, and by the thread
 * only where that can't be: when an inode is evicted, or a connection aborted.  The
 * last munmap(2) doesn't wait for what the thread has to close.
 */

#include "fuse_i.h"
#include "backing_mapping.h"
#include "backing_reject.h"
#include "backing_table.h"
#include "backing_trace.h"
#include "backing_usage.h"

#include <linux/cred.h>
#include <linux/fuse_backing.h>
#include <linux/file.h>
#include <linux/kthread_files.h>
#include <linux/magic.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

/* A backing file of a FUSE file, for the thread to close */
struct closing_file {
	struct kthread_files_work work;
	struct fuse_backing *fb;
	struct file *file;
};

/* One that the thread is to flush; whoever waits has a reference, too */
struct flushing_file {
	struct kthread_files_work work;
	struct fuse_backing *fb;
	struct file *file;
	int err;
	refcount_t count;
};

static struct kmem_cache *mappings;

/**
 * fuse_backing_init - get ready for mappings
 *
 * Context: process context, once; may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init fuse_backing_init(void)
{
	mappings = KMEM_CACHE(fuse_backing, SLAB_ACCOUNT);
	return mappings ? 0 : -ENOMEM;
}

/**
 * fuse_backing_exit - there are no mappings any more
 *
 * Context: process context; may sleep.
 */
void fuse_backing_exit(void)
{
	kmem_cache_destroy(mappings);
}

/* Free a mapping whose file is not in the table (any more), and whose credentials are put */
static void free_removed(struct fuse_backing *fb)
{
	struct fuse_backing_table *table = fb->table;

	fuse_backing_usage_free(fb);
	kmem_cache_free(mappings, fb);
	fuse_backing_table_put(table);
}

/* One that never was in the table */
static void free_new(struct fuse_backing *fb)
{
	put_cred(fb->cred);
	free_removed(fb);
}

/* A mapping without references isn't to be found any more, unless another is there */
static void leave_place(struct fuse_backing *fb)
{
	struct fuse_backing_place *place = fuse_backing_place(fb);

	if (!place)
		return;
	spin_lock(&place->lock);
	if (place->fb == fb)
		place->fb = NULL;
	spin_unlock(&place->lock);
}

/*
 * Free a mapping that has no references left, nor credentials.
 *
 * The file is put synchronously: a deferred fput() would pin the backing
 * filesystem for a while that nobody can wait for.  Callers hold no locks but
 * those that no backing filesystem takes: a FUSE inode's, or fuse_conn::killsb where
 * a file that is on no FUSE is taken away.
 */
static void free_mapping(struct fuse_backing *fb)
{
	struct fuse_backing_table *table = fb->table;

	leave_place(fb);
	/* before somebody else gets the number */
	fuse_backing_trace(fuse_backing_remove, table->fc, fb->id,
			   table->files);
	__fput_sync(kthread_files_remove(table->files, fb->id));
	free_removed(fb);
}

static void reap_mapping(struct kthread_files_work *work)
{
	free_mapping(container_of(work, struct fuse_backing, dead));
}

static bool is_for_thread(const struct fuse_backing *fb)
{
	return fb->by_thread && !kthread_files_is_current(fb->table->files);
}

/**
 * fuse_backing_unreferenced - a mapping has no references left
 * @fb: the mapping
 *
 * Context: as fuse_backing_put().
 */
void fuse_backing_unreferenced(struct fuse_backing *fb)
{
	struct fuse_backing_table *table = fb->table;

	put_cred(fb->cred);
	if (!is_for_thread(fb)) {
		free_mapping(fb);
		return;
	}
	/* the mapping's own reference goes with it */
	refcount_inc(&table->users);
	kthread_files_queue(table->files, &fb->dead, reap_mapping);
	kthread_files_flush(table->files);
	fuse_backing_table_put(table);
}

/**
 * fuse_backing_put_deferred - drop a reference where closing a file is no option
 * @fb: the mapping
 *
 * Context: any; inodes are evicted by memory reclaim too.
 */
void fuse_backing_put_deferred(struct fuse_backing *fb)
{
	if (!refcount_dec_and_test(&fb->count))
		return;
	put_cred(fb->cred);
	/* the mapping's own reference keeps the table until it is freed */
	kthread_files_queue(fb->table->files, &fb->dead, reap_mapping);
}

/* The thread is done with a file that was counted */
static void put_counted(struct fuse_backing *fb, struct file *file)
{
	struct fuse_backing_table *table = fb->table;

	__fput_sync(file);
	atomic_dec(&table->closing);
	wake_up(&table->room);
	fuse_backing_put(fb);
}

static void close_queued(struct kthread_files_work *work)
{
	struct closing_file *closing =
		container_of(work, struct closing_file, work);

	put_counted(closing->fb, closing->file);
	kfree(closing);
}

static void queue_close(struct fuse_backing *fb, struct file *file)
{
	struct fuse_backing_table *table = fb->table;
	struct closing_file *closing;

	closing = kmalloc_obj(*closing, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	closing->fb = fb;
	closing->file = file;
	atomic_inc(&table->closing);
	kthread_files_queue(table->files, &closing->work, close_queued);
}

static void close_by_thread(struct fuse_backing *fb, struct file *file)
{
	struct fuse_backing_table *table = fb->table;

	/* the mapping's own reference goes with it */
	refcount_inc(&table->users);
	queue_close(fb, file);
	kthread_files_flush(table->files);
	fuse_backing_table_put(table);
}

static void close_here(struct fuse_backing *fb, struct file *file)
{
	__fput_sync(file);
	fuse_backing_put(fb);
}

/**
 * fuse_backing_close_file - close the backing file of a FUSE file
 * @fb: the mapping that it was opened with, and a reference to drop
 * @file: the backing file
 *
 * The file is closed before the mapping is given up.
 *
 * Context: as fuse_backing_put().
 */
void fuse_backing_close_file(struct fuse_backing *fb, struct file *file)
{
	if (is_for_thread(fb))
		close_by_thread(fb, file);
	else
		close_here(fb, file);
}

/**
 * fuse_backing_queue_file - close the backing file of a FUSE file, or have it closed
 * @fb: the mapping that it was opened with, and a reference to drop
 * @file: the backing file
 *
 * As fuse_backing_close_file(), for who holds what others wait for: what may take for
 * ever isn't waited for.
 *
 * Context: process context; may sleep.
 * Return: whether it is left to the thread, for which kthread_files_flush() waits.
 */
bool fuse_backing_queue_file(struct fuse_backing *fb, struct file *file)
{
	if (is_for_thread(fb)) {
		queue_close(fb, file);
		return true;
	}
	close_here(fb, file);
	return false;
}

/*
 * A FUSE below drops all locks of the owner that it is told of.  The client may have
 * some there, of files that it opened itself, and may be gone before the thread comes to
 * this, with somebody else at its address.  Nobody locks as a mapping does.
 */
static int flush_file(struct fuse_backing *fb, struct file *file)
{
	fl_owner_t owner = fb;
	int err;

	scoped_with_creds(fb->cred)
		err = file->f_op->flush(file, owner);
	return err;
}

static void put_flushing(struct flushing_file *flushing)
{
	if (refcount_dec_and_test(&flushing->count))
		kfree(flushing);
}

static void flush_queued(struct kthread_files_work *work)
{
	struct flushing_file *flushing =
		container_of(work, struct flushing_file, work);

	flushing->err = flush_file(flushing->fb, flushing->file);
	put_counted(flushing->fb, flushing->file);
	put_flushing(flushing);
}

/* Where nothing may be open, one at a time is flushed: else nobody could close a file */
static bool take_room(void *arg)
{
	struct fuse_backing_table *table = arg;
	int limit = max(kthread_files_limit(table->files), 1);
	int closing = atomic_read(&table->closing);

	do {
		if (closing >= limit)
			return false;
	} while (!atomic_try_cmpxchg(&table->closing, &closing, closing + 1));
	return true;
}

/* It is counted already */
static struct flushing_file *queue_flush(struct fuse_backing *fb, struct file *file)
{
	struct flushing_file *flushing;

	flushing = kmalloc_obj(*flushing, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	refcount_inc(&fb->count);
	flushing->fb = fb;
	flushing->file = get_file(file);
	refcount_set(&flushing->count, 2);
	kthread_files_queue(fb->table->files, &flushing->work, flush_queued);
	return flushing;
}

static int flush_by_thread(struct fuse_backing *fb, struct file *file)
{
	struct fuse_backing_table *table = fb->table;
	struct kthread_files *files = table->files;
	struct flushing_file *flushing;
	int err;

	/* those who gave up leave behind no more than files may be open */
	err = kthread_files_wait(files, &table->room, take_room, table);
	if (err)
		return err;
	flushing = queue_flush(fb, file);
	err = kthread_files_flush(files) ?: flushing->err;
	put_flushing(flushing);
	return err;
}

/**
 * fuse_backing_flush_file - a backing file is about to be closed by a client
 * @fb: its mapping
 * @file: the backing file
 *
 * As the registration, and nobody's locks go.
 *
 * Context: process context without locks; may sleep, killable where it can take for
 *	ever.
 * Return: 0; the error of the backing filesystem; -EINTR if it isn't known yet, but the
 *	file will be flushed, unless as many are that are waited for by nobody as may be
 *	open.
 */
int fuse_backing_flush_file(struct fuse_backing *fb, struct file *file)
{
	if (!file->f_op->flush)
		return 0;
	return is_for_thread(fb) ? flush_by_thread(fb, file) :
				   flush_file(fb, file);
}

/**
 * fuse_backing_may_reopen - may another backing file be opened
 * @fb: the mapping to open it with
 *
 * Files that nobody waits for any more to be closed are in no table and count
 * for no open FUSE file.
 *
 * Context: any.
 * Return: 0, or -EMFILE if the thread has as many to close as it may have open.
 */
int fuse_backing_may_reopen(const struct fuse_backing *fb)
{
	struct fuse_backing_table *table = fb->table;

	if (likely(!fb->by_thread) ||
	    atomic_read(&table->closing) < kthread_files_limit(table->files))
		return 0;
	return fuse_backing_reject(table->fc, fb->id, -EMFILE,
				   FUSE_BACKING_TABLE);
}

static struct fuse_backing *alloc_mapping(struct fuse_backing_table *table,
					  struct file *file, bool brokered,
					  u32 flags)
{
	struct fuse_backing *fb = kmem_cache_alloc(mappings, GFP_KERNEL);

	if (!fb)
		return NULL;

	fb->file = file;
	fb->cred = get_current_cred();
	fb->closed = false;
	fb->brokered = brokered;
	fb->per_open = flags & FUSE_BACKING_MAP_AUTO_CLOSE;
	fb->per_inode = false;
	fb->block = false;
	fb->by_thread = file_inode(file)->i_sb->s_magic == FUSE_SUPER_MAGIC;
	fb->copies = flags & FUSE_BACKING_MAP_COPY_SPLICE;
	fb->as_opened = flags & FUSE_BACKING_MAP_AS_OPENED;
	fb->table = table;
	fb->usage = NULL;
	/* the id's, and the caller's */
	refcount_set(&fb->count, 2);
	return fb;
}

/**
 * fuse_backing_install - make a mapping
 * @table: the table, of which the reference is taken over
 * @file: the backing file; if this succeeds, the reference is taken over
 * @brokered: see struct fuse_backing
 * @flags: FUSE_BACKING_MAP_*
 *
 * With the caller's credentials.
 *
 * Context: process context without locks; may sleep.
 * Return: the backing id, at least 1; -EMFILE if the thread's RLIMIT_NOFILE is
 *	reached, -ENOTCONN after the connection was aborted, -ENOMEM.
 */
int fuse_backing_install(struct fuse_backing_table *table, struct file *file,
			 bool brokered, u32 flags)
{
	struct fuse_backing *fb;
	int id;

	fb = alloc_mapping(table, file, brokered, flags);
	if (!fb) {
		fuse_backing_table_put(table);
		return -ENOMEM;
	}

	/* once installed, it may be closed at any time, but not be removed */
	id = kthread_files_install(table->files, file, fb, &fb->id);
	if (id > 0) {
		fuse_backing_trace(fuse_backing_install, table->fc, id,
				   table->files);
		fuse_backing_trace(fuse_backing_open, table->fc, id, file,
				   flags & FUSE_BACKING_MAP_AUTO_CLOSE);
		fuse_backing_put(fb);
		return id;
	}
	free_new(fb);
	return id == -ESHUTDOWN ? -ENOTCONN : id;
}

/* To be called with the lock of the place */
static struct fuse_backing *get_at_locked(struct fuse_backing_place *place)
{
	struct fuse_backing *fb = place->fb;

	return fb && refcount_inc_not_zero(&fb->count) ? fb : NULL;
}

/**
 * fuse_backing_find_at - find the mapping of a file that has one
 * @place: where it may be
 *
 * Context: any but interrupts.
 * Return: the mapping with a reference, or %NULL.
 */
struct fuse_backing *fuse_backing_find_at(struct fuse_backing_place *place)
{
	struct fuse_backing *fb;

	spin_lock(&place->lock);
	fb = get_at_locked(place);
	spin_unlock(&place->lock);
	return fb;
}

/* Have @fb found, or use what somebody else was faster with */
static struct fuse_backing *put_at(struct fuse_backing_place *place,
				   struct fuse_backing *fb)
{
	struct fuse_backing *there;

	spin_lock(&place->lock);
	there = get_at_locked(place);
	if (!there) {
		place->fb = fb;
		fb->usage->place = place;
	}
	spin_unlock(&place->lock);
	if (!there)
		return fb;
	fuse_backing_put(fb);
	return there;
}

/*
 * A mapping of an open file, whose reference is taken over.  Whoever finds it at a place may
 * use it as long as others do; without a place it is good for one open.
 */
static struct fuse_backing *install_file(struct fuse_backing_table *table,
					 struct file *file,
					 struct fuse_backing_place *place)
{
	u32 flags = place ? 0 : FUSE_BACKING_MAP_AUTO_CLOSE;
	struct fuse_backing *fb = alloc_mapping(table, file, false, flags);
	int id;

	if (!fb) {
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	fb->closed = true;
	fb->per_inode = true;
	refcount_set(&fb->count, 1);
	refcount_inc(&table->users);
	/* without, there is no room for its place */
	id = place ? fuse_backing_start_use(fb, false) : 0;
	if (!id)
		id = kthread_files_install(table->files, file, fb, &fb->id);
	if (id > 0) {
		fuse_backing_trace(fuse_backing_install, table->fc, id,
				   table->files);
		return place ? put_at(place, fb) : fb;
	}
	free_new(fb);
	fput(file);
	return ERR_PTR(id == -ESHUTDOWN ? -ENOTCONN : id);
}

/**
 * fuse_backing_install_path - make a mapping for what is about to be opened
 * @table: a table that the caller holds a reference on
 * @path: of the backing file
 * @place: where others who open it find the mapping
 *
 * Its id is closed, so nobody can name it: the mapping goes with the reference that is
 * returned, and those of who uses it meanwhile.
 *
 * Context: process context without locks, with the credentials of the registration; may
 *	sleep.  @place must be there until the mapping is freed.
 * Return: the mapping, or an ERR_PTR() as fuse_backing_install().
 */
struct fuse_backing *fuse_backing_install_path(struct fuse_backing_table *table,
					       const struct path *path,
					       struct fuse_backing_place *place)
{
	struct file *file = dentry_open(path, O_PATH | O_LARGEFILE, current_cred());

	return IS_ERR(file) ? ERR_CAST(file) : install_file(table, file, place);
}

/**
 * fuse_backing_install_made - make a mapping for what was just made
 * @table: a table that the caller holds a reference on
 * @path: of the backing file
 * @flags: of open(2), of which the access mode counts
 *
 * It is open as who made the file opens it, who may do so whatever its mode is: so others
 * don't find it, who may not, and nobody who only reads keeps it open for writing.
 *
 * Context: as fuse_backing_install_path().
 * Return: as that.
 */
struct fuse_backing *fuse_backing_install_made(struct fuse_backing_table *table,
					       const struct path *path, int flags)
{
	/* an access mode of 3 takes both */
	int mode = min(flags & O_ACCMODE, O_RDWR);
	struct file *file = dentry_open(path, mode | O_LARGEFILE, current_cred());

	return IS_ERR(file) ? ERR_CAST(file) : install_file(table, file, NULL);
}

/**
 * fuse_backing_get_to_close - get the reference that an id holds
 * @data: a mapping
 *
 * Context: the lock of the thread's table is held.
 * Return: false if the id is closed.
 */
bool fuse_backing_get_to_close(void *data)
{
	struct fuse_backing *fb = data;

	if (fb->closed)
		return false;
	/* others may look at it without the lock */
	WRITE_ONCE(fb->closed, true);
	return true;
}

/* If the id is for one open only */
static bool get_to_claim(void *data)
{
	struct fuse_backing *fb = data;

	return fb->per_open && fuse_backing_get_to_close(fb);
}

static bool get_to_open(void *data)
{
	struct fuse_backing *fb = data;

	/* the id's own reference is held as long as it isn't closed */
	if (fb->closed || fb->per_open)
		return false;
	refcount_inc(&fb->count);
	return true;
}

static struct fuse_backing *find_mapping(struct fuse_conn *fc, int backing_id,
					 bool (*get)(void *data))
{
	struct fuse_backing_table *table = fuse_backing_table_find(fc);

	if (!table)
		return NULL;
	return kthread_files_find(table->files, backing_id, get);
}

/**
 * fuse_backing_lookup - find the mapping to open a FUSE file with
 * @fc: connection of a mounted superblock, which keeps the table
 * @backing_id: any number
 *
 * Ids that belong to one open are not found: a reply claims them.
 *
 * Context: process context; doesn't sleep.
 * Return: the mapping with a reference, %NULL if the id is closed or unknown.
 */
struct fuse_backing *fuse_backing_lookup(struct fuse_conn *fc, int backing_id)
{
	return find_mapping(fc, backing_id, get_to_open);
}

/**
 * fuse_backing_claim - take an id that belongs to one open
 * @fc: connection of a mounted superblock, which keeps the table
 * @backing_id: any number
 *
 * Closes the id.  Of several that claim it, one gets it.
 *
 * Context: process context; doesn't sleep.
 * Return: the mapping with the reference that the id held; %NULL if the id is
 *	closed or unknown, or isn't for one open.
 */
struct fuse_backing *fuse_backing_claim(struct fuse_conn *fc, int backing_id)
{
	struct fuse_backing *fb;

	fb = find_mapping(fc, backing_id, get_to_claim);
	if (fb)
		trace_fuse_backing_close(fc, backing_id,
					 FUSE_BACKING_CLOSED_BY_CLAIM);
	return fb;
}

/**
 * fuse_backing_next - walk through the mappings of a table
 * @table: a table that the caller holds a reference on
 * @id: the least id to find
 *
 * Mappings come and go meanwhile; those that stay are found once.
 *
 * Context: process context; doesn't sleep.
 * Return: an id in use, live or closed, for fuse_backing_visit(); 0 after the
 *	last one.
 */
unsigned int fuse_backing_next(struct fuse_backing_table *table,
			       unsigned int id)
{
	return kthread_files_next(table->files, id);
}

/**
 * fuse_backing_visit - look at a mapping
 * @table: a table that the caller holds a reference on
 * @id: from fuse_backing_next()
 * @visit: called for the registered file, its struct fuse_backing, and @arg
 * @arg: for @visit
 *
 * Whoever only looks must not hold a reference: it could be the last one, and
 * the file would still be there when BACKING_CLOSE has returned.
 *
 * Context: process context; @visit is called with a spinlock held.
 * Return: whether the mapping is still there.
 */
bool fuse_backing_visit(struct fuse_backing_table *table, unsigned int id,
			void (*visit)(struct file *file, void *fb, void *arg),
			void *arg)
{
	return kthread_files_visit(table->files, id, visit, arg);
}
