// SPDX-License-Identifier: GPL-2.0
/*
 * What I/O on extents has to come to. See fuzz_expected.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_clients.h"
#include "fuzz_descriptors.h"
#include "fuzz_expected.h"
#include "fuzz_model.h"
#include "fuzz_model_sets.h"
#include "fuzz_replies.h"
#include "scratch.h"

/* Opens the file, if it has not yet. */
static int ask(const struct client *c, const struct reply *r)
{
	bool aborted = session.mount[c->mount].model.aborted;

	if (!has_no_handle(c))
		return aborted ? -ENOTCONN : 0;
	if (!aborted && !r->error)
		return 0;
	return !aborted && r->error == EINTR ? -EINTR : -EIO;
}

static ssize_t server_read(int name, char *buf, size_t len, off_t pos)
{
	ssize_t n;
	int fd;

	if (name < FILES && !(rights[name] & MODEL_READ))
		return -EACCES;
	if (name < FILES)
		return pread(descriptor_to_read(name), buf, len, pos);
	fd = open(scratch_path(names[name]), O_RDONLY | O_CLOEXEC);
	n = pread(fd, buf, len, pos);
	close(fd);
	return n;
}

int server_write(int name)
{
	if (name >= FILES)
		return 0;
	if (!(rights[name] & MODEL_WRITE))
		return -EACCES;
	return rights[name] & MODEL_APPEND ? -EPERM : 0;
}

static ssize_t ask_read(const struct client *c, const struct reply *r,
			char *buf, size_t len, off_t pos)
{
	return ask(c, r) ?: server_read(c->name, buf, len, pos);
}

static int file_of(const struct client *c,
		   const struct fuse_backing_extent *extent)
{
	return session.mount[c->mount].model.map[extent->backing_id].file;
}

static ssize_t extent_read(const struct client *c,
			   const struct fuse_backing_extent *extent, char *buf,
			   size_t len, off_t pos)
{
	ssize_t n;

	if (extent->flags & HOLE_EXTENT) {
		memset(buf, 0, len);
		return len;
	}
	n = pread(descriptor_to_read(file_of(c, extent)), buf, len,
		  extent->backing_offset + (pos - extent->offset));
	return n ?: -EIO;
}

struct expected expect_read(const struct client *c,
			    const struct reply *r, char *buf, size_t len,
			    off_t pos, off_t size)
{
	const struct fuse_backing_extent *extent;
	struct expected e = {};
	__u64 range;
	ssize_t n;

	if (pos >= size)
		return e;
	if (len > (size_t)(size - pos))
		len = size - pos;
	for (; len; e.done += n, buf += n, pos += n, len -= n) {
		extent = model_find_extent(c->set, pos, &range);
		if (range > len)
			range = len;
		e.asks |= !extent;
		n = extent ? extent_read(c, extent, buf, range, pos) :
			     ask_read(c, r, buf, range, pos);
		e.parts++;
		if (n < 0)
			e.err = n;
		if (n <= 0)
			break;
	}
	return e;
}

/* Of @len bytes at @pos of a file of @size. */
static ssize_t extent_write(const struct client *c,
			    const struct fuse_backing_extent *extent,
			    size_t len, off_t pos)
{
	off_t room;

	if (!(extent->flags & WRITE_EXTENT))
		return -EPERM;
	room = file_size(file_of(c, extent)) -
	       (off_t)(extent->backing_offset + (pos - extent->offset));
	if (room <= 0)
		return -EIO;
	return room < (off_t)len ? room : (off_t)len;
}

static ssize_t ask_write(const struct client *c, const struct reply *r,
			 size_t len)
{
	return ask(c, r) ?: server_write(c->name) ?: (ssize_t)len;
}

struct expected expect_write(const struct client *c,
			     const struct reply *r, size_t len,
			     off_t pos, off_t size, bool append)
{
	const struct fuse_backing_extent *extent;
	struct expected e = {};
	__u64 range;
	ssize_t n;

	for (; len; e.done += n, pos += n, len -= n) {
		range = size - pos;
		if (size <= pos || append) {
			extent = NULL;
			range = len;
		} else {
			extent = model_find_extent(c->set, pos, &range);
		}
		if (extent && range > (__u64)(size - pos))
			range = size - pos;
		if (range > len)
			range = len;
		e.asks |= !extent;
		n = extent ? extent_write(c, extent, range, pos) :
			     ask_write(c, r, range);
		e.parts++;
		if (n < 0)
			e.err = n;
		if (n <= 0)
			break;
		if (!extent && pos + n > size)
			size = pos + n;
	}
	return e;
}

off_t expect_seek(const struct client *c, off_t pos, off_t size,
		  bool hole)
{
	const struct fuse_backing_extent *extent;
	__u64 range;

	if (pos >= size)
		return -ENXIO;
	for (; pos < size; pos += range) {
		extent = model_find_extent(c->set, pos, &range);
		if ((extent && extent->flags & HOLE_EXTENT) == hole)
			return pos;
		if (range > (__u64)(size - pos))
			range = size - pos;
	}
	return hole ? size : -ENXIO;
}
