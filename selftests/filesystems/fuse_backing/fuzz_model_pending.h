/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: attachments that wait for the kernel to know their node.
 */
#ifndef FUZZ_MODEL_PENDING_H
#define FUZZ_MODEL_PENDING_H

#include <stdbool.h>

#include <linux/types.h>

struct model;
struct model_pending;

/* NULL if there is none. */
struct model_pending *model_find_pending(struct model *m, __u64 node,
					 __u32 generation);

/* It waits no more, whatever becomes of what it had. */
void model_remove_pending(struct model *m, struct model_pending *pending);

/* All that name @id are given up; and one, which the server detaches. */
void model_drop_pending_of(struct model *m, int id);

/* Returns whether there was something. */
bool model_detach_pending(struct model *m, __u64 node, __u32 generation);

#endif /* FUZZ_MODEL_PENDING_H */
