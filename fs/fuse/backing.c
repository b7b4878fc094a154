// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: ids and lifetime.
 *
 * Each connection that registers a backing file gets a kernel thread; the file
 * is installed in the file table of that thread, together with what else a
 * mapping is.  Its number there is the backing id.
 *
 * Locking: fuse_conn::lock protects fuse_conn::backing_table, the lock of the
 * thread's table protects fuse_backing::closed, fuse_backing_table::lock the
 * credentials there.  None of them is held while another is taken, but that bit 0
 * of fuse_conn::backing_starting, which is who starts the thread, comes before all.
 * Whoever is the last to use a mapping takes it out of the thread's table before it is
 * freed, so a mapping that is found there can be looked at.
 *
 * References: the connection, each mapping and each call in progress hold one
 * on the table.  The superblock's end waits for all of them, so that nothing
 * of the mount pins a backing filesystem afterwards.  If whoever ends it can't
 * wait for as long, the table is left to its thread, with references on the module
 * and on the connection.
 *
 * Closing: a file on another FUSE may wait for that one's server, without end and
 * beyond the reach of signals, so the thread closes it, and whoever needs it
 * closed can give up.  Other files are closed by who puts them, and by the thread
 * only where that can't be: when an inode is evicted, or a connection aborted.  The
 * last munmap(2) doesn't wait for what the thread has to close.
 */

#include "fuse_i.h"
#include "backing_extents.h"
#include "backing_reject.h"
#include "backing_trace.h"

#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/kthread_files.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#define FUSE_BACKING_MAP_FLAGS	(FUSE_BACKING_MAP_AUTO_CLOSE | \
				 FUSE_BACKING_MAP_COPY_SPLICE | \
				 FUSE_BACKING_MAP_AS_OPENED)

struct fuse_backing_table {
	/* there as long as the table */
	struct fuse_conn *fc;
	/* backing id -> file and struct fuse_backing */
	struct kthread_files *files;
	/* what is attached to inodes */
	struct fuse_backing_nodes nodes;
	/* protects the two of them */
	spinlock_t lock;
	/* credentials of a registration, and what get_write_cred() made of them */
	const struct cred *cred;
	const struct cred *write_cred;
	refcount_t users;
	struct completion unused;
	/* set by the last user, and by who doesn't wait for it: the second acts */
	atomic_t left;
	struct kthread_files_work end_work;
	/* the connection was aborted: everything is to be closed, once */
	atomic_t aborted;
	struct kthread_files_work empty_work;
	/* backing files of FUSE files that the thread is yet to close */
	atomic_t closing;
};

/* A backing file of a FUSE file, for the thread to close */
struct closing_file {
	struct kthread_files_work work;
	struct fuse_backing *fb;
	struct file *file;
};

static pid_t thread_of(const struct fuse_backing_table *table)
{
	return kthread_files_pid(table->files, &init_pid_ns);
}

/* The table has no users left */
static void free_table(struct fuse_backing_table *table)
{
	put_cred(table->cred);
	put_cred(table->write_cred);
	kfree(table);
}

static void table_destroy(struct fuse_backing_table *table)
{
	fuse_backing_trace(fuse_backing_thread_exit, table->fc,
			   thread_of(table));
	kthread_files_destroy(table->files);
	free_table(table);
}

/* The same by the thread, to which the table was left */
static void end_table(struct kthread_files_work *work)
{
	struct fuse_backing_table *table =
		container_of(work, struct fuse_backing_table, end_work);
	struct kthread_files *files = table->files;
	struct fuse_conn *fc = table->fc;

	fuse_backing_trace(fuse_backing_thread_exit, fc, thread_of(table));
	free_table(table);
	fuse_conn_put(fc);
	kthread_files_exit(files, THIS_MODULE);
}

/**
 * fuse_backing_table_put - drop a reference on a table
 * @table: from fuse_backing_table_get()
 *
 * Context: any.
 */
void fuse_backing_table_put(struct fuse_backing_table *table)
{
	if (!refcount_dec_and_test(&table->users))
		return;
	if (atomic_xchg(&table->left, 1))
		kthread_files_queue(table->files, &table->end_work, end_table);
	else
		complete(&table->unused);
}

/* Free a mapping whose file is not in the table (any more) */
static void free_removed(struct fuse_backing *fb)
{
	struct fuse_backing_table *table = fb->table;

	put_cred(fb->cred);
	put_cred(fb->write_cred);
	fuse_backing_usage_free(fb);
	kfree(fb);
	fuse_backing_table_put(table);
}

