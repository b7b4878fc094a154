/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time in which nobody has work for the processor.
 *
 * Waiting is not work, but the clock goes on. So somebody of no importance
 * spins meanwhile, and the time that it had is the time that nobody wanted.
 */
#ifndef IDLE_H
#define IDLE_H

#include <sys/types.h>

struct idle {
	pid_t pid;
	clockid_t clock;
	double before;
};

void idle_start(struct idle *idle);
void idle_stop(const struct idle *idle);

/* Since idle_start(), in units of now(). */
double idle_time(const struct idle *idle);

#endif /* IDLE_H */
