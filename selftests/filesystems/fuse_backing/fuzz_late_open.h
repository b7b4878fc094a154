/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An open whose server does other things before it answers.
 */
#ifndef FUZZ_LATE_OPEN_H
#define FUZZ_LATE_OPEN_H

struct fuzz_mount;

void op_late_open(struct fuzz_mount *mount);

#endif /* FUZZ_LATE_OPEN_H */
