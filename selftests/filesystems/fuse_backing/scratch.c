// SPDX-License-Identifier: GPL-2.0
/*
 * Directories and filesystems for one test. See scratch.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/loop.h>

#include "scratch.h"
#include "text_file.h"

#define IMAGE		SCRATCH_ROOT "/image"
#define LOOP_TRIES	20
#define LONG_AGO	1000	/* seconds */

/* What is on a loop device, as small as it may be */
static const struct disk {
	const char *type;
	off_t size;
	const char *make;
} disks[] = {
	[SCRATCH_EXT4] = { "ext4", 16 << 20, "mkfs.ext4 -q -F -b 4096 -N 64" },
	[SCRATCH_XFS] = { "xfs", 300 << 20, "mkfs.xfs -q" },
	[SCRATCH_BTRFS] = { "btrfs", 128 << 20, "mkfs.btrfs -q -M" },
};

static int private_mounts(void)
{
	static const char * const dirs[] = {
		SCRATCH_FUSE, SCRATCH_FUSE2, SCRATCH_BACKING, SCRATCH_OTHER,
	};

	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mount("scratch", SCRATCH_ROOT, "tmpfs", 0, "mode=755") < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (mkdir(dirs[i], 0755) < 0)
			return -errno;
	return 0;
}

static int make_image(const struct disk *disk)
{
	int fd = open(IMAGE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char command[128];

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, disk->size) < 0) {
		close(fd);
		return -errno;
	}
	snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1", disk->make, IMAGE);
	if (system(command)) {
		close(fd);
		return -EOPNOTSUPP;
	}
	return fd;
}

/*
 * A block device that somebody has open for writing can't be mounted: keep
 * it, and with it the attached file, by a descriptor for reading.
 */
static int configure_loop(struct scratch *scratch,
			  const struct loop_config *config)
{
	int fd = open(scratch->loop_name, O_RDWR | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, LOOP_CONFIGURE, config) < 0) {
		err = -errno;
	} else {
		scratch->loop = open(scratch->loop_name,
				     O_RDONLY | O_CLOEXEC);
		if (scratch->loop < 0)
			err = -errno;
	}
	close(fd);
	return err;
}

/* Somebody else may take the free device that we were told of: try again. */
static int attach_loop(struct scratch *scratch, int image)
{
	struct loop_config config = {
		.fd = image,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int nr;

	if (control < 0)
		return -EOPNOTSUPP;
	for (int i = 0; i < LOOP_TRIES; i++) {
		nr = ioctl(control, LOOP_CTL_GET_FREE);
		if (nr < 0)
			break;
		snprintf(scratch->loop_name, sizeof(scratch->loop_name),
			 "/dev/loop%d", nr);
		if (!configure_loop(scratch, &config)) {
			close(control);
			return 0;
		}
	}
	close(control);
	return -EOPNOTSUPP;
}

/* Where it is a module this loads it */
static bool is_type(const char *type)
{
	int fd = syscall(SYS_fsopen, type, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int setup_loop(struct scratch *scratch)
{
	const struct disk *disk = &disks[scratch->fs];
	int image, err;

	if (!is_type(disk->type))
		return -EOPNOTSUPP;
	image = make_image(disk);
	if (image < 0)
		return image;
	err = attach_loop(scratch, image);
	close(image);
	return err;
}

int scratch_setup(struct scratch *scratch, enum scratch_fs fs)
{
	int err = private_mounts();

	scratch->fs = fs;
	scratch->loop = -1;
	if (!err && fs != SCRATCH_TMPFS)
		err = setup_loop(scratch);
	if (!err)
		err = scratch_mount_backing(scratch);
	return err;
}

int scratch_mount_backing(struct scratch *scratch)
{
	int ret;

	if (scratch->fs != SCRATCH_TMPFS)
		ret = mount(scratch->loop_name, SCRATCH_BACKING,
			    disks[scratch->fs].type, 0, NULL);
	else
		ret = mount("backing", SCRATCH_BACKING, "tmpfs", 0, "mode=755");
	if (ret < 0)
		return errno == ENODEV ? -EOPNOTSUPP : -errno;
	return 0;
}

int scratch_umount_backing(void)
{
	return umount2(SCRATCH_BACKING, 0) < 0 ? -errno : 0;
}

const char *scratch_path(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, PATH_MAX, SCRATCH_BACKING "/%s", name);
	return p;
}

void scratch_pattern(char *buf, size_t size, unsigned int seed)
{
	unsigned int x = seed * 2654435761u + 1;

	for (size_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		buf[i] = x >> 24;
	}
}

static int write_all(int fd, const char *buf, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, buf, size);
		if (n < 0)
			return -errno;
		buf += n;
		size -= n;
	}
	return 0;
}

