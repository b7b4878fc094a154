/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's random numbers, and what most operations choose at random.
 */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdbool.h>

#include <linux/types.h>

struct fuzz_mount;

__u32 random_u32(void);
__u32 below(__u32 n);
bool chance(__u32 percent);

/* An id that is likely to mean something, or to be very wrong. */
int random_id(const struct fuzz_mount *mount);

/* A node, and what to attach it for. */
void random_node(__u64 *node, __u64 *generation);
__u32 random_attach_flags(void);

/* One descriptor of a connection that has several, or -1 if it was lost. */
int random_dev(const struct fuzz_mount *mount);

#endif /* FUZZ_RANDOM_H */
