// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what userspace sees beyond the thread's file table.
 */

#include "fuse_i.h"

#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

/**
 * fuse_backing_show_fdinfo - /proc/PID/fdinfo of a /dev/fuse descriptor
 * @m: where to print
 * @file: the open /dev/fuse
 *
 * Prints the pid of the connection's kernel thread as the reader's pid
 * namespace knows it, 0 if it doesn't or there is none, and how many files the
 * thread's table holds and may hold.  A descriptor that isn't mounted has no
 * connection and prints nothing.
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct fuse_dev *fud = READ_ONCE(file->private_data);
	struct fuse_backing_status status;

	if (!fud)
		return;

	fuse_backing_status(fud->fc, proc_pid_ns(file_inode(m->file)->i_sb),
			    &status);
	seq_printf(m, "backing_thread:\t%d\n", status.pid);
	seq_printf(m, "backing_files:\t%u %u\n", status.count, status.limit);
}
