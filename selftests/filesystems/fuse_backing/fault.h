/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One allocation, or one copy from or to user memory, that fails.
 *
 * The kernel counts those of a task, and fails the one that it is told: all
 * of them in turn, in whatever the task does, the caller's code or not.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>

#include <sys/types.h>

/*
 * Let every allocation be one that can fail: 0, -EOPNOTSUPP where the kernel has
 * no fault injection, or -errno. Needs root.
 */
int fault_setup(void);

/* A descriptor to arm the task @tid by, 0 for the calling thread; or -errno. */
int fault_open(pid_t tid);

/* From now on, count; the @nth fails, from 1. */
int fault_arm(int fault, unsigned int nth);

/* Did it? And none does any more. */
bool fault_struck(int fault);

#endif /* FAULT_H */
