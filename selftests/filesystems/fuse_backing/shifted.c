// SPDX-License-Identifier: GPL-2.0
/*
 * The backing directory with other owners. See shifted.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"
#include "shifted.h"

static int write_map(pid_t pid, const char *file)
{
	char path[64];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "0 %d 10000", SHIFTED) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* A user namespace in which 0 is SHIFTED: a descriptor or -errno */
static int make_userns(void)
{
	char path[64], byte;
	int sync[2], fd;
	pid_t pid;

	if (pipe2(sync, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER) < 0 || write(sync[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	if (read(sync[0], &byte, 1) != 1 || write_map(pid, "uid_map") ||
	    write_map(pid, "gid_map"))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(sync[0]);
	close(sync[1]);
	return fd;
}

int shifted_mount(void)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = make_userns(),
	};
	int tree = open_tree(AT_FDCWD, SCRATCH_BACKING,
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int err = 0;

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr,
				      sizeof(attr)) < 0 ||
	    move_mount(tree, "", AT_FDCWD, SCRATCH_OTHER,
		       MOVE_MOUNT_F_EMPTY_PATH) < 0)
		err = -errno;
	close(tree);
	close(attr.userns_fd);
	return err;
}
