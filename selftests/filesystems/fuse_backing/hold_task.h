/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks that are held where a kernel function is called: see
 * test_modules/hold_task.c, a module that is loaded here. One test at a time.
 */
#ifndef HOLD_TASK_H
#define HOLD_TASK_H

#include <stdbool.h>
#include <sys/types.h>

struct creds;

/*
 * With the module's parameters: 0; -EOPNOTSUPP if there is none for this kernel,
 * or no such function; or -errno. Needs root.
 */
int hold_task_start(const char *parameters);
void hold_task_stop(void);

/*
 * The same for a child that does @call(@arg), as whoever @who is or as its parent, and exits
 * with what it returns, negated: it is held where it calls @function for the @nth time. Its
 * pid, or -1.
 */
pid_t hold_task_run(const char *function, int nth, const struct creds *who,
		    int (*call)(void *arg), const void *arg);

/* Wait until a task is held at this of the points, from 0 on. */
bool hold_task_is_held(unsigned int point);

/* It goes on: 0 or -errno. What was let go once holds nobody any more. */
int hold_task_go(unsigned int point);

#endif /* HOLD_TASK_H */
