/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: extents that a server names.
 */
#ifndef FUZZ_MODEL_EXTENTS_H
#define FUZZ_MODEL_EXTENTS_H

#include <stdbool.h>

#include <linux/types.h>

struct fuse_backing_extent;
struct fuse_backing_extents;
struct model;

/* What is the matter with a backing file when somebody names extents of it. */
struct model_file {
	__u64 size;
	bool append_only;	/* with chattr +a */
};

/*
 * What becomes of them: 0 or -errno. @extent is what args->extents points to,
 * @file says what is registered.
 */
int model_set_extents(struct model *m, const struct fuse_backing_extents *args,
		      const struct fuse_backing_extent *extent,
		      const struct model_file *file);

#endif /* FUZZ_MODEL_EXTENTS_H */
