/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel has allocated, to compare with what it had before.
 */
#ifndef LEAKS_H
#define LEAKS_H

#define SLABS	512

struct slabs {
	int count;
	struct {
		char name[64];
		long objects;
	} slab[SLABS];
};

/* Open files of the system, or -1. Up to 64 for each CPU are not counted yet. */
long file_nr(void);

/*
 * 0, -EOPNOTSUPP where the numbers mean nothing, or -errno.
 *
 * KASAN keeps what was freed in quarantine, and kmemleak an object for each:
 * there kmemleak itself is the judge.
 */
int slabs_read(struct slabs *slabs);

/* The cache that grew most since *@before, and by how many objects. */
long slabs_growth(const struct slabs *before, const char **name);

#endif /* LEAKS_H */
