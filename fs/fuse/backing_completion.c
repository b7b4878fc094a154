// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: where writes end that an interrupt has completed.
 *
 * Each superblock has a queue of its own: the end of a write may wait for a page
 * of the FUSE inode, and that for a read from a backing file of a user's own.
 */

#include "fuse_i.h"
#include "backing_io.h"

#include <linux/workqueue.h>

/**
 * fuse_backing_init_completions - make the queue of a superblock, if there is none
 * @sb: the superblock; it ends the queue when it ends itself
 *
 * As sb_init_dio_done_wq(), but without a rescuer: that is a kernel thread for each
 * mount that a user makes, and nobody would pay for it.  It would be for work that
 * memory reclaim waits for, and that doesn't wait for direct I/O on FUSE files.
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int fuse_backing_init_completions(struct super_block *sb)
{
	struct workqueue_struct *wq = alloc_workqueue("dio/%s", 0, 0, sb->s_id);

	if (!wq)
		return -ENOMEM;
	/* somebody else may have been faster */
	if (cmpxchg(&sb->s_dio_done_wq, NULL, wq))
		destroy_workqueue(wq);
	return 0;
}
