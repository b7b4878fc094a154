// SPDX-License-Identifier: GPL-2.0
/*
 * Becoming somebody else. See creds.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backing_ioctl.h"
#include "creds.h"
#include "text_file.h"

static int set_caps(__u64 permitted, __u64 effective)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .permitted = permitted, .effective = effective },
		{ .permitted = permitted >> 32, .effective = effective >> 32 },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int creds_sys_admin(bool on)
{
	__u64 cap = CREDS_CAP(CAP_SYS_ADMIN);

	return set_caps(cap, on ? cap : 0);
}

int creds_drop_all(void)
{
	return set_caps(0, 0);
}

int creds_set(const struct creds *who)
{
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(who->gid, who->gid, who->gid) < 0 ||
	    setresuid(who->uid, who->uid, who->uid) < 0)
		return -errno;
	/* Or our own files in /proc belong to root. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return -errno;
	return set_caps(who->caps, who->caps);
}

int creds_become(uid_t uid, gid_t gid)
{
	const struct creds who = { uid, gid, CREDS_CAP(CAP_SYS_ADMIN) };

	return creds_set(&who);
}

int creds_call(const struct creds *who, int (*fn)(void *arg), void *arg)
{
	int result = -ECHILD;
	int pipefd[2];
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		result = creds_set(who);
		if (!result)
			result = fn(arg);
		_exit(write(pipefd[1], &result, sizeof(result)) < 0);
	}
	close(pipefd[1]);
	if (read(pipefd[0], &result, sizeof(result)) < 0)
		result = -errno;
	close(pipefd[0]);
	waitpid(pid, NULL, 0);
	return result;
}

int creds_enter_userns(void)
{
	char uids[32], gids[32];
	int err;

	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	err = text_file_write("/proc/self/setgroups", "deny");
	if (!err)
		err = text_file_write("/proc/self/uid_map", uids);
	if (!err)
		err = text_file_write("/proc/self/gid_map", gids);
	return err;
}

struct registration {
	int dev;
	int fd;
};

static int do_register(void *arg)
{
	const struct registration *reg = arg;

	return fuse_backing_open(reg->dev, reg->fd);
}

int creds_register(const struct creds *who, int dev, int fd)
{
	struct registration reg = { dev, fd };

	return creds_call(who, do_register, &reg);
}

/* Root opens it, as a server gets descriptors from others. */
int creds_register_as(uid_t uid, gid_t gid, int dev, const char *path,
		      int flags)
{
	const struct creds who = { uid, gid, CREDS_CAP(CAP_SYS_ADMIN) };
	int fd = open(path, flags | O_CLOEXEC);
	int result;

	if (fd < 0)
		return -errno;
	result = creds_register(&who, dev, fd);
	close(fd);
	return result;
}
