// SPDX-License-Identifier: GPL-2.0
/*
 * One allocation or copy that fails. See fault.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fault.h"
#include "text_file.h"

#define DEBUGFS	"/sys/kernel/debug/"

/* Else a call without places and one whose places nobody finds look the same */
static int check_injection(void)
{
	char path[4096];
	int fault = fault_open(0), err = 0;

	if (fault < 0)
		return fault;
	if (fault_arm(fault, 1) || getcwd(path, sizeof(path)) ||
	    !fault_struck(fault))
		err = -ENXIO;
	close(fault);
	return err;
}

int fault_setup(void)
{
	static const char * const setting[][2] = {
		{ DEBUGFS "failslab/ignore-gfp-wait", "N" },
		{ DEBUGFS "failslab/verbose", "0" },
		{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
		{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ DEBUGFS "fail_page_alloc/min-order", "0" },
		{ DEBUGFS "fail_page_alloc/verbose", "0" },
		{ DEBUGFS "fail_usercopy/verbose", "0" },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(setting) / sizeof(*setting) && !err; i++)
		err = text_file_write(setting[i][0], setting[i][1]);
	if (err)
		return err == -ENOENT ? -EOPNOTSUPP : err;
	return check_injection();
}

int fault_open(pid_t tid)
{
	char path[64] = "/proc/thread-self/fail-nth";
	int fd;

	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/fail-nth", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int fault_arm(int fault, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(fault, text, len, 0) < 0 ? -errno : 0;
}

bool fault_struck(int fault)
{
	char left[16] = "";
	ssize_t n = pread(fault, left, sizeof(left) - 1, 0);
	/* it may be this very copy that fails, and it did not fail before */
	bool struck = n > 0 && !atoi(left);

	/* and that may fail, but then no other will */
	fault_arm(fault, 0);
	return struck;
}
