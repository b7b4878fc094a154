// SPDX-License-Identifier: GPL-2.0
/*
 * Modules that tests bring along. See test_module.h.
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

#include "test_module.h"

/* Beside this program */
static int open_module(const char *name)
{
	const char *variant = getenv("VARIANT");
	char program[PATH_MAX], path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int fd;

	if (len < 0)
		return -errno;
	program[len] = '\0';
	*strrchr(program, '/') = '\0';
	if (snprintf(path, sizeof(path), "%s/test_modules/%s/%s.ko", program,
		     variant ?: ".", name) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int test_module_load(const char *name, const char *parameters)
{
	int fd = open_module(name), err = 0;

	if (fd < 0)
		return -EOPNOTSUPP;
	if (syscall(SYS_finit_module, fd, parameters, 0) < 0)
		err = -errno;
	close(fd);
	/* of another kernel, or there are no modules, or no such function */
	if (err == -ENOEXEC || err == -ENOSYS || err == -ENOENT)
		err = -EOPNOTSUPP;
	return err;
}

void test_module_unload(const char *name)
{
	syscall(SYS_delete_module, name, 0);
}
