/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that the kernel has for a branch: names, attributes, and files where it
 * doesn't read and write them by itself.
 */
#ifndef BRANCHFS_H
#define BRANCHFS_H

#include <fuse_lowlevel.h>

#include <fuse_backing_lowlevel.h>

/* Before the first request; @policy passes UPPER's files through */
void branchfs_init(struct fusebacking_policy *policy);

extern const struct fuse_lowlevel_ops branchfs_operations;

#endif /* BRANCHFS_H */
