/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A FUSE mount that costs little: passthrough is negotiated, and then nobody
 * serves it. There may be a thousand of them.
 */
#ifndef LIGHT_MOUNT_H
#define LIGHT_MOUNT_H

#include <sys/types.h>

/* In a directory of its own name there: a descriptor of /dev/fuse, or -errno. */
int light_mount(const char *mountpoint, uid_t uid);

#endif /* LIGHT_MOUNT_H */
