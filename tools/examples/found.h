/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The node that a name stands for, as the kernel is told. With branchfs.lock.
 */
#ifndef FOUND_H
#define FOUND_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "nodes.h"

/* One more lookup: 0 or -errno */
int found_look_up(struct node *parent, const char *name, struct fuse_entry_param *entry);
void found_forget(struct node *node, uint64_t count);

/* What stat(2) is to say: 0 or -errno */
int found_stat(const struct node *node, struct stat *st);

/* Does the kernel look up names in there, but for those that are ours? */
bool found_is_passed(const struct node *dir);

#endif /* FOUND_H */
