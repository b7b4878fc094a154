// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that the kernel has for a branch. See branchfs.h.
 */

#define FUSE_USE_VERSION 317

#include <fuse_lowlevel.h>
#include <pthread.h>

#include "branchfs.h"

struct branchfs branchfs = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

struct fuse_lowlevel_ops branchfs_operations(void)
{
	struct fuse_lowlevel_ops operations = {};

	branchfs_names(&operations);
	branchfs_attributes(&operations);
	branchfs_files(&operations);
	branchfs_lists(&operations);
	return operations;
}
