/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A memory cgroup (version 2) of a test's own.
 */
#ifndef CGROUP_H
#define CGROUP_H

/* Make it: 0, -EOPNOTSUPP if there is no such controller, or -errno. */
int cgroup_make(void);

/* For the calling process and its children. */
int cgroup_join(void);

/* memory.current and so on; a value that is negative means "max". */
long cgroup_read(const char *name);
int cgroup_write(const char *name, long value);

/* A number from memory.events, or -errno. */
long cgroup_event(const char *name);

/* 0, or -EBUSY as long as there are processes in it. */
int cgroup_remove(void);

#endif /* CGROUP_H */
