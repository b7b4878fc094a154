/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: ids, from being registered to being closed.
 */
#ifndef FUZZ_MODEL_IDS_H
#define FUZZ_MODEL_IDS_H

#include <stdbool.h>

struct model;
struct model_mapping;

void model_init(struct model *m, unsigned int limit);

/* Is @id good for an open, or to be attached? */
bool model_live(const struct model *m, int id);

/* The result of registering a file that is fit: 0 (an id), or -errno. */
int model_register_result(const struct model *m);

/* NULL, or what is wrong with the @id that the kernel gave. */
const char *model_registered(struct model *m, int id,
			     const struct model_mapping *map);

void model_close(struct model *m, int id);
void model_close_all(struct model *m);

/* A reply that named @id, after all it led to. */
void model_claim(struct model *m, int id);

void model_abort(struct model *m);

#endif /* FUZZ_MODEL_IDS_H */
