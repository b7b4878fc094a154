// SPDX-License-Identifier: GPL-2.0
/*
 * What a test runs or loads itself. See helper.h.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"

int helper_path(const char *name, char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (len < 0)
		return -errno;
	path[len] = 0;
	slash = strrchr(path, '/') + 1;
	snprintf(slash, size - (slash - path), "%s", name);
	return 0;
}
