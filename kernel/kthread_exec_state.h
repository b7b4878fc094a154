/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may take what a kernel thread has open.
 */

#ifndef _KERNEL_KTHREAD_EXEC_STATE_H
#define _KERNEL_KTHREAD_EXEC_STATE_H

#include <linux/errno.h>
#include <linux/rwsem.h>
#include <linux/sched/exec_state.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/user_namespace.h>

/**
 * kthread_unshare_exec_state - keep others of the same user out of a kernel thread
 * @task: the thread, which has not run yet
 *
 * Kernel threads share an exec state that is dumpable: pidfd_getfd(2), kcmp(2) and
 * /proc/PID/fd of one with a user's credentials would let any process of that user in.
 * Its own isn't dumpable, and only privileges in the first user namespace make up for
 * that: root of another one is the user's own.
 *
 * Context: process context without locks; may sleep.
 * Return: 0 or -ENOMEM.
 */
static inline int kthread_unshare_exec_state(struct task_struct *task)
{
	struct task_exec_state *state = alloc_task_exec_state(&init_user_ns);

	if (!state)
		return -ENOMEM;
	down_write(&task->signal->exec_update_lock);
	task_lock(task);
	state = task_exec_state_replace(task, state);
	task_unlock(task);
	up_write(&task->signal->exec_update_lock);
	put_task_exec_state(state);
	return 0;
}

#endif /* _KERNEL_KTHREAD_EXEC_STATE_H */
