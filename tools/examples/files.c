// SPDX-License-Identifier: GPL-2.0
/*
 * Files that the kernel doesn't open by itself. See files.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "branchfs.h"
#include "change.h"
#include "descriptor.h"
#include "files.h"

int file_start(struct node *node, struct fuse_file_info *fi, int fd)
{
	fi->fh = fd;
	return fusebacking_open_file(branchfs.policy, &node->backing, fd, fi);
}

void file_cancel(struct node *node, const struct fuse_file_info *fi)
{
	fusebacking_cancel_file(branchfs.policy, &node->backing, fi);
	close(fi->fh);
}

static bool is_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

int file_flags(const struct fuse_file_info *fi)
{
	return (fi->flags | O_CLOEXEC) & ~(O_NOFOLLOW | O_CREAT | O_EXCL | O_DIRECT);
}

int file_open(struct node *node, const struct fuse_file_info *fi)
{
	int fd, err = is_writing(fi->flags) ? change_need_upper(node) : 0;

	if (err)
		return err;
	fd = open(node_path(node).text, file_flags(fi));
	return fd < 0 ? -errno : fd;
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	int fd, err;

	pthread_mutex_lock(&branchfs.lock);
	fd = file_open(node, fi);
	err = fd < 0 ? -fd : file_start(node, fi, fd);
	if (err) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, err);
	} else if (fuse_reply_open(req, fi) < 0) {
		file_cancel(node, fi);
	}
	pthread_mutex_unlock(&branchfs.lock);
}

static void do_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fusebacking_node_release(branchfs.policy, &node_of(ino)->backing);
	close(fi->fh);
	fuse_reply_err(req, 0);
}

static void do_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset,
			 off_t length, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_err(req, fallocate(fi->fh, mode, offset, length) < 0 ? errno : 0);
}

static void do_lseek(fuse_req_t req, fuse_ino_t ino, off_t pos, int whence,
		     struct fuse_file_info *fi)
{
	off_t res = lseek(fi->fh, pos, whence);

	(void)ino;
	if (res < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_lseek(req, res);
}

void branchfs_files(struct fuse_lowlevel_ops *operations)
{
	descriptor_operations(operations);
	operations->open = do_open;
	operations->release = do_release;
	operations->fallocate = do_fallocate;
	operations->lseek = do_lseek;
}
