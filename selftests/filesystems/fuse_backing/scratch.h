/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Directories and filesystems for one test, in a mount namespace of its own.
 *
 * Nothing has to be cleaned up after a test that died half-way: the mounts
 * go with the namespace, the loop device with its last user.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define SCRATCH_ROOT	"/mnt"
#define SCRATCH_FUSE	SCRATCH_ROOT "/fuse"	/* mount points */
#define SCRATCH_FUSE2	SCRATCH_ROOT "/fuse2"
#define SCRATCH_BACKING	SCRATCH_ROOT "/backing"
#define SCRATCH_OTHER	SCRATCH_ROOT "/other"

enum scratch_fs {
	SCRATCH_TMPFS,
	/* on a loop device */
	SCRATCH_EXT4,
	SCRATCH_XFS,
	SCRATCH_BTRFS,
};

struct scratch {
	enum scratch_fs fs;
	int loop;		/* descriptor of the loop device */
	char loop_name[32];
};

/* 0; -EOPNOTSUPP if the system lacks something optional; or -errno. */
int scratch_setup(struct scratch *scratch, enum scratch_fs fs);
int scratch_mount_backing(struct scratch *scratch);
int scratch_umount_backing(void);

/* The path of @name in the backing filesystem, in a buffer of its own. */
const char *scratch_path(const char *name);

/* A file there with @size bytes of a pattern that depends on @seed. */
int scratch_file(const char *name, size_t size, unsigned int seed);
void scratch_pattern(char *buf, size_t size, unsigned int seed);

/* The same for @uid, a user and its group. */
int scratch_owned(const char *name, size_t size, unsigned int seed, uid_t uid,
		  mode_t mode);

/* Copy a file of the system's there, with the mode that it has. */
int scratch_copy(const char *name, const char *from);

/* Which of FS_APPEND_FL and FS_IMMUTABLE_FL it has, see chattr(1). */
int scratch_flags(const char *name, int flags);

/* Say that it was read long ago: 0 or -errno; was it, or since? A link is what it is itself. */
int scratch_make_old(const char *name);
bool scratch_is_old(const char *name);

/* Does the backing file hold exactly these bytes? 0, -EILSEQ or -errno. */
int scratch_compare(const char *name, const char *buf, size_t size,
		    off_t offset);
off_t scratch_size(const char *name);

int scratch_drop_caches(void);

/* Is there one of the system's mounts of this type, read-only or not? Then @dir is where. */
bool scratch_find_mount(const char *type, bool writable, char dir[PATH_MAX]);

#endif /* SCRATCH_H */
