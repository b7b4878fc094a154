/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's operation on files that are ranges of backing files.
 */
#ifndef FUZZ_EXTENTS_H
#define FUZZ_EXTENTS_H

struct fuzz_mount;

/* FUSE_DEV_IOC_BACKING_EXTENTS, valid or not. */
void op_extents(struct fuzz_mount *mount);

#endif /* FUZZ_EXTENTS_H */
