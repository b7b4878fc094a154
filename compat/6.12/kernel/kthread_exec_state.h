/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may take what a kernel thread has open.
 */

#ifndef _KERNEL_KTHREAD_EXEC_STATE_H
#define _KERNEL_KTHREAD_EXEC_STATE_H

#include <linux/sched.h>

/**
 * kthread_unshare_exec_state - keep others of the same user out of a kernel thread
 * @task: the thread
 *
 * A task without memory isn't dumpable in Linux 6.12: there is nothing to be done.
 *
 * Return: 0.
 */
static inline int kthread_unshare_exec_state(struct task_struct *task)
{
	return 0;
}

#endif /* _KERNEL_KTHREAD_EXEC_STATE_H */
