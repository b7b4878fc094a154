/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's model against all that tells of a mount's table.
 */
#ifndef FUZZ_TABLE_H
#define FUZZ_TABLE_H

struct fuzz_mount;

void check_table(struct fuzz_mount *mount);

#endif /* FUZZ_TABLE_H */
