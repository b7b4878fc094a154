// SPDX-License-Identifier: GPL-2.0
/*
 * What clients do with an open file, by its descriptor. See descriptor.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>
#include <unistd.h>

#include "descriptor.h"

static void do_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_err(req, close(dup(fi->fh)) < 0 ? errno : 0);
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_err(req, (datasync ? fdatasync(fi->fh) : fsync(fi->fh)) < 0 ? errno : 0);
}

/* Not of files that are passed through */
static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos,
		    struct fuse_file_info *fi)
{
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

	(void)ino;
	data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	data.buf[0].fd = fi->fh;
	data.buf[0].pos = pos;
	fuse_reply_data(req, &data, FUSE_BUF_SPLICE_MOVE);
}

static void do_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *from,
			 off_t pos, struct fuse_file_info *fi)
{
	struct fuse_bufvec to = FUSE_BUFVEC_INIT(fuse_buf_size(from));
	ssize_t res;

	(void)ino;
	to.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	to.buf[0].fd = fi->fh;
	to.buf[0].pos = pos;
	res = fuse_buf_copy(&to, from, 0);
	if (res < 0)
		fuse_reply_err(req, -res);
	else
		fuse_reply_write(req, res);
}

void descriptor_operations(struct fuse_lowlevel_ops *operations)
{
	operations->flush = do_flush;
	operations->fsync = do_fsync;
	operations->read = do_read;
	operations->write_buf = do_write_buf;
}
