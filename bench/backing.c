// SPDX-License-Identifier: GPL-2.0
/*
 * The filesystem that the backing files are on. See backing.h.
 *
 * ext4 is on a loop device whose file is in memory. A disk of the host's would
 * answer in the host's time, which is not a count of anything.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "record.h"

#define IMAGE	"/tmp/backing.img"

static void fill(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	static char block[4096];

	must(fd >= 0);
	memset(block, 'x', sizeof(block));
	for (; size; size -= sizeof(block))
		must(write(fd, block, sizeof(block)) == sizeof(block));
	must(!fsync(fd));
	close(fd);
}

static void mount_ext4(void)
{
	must(!system("truncate -s 256M " IMAGE));
	must(!system("mkfs.ext4 -q -F -b 4096 " IMAGE));
	must(!system("mount -o loop " IMAGE " " BACKING_DIR));
}

void backing_mount(const char *fs)
{
	mkdir(BACKING_DIR, 0755);
	if (!strcmp(fs, "ext4"))
		mount_ext4();
	else
		must(!mount("backing", BACKING_DIR, fs, 0, NULL));
	fill(BACKING_DIR "/data", BACKING_FILE);
	fill(BACKING_DIR "/other", BACKING_FILE);
	fill(BACKING_DIR "/log", 0);
}

void backing_umount(void)
{
	must(!umount2(BACKING_DIR, 0));
	unlink(IMAGE);
}
