/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: the table of a connection, and its thread.
 *
 * To be included after fuse_i.h.
 */

#ifndef _FS_FUSE_BACKING_TABLE_H
#define _FS_FUSE_BACKING_TABLE_H

#include <linux/completion.h>
#include <linux/wait.h>

#include "backing_types.h"

struct fuse_conn;

struct fuse_backing_table {
	/* there as long as the table */
	struct fuse_conn *fc;
	/* backing id -> file and struct fuse_backing */
	struct kthread_files *files;
	/* what is attached to inodes */
	struct fuse_attachments attachments;
	/* protects the two of them */
	spinlock_t lock;
	/* credentials of a mapping, and what get_write_cred() made of them */
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
	/* of who waits until there are fewer */
	wait_queue_head_t room;
	/* trees, and inodes below, that went, and are yet to be freed by the thread */
	atomic_t leaving;
	/* of who would make another one meanwhile */
	wait_queue_head_t fewer;
	/* where writes that interrupts complete end; made for the first of them */
	struct workqueue_struct *ends;
};

void fuse_backing_table_unused(struct fuse_backing_table *table);
void fuse_backing_table_destroy(struct fuse_backing_table *table);

/**
 * fuse_backing_table_find - the table that backing ids are looked up in
 * @fc: connection of a mounted superblock, which keeps the table
 *
 * Context: any.
 * Return: the table, without a reference; %NULL if there is none.
 */
static inline struct fuse_backing_table *
fuse_backing_table_find(struct fuse_conn *fc)
{
	/* pairs with smp_store_release() in table_publish() */
	return smp_load_acquire(&fc->backing_table);
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
static inline struct fuse_backing_table *
fuse_backing_table_get(struct fuse_conn *fc)
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
 * fuse_backing_table_put - drop a reference on a table
 * @table: from fuse_backing_table_get()
 *
 * Context: any.
 */
static inline void fuse_backing_table_put(struct fuse_backing_table *table)
{
	if (refcount_dec_and_test(&table->users))
		fuse_backing_table_unused(table);
}

#endif /* _FS_FUSE_BACKING_TABLE_H */
