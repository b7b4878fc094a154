/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that the kernel has for a branch.
 */
#ifndef BRANCHFS_H
#define BRANCHFS_H

#include <fuse_lowlevel.h>
#include <pthread.h>

#include <fuse_backing_lowlevel.h>

/* Nobody but us changes what is ours; seconds */
#define BRANCHFS_TIMEOUT	3600

/*
 * One request at a time, with @lock: few come here, and what they change is in two
 * directories. @policy passes files through that the kernel doesn't find by itself.
 */
extern struct branchfs {
	pthread_mutex_t lock;
	struct fusebacking_policy *policy;
} branchfs;

/* All of them, to be completed */
struct fuse_lowlevel_ops branchfs_operations(void);

/* Each of these has some */
void branchfs_names(struct fuse_lowlevel_ops *operations);
void branchfs_attributes(struct fuse_lowlevel_ops *operations);
void branchfs_files(struct fuse_lowlevel_ops *operations);
void branchfs_lists(struct fuse_lowlevel_ops *operations);

#endif /* BRANCHFS_H */
