// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that are held at a kernel function. See hold_task.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hold_task.h"
#include "text_file.h"
#include "wait_until.h"

#define PARAMETERS	"/sys/module/hold_task/parameters/"

static unsigned long gone;	/* a bit for each point */

/* Beside this program, for each variant of the kernel: vm/run says which this is */
static int open_module(void)
{
	const char *variant = getenv("VARIANT");
	char program[PATH_MAX], path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int fd;

	if (len < 0)
		return -errno;
	program[len] = '\0';
	*strrchr(program, '/') = '\0';
	if (snprintf(path, sizeof(path), "%s/hold_task_mod/%s/hold_task.ko",
		     program, variant ?: "base") >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int hold_task_start(const char *parameters)
{
	int fd = open_module(), err = 0;

	if (fd < 0)
		return -EOPNOTSUPP;
	gone = 0;
	if (syscall(SYS_finit_module, fd, parameters, 0) < 0)
		err = -errno;
	close(fd);
	/* of another kernel, or there are no modules, or no such function */
	if (err == -ENOEXEC || err == -ENOSYS || err == -ENOENT)
		err = -EOPNOTSUPP;
	return err;
}

void hold_task_stop(void)
{
	syscall(SYS_delete_module, "hold_task", 0);
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
