/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may take what a kernel thread has open.
 */

#ifndef _KERNEL_KTHREAD_EXEC_STATE_H
#define _KERNEL_KTHREAD_EXEC_STATE_H

#include <linux/errno.h>
#include <linux/sched.h>

/**
 * kthread_unshare_exec_state - keep others of the same user out of a kernel thread
 * @task: the thread, which has not run yet
 *
 * There is nothing to be done where ptrace's rule is the strict one: of a task without
 * memory others may take something only if it is one that ends, and had memory that they
 * might dump.  Older point releases of Linux 6.12 let any process of the same user in,
 * whatever the task is; they don't have the bit that says so, and this doesn't compile.
 *
 * Context: any.
 * Return: 0; -EPERM for a task that others may look into.
 */
static inline int kthread_unshare_exec_state(struct task_struct *task)
{
	return task->user_dumpable ? -EPERM : 0;
}

#endif /* _KERNEL_KTHREAD_EXEC_STATE_H */
