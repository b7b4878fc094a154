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

/* What others make and open meanwhile; a leak in a test of many rounds exceeds it. */
#define LEAKS_OBJECTS	4000
#define LEAKS_FILES	500

struct leaks {
	struct slabs slabs;
	int slabs_err;
	long files;
};

/* What there is before a test, which is to leak nothing. */
void leaks_begin(struct leaks *before);

/* Only one object of a program, the test itself, can include the harness. */
#ifdef HARNESS_H

#include "wait_until.h"

/* Credentials and the like are freed after a grace period. */
static inline void leaks_end(struct __test_metadata *_metadata, const struct leaks *before)
{
	const char *name = "";

	EXPECT_TRUE(wait_until(file_nr() <= before->files + LEAKS_FILES));
	if (before->slabs_err)
		TH_LOG("slabs not compared: error %d", before->slabs_err);
	else
		EXPECT_TRUE(wait_until(slabs_growth(&before->slabs, &name) < LEAKS_OBJECTS))
			TH_LOG("%s grew", name);
}

#endif /* HARNESS_H */

#endif /* LEAKS_H */
