// SPDX-License-Identifier: GPL-2.0
/*
 * I/O on extents. See fuzz_extents_io.h.
 *
 * All is compared byte by byte, so that not one of another file's or of another
 * place goes unnoticed. Of pages that were filled before, and may be old, only
 * those bytes are looked at that never change.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_clients.h"
#include "fuzz_expected.h"
#include "fuzz_extents_io.h"
#include "fuzz_model.h"
#include "fuzz_model_sets.h"
#include "fuzz_random.h"
#include "fuzz_replies.h"
#include "fuzz_sizes.h"
#include "fuzz_watch.h"

#define MOST_READ	(2 * PAGE)

/* The size of the FUSE file, as the kernel knows it; -1 if it can't know. */
static off_t client_size(const struct client *c)
{
	struct stat st;

	if (!fstat(c->fd, &st)) {
		model_see_size(c->set, st.st_size);
		return st.st_size;
	}
	if (!session.mount[c->mount].model.aborted)
		fail("fstat of \"%s\": errno %d", names[c->name], errno);
	return -1;
}

/* The bytes that are to be there, and those that are. */
static bool same(const struct client *c, const char *want, const char *got,
		 size_t len, off_t pos)
{
	for (size_t i = 0; i < len; i++) {
		if (want[i] == got[i])
			continue;
		fail("\"%s\" has %#x at %lld, expected %#x", names[c->name],
		     (unsigned char)got[i], (long long)pos + (long long)i,
		     (unsigned char)want[i]);
		return false;
	}
	return true;
}

static ssize_t splice_some(int fd, char *buf, size_t len, off_t pos)
{
	loff_t from = pos;
	ssize_t n = splice(fd, &from, session.pipe[1], NULL, len, 0);

	if (n > 0 && read(session.pipe[0], buf, n) != n)
		fail("pipe: errno %d", errno);
	return n;
}

/* Reads */

static void read_at(struct client *c, size_t len, off_t pos, bool splices)
{
	char want[MOST_READ], got[MOST_READ];
	off_t size = client_size(c);
	struct watch watch = watch_server(c);
	struct expected e = expect_read(c, &watch.reply, want, len, pos,
					size < 0 ? LLONG_MAX : size);
	ssize_t wanted = e.done ?: e.err, n;

	n = splices ? splice_some(c->fd, got, len, pos) :
		      pread(c->fd, got, len, pos);
	if (n < 0)
		n = -errno;
	if (size < 0 ? n > e.done || (n < 0 && n != e.err) : n != wanted)
		fail("%s of %zu at %lld from \"%s\" of %lld, flags %#o: %zd, expected %zd",
		     splices ? "splice" : "read", len, (long long)pos,
		     names[c->name], (long long)size, c->flags, n, wanted);
	else if (n > 0)
		same(c, want, got, n, pos);
	check_server(c, &watch, e.asks, size < 0);
}

void extents_client_read(struct client *c)
{
	off_t pos = chance(40) ? 0 : below(START_SIZE);

	if (may_read(c) && !c->set->unsure)
		read_at(c, 1 + below(MOST_READ), pos, false);
}

static void client_splice(struct client *c)
{
	if (may_read(c))
		read_at(c, 1 + below(PAGE), below(START_SIZE), true);
}

/* Writes */

/* What was written, all in one place, is there. */
static void check_written(const struct client *c, const char *data, size_t len,
			  off_t pos)
{
	static const struct reply opens;
	char there[MOST_READ];
	struct expected e = expect_read(c, &opens, there, len, pos, pos + len);

	if (e.done == (ssize_t)len)
		same(c, data, there, len, pos);
}

static void write_at(struct client *c, size_t len, off_t pos)
{
	char data[MOST_READ];
	struct iovec iov = { data, len };
	int rwf = chance(10) ? RWF_NOAPPEND : 0;
	bool append = (c->flags & O_APPEND) && !rwf;
	off_t size = client_size(c);
	struct watch watch;
	struct expected e = { .err = -EBADF };
	ssize_t n;

	if (size < 0)
		return;
	memset(data, random_u32(), len);
	if (append)
		pos = size;
	watch = watch_server(c);
	if (may_write(c))
		e = expect_write(c, &watch.reply, len, pos, size, append);
	n = pwritev2(c->fd, &iov, 1, pos, rwf);
	if (n < 0)
		n = -errno;
	if (n != (e.done ?: e.err))
		fail("write of %zu at %lld to \"%s\" of %lld, flags %#o rwf %#x: %zd, expected %zd",
		     len, (long long)pos, names[c->name], (long long)size,
		     c->flags, rwf, n, e.done ?: e.err);
	check_server(c, &watch, e.asks, false);
	/* what made it longer is the server's, even if there is an extent */
	if (n > 0 && e.parts == 1 && pos + n <= size)
		check_written(c, data, n, pos);
}

static void client_write(struct client *c)
{
	write_at(c, 1 + below(chance(80) ? 64 : PAGE),
		 NEVER_WRITTEN + below(START_SIZE - PAGE));
}

/* Mappings */

/* Is this byte of an extent what it was when the page was filled? */
static bool never_changes(const struct fuse_backing_extent *extent, off_t pos)
{
	return extent && (extent->flags & HOLE_EXTENT ||
			  extent->backing_offset + (pos - extent->offset) <
			  NEVER_WRITTEN);
}

