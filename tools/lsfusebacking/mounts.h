/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The caller's mountinfo, and those of others.
 */
#ifndef LSFUSEBACKING_MOUNTS_H
#define LSFUSEBACKING_MOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

struct libmnt_fs;
struct libmnt_table;

/* Ends the program with a message if there is none */
struct libmnt_table *mounts_load(void);

/* That of another process, NULL if it can't be seen */
struct libmnt_table *mounts_of(pid_t pid);

/* The device number of a mount's superblock, as connections are numbered */
unsigned int mount_number(struct libmnt_fs *fs);
bool mount_is_fuse(struct libmnt_fs *fs);

/*
 * What one sees at exactly @path, or what @path lies on. Of mounts on top of
 * each other it is the last.
 */
struct libmnt_fs *mount_at(struct libmnt_table *mounts, const char *path);
struct libmnt_fs *mount_of(struct libmnt_table *mounts, const char *path);
struct libmnt_fs *mount_by_id(struct libmnt_table *mounts, int id);

/* @path is @directory or lies below it */
bool path_is_below(const char *path, const char *directory);

/*
 * An absolute path without double slashes and dots, by its text only: looking
 * at a path on a mount may wait for its server. The caller must free it.
 */
char *path_absolute(const char *path);

#endif
