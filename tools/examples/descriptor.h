/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What clients do with an open file whose descriptor is the handle, fi->fh.
 */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

#include <fuse_lowlevel.h>

/* Reads, writes, flushes and syncs; to open and release it is the server's */
void descriptor_operations(struct fuse_lowlevel_ops *operations);

#endif /* DESCRIPTOR_H */
