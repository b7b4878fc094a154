/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A BPF program decides what PROGRAM_MOUNT passes through: one of ours, or of
 * tools/examples/filter. One at a time.
 *
 * They are built outside of the guest, and the latter with the selftests.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>

/* Has the kernel types for them? */
bool filter_is_there(void);

/* Until filter_stop(); @argument is for its loader, or NULL. */
void filter_start(const char *program, const char *argument);
void filter_stop(void);

#endif /* FILTER_H */