/*
 * Free a mapping that has no references left.
 *
 * The file is put synchronously: a deferred fput() would pin the backing
 * filesystem for a while that nobody can wait for.  Callers hold no locks but,
 * where an open fails, that of the FUSE directory, which no backing filesystem
 * takes.
 */
static void free_mapping(struct fuse_backing *fb)
{
	struct fuse_backing_table *table = fb->table;

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
 * fuse_backing_put - drop a reference on a mapping
 * @fb: the mapping
 *
 * Context: process context without locks; may sleep, because the last reference
 *	closes the backing file.  Where that can take for ever, the caller can be
 *	killed, and the file is closed later.
 */
void fuse_backing_put(struct fuse_backing *fb)
{
	struct fuse_backing_table *table = fb->table;

	if (!refcount_dec_and_test(&fb->count))
		return;
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
	/* the mapping's own reference keeps the table until it is freed */
	if (refcount_dec_and_test(&fb->count))
		kthread_files_queue(fb->table->files, &fb->dead, reap_mapping);
}

static void close_queued(struct kthread_files_work *work)
{
	struct closing_file *closing =
		container_of(work, struct closing_file, work);
	struct fuse_backing *fb = closing->fb;

	__fput_sync(closing->file);
	kfree(closing);
	atomic_dec(&fb->table->closing);
	fuse_backing_put(fb);
}

static void close_by_thread(struct fuse_backing *fb, struct file *file)
{
	struct fuse_backing_table *table = fb->table;
	struct closing_file *closing;

	closing = kmalloc(sizeof(*closing), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	closing->fb = fb;
	closing->file = file;
	atomic_inc(&table->closing);

	refcount_inc(&table->users);
	kthread_files_queue(table->files, &closing->work, close_queued);
	kthread_files_flush(table->files);
	fuse_backing_table_put(table);
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
	if (is_for_thread(fb)) {
		close_by_thread(fb, file);
		return;
	}
	__fput_sync(file);
	fuse_backing_put(fb);
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

/**
 * fuse_backing_reap_map - have the thread free a map of extents
 * @table: the table, on which the map has a reference
 * @dead: fuse_extents_map::dead
 *
 * Context: any.
 */
void fuse_backing_reap_map(struct fuse_backing_table *table,
			   struct kthread_files_work *dead)
{
	kthread_files_queue(table->files, dead, fuse_extents_map_reap);
}

static bool get_to_close(void *data)
{
	struct fuse_backing *fb = data;

	if (fb->closed)
		return false;
	/* others may look at it without the lock */
	WRITE_ONCE(fb->closed, true);
	return true;
}

/* The same, if the id is for one open only */
static bool get_to_claim(void *data)
{
	struct fuse_backing *fb = data;

	return fb->per_open && get_to_close(fb);
}

/* Close an id; the caller gets the reference that the id held */
static struct fuse_backing *close_id(struct fuse_backing_table *table, int id)
{
	return kthread_files_find(table->files, id, get_to_close);
}

/**
 * fuse_backing_close_table - close every id of a table, and detach all
 * @table: a table that the caller holds a reference on
 *
 * What is registered or attached meanwhile may stay or not.
 *
 * Context: process context without locks; may sleep.
 * Return: 0; -EINTR if the caller was killed: some may be left.
 */
int fuse_backing_close_table(struct fuse_backing_table *table)
{
	struct fuse_backing *fb;
	unsigned int id = 0;

	while (!fatal_signal_pending(current) &&
	       (id = kthread_files_next(table->files, id + 1))) {
		fb = close_id(table, id);
		if (fb) {
			trace_fuse_backing_close(table->fc, id,
						 FUSE_BACKING_CLOSED_WITH_ALL);
			fuse_backing_put(fb);
		}
		cond_resched();
	}
	if (fatal_signal_pending(current))
		return -EINTR;
	return fuse_backing_detach_all(&table->nodes);
}

/* Nothing is installed any more; holds a reference on the table */
static void empty_table(struct kthread_files_work *work)
{
	struct fuse_backing_table *table =
		container_of(work, struct fuse_backing_table, empty_work);

	fuse_backing_close_table(table);
	fuse_backing_table_put(table);
}

static struct fuse_backing_table *table_create(struct fuse_conn *fc)
{
	struct fuse_backing_table *table;

	table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);

	table->files = kthread_files_create("fuse/%u:%u", MAJOR(fc->dev),
					    MINOR(fc->dev));
	if (IS_ERR(table->files)) {
		void *err = table->files;

		kfree(table);
		return err;
	}

	table->fc = fc;
	spin_lock_init(&table->lock);
	fuse_backing_nodes_init(&table->nodes, fc);
	refcount_set(&table->users, 1);
	init_completion(&table->unused);
	fuse_backing_trace(fuse_backing_thread_start, fc, thread_of(table));
	return table;
}

/**
 * fuse_backing_table_get - the table of a connection
 * @fc: the connection, mounted or not
 *
 * The superblock's end waits for the reference to be dropped.
 *
 * Context: any but interrupts.
 * Return: the table with a reference, %NULL if there is none (any more).
 */
struct fuse_backing_table *fuse_backing_table_get(struct fuse_conn *fc)
{
	struct fuse_backing_table *table;

	spin_lock(&fc->lock);
	table = fc->backing_table;
	if (table)
		refcount_inc(&table->users);
	spin_unlock(&fc->lock);

	return table;
}

/**
 * fuse_backing_table_nodes - what is attached through a table
 * @table: the table
 *
 * Context: any.
 * Return: its attachments.
 */
struct fuse_backing_nodes *
fuse_backing_table_nodes(struct fuse_backing_table *table)
{
	return &table->nodes;
}

/**
 * fuse_backing_nodes_limit - RLIMIT_NOFILE of a table's thread
 * @nodes: attachments of the table
 *
 * Context: any.
 * Return: the limit, at most INT_MAX.
 */
int fuse_backing_nodes_limit(struct fuse_backing_nodes *nodes)
{
	struct fuse_backing_table *table =
		container_of(nodes, struct fuse_backing_table, nodes);

	return min_t(unsigned int, kthread_files_limit(table->files), INT_MAX);
}

/* Make @new the table of @fc, which has none, unless it is too late for one */
static int table_publish(struct fuse_conn *fc, struct fuse_backing_table *new)
{
	int err = 0;

	spin_lock(&fc->lock);
	if (!fc->connected)
		err = -ENOTCONN;
	else
		/* pairs with smp_load_acquire() in find_mapping() */
		smp_store_release(&fc->backing_table, new);
	spin_unlock(&fc->lock);

	return err;
}

/* Start a thread for @fc, if there is none by now */
static int table_start_locked(struct fuse_conn *fc)
{
	struct fuse_backing_table *new;
	int err;

	if (READ_ONCE(fc->backing_table))
		return 0;
	new = table_create(fc);
	if (IS_ERR(new))
		return PTR_ERR(new);

	err = table_publish(fc, new);
	if (err)
		table_destroy(new);
	return err;
}

/*
 * One at a time: a thread that turned out one too many would count against
 * RLIMIT_NPROC for a moment, and whoever it was would be refused.
 */
static int table_start(struct fuse_conn *fc)
{
	int err;

	if (wait_on_bit_lock(&fc->backing_starting, 0, TASK_KILLABLE))
		return -EINTR;
	err = table_start_locked(fc);
	clear_and_wake_up_bit(0, &fc->backing_starting);
	return err;
}

static struct fuse_backing_table *table_get_or_start(struct fuse_conn *fc)
{
	struct fuse_backing_table *table;
	int err;

	/* the sealed table makes sure; this spares the server a thread, or an EMFILE */
	if (!READ_ONCE(fc->connected))
		return ERR_PTR(-ENOTCONN);

	table = fuse_backing_table_get(fc);
	if (table)
		return table;
	err = table_start(fc);
	if (err)
		return ERR_PTR(err);
	/* gone again if the superblock was faster */
	return fuse_backing_table_get(fc) ?: ERR_PTR(-ENOTCONN);
}

/* The table keeps the last pair of credentials that get_write_cred() made */
static void remember_creds(struct fuse_backing_table *table,
			   const struct cred *cred,
			   const struct cred *write_cred)
{
	get_cred(cred);
	get_cred(write_cred);

	spin_lock(&table->lock);
	swap(table->cred, cred);
	swap(table->write_cred, write_cred);
	spin_unlock(&table->lock);

	put_cred(cred);
	put_cred(write_cred);
}

/*
 * Credentials for writes of clients without CAP_FSETID: the backing filesystem
 * must then remove suid and sgid bits, whatever the server may do.  Mappings
 * that follow each other with the same credentials share them.
 */
static const struct cred *get_write_cred(struct fuse_backing_table *table,
					 const struct cred *cred)
{
	const struct cred *found = NULL;
	struct cred *new;

	if (!cap_raised(cred->cap_effective, CAP_FSETID))
		return get_cred(cred);

	spin_lock(&table->lock);
	if (table->cred == cred)
		found = get_cred(table->write_cred);
	spin_unlock(&table->lock);
	if (found)
		return found;

	new = prepare_creds();
	if (!new)
		return NULL;
	cap_lower(new->cap_effective, CAP_FSETID);

	remember_creds(table, cred, new);
	return new;
}

static struct fuse_backing *alloc_mapping(struct fuse_backing_table *table,
					  struct file *file, bool brokered,
					  u32 flags)
{
	struct fuse_backing *fb = kmalloc(sizeof(*fb), GFP_KERNEL_ACCOUNT);

	if (!fb)
		return NULL;

	fb->write_cred = get_write_cred(table, current_cred());
	if (!fb->write_cred) {
		kfree(fb);
		return NULL;
	}
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

/* Takes over the references on @table and, if it succeeds, on @file */
static int register_file(struct fuse_backing_table *table, struct file *file,
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
	free_removed(fb);
	return id == -ESHUTDOWN ? -ENOTCONN : id;
}

/**
 * fuse_backing_open - FUSE_DEV_IOC_BACKING_OPEN: register a backing file
 * @fc: the connection
 * @map: the server's descriptor and FUSE_BACKING_MAP_*; other flags and
 *	padding must be 0
 *
 * The first registration of a connection starts its kernel thread.
 *
 * Context: process context without locks; may sleep, killable.
 * Return: the backing id, at least 1; or
 *	-EPERM if passthrough was not negotiated, if the caller's user namespace
 *	is not within the connection's, or without CAP_SYS_ADMIN where
 *	fuse.unprivileged_passthrough is off;
 *	-EINVAL for flags or padding, or if it is no regular file;
 *	-EBADF if the descriptor is not open, -EISDIR for a directory;
 *	-EOPNOTSUPP for a file on an internal mount (memfd), and without
 *	CAP_SYS_ADMIN on a filesystem that is not fit, or has such a one below;
 *	-ELOOP if the backing filesystem is stacked too deeply;
 *	-EMFILE if the thread's RLIMIT_NOFILE is reached;
 *	-EAGAIN if the thread would exceed the caller's RLIMIT_NPROC, or pids.max
 *	of its cgroup;
 *	-ENOTCONN after the connection was aborted or unmounted;
 *	-EINTR if the caller was killed, -ENOMEM.
 */
int fuse_backing_open(struct fuse_conn *fc, struct fuse_backing_map *map)
{
	struct fuse_backing_table *table;
	struct file *file;
	int res;

	res = fuse_backing_may_call(fc, 0);
	if (res)
		return res;
	if ((map->flags & ~FUSE_BACKING_MAP_FLAGS) || map->padding)
		return fuse_backing_reject(fc, 0, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	file = fget_raw(map->fd);
	if (!file)
		return fuse_backing_reject(fc, 0, -EBADF, FUSE_BACKING_BAD_FD);

	res = fuse_backing_may_register(fc, file);
	if (res)
		goto out_fput;

	table = table_get_or_start(fc);
	if (IS_ERR(table)) {
		res = fuse_backing_reject(fc, 0, PTR_ERR(table),
					  FUSE_BACKING_THREAD);
		goto out_fput;
	}

	res = register_file(table, file, fuse_backing_is_brokered(fc),
			    map->flags);
	if (res > 0)
		return res;
	fuse_backing_reject(fc, 0, res, FUSE_BACKING_TABLE);
out_fput:
	fput(file);
	return res;
}

/**
 * fuse_backing_close - FUSE_DEV_IOC_BACKING_CLOSE: close a backing id
 * @fc: the connection
 * @backing_id: what fuse_backing_open() returned
 *
 * No file is opened with the id any more, and attachments that wait for their
 * inode are dropped.  The backing file stays in the table, visible and counted,
 * until the last FUSE file or attachment that uses it is gone.
 *
 * Context: process context without locks; may sleep.
 * Return: 0; -EPERM as for fuse_backing_open(); -EINVAL if @backing_id is not
 *	positive; -ENOENT if it was closed, never registered, or the connection
 *	was aborted.
 */
int fuse_backing_close(struct fuse_conn *fc, int backing_id)
{
	struct fuse_backing_table *table;
	struct fuse_backing *fb = NULL;
	int err;

	err = fuse_backing_may_call(fc, backing_id);
	if (err)
		return err;
	if (backing_id <= 0)
		return fuse_backing_reject(fc, backing_id, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	table = fuse_backing_table_get(fc);
	if (table) {
		fb = close_id(table, backing_id);
		if (fb) {
			trace_fuse_backing_close(fc, backing_id,
						 FUSE_BACKING_CLOSED_BY_ID);
			fuse_backing_drop_pending(&table->nodes, fb);
			fuse_backing_put(fb);
		}
		fuse_backing_table_put(table);
	}
	if (!fb)
		return fuse_backing_reject(fc, backing_id, -ENOENT,
					   FUSE_BACKING_UNKNOWN_ID);
	return 0;
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
	/* pairs with smp_store_release() in table_publish() */
	struct fuse_backing_table *table = smp_load_acquire(&fc->backing_table);

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

/**
 * fuse_backing_abort - the server is gone: empty the table
 * @fc: the connection, no longer connected
 *
 * Every id is closed, and every mapping without an open FUSE file leaves the
 * table soon after.  Registration fails with -ENOTCONN from now on.  Aborting
 * is the way out of hangs: nothing here waits, the files are put by the thread.
 *
 * Context: process context without locks; doesn't sleep.
 */
void fuse_backing_abort(struct fuse_conn *fc)
{
	struct fuse_backing_table *table = fuse_backing_table_get(fc);

	if (!table)
		return;

	kthread_files_seal(table->files);
	fuse_backing_close_nodes(&table->nodes);

	/* the reference goes to the work */
	if (!atomic_xchg(&table->aborted, 1))
		kthread_files_queue(table->files, &table->empty_work,
				    empty_table);
	else
		fuse_backing_table_put(table);
}

/* Nobody waits for the table to be unused: the thread frees it */
static void leave_to_thread(struct fuse_backing_table *table)
{
	struct fuse_conn *fc = table->fc;

	__module_get(THIS_MODULE);
	fuse_conn_get(fc);
	if (!atomic_xchg(&table->left, 1))
		return;

	/* it is unused now, and whoever used it last is about to say so */
	wait_for_completion(&table->unused);
	table_destroy(table);
	fuse_conn_put(fc);
	module_put(THIS_MODULE);
}

/**
 * fuse_backing_destroy - the superblock's end: stop the thread
 * @fc: the connection, aborted, with all inodes evicted
 *
 * When this returns, nothing of the connection pins a backing filesystem: unless
 * the caller was killed, or couldn't be.  Superblocks also end in kernel threads
 * that work for others, and in tasks that exit.
 *
 * Context: process context; waits for files to be closed, killable.
 */
void fuse_backing_destroy(struct fuse_conn *fc)
{
	struct fuse_backing_table *table;

	/*
	 * Whoever aborted the connection may not have come to its backing files
	 * yet, and finds no table any more when it does.
	 */
	fuse_backing_abort(fc);

	spin_lock(&fc->lock);
	table = fc->backing_table;
	fc->backing_table = NULL;
	spin_unlock(&fc->lock);
	if (!table)
		return;

	fuse_backing_table_put(table);
	if (kthread_files_may_wait() &&
	    !wait_for_completion_killable(&table->unused))
		table_destroy(table);
	else
		leave_to_thread(table);
}

/**
 * fuse_backing_status - thread, number of files and limit of a connection
 * @fc: the connection, mounted or not
 * @ns: pid namespace of who asks
 * @status: filled; all 0 if there is no thread
 *
 * Context: any but interrupts.
 */
void fuse_backing_status(struct fuse_conn *fc, struct pid_namespace *ns,
			 struct fuse_backing_status *status)
{
	struct kthread_files *files;

	memset(status, 0, sizeof(*status));
	spin_lock(&fc->lock);
	if (fc->backing_table) {
		files = fc->backing_table->files;
		status->pid = kthread_files_pid(files, ns);
		status->count = kthread_files_count(files);
		status->limit = kthread_files_limit(files);
	}
	spin_unlock(&fc->lock);
}
