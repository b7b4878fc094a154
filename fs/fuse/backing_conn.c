// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what a connection has of them, from its first registration to
 * its end.
 *
 * Locking: bit 0 of fuse_conn::backing_starting, which is who starts the thread, comes
 * before all others.
 */

#include "dev.h"
#include "fuse_i.h"
#include "backing_access.h"
#include "backing_attach.h"
#include "backing_bpf.h"
#include "backing_conn.h"
#include "backing_mapping.h"
#include "backing_pending.h"
#include "backing_reject.h"
#include "backing_server.h"
#include "backing_table.h"
#include "backing_trace.h"

#include <linux/fuse_backing.h>
#include <linux/file.h>
#include <linux/kthread_files.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#define FUSE_BACKING_MAP_FLAGS	(FUSE_BACKING_MAP_AUTO_CLOSE | \
				 FUSE_BACKING_MAP_COPY_SPLICE | \
				 FUSE_BACKING_MAP_AS_OPENED | \
				 FUSE_BACKING_MAP_DIR)

static struct fuse_backing_table *table_create(struct fuse_conn *fc)
{
	struct fuse_backing_table *table;

	table = kzalloc_obj(*table, GFP_KERNEL_ACCOUNT);
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
	fuse_attachments_init(&table->attachments, fc);
	refcount_set(&table->users, 1);
	init_completion(&table->unused);
	init_waitqueue_head(&table->room);
	atomic_set(&table->leaving, 0);
	init_waitqueue_head(&table->fewer);
	fuse_backing_trace(fuse_backing_thread_start, fc,
			   kthread_files_pid(table->files, &init_pid_ns));
	return table;
}

/* Make @new the table of @fc, which has none, unless it is too late for one */
static int table_publish(struct fuse_conn *fc, struct fuse_backing_table *new)
{
	int err = 0;

	spin_lock(&fc->lock);
	if (!fuse_backing_has_server(fc))
		err = -ENOTCONN;
	else
		/* pairs with smp_load_acquire() in fuse_backing_table_find() */
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
		fuse_backing_table_destroy(new);
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
	if (!fuse_backing_has_server(fc))
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

static bool is_map_valid(const struct fuse_backing_map *map)
{
	if ((map->flags & ~FUSE_BACKING_MAP_FLAGS) || map->padding)
		return false;
	/* the others are about how a file is opened, and read */
	return !(map->flags & FUSE_BACKING_MAP_DIR) ||
	       !(map->flags & (FUSE_BACKING_MAP_AUTO_CLOSE |
			       FUSE_BACKING_MAP_COPY_SPLICE));
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
 *	-EINVAL for flags or padding, or if it is neither a regular file nor a
 *	directory; -EBADF if the descriptor is not open;
 *	-EISDIR for a directory without FUSE_BACKING_MAP_DIR, -ENOTDIR for a file with
 *	it, -EPERM for a directory of somebody with more power than the owner;
 *	-EOPNOTSUPP for a file on an internal mount (memfd), and without CAP_SYS_ADMIN,
 *	or with more power than the owner, on a filesystem that is not fit, or has such
 *	a one below;
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
	if (!is_map_valid(map))
		return fuse_backing_reject(fc, 0, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	file = fget_raw(map->fd);
	if (!file)
		return fuse_backing_reject(fc, 0, -EBADF, FUSE_BACKING_BAD_FD);

	res = fuse_backing_may_register(fc, file,
					map->flags & FUSE_BACKING_MAP_DIR);
	if (res)
		goto out_fput;

	table = table_get_or_start(fc);
	if (IS_ERR(table)) {
		res = fuse_backing_reject(fc, 0, PTR_ERR(table),
					  FUSE_BACKING_THREAD);
		goto out_fput;
	}

	res = fuse_backing_install(table, file, fuse_backing_is_brokered(fc),
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
		fb = fuse_backing_close_id(table, backing_id,
					   FUSE_BACKING_CLOSED_BY_ID);
		if (fb) {
			fuse_pending_drop(&table->attachments, fb, U64_MAX);
			fuse_backing_put(fb);
		}
		fuse_backing_table_put(table);
	}
	if (!fb)
		return fuse_backing_reject(fc, backing_id, -ENOENT,
					   FUSE_BACKING_UNKNOWN_ID);
	return 0;
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
		fb = fuse_backing_close_id(table, id,
					   FUSE_BACKING_CLOSED_WITH_ALL);
		if (fb)
			fuse_backing_put(fb);
		cond_resched();
	}
	if (fatal_signal_pending(current))
		return -EINTR;
	return fuse_attachments_detach_all(&table->attachments);
}

/* Nothing is installed any more; holds a reference on the table */
static void empty_table(struct kthread_files_work *work)
{
	struct fuse_backing_table *table =
		container_of(work, struct fuse_backing_table, empty_work);

	fuse_backing_close_table(table);
	fuse_backing_table_put(table);
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
	fuse_attachments_close(&table->attachments);

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
	fuse_backing_table_destroy(table);
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
	fuse_filter_end(fc);

	spin_lock(&fc->lock);
	table = fc->backing_table;
	fc->backing_table = NULL;
	spin_unlock(&fc->lock);
	if (!table)
		return;

	fuse_backing_table_put(table);
	if (kthread_files_may_wait() &&
	    !wait_for_completion_killable(&table->unused))
		fuse_backing_table_destroy(table);
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
