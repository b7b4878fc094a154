/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much faster two processes are than one, on two CPUs.
 *
 * A ratio of two rates from the same guest, measured by turns: the rates
 * themselves are those of an emulator and say nothing.
 */
#ifndef PARALLEL_H
#define PARALLEL_H

#include <stdbool.h>

void parallel_measure(const char *fs, bool quick, bool reverse);

#endif /* PARALLEL_H */
