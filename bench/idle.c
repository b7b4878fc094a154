// SPDX-License-Identifier: GPL-2.0
/*
 * Time in which nobody has work for the processor. See idle.h.
 */

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "idle.h"
#include "record.h"

/* An emulator gets over many instructions in a block quicker than over few */
static void spin(void)
{
	for (;;)
		asm volatile(".rept 400; nop; .endr");
}

static double time_of(clockid_t clock)
{
	struct timespec t;

	must(!clock_gettime(clock, &t));
	return t.tv_sec * 1e9 + t.tv_nsec;
}

void idle_start(struct idle *idle)
{
	const struct sched_param none = {};

	idle->pid = fork();
	must(idle->pid >= 0);
	if (!idle->pid) {
		/* or it keeps /dev/fuse open */
		syscall(SYS_close_range, 0, ~0U, 0);
		must(!sched_setscheduler(0, SCHED_IDLE, &none));
		spin();
	}
	usleep(1000);
	must(!clock_getcpuclockid(idle->pid, &idle->clock));
	idle->before = time_of(idle->clock);
}

void idle_stop(const struct idle *idle)
{
	kill(idle->pid, SIGKILL);
	waitpid(idle->pid, NULL, 0);
}

double idle_time(const struct idle *idle)
{
	return time_of(idle->clock) - idle->before;
}
