/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: FUSE inodes, and their open files.
 */
#ifndef FUZZ_MODEL_NODES_H
#define FUZZ_MODEL_NODES_H

#include <linux/types.h>

struct model;
struct model_node;
struct model_set;

/*
 * The inode that a server means, if the kernel knows it, or NULL. Only half of
 * a generation ever gets to the kernel.
 */
struct model_node *model_find_node(struct model *m, __u64 node,
				   __u64 generation);

/* The kernel got to know the inode of @name; and forgot it. */
void model_look_up(struct model *m, unsigned int name);
void model_evict(struct model *m, unsigned int name);

/* An open FUSE file of @name: on @id, or on extents. */
void model_open(struct model *m, int id, unsigned int name);
void model_release(struct model *m, int id, unsigned int name);
void model_open_extents(struct model *m, struct model_set *set,
			unsigned int name);
void model_release_extents(struct model *m, struct model_set *set,
			   unsigned int name);

/* An open file of @name is mapped for the first time, on @id; and is gone. */
void model_pin(struct model *m, int id, unsigned int name);
void model_unpin(struct model *m, int id, unsigned int name);

#endif /* FUZZ_MODEL_NODES_H */
