/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extents that the fuzzer names, right ones and others.
 */
#ifndef FUZZ_RANDOM_EXTENTS_H
#define FUZZ_RANDOM_EXTENTS_H

#include <linux/types.h>

struct fuse_backing_extent;
struct fuse_backing_extents;
struct fuzz_mount;

/* Right, most likely; at most MODEL_EXTENTS. Return how many. */
__u32 random_extents(const struct fuzz_mount *mount,
		     struct fuse_backing_extent *extent);

/* One for each id, and about as many as may be named. */
__u32 many_extents(const struct fuzz_mount *mount,
		   struct fuse_backing_extent *extent);

/* Wrong, most often; but writes never get to where files say who they are. */
void spoil(struct fuse_backing_extent *extent, __u32 count);
void spoil_args(struct fuse_backing_extents *args);

#endif /* FUZZ_RANDOM_EXTENTS_H */
