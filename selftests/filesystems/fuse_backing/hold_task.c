// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that are held at a kernel function. See hold_task.h.
 */

#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "creds.h"
#include "hold_task.h"
#include "test_module.h"
#include "text_file.h"
#include "wait_until.h"

#define MODULE		"hold_task"
#define PARAMETERS	"/sys/module/" MODULE "/parameters/"
#define HELD		"task-A"

static unsigned long gone;	/* a bit for each point */

int hold_task_start(const char *parameters)
{
	gone = 0;
	return test_module_load(MODULE, parameters);
}

pid_t hold_task_run(const char *function, int nth, const struct creds *who,
		    int (*call)(void *arg), const void *arg)
{
	char parameters[128];
	pid_t pid;

	snprintf(parameters, sizeof(parameters),
		 "function=%s comm=" HELD " nth=%d", function, nth);
	if (hold_task_start(parameters))
		return -1;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, HELD);
		_exit(who && creds_set(who) ? 255 : -call((void *)arg));
	}
	return pid;
}

void hold_task_stop(void)
{
	test_module_unload(MODULE);
}

static unsigned long read_held(void)
{
	FILE *file = fopen(PARAMETERS "held", "re");
	unsigned long held = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lu", &held) != 1)
		held = 0;
	fclose(file);
	return held;
}

bool hold_task_is_held(unsigned int point)
{
	return wait_until(read_held() & 1UL << point);
}

int hold_task_go(unsigned int point)
{
	char text[32];

	gone |= 1UL << point;
	snprintf(text, sizeof(text), "%lu", gone);
	return text_file_write(PARAMETERS "go", text);
}
