/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel threads that a user's cgroups pay for without having them as members.
 */

#ifndef _LINUX_KTHREAD_CHARGE_H
#define _LINUX_KTHREAD_CHARGE_H

#include <linux/types.h>

struct cgroup_subsys_state;
struct obj_cgroup;

/**
 * struct kthread_charge - who pays for a thread
 * @pids: in the pids controller, %NULL if there is none
 * @memory: in the memory controller, %NULL if nobody does
 */
struct kthread_charge {
	struct cgroup_subsys_state *pids;
	struct obj_cgroup *memory;
};

int kthread_charge(struct kthread_charge *charge);
void kthread_uncharge(struct kthread_charge *charge);

/* kernel/cgroup/pids.c */
int pids_charge_css(struct cgroup_subsys_state *css);
void pids_uncharge_css(struct cgroup_subsys_state *css);

#endif /* _LINUX_KTHREAD_CHARGE_H */
