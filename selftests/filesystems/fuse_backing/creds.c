// SPDX-License-Identifier: GPL-2.0
/*
 * Becoming somebody else. See creds.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "creds.h"
#include "fuse_server.h"

static int set_caps(__u32 permitted, __u32 effective)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .permitted = permitted, .effective = effective },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int creds_sys_admin(bool on)
{
	__u32 cap = 1 << CAP_SYS_ADMIN;

	return set_caps(cap, on ? cap : 0);
}

int creds_drop_all(void)
{
	return set_caps(0, 0);
}

int creds_become(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	/* Or our own files in /proc belong to root. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return -errno;
	return creds_sys_admin(true);
}

int creds_register_as(uid_t uid, gid_t gid, int dev, const char *path,
		      int flags)
{
	int result = -ECHILD;
	int pipefd[2];
	pid_t pid;
	int fd;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* Root opens it, as a server gets descriptors from others. */
		fd = open(path, flags | O_CLOEXEC);
		result = creds_become(uid, gid);
		if (!result)
			result = fuse_backing_open(dev, fd);
		_exit(write(pipefd[1], &result, sizeof(result)) < 0);
	}
	close(pipefd[1]);
	if (read(pipefd[0], &result, sizeof(result)) < 0)
		result = -errno;
	close(pipefd[0]);
	waitpid(pid, NULL, 0);
	return result;
}
