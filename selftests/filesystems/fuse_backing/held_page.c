// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that takes as long as a test likes. See held_page.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "held_page.h"
#include "scratch.h"
#include "wait_until.h"

#define SIZE	4096

/* A file of /proc or /sys that is short: its text, or an empty one. */
static const char *text_of(int fd, char *buf, size_t size)
{
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = 0;
	return buf;
}

bool held_page_is_wanted(const struct held_page *page)
{
	return fuse_server_waiting(&page->srv) > 0;
}

bool sleeps_in(pid_t pid, long nr)
{
	char path[64], buf[256], *end;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	text_of(open(path, O_RDONLY | O_CLOEXEC), buf, sizeof(buf));
	/* "running", -1 outside of system calls, or the number */
	return strtol(buf, &end, 10) == nr && end != buf;
}

static int map(struct held_page *page, const char *name)
{
	int fd = fuse_server_open(&page->srv, name, O_RDWR);

	if (fd < 0)
		return fd;
	page->addr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
			  0);
	close(fd);
	return page->addr == MAP_FAILED ? -errno : 0;
}

int held_page_start(struct held_page *page, const char *name)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
	};
	int err = fuse_server_start(&page->srv, &opts);

	page->addr = MAP_FAILED;
	if (err)
		return err;
	if (!fuse_server_add(&page->srv, name))
		return -ENOSPC;
	err = map(page, name);
	if (err)
		return err;
	if (!wait_until(!held_page_is_wanted(page)))
		return -EBUSY;
	return fuse_server_pause(&page->srv);
}

void held_page_release(struct held_page *page)
{
	fuse_server_resume(&page->srv);
}

void held_page_stop(struct held_page *page)
{
	held_page_release(page);
	if (page->addr != MAP_FAILED)
		munmap(page->addr, SIZE);
	fuse_server_stop(&page->srv);
}
