/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting for what happens soon, but not at once.
 *
 * The bound only keeps a failing test from hanging; it says nothing about
 * how fast the kernel has to be. It is generous because the tests also run
 * under software emulation.
 */
#ifndef WAIT_UNTIL_H
#define WAIT_UNTIL_H

#include <unistd.h>

#include "patience.h"

#define WAIT_STEP_US	1000
#define WAIT_STEPS	(15000 * patience())

/* The last value of @cond; false means that the bound was reached. */
#define wait_until(cond) ({						\
	int __left = WAIT_STEPS;					\
									\
	while (!(cond) && --__left)					\
		usleep(WAIT_STEP_US);					\
	__left > 0;							\
})

#endif /* WAIT_UNTIL_H */
