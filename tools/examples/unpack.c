// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes of a member that an archive has in some other form. See unpack.h.
 */

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_log.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "index.h"
#include "unpack.h"

#define BLOCK	65536

static int open_scratch(void)
{
	const char *dir = getenv("TMPDIR") ?: "/var/tmp";
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

/* With a position of its own */
static int open_again(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_member(struct archive *archive, uint32_t member, int to)
{
	struct archive_entry *entry;

	for (uint32_t i = 0; i <= member; i++)
		if (archive_read_next_header(archive, &entry) < ARCHIVE_WARN)
			return -EIO;
	return archive_read_data_into_fd(archive, to) < ARCHIVE_WARN ? -EIO : 0;
}

static int read_archive(int fd, uint32_t member, int to)
{
	struct archive *archive = index_reader();
	int err = -EIO;

	if (!archive)
		return -ENOMEM;
	if (archive_read_open_fd(archive, fd, BLOCK) >= ARCHIVE_WARN)
		err = write_member(archive, member, to);
	if (err)
		fuse_log(FUSE_LOG_WARNING, "fuse-tarfs: member %u: %s\n",
			 member, archive_error_string(archive));
	archive_read_free(archive);
	return err;
}

int unpack(int fd, uint32_t member)
{
	int from = open_again(fd);
	int to = from < 0 ? from : open_scratch();
	int err = to < 0 ? to : read_archive(from, member, to);

	if (from >= 0)
		close(from);
	if (err && to >= 0)
		close(to);
	return err ?: to;
}
