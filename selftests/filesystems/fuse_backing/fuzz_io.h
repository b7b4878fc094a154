/* SPDX-License-Identifier: GPL-2.0 */
/*
 * I/O of the fuzzer's clients.
 */
#ifndef FUZZ_IO_H
#define FUZZ_IO_H

/* Some client reads, writes, maps, closes and so on. */
void op_client(void);

#endif /* FUZZ_IO_H */