int scratch_file(const char *name, size_t size, unsigned int seed)
{
	char *buf = malloc(size + 1);
	int fd, err;

	if (!buf)
		return -ENOMEM;
	scratch_pattern(buf, size, seed);
	fd = open(scratch_path(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC,
		  0644);
	err = fd < 0 ? -errno : write_all(fd, buf, size);
	if (fd >= 0)
		close(fd);
	free(buf);
	return err;
}

int scratch_owned(const char *name, size_t size, unsigned int seed, uid_t uid,
		  mode_t mode)
{
	int err = scratch_file(name, size, seed);

	if (err)
		return err;
	if (chown(scratch_path(name), uid, uid) < 0 ||
	    chmod(scratch_path(name), mode) < 0)
		return -errno;
	return 0;
}

static int copy_contents(int in, int out)
{
	static char buf[65536];
	ssize_t n;
	int err;

	while ((n = read(in, buf, sizeof(buf))) > 0) {
		err = write_all(out, buf, n);
		if (err)
			return err;
	}
	return n < 0 ? -errno : 0;
}

int scratch_copy(const char *name, const char *from)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int out, err;

	if (in < 0)
		return -errno;
	out = open(scratch_path(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC,
		   0600);
	err = out < 0 ? -errno : copy_contents(in, out);
	if (!err && (fstat(in, &st) < 0 || fchmod(out, st.st_mode & 0777) < 0))
		err = -errno;
	close(in);
	if (out >= 0)
		close(out);
	return err;
}

int scratch_flags(const char *name, int flags)
{
	int fd = open(scratch_path(name), O_RDONLY | O_CLOEXEC);
	int err = 0, all;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, FS_IOC_GETFLAGS, &all) < 0)
		err = -errno;
	all = (all & ~(FS_APPEND_FL | FS_IMMUTABLE_FL)) | flags;
	if (!err && ioctl(fd, FS_IOC_SETFLAGS, &all) < 0)
		err = -errno;
	close(fd);
	return err;
}

int scratch_make_old(const char *name)
{
	const struct timespec times[2] = {
		{ .tv_sec = LONG_AGO }, { .tv_nsec = UTIME_OMIT },
	};

	return utimensat(AT_FDCWD, scratch_path(name), times, AT_SYMLINK_NOFOLLOW) < 0 ?
	       -errno : 0;
}

bool scratch_is_old(const char *name)
{
	struct stat st;

	return !lstat(scratch_path(name), &st) && st.st_atim.tv_sec == LONG_AGO;
}

int scratch_compare(const char *name, const char *buf, size_t size,
		    off_t offset)
{
	int fd = open(scratch_path(name), O_RDONLY | O_CLOEXEC);
	char *got = malloc(size);
	int err = -ENOMEM;

	if (fd < 0) {
		free(got);
		return -errno;
	}
	if (got) {
		if (pread(fd, got, size, offset) == (ssize_t)size &&
		    !memcmp(got, buf, size))
			err = 0;
		else
			err = -EILSEQ;
	}
	free(got);
	close(fd);
	return err;
}

off_t scratch_size(const char *name)
{
	struct stat st;

	return stat(scratch_path(name), &st) < 0 ? -errno : st.st_size;
}

/* Unused dentries and inodes: those of the FUSE mount get evicted. */
int scratch_drop_caches(void)
{
	return text_file_write("/proc/sys/vm/drop_caches", "2");
}

bool scratch_find_mount(const char *type, bool writable, char dir[PATH_MAX])
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (f && !found && (m = getmntent(f))) {
		if (strcmp(m->mnt_type, type) ||
		    writable != !!hasmntopt(m, "rw"))
			continue;
		snprintf(dir, PATH_MAX, "%s", m->mnt_dir);
		found = true;
	}
	if (f)
		endmntent(f);
	return found;
}
