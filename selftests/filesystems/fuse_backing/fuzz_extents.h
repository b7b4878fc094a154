/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's operations on files that are ranges of backing files.
 */
#ifndef FUZZ_EXTENTS_H
#define FUZZ_EXTENTS_H

struct client;
struct fuzz_mount;

/* FUSE_DEV_IOC_BACKING_EXTENTS, valid or not. */
void op_extents(struct fuzz_mount *mount);

/*
 * After each operation: the sizes of nodes that have extents, as the kernel knows them
 * now. When one becomes longer says where its extents end.
 */
void extents_see_sizes(void);

/* Of an open file that has extents: a read, and something or other. */
void extents_client_read(struct client *c);
void extents_client_io(struct client *c);

#endif /* FUZZ_EXTENTS_H */
