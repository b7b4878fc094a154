// SPDX-License-Identifier: GPL-2.0
/*
 * Copies of what a branch is about to change. See copyup.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "copyup.h"

/* No name that there is in a branch, and none of its own; see branch.h */
#define UNFINISHED	".wh..wh.copy"
#define CHUNK		(1024 * 1024)

struct path {
	char text[32];
};

/* Calls that take a name don't take an O_PATH descriptor */
static struct path path_of(int fd)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

static int write_all(int to, const char *data, size_t size, off_t pos)
{
	ssize_t n;

	for (; size; data += n, size -= n, pos += n) {
		n = pwrite(to, data, size, pos);
		if (n < 0)
			return -errno;
	}
	return 0;
}

/* Copy what there is from @pos to @end */
static int copy_range(int from, int to, off_t pos, off_t end)
{
	char *data = malloc(CHUNK);
	int err = data ? 0 : -ENOMEM;
	ssize_t n;

	while (!err && pos < end) {
		n = pread(from, data, end - pos < CHUNK ? end - pos : CHUNK, pos);
		/* somebody does touch it */
		if (!n)
			break;
		err = n < 0 ? -errno : write_all(to, data, n, pos);
		pos += n;
	}
	free(data);
	return err;
}

/* Holes stay holes */
static int copy_data(int from, int to)
{
	off_t pos = 0, hole, end = lseek(from, 0, SEEK_END);
	int err = 0;

	if (end < 0)
		return -errno;
	if (!ioctl(to, FICLONE, from))
		return 0;
	while (!err && (pos = lseek(from, pos, SEEK_DATA)) >= 0 && pos < end) {
		hole = lseek(from, pos, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		err = copy_range(from, to, pos, hole);
		pos = hole;
	}
	/* there is nothing but a hole up to the end */
	if (!err && pos < 0 && errno != ENXIO)
		err = -errno;
	if (!err && ftruncate(to, end) < 0)
		err = -errno;
	return err;
}

static int copy_xattr(const char *from, const char *to, const char *name)
{
	char *value = malloc(XATTR_SIZE_MAX);
	ssize_t size = value ? getxattr(from, name, value, XATTR_SIZE_MAX) : -1;
	int err = 0;

	if (size >= 0 && setxattr(to, name, value, size, 0) < 0)
		err = -errno;
	free(value);
	/* labels and the like are who writes them to say */
	return err == -ENOSPC || err == -EDQUOT || err == -ENOMEM ? err : 0;
}

static int copy_xattrs(int from, int to)
{
	const struct path source = path_of(from), target = path_of(to);
	char *names = malloc(XATTR_LIST_MAX);
	ssize_t size = names ? listxattr(source.text, names, XATTR_LIST_MAX) : -1;
	int err = names ? 0 : -ENOMEM;

	for (ssize_t i = 0; !err && i < size; i += strlen(names + i) + 1)
		err = copy_xattr(source.text, target.text, names + i);
	free(names);
	return err;
}

/* Who isn't root has copies that are theirs, as of any cp -p */
static int copy_owner(int to, const struct stat *st)
{
	if (!fchownat(to, "", st->st_uid, st->st_gid, AT_EMPTY_PATH))
		return 0;
	return errno == EPERM && geteuid() ? 0 : -errno;
}

static int copy_attributes(int from, int to)
{
	const struct path target = path_of(to);
	struct timespec times[2];
	struct stat st;
	int err;

	if (fstatat(from, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	err = copy_owner(to, &st);
	if (err)
		return err;
	/* after the owner, which takes suid bits away; links have none of it */
	if (!S_ISLNK(st.st_mode)) {
		err = copy_xattrs(from, to);
		if (!err && chmod(target.text, st.st_mode & 07777) < 0)
			err = -errno;
	}
	if (!err && utimensat(AT_FDCWD, target.text, times, 0) < 0)
		err = -errno;
	return err;
}

static int make_link(int from, int to_dir)
{
	char target[PATH_MAX + 1];
	ssize_t len = readlinkat(from, "", target, PATH_MAX);

	if (len < 0)
		return -errno;
	target[len] = '\0';
	return symlinkat(target, to_dir, UNFINISHED) < 0 ? -errno : 0;
}

static int make_regular(int from, int to_dir)
{
	const struct path source = path_of(from);
	int in, out, err;

	in = open(source.text, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return -errno;
	out = openat(to_dir, UNFINISHED, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	err = out < 0 ? -errno : copy_data(in, out);
	/* the name must not be there before the bytes are, after a crash too */
	if (!err && fdatasync(out) < 0)
		err = -errno;
	if (out >= 0)
		close(out);
	close(in);
	return err;
}

static int make(int from, int to_dir)
{
	struct stat st;

	if (fstatat(from, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return make_regular(from, to_dir);
	if (S_ISLNK(st.st_mode))
		return make_link(from, to_dir);
	if (S_ISDIR(st.st_mode))
		return mkdirat(to_dir, UNFINISHED, 0700) < 0 ? -errno : 0;
	return mknodat(to_dir, UNFINISHED, st.st_mode & S_IFMT, st.st_rdev) < 0 ? -errno : 0;
}

static int finish(int from, int to_dir, const char *name)
{
	int to = openat(to_dir, UNFINISHED, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err = to < 0 ? -errno : copy_attributes(from, to);

	if (to >= 0)
		close(to);
	if (!err && renameat(to_dir, UNFINISHED, to_dir, name) < 0)
		err = -errno;
	return err;
}

static void drop_unfinished(int to_dir)
{
	if (unlinkat(to_dir, UNFINISHED, 0) < 0)
		unlinkat(to_dir, UNFINISHED, AT_REMOVEDIR);
}

int copy_up(int from_dir, int to_dir, const char *name)
{
	int from = openat(from_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err;

	if (from < 0)
		return -errno;
	/* of a server that was killed */
	drop_unfinished(to_dir);
	err = make(from, to_dir) ?: finish(from, to_dir, name);
	if (err)
		drop_unfinished(to_dir);
	close(from);
	return err;
}
