/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A session of the fuzzer's: mounts, their server, and what they go through.
 */
#ifndef FUZZ_SESSION_H
#define FUZZ_SESSION_H

/*
 * In a process of its own; the status says whether all was well. It tells @to
 * when all is to be unmounted, and hears @from when it is.
 */
void session_run(unsigned long ops, int to, int from);

#endif /* FUZZ_SESSION_H */
