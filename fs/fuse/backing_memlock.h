/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: memory of the kernel's that a server fills counts as locked.
 */

#ifndef _FS_FUSE_BACKING_MEMLOCK_H
#define _FS_FUSE_BACKING_MEMLOCK_H

#include <linux/types.h>

struct user_struct;

/**
 * struct fuse_charge - what was charged to a user
 * @pages: how much
 * @user: to whom, with a reference; %NULL if nobody was charged
 */
struct fuse_charge {
	unsigned long pages;
	struct user_struct *user;
};

int fuse_charge(size_t size, struct fuse_charge *charge);
void fuse_uncharge(const struct fuse_charge *charge);

#endif /* _FS_FUSE_BACKING_MEMLOCK_H */
