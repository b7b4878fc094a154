/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what a connection has of them.
 */

#ifndef _FS_FUSE_BACKING_CONN_H
#define _FS_FUSE_BACKING_CONN_H

#include <linux/types.h>

struct fuse_backing_table;
struct fuse_conn;
struct pid_namespace;

/**
 * struct fuse_backing_status - a table in numbers
 * @pid: of the kernel thread, in the namespace asked for; 0 if there is none
 * @count: files in the table
 * @limit: RLIMIT_NOFILE of the thread
 */
struct fuse_backing_status {
	pid_t pid;
	unsigned int count;
	unsigned int limit;
};

int fuse_backing_close_table(struct fuse_backing_table *table);
void fuse_backing_status(struct fuse_conn *fc, struct pid_namespace *ns,
			 struct fuse_backing_status *status);

#endif /* _FS_FUSE_BACKING_CONN_H */
