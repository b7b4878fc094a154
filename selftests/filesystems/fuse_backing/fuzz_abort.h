/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ends of the fuzzer's connections.
 */
#ifndef FUZZ_ABORT_H
#define FUZZ_ABORT_H

struct fuzz_mount;

void abort_mount(struct fuzz_mount *mount);

/* That, or the server is lost; sometimes. */
void op_abort(struct fuzz_mount *mount);

#endif /* FUZZ_ABORT_H */
