/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's operations on ids: the server's ioctls, and the table's limit.
 */
#ifndef FUZZ_IDS_H
#define FUZZ_IDS_H

struct fuzz_mount;

void op_register(struct fuzz_mount *mount);
void op_close_id(struct fuzz_mount *mount);
void op_close_all(struct fuzz_mount *mount);

/* An ioctl that there is not, or without arguments. */
void op_odd_ioctl(struct fuzz_mount *mount);

/* Another RLIMIT_NOFILE of the mount's thread. */
void op_limit(struct fuzz_mount *mount);

#endif /* FUZZ_IDS_H */
