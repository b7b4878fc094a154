/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model: what opens come to.
 */
#ifndef FUZZ_MODEL_OPENS_H
#define FUZZ_MODEL_OPENS_H

#include <stdbool.h>

#include <linux/types.h>

struct model;
struct model_mapping;
struct model_set;

/*
 * The id that an open of @name may use without the server, 0 if there is none;
 * and may the inode have such a file beside those that are open?
 */
int model_attached(const struct model *m, unsigned int name, int flags);
bool model_fits(const struct model *m, unsigned int name, int id);

/*
 * The extents that an open of @name may use without the server, or NULL; and
 * may the inode have such a file beside those that are open, or one without
 * passthrough?
 */
struct model_set *model_extents(const struct model *m, unsigned int name,
				int flags);
bool model_fits_extents(const struct model *m, unsigned int name);

/*
 * What an open with these flags comes to, as far as modes and permissions go,
 * if @rights are what the server may do with the file: 0 or -errno.
 */
int model_permission(const struct model_mapping *map, __u8 rights, int flags,
		     bool *append_only);

#endif /* FUZZ_MODEL_OPENS_H */
