/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is only in LOWER is copied up before it is changed. The node that it was is that
 * no more then: the answer is ESTALE, and the kernel looks the name up again. With
 * branchfs.lock.
 */
#ifndef CHANGE_H
#define CHANGE_H

#include <fuse_lowlevel.h>

#include "nodes.h"

/* What a request is to change, which may have been replaced */
struct node *change_node(fuse_ino_t ino);

/*
 * It is in UPPER, and a directory has attributes of its own: 0 or -errno, which is to be
 * the answer. So nothing is changed before the answer is ESTALE, and it comes again.
 */
int change_need_upper(struct node *node);

/* A file that is only in LOWER is in UPPER, which has @parent: 0 or -errno */
int change_copy_up(struct node *parent, const char *name);

#endif /* CHANGE_H */
