// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads that change the same word, for the test of who looks for that.
 *
 * Parameter, when it is loaded: ordered=1, and they do it by atomic operations.
 * running says how many aren't done yet.
 */

#include <linux/atomic.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#define THREADS	2
#define STEPS	1000000

static bool ordered;
module_param(ordered, bool, 0444);
MODULE_PARM_DESC(ordered, "Is there no race");

static atomic_t running = ATOMIC_INIT(THREADS);

static int get_running(char *buf, const struct kernel_param *param)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&running));
}

static const struct kernel_param_ops running_ops = {
	.get = get_running,
};
module_param_cb(running, &running_ops, NULL, 0444);
MODULE_PARM_DESC(running, "Threads that aren't done yet");

static struct task_struct *threads[THREADS];
static unsigned long word;
static atomic_long_t atomic_word;

static noinline void data_race_step(void)
{
	if (ordered)
		atomic_long_inc(&atomic_word);
	else
		word++;
}

static int work(void *unused)
{
	unsigned long step;

	for (step = 0; step < STEPS && !kthread_should_stop(); step++) {
		data_race_step();
		cond_resched();
	}
	atomic_dec(&running);
	while (!kthread_should_stop())
		schedule_timeout_idle(1);
	return 0;
}

static void stop(unsigned int count)
{
	while (count--)
		kthread_stop(threads[count]);
}

static int __init data_race_init(void)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		threads[i] = kthread_run(work, NULL, "data_race/%u", i);
		if (IS_ERR(threads[i])) {
			stop(i);
			return PTR_ERR(threads[i]);
		}
	}
	return 0;
}

static void __exit data_race_exit(void)
{
	stop(THREADS);
}

module_init(data_race_init);
module_exit(data_race_exit);
MODULE_DESCRIPTION("A data race, for tests");
MODULE_LICENSE("GPL");
