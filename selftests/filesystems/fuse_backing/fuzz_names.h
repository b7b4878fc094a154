/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names on the fuzzer's mounts: what the kernel knows of them.
 */
#ifndef FUZZ_NAMES_H
#define FUZZ_NAMES_H

#include <stdbool.h>

struct fuzz_mount;
struct stat;

/* By a client of this mount, in any way. */
bool name_is_used(int mount, int name);

/* By an open that makes it. */
bool name_is_created(int name);

/* 0 or -errno */
int stat_name(const struct fuzz_mount *mount, int name, struct stat *st);

/* What an open makes the kernel find out about @name. */
void look_up_name(struct fuzz_mount *mount, int name);

/* Of names without a dentry: the inodes that nobody uses. */
void evict_dropped(struct fuzz_mount *mount);

/* A name that vanishes for a moment: the kernel forgets its inode. */
void op_forget(struct fuzz_mount *mount);

#endif /* FUZZ_NAMES_H */
