/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: what the kernel has to list.
 */
#ifndef FUZZ_MODEL_LIST_H
#define FUZZ_MODEL_LIST_H

#include <linux/types.h>

struct backing_files;
struct fuse_backing_entry;
struct model;

/* NULL, or what is wrong with what the control filesystem lists. */
const char *model_differs(const struct model *m,
			  const struct backing_files *files);

/*
 * The same for what FUSE_DEV_IOC_BACKING_LIST lists: this is to be the entry
 * with the least id from @start on.
 */
const char *model_entry_differs(const struct model *m, __u32 start,
				const struct fuse_backing_entry *entry);

/* The least id from @start on that is to be listed; 0 if there is none. */
__u32 model_next(const struct model *m, __u32 start);

#endif /* FUZZ_MODEL_LIST_H */
