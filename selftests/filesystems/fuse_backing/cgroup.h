/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cgroup (version 2) of a test's own, with memory and pids controller.
 */
#ifndef CGROUP_H
#define CGROUP_H

/* Make it: 0, -EOPNOTSUPP if there are no such controllers, or -errno. */
int cgroup_make(void);

/* For the calling process and its children. */
int cgroup_join(void);

/* memory.current and so on; a value that is negative means "max". */
long cgroup_read(const char *name);
int cgroup_write(const char *name, long value);

/* The number after @key in a file like memory.stat, or -errno. */
long cgroup_value(const char *name, const char *key);

/* The same from memory.events. */
long cgroup_event(const char *name);

/* 0, or -EBUSY as long as there are processes in it. */
int cgroup_remove(void);

#endif /* CGROUP_H */
