// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of what is in a branch. See branchfs.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "branchfs.h"
#include "change.h"
#include "found.h"

static void reply_attr(fuse_req_t req, const struct node *node)
{
	struct stat st;
	int err = found_stat(node, &st);

	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &st, BRANCHFS_TIMEOUT);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	pthread_mutex_lock(&branchfs.lock);
	reply_attr(req, node_of(ino));
	pthread_mutex_unlock(&branchfs.lock);
}

static int set_owner(const struct node *node, const struct stat *st, int which)
{
	const uid_t uid = which & FUSE_SET_ATTR_UID ? st->st_uid : (uid_t)-1;
	const gid_t gid = which & FUSE_SET_ATTR_GID ? st->st_gid : (gid_t)-1;

	return fchownat(node->dir.upper, "", uid, gid,
			AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static struct timespec time_to_set(struct timespec value, bool set, bool now)
{
	if (!set || now)
		value.tv_nsec = now ? UTIME_NOW : UTIME_OMIT;
	return value;
}

static int set_times(const struct node *node, const struct stat *st, int which)
{
	const struct timespec times[] = {
		time_to_set(st->st_atim, which & FUSE_SET_ATTR_ATIME,
			    which & FUSE_SET_ATTR_ATIME_NOW),
		time_to_set(st->st_mtim, which & FUSE_SET_ATTR_MTIME,
			    which & FUSE_SET_ATTR_MTIME_NOW),
	};

	return utimensat(AT_FDCWD, node_path(node).text, times, 0);
}

/* Who has it open for writing may do so, whatever its mode */
static int set_size(const struct node *node, off_t size, const struct fuse_file_info *fi)
{
	return fi ? ftruncate(fi->fh, size) : truncate(node_path(node).text, size);
}

/* Of what is in UPPER */
static int set_attr(const struct node *node, const struct stat *st, int which,
		    const struct fuse_file_info *fi)
{
	const struct node_path path = node_path(node);

	if (which & FUSE_SET_ATTR_MODE && chmod(path.text, st->st_mode) < 0)
		return -errno;
	if (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    set_owner(node, st, which) < 0)
		return -errno;
	if (which & FUSE_SET_ATTR_SIZE && set_size(node, st->st_size, fi) < 0)
		return -errno;
	if (which & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME) &&
	    set_times(node, st, which) < 0)
		return -errno;
	return 0;
}

static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int which,
		       struct fuse_file_info *fi)
{
	struct node *node;
	int err;

	pthread_mutex_lock(&branchfs.lock);
	node = change_node(ino);
	err = change_need_upper(node);
	if (!err)
		err = set_attr(node, st, which, fi);
	if (err)
		fuse_reply_err(req, -err);
	else
		reply_attr(req, node);
	pthread_mutex_unlock(&branchfs.lock);
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX + 1];
	ssize_t len = readlinkat(node_fd(node_of(ino)), "", target, PATH_MAX);

	if (len < 0) {
		fuse_reply_err(req, errno);
	} else {
		target[len] = '\0';
		fuse_reply_readlink(req, target);
	}
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	(void)ino;
	/* what there is room for is UPPER's */
	if (fstatvfs(node_of(FUSE_ROOT_ID)->dir.upper, &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}

/* Of a directory, as long as it has nothing of its own, they are LOWER's */
static struct node_path xattr_path(struct node *node)
{
	struct node_path path = node_path(node);

	if (node_is_dir(node) && !branch_is_own(&node->dir))
		snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d",
			 node->dir.lower);
	return path;
}

static void reply_xattr(fuse_req_t req, const char *value, ssize_t len, size_t size)
{
	if (len < 0)
		fuse_reply_err(req, errno);
	else if (!size)
		fuse_reply_xattr(req, len);
	else
		fuse_reply_buf(req, value, len);
}

static void do_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char *value = malloc(size ?: 1);

	pthread_mutex_lock(&branchfs.lock);
	errno = ENOMEM;
	reply_xattr(req, value, value ? getxattr(xattr_path(change_node(ino)).text,
						 name, value, size) : -1, size);
	pthread_mutex_unlock(&branchfs.lock);
	free(value);
}

static void do_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char *names = malloc(size ?: 1);

	pthread_mutex_lock(&branchfs.lock);
	errno = ENOMEM;
	reply_xattr(req, names, names ? listxattr(xattr_path(change_node(ino)).text,
						  names, size) : -1, size);
	pthread_mutex_unlock(&branchfs.lock);
	free(names);
}

/* @value is NULL to remove it */
static int set_xattr(struct node *node, const char *name, const char *value, size_t size,
		     int flags)
{
	struct node_path path;
	int err;

	err = change_need_upper(node);
	if (err)
		return err;
	path = node_path(node);
	if ((value ? setxattr(path.text, name, value, size, flags) :
		     removexattr(path.text, name)) < 0)
		return -errno;
	return 0;
}

static void do_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	int err;

	pthread_mutex_lock(&branchfs.lock);
	err = set_xattr(change_node(ino), name, value, size, flags);
	pthread_mutex_unlock(&branchfs.lock);
	fuse_reply_err(req, -err);
}

static void do_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	int err;

	pthread_mutex_lock(&branchfs.lock);
	err = set_xattr(change_node(ino), name, NULL, 0, 0);
	pthread_mutex_unlock(&branchfs.lock);
	fuse_reply_err(req, -err);
}

void branchfs_attributes(struct fuse_lowlevel_ops *operations)
{
	operations->getattr = do_getattr;
	operations->setattr = do_setattr;
	operations->readlink = do_readlink;
	operations->statfs = do_statfs;
	operations->getxattr = do_getxattr;
	operations->listxattr = do_listxattr;
	operations->setxattr = do_setxattr;
	operations->removexattr = do_removexattr;
}
