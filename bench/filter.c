// SPDX-License-Identifier: GPL-2.0
/*
 * A BPF program that decides. See filter.h.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter.h"
#include "program.h"
#include "record.h"

#define TYPES	"/sys/kernel/btf/vmlinux"

/* For a version of the kernel */
#define EXAMPLES	"/repo/build/selftests-%s/helpers/filter"
#define OWN		"/repo/build/bench-%s"

static pid_t loader;

bool filter_is_there(void)
{
	return !access(TYPES, F_OK);
}

static void path_of(char path[PATH_MAX], const char *format, const char *name)
{
	const char *kernel = getenv("KERNEL");

	must(kernel);
	snprintf(path, PATH_MAX, format, kernel, name);
}

static void run(const char *program, const char *argument, int out)
{
	char loads[PATH_MAX], object[PATH_MAX];

	path_of(loads, EXAMPLES "/%s", "fuse-filter");
	path_of(object, OWN "/%s.bpf.o", program);
	if (access(object, F_OK))
		path_of(object, EXAMPLES "/%s.bpf.o", program);
	dup2(out, STDOUT_FILENO);
	execl(loads, loads, PROGRAM_MOUNT, object, argument, NULL);
	_exit(1);
}

void filter_start(const char *program, const char *argument)
{
	int said[2];
	char byte;

	must(!pipe2(said, O_CLOEXEC));
	loader = fork();
	must(loader >= 0);
	if (!loader)
		run(program, argument, said[1]);
	close(said[1]);
	/* it says that it is ready */
	must(read(said[0], &byte, 1) == 1);
	close(said[0]);
}

void filter_stop(void)
{
	must(!kill(loader, SIGTERM));
	must(waitpid(loader, NULL, 0) == loader);
}
