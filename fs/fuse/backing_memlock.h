/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: memory of the kernel's that a server fills counts as locked.
 */

#ifndef _FS_FUSE_BACKING_MEMLOCK_H
#define _FS_FUSE_BACKING_MEMLOCK_H

#include <linux/types.h>

struct fuse_conn;
struct fuse_payer;

/**
 * struct fuse_charge - what was charged to a user
 * @payer: to whom, with a reference; %NULL if nobody was charged
 * @pages: what each was more than a page, in pages
 * @rest: bytes of what was not
 */
struct fuse_charge {
	struct fuse_payer *payer;
	u32 pages;
	u32 rest;
};

int fuse_try_charge(size_t size, struct fuse_charge *charge);
int fuse_charge(struct fuse_conn *fc, size_t size, struct fuse_charge *charge);
void fuse_uncharge(struct fuse_charge *charge);

#endif /* _FS_FUSE_BACKING_MEMLOCK_H */
