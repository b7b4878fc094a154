// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's backing files. See fuzz_files.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include "kselftest.h"

#include "fuzz.h"
#include "fuzz_files.h"
#include "scratch.h"

/* Each word says which file it is in, and where. */
static bool fill_file(int fd, int file)
{
	__u32 word[START_SIZE / sizeof(__u32)];

	for (__u32 i = 0; i < ARRAY_SIZE(word); i++)
		word[i] = i << 8 | file;
	return write(fd, word, sizeof(word)) == sizeof(word);
}

static int make_file(int file)
{
	const char *path = scratch_path(names[file]);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int flags = FS_APPEND_FL;
	int err = 0;

	if (fd < 0 || !fill_file(fd, file))
		err = -errno;
	if (!err && file != SECRET && file != PUBLIC)
		err = fchown(fd, OWNER, OWNER);
	if (!err && file == SECRET)
		err = fchmod(fd, 0600);
	if (!err && file == LOG)
		err = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(fd);
	return err;
}

int make_files(void)
{
	int err = 0;

	for (int file = 0; file < NAMES && !err; file++)
		if (file != CREATED && file != CREATED_TOO)
			err = make_file(file);
	if (!err)
		err = chown(SCRATCH_BACKING, OWNER, OWNER);
	return err;
}

bool is_file(int fd, int file)
{
	__u32 number;

	return pread(fd, &number, sizeof(number), 0) == sizeof(number) &&
	       number == (__u32)file;
}