/* A page that was filled some time: some of it, and a size that has changed. */
static void check_old_page(const struct client *c, const char *want,
			   const char *got, size_t len, off_t pos)
{
	const struct fuse_backing_extent *extent;
	__u64 range;

	for (size_t i = 0; i < len; i++) {
		extent = model_find_extent(c->set, pos + i, &range);
		if (got[i] && never_changes(extent, pos + i) &&
		    !same(c, want + i, got + i, 1, pos + i))
			return;
	}
}

/* The page, or -EFAULT where others would get SIGBUS. */
static int look_at_page(const char *map, char *got)
{
	if (write(session.pipe[1], map, PAGE) != PAGE)
		return -errno;
	return read(session.pipe[0], got, PAGE) == PAGE ? 0 : -EIO;
}

static void check_page(struct client *c, off_t pos)
{
	char want[PAGE] = {}, got[PAGE];
	off_t size = client_size(c);
	struct watch watch = watch_server(c);
	bool old = c->set->filled;
	struct expected e;
	int err;

	if (size < 0)
		return;
	e = expect_read(c, &watch.reply, want, PAGE, pos, size);
	err = look_at_page(c->map, got);
	if (pos >= size || e.err ? err != -EFAULT && !(old && pos < size) : err)
		fail("page of \"%s\" of %lld, at %lld: %d, read %zd, %d",
		     names[c->name], (long long)size, (long long)pos, err,
		     e.done, e.err);
	else if (!err && old)
		check_old_page(c, want, got, e.done, pos);
	else if (!err)
		same(c, want, got, PAGE, pos);
	check_server(c, &watch, e.asks, old || pos >= size);
	c->set->filled = true;
}

static void client_map(struct client *c)
{
	int prot = may_write(c) && chance(50) ? PROT_READ | PROT_WRITE :
						PROT_READ;
	bool shared = chance(60);
	off_t pos = chance(70) ? 0 : PAGE;
	int want = !may_read(c) ? EACCES :
		   shared && prot & PROT_WRITE ? ENODEV : 0;
	void *map;

	if (c->map)
		return client_unmap(c);
	map = mmap(NULL, PAGE, prot, shared ? MAP_SHARED : MAP_PRIVATE, c->fd,
		   pos);
	if (want ? map != MAP_FAILED || errno != want : map == MAP_FAILED)
		fail("mmap of \"%s\" flags %#o prot %d, shared %d: %p, errno %d, expected %d",
		     names[c->name], c->flags, prot, shared, map, errno, want);
	if (map == MAP_FAILED)
		return;
	client_mapped(c, map);
	check_page(c, pos);
}

/* The rest */

static void client_seek(struct client *c)
{
	off_t pos = below(START_SIZE), size = client_size(c), want, got;
	bool hole = chance(50);

	if (size < 0)
		return;
	want = expect_seek(c, pos, size, hole);
	got = lseek(c->fd, pos, hole ? SEEK_HOLE : SEEK_DATA);
	if (got < 0)
		got = -errno;
	if (got != want)
		fail("lseek of \"%s\" of %lld from %lld, hole %d: %lld, expected %lld",
		     names[c->name], (long long)size, (long long)pos, hole,
		     (long long)got, (long long)want);
}

/* The server has to hear of it if it has ever written something. */
static void client_sync(struct client *c)
{
	bool aborted = session.mount[c->mount].model.aborted;
	struct watch watch = watch_server(c);
	int opened = aborted ? -ENOTCONN :
		     has_no_handle(c) ? -watch.reply.error : 0;
	int got = fsync(c->fd) < 0 ? -errno : 0;

	if (got && got != opened)
		fail("fsync of \"%s\": %d, not 0 or %d", names[c->name], got,
		     opened);
	check_server(c, &watch, true, true);
}

static void client_allocate(struct client *c)
{
	int want = may_write(c) ? EOPNOTSUPP : EBADF;

	if (fallocate(c->fd, 0, below(START_SIZE), 1) != -1 || errno != want)
		fail("fallocate of \"%s\" flags %#o: errno %d, expected %d",
		     names[c->name], c->flags, errno, want);
}

/* The file with this name, by the server, which is asked to open it first. */
static void client_truncate(struct client *c)
{
	bool aborted = session.mount[c->mount].model.aborted;
	struct watch watch = watch_server(c);
	bool interrupted = has_no_handle(c) && watch.reply.error == EINTR;
	int want = !may_write(c) ? -EINVAL : aborted ? -ENOTCONN :
		   interrupted ? -EINTR : server_write(c->name);
	int got = ftruncate(c->fd, KEPT + below(KEPT)) < 0 ? -errno : 0;

	if (got != want)
		fail("ftruncate of \"%s\" flags %#o: %d, expected %d",
		     names[c->name], c->flags, got, want);
	check_server(c, &watch, may_write(c), false);
}

static void client_do(struct client *c)
{
	switch (below(10)) {
	case 0 ... 2:
		extents_client_read(c);
		break;
	case 3:
		client_splice(c);
		break;
	case 4 ... 5:
		client_write(c);
		break;
	case 6:
		client_map(c);
		break;
	case 7:
		client_seek(c);
		break;
	case 8:
		client_flags(c);
		break;
	default:
		if (chance(40))
			client_sync(c);
		else if (chance(50))
			client_allocate(c);
		else
			client_truncate(c);
	}
}

void extents_client_io(struct client *c)
{
	for (int i = 1 + below(4); i && c->fd >= 0 && !c->set->unsure; i--) {
		totals->extents_io++;
		client_do(c);
		see_sizes();
	}
}
