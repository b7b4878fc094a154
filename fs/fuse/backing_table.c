// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: the table of a connection, and its thread.
 *
 * References: the connection, each mapping and each call in progress hold one
 * on the table.  The superblock's end waits for all of them, so that nothing
 * of the mount pins a backing filesystem afterwards.  If whoever ends it can't
 * wait for as long, the table is left to its thread, with references on the module
 * and on the connection.
 *
 * Locking: fuse_conn::lock protects fuse_conn::backing_table, and nothing else is
 * taken inside of it here.
 */

#include "dev.h"
#include "fuse_i.h"
#include "backing_table.h"
#include "backing_trace.h"

#include <linux/cred.h>
#include <linux/kthread_files.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

static pid_t thread_of(const struct fuse_backing_table *table)
{
	return kthread_files_pid(table->files, &init_pid_ns);
}

/* The table has no users left */
static void free_table(struct fuse_backing_table *table)
{
	if (table->ends)
		destroy_workqueue(table->ends);
	put_cred(table->cred);
	put_cred(table->write_cred);
	kfree(table);
}

/**
 * fuse_backing_table_destroy - stop the thread of a table, and free it
 * @table: a table without users
 *
 * Context: process context; may sleep.
 */
void fuse_backing_table_destroy(struct fuse_backing_table *table)
{
	fuse_backing_trace(fuse_backing_thread_exit, table->fc,
			   thread_of(table));
	kthread_files_destroy(table->files);
	free_table(table);
}

/* The thread, to which the table was left, frees it and ends */
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
 * fuse_backing_table_unused - a table has no references left
 * @table: the table
 *
 * Context: any.
 */
void fuse_backing_table_unused(struct fuse_backing_table *table)
{
	if (atomic_xchg(&table->left, 1))
		kthread_files_queue(table->files, &table->end_work, end_table);
	else
		complete(&table->unused);
}
