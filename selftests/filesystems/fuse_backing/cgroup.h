/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cgroup (version 2) of a test's own, with memory and pids controller.
 */
#ifndef CGROUP_H
#define CGROUP_H

#include <errno.h>
#include <stdbool.h>

/* Make it: 0, -EOPNOTSUPP if there are no such controllers, or -errno. */
int cgroup_make(void);

/* For the calling process and its children. */
int cgroup_join(void);

/* memory.current and so on; a value that is negative means "max". */
long cgroup_read(const char *name);
int cgroup_write(const char *name, long value);

/* The number after @key in a file like memory.stat, or -errno. */
long cgroup_value(const char *name, const char *key);

/*
 * Have the values of memory.stat be what they are: what a CPU adds while they are being
 * read may not be seen before it adds more (see css_rstat_updated()), so each does. What
 * for that is in the cgroup for a moment counts, too.
 */
int cgroup_stir(void);

/* As cgroup_value(), from memory.events. */
long cgroup_event(const char *name);

/* 0, or -EBUSY as long as there are processes in it. */
int cgroup_remove(void);

/* Only one object of a program, the test itself, can include the harness. */
#ifdef HARNESS_H

/* For a fixture's setup, which is to end if this says false. */
static inline bool cgroup_start(struct __test_metadata *_metadata)
{
	int err;

	if (geteuid())
		SKIP(return false, "needs root");
	err = cgroup_make();
	if (err == -EOPNOTSUPP)
		SKIP(return false, "needs cgroup 2 with memory and pids");
	ASSERT_EQ(0, err);
	return true;
}

#endif /* HARNESS_H */

#endif /* CGROUP_H */
