/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must hold of a mount while nobody changes it: all that tell of its
 * mappings tell the same, each id has one file, and nothing is kept that is of
 * no use to anybody.
 */
#ifndef MOUNT_CHECK_H
#define MOUNT_CHECK_H

#include "fuse_server.h"

/*
 * NULL, or what is wrong. What was given up last may still be on its way, so it
 * is worth to try again.
 */
const char *mount_check(const struct fuse_server *srv);

#endif /* MOUNT_CHECK_H */
