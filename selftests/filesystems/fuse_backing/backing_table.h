/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file table of a mount's kernel thread, as /proc shows it.
 *
 * Nothing in here asks the connection or its server: the thread is found by
 * its name and read like any other process, as lsof does.
 */
#ifndef BACKING_TABLE_H
#define BACKING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TABLE_MAX	4096

/* The name that the thread of the mount with device number @dev has. */
void thread_name(dev_t dev, char *name, size_t size);

/* Its pid; 0 if there is none. */
pid_t thread_find(dev_t dev);

/* How many threads of this kind there are, of all mounts. */
int thread_count(void);
bool thread_exists(pid_t pid);

/* One line of /proc/PID/status, without the key and the blanks after it. */
int thread_status(pid_t pid, const char *key, char *value, size_t size);

/* RLIMIT_NOFILE from /proc/PID/limits; "unlimited" is -1UL. */
int thread_nofile(pid_t pid, unsigned long *soft, unsigned long *hard);

/* Descriptor numbers in ascending order; their count or -errno. */
int table_list(pid_t pid, int *fds, int max);
int table_count(pid_t pid);
bool table_has(pid_t pid, int fd);
int table_path(pid_t pid, int fd, char *path, size_t size);

/* What fdinfo of a descriptor of /dev/fuse says. */
struct dev_fdinfo {
	unsigned int connection;
	pid_t thread;
	unsigned long count;
	unsigned long limit;
};

int dev_fdinfo_read(int dev, struct dev_fdinfo *info);

/* Everything that @command printed, and its exit status or -1. */
int command_output(const char *command, char *out, size_t size);

#endif /* BACKING_TABLE_H */
