// SPDX-License-Identifier: GPL-2.0
/*
 * Holds tasks where a kernel function is called, as a preemption there might, so
 * that a test can have a race end as it likes.
 *
 * Parameters, when it is loaded: function=F,... comm=C,... nth=N,...  Task C is held
 * at its Nth call of F, which has at most six arguments, all of them integers or
 * pointers.  held says which are held, a bit for each point; who writes it to go
 * lets them go on.
 */

#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/wait.h>

#define POINTS	4

typedef unsigned long (*call_fn)(unsigned long, unsigned long, unsigned long,
				 unsigned long, unsigned long, unsigned long);

struct point {
	struct kprobe probe;
	/* who is held, or goes on, in the function called anew */
	struct task_struct *task;
	unsigned int calls;
};

static char *function[POINTS];
static unsigned int functions;
module_param_array(function, charp, &functions, 0444);
MODULE_PARM_DESC(function, "Where to hold a task");

static char *comm[POINTS];
static unsigned int comms;
module_param_array(comm, charp, &comms, 0444);
MODULE_PARM_DESC(comm, "Its name");

static unsigned int nth[POINTS];
static unsigned int nths;
module_param_array(nth, uint, &nths, 0444);
MODULE_PARM_DESC(nth, "At which call");

static unsigned long held;
module_param(held, ulong, 0444);
MODULE_PARM_DESC(held, "Which are held");

static unsigned long go;
static DECLARE_WAIT_QUEUE_HEAD(wait);

static int set_go(const char *val, const struct kernel_param *param)
{
	int err = param_set_ulong(val, param);

	wake_up_all(&wait);
	return err;
}

static const struct kernel_param_ops go_ops = {
	.set = set_go,
	.get = param_get_ulong,
};
module_param_cb(go, &go_ops, &go, 0644);
MODULE_PARM_DESC(go, "Which go on");

static struct point points[POINTS];

/* In place of the function that is called */
static noinline unsigned long hold(unsigned long a, unsigned long b,
				   unsigned long c, unsigned long d,
				   unsigned long e, unsigned long f)
{
	unsigned long result;
	unsigned int i;

	for (i = 0; i < functions; i++)
		if (points[i].task == current)
			break;
	if (WARN_ON_ONCE(i == functions))
		return 0;
	set_bit(i, &held);
	wait_event_idle(wait, READ_ONCE(go) & BIT(i));
	clear_bit(i, &held);
	result = ((call_fn)points[i].probe.addr)(a, b, c, d, e, f);
	points[i].task = NULL;
	return result;
}

static int pre_handler(struct kprobe *probe, struct pt_regs *regs)
{
	struct point *point = container_of(probe, struct point, probe);

	if (point->task || strcmp(current->comm, comm[point - points]) ||
	    ++point->calls != nth[point - points])
		return 0;
	point->task = current;
	instruction_pointer_set(regs, (unsigned long)hold);
	return 1;
}

/* With one, the probe isn't replaced by a jump, which could not change where to */
static void post_handler(struct kprobe *probe, struct pt_regs *regs,
			 unsigned long flags)
{
}

static void unregister(unsigned int count)
{
	while (count--)
		unregister_kprobe(&points[count].probe);
}

static int __init hold_task_init(void)
{
	unsigned int i;
	int err;

	if (!functions || functions != comms || functions != nths)
		return -EINVAL;
	for (i = 0; i < functions; i++) {
		points[i].probe.symbol_name = function[i];
		points[i].probe.pre_handler = pre_handler;
		points[i].probe.post_handler = post_handler;
		err = register_kprobe(&points[i].probe);
		if (err) {
			unregister(i);
			return err;
		}
	}
	return 0;
}

static void __exit hold_task_exit(void)
{
	unsigned int i;

	unregister(functions);
	WRITE_ONCE(go, ~0UL);
	wake_up_all(&wait);
	for (i = 0; i < functions; i++)
		while (READ_ONCE(points[i].task))
			schedule_timeout_idle(1);
	/* from there to the end of hold() */
	synchronize_rcu();
}

module_init(hold_task_init);
module_exit(hold_task_exit);
MODULE_DESCRIPTION("Holds tasks at functions, for tests");
MODULE_LICENSE("GPL");
