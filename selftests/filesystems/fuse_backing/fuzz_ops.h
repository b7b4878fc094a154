/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All of the fuzzer's operations, and how often each is.
 */
#ifndef FUZZ_OPS_H
#define FUZZ_OPS_H

void one_op(void);

#endif /* FUZZ_OPS_H */
