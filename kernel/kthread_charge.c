// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel threads that a user's cgroups pay for without having them as members.
 *
 * kthreadd is in the root cgroup, and so is what it starts: a thread that a user
 * can have started would be counted by nobody.  Were it in the user's cgroup, that
 * would be populated and couldn't be removed, frozen or seen to end as long as
 * the thread lives, which no signal ends.  So the controllers are told what it
 * costs, and it stays where it is.
 *
 * References: a charge holds one on each of its two controllers' states, which
 * outlive their cgroup.  When that is removed, memory goes over to the parent; the
 * pid stays counted where it was, and in all that are above.
 */

#include <linux/cgroup.h>
#include <linux/kthread_charge.h>
#include <linux/memcontrol.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/thread_info.h>

#ifdef CONFIG_CGROUP_PIDS
static int charge_pid(struct kthread_charge *charge)
{
	int err;

	charge->pids = task_get_css(current, pids_cgrp_id);
	err = pids_charge_css(charge->pids);
	if (err)
		css_put(charge->pids);
	return err;
}

static void uncharge_pid(struct kthread_charge *charge)
{
	pids_uncharge_css(charge->pids);
	css_put(charge->pids);
}
#else
static int charge_pid(struct kthread_charge *charge)
{
	return 0;
}

static void uncharge_pid(struct kthread_charge *charge)
{
}
#endif

#ifdef CONFIG_MEMCG
/* What fork(2) charges for a thread; the rest is the caller's anyway */
static size_t thread_size(void)
{
	return THREAD_SIZE + arch_task_struct_size +
	       sizeof(struct signal_struct) + sizeof(struct sighand_struct);
}

static int charge_memory(struct kthread_charge *charge)
{
	int err;

	charge->memory = get_obj_cgroup_from_current();
	if (!charge->memory)
		return 0;
	err = obj_cgroup_charge(charge->memory, GFP_KERNEL, thread_size());
	if (err)
		obj_cgroup_put(charge->memory);
	return err;
}

static void uncharge_memory(struct kthread_charge *charge)
{
	if (!charge->memory)
		return;
	obj_cgroup_uncharge(charge->memory, thread_size());
	obj_cgroup_put(charge->memory);
}
#else
static int charge_memory(struct kthread_charge *charge)
{
	return 0;
}

static void uncharge_memory(struct kthread_charge *charge)
{
}
#endif

/**
 * kthread_charge - charge a thread to the caller's cgroups
 * @charge: filled
 *
 * To be called before the thread is created.
 *
 * Context: may sleep.
 * Return: 0, to be undone with kthread_uncharge() when the thread has ended or
 *	never came to be; -EAGAIN beyond pids.max of the caller's cgroup or one
 *	above; -ENOMEM beyond its memory limit.
 */
int kthread_charge(struct kthread_charge *charge)
{
	int err = charge_pid(charge);

	if (err)
		return err;
	err = charge_memory(charge);
	if (err)
		uncharge_pid(charge);
	return err;
}

/**
 * kthread_uncharge - a thread costs nothing any more
 * @charge: from kthread_charge()
 *
 * Context: any but interrupts.
 */
void kthread_uncharge(struct kthread_charge *charge)
{
	uncharge_memory(charge);
	uncharge_pid(charge);
}
