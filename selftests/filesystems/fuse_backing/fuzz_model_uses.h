/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: what uses a mapping, and what becomes of one that nothing
 * does.
 */
#ifndef FUZZ_MODEL_USES_H
#define FUZZ_MODEL_USES_H

#include <stdbool.h>

struct model;
struct model_set;

/* Inodes that @id is attached to, and attachments of it that wait. */
unsigned int model_count_attached(const struct model *m, int id);
unsigned int model_count_pending(const struct model *m, int id);

/* By these, by open files, or by mappings. */
bool model_is_used(const struct model *m, int id);

/* If @id is closed, and nothing uses it, its file leaves the table. */
void model_remove_unused(struct model *m, int id);

/* What @set had is not used by it any more. */
void model_remove_extents(struct model *m, struct model_set *set);

/* Neither attached nor waiting any more: open files keep it. */
void model_drop_set(struct model *m, struct model_set *set);

/* One that was dropped, when an open file of it is gone. */
void model_remove_closed_set(struct model *m, struct model_set *set);

#endif /* FUZZ_MODEL_USES_H */
