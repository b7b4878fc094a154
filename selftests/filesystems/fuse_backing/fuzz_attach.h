/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's operations on what is attached to nodes.
 */
#ifndef FUZZ_ATTACH_H
#define FUZZ_ATTACH_H

struct fuzz_mount;

void op_attach(struct fuzz_mount *mount);
void op_detach(struct fuzz_mount *mount);

#endif /* FUZZ_ATTACH_H */
