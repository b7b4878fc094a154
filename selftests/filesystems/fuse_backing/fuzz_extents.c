// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's operations on files that are ranges of backing files.
 *
 * What a read has to return is put together from the model's extents, the
 * backing files and what the server has: byte by byte, so that not one of another
 * file's or of another place goes unnoticed. Of pages that were filled before, and
 * may be old, only those bytes are looked at that never change.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kselftest.h"

#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_clients.h"
#include "fuzz_extents.h"
#include "fuzz_model.h"
#include "fuzz_model_extents.h"
#include "fuzz_model_ids.h"
#include "fuzz_model_sets.h"
#include "fuzz_names.h"
#include "fuzz_random.h"
#include "fuzz_replies.h"
#include "scratch.h"

#define SOME_EXTENTS	6
#define MANY_EXTENTS	70
#define MOST_READ	(2 * PAGE)

#define WRITE_EXTENT	FUSE_BACKING_EXTENT_WRITE
#define HOLE_EXTENT	FUSE_BACKING_EXTENT_HOLE

static_assert(MANY_EXTENTS <= MODEL_EXTENTS);

/* What I/O on extents comes to. */
struct expected {
	ssize_t done;
	int err;	/* what it ended with, 0 at the end of the file */
	int parts;
	bool asks;	/* the server */
};

/* Backing files */

static int readable(int file)
{
	for (int i = 0; i < session.descriptors; i++) {
		const struct descriptor *d = &session.descriptor[i];

		if (!d->result && d->file == file && d->mode & MODEL_READ)
			return d->fd;
	}
	fail("\"%s\" is nowhere open", names[file]);
	return -1;
}

static off_t size_of(int file)
{
	struct stat st;

	if (fstat(readable(file), &st) < 0) {
		fail("fstat of \"%s\": errno %d", names[file], errno);
		return 0;
	}
	return st.st_size;
}

/* The ioctl */

static bool is_fit(const struct model *m, int id, __u8 mode)
{
	return model_live(m, id) && !m->map[id].per_open &&
	       (m->map[id].mode & mode) == mode;
}

/* An id that most likely is good for an extent. */
static int random_fit_id(const struct fuzz_mount *mount, bool write)
{
	__u8 mode = MODEL_READ | (write ? MODEL_WRITE : 0);
	int id = random_id(mount);

	for (int i = 0; i < 30 && chance(99); i++) {
		if (is_fit(&mount->model, id, mode) &&
		    (!write || !(mount->model.map[id].mode & MODEL_APPEND)))
			break;
		id = random_id(mount);
	}
	return id;
}

/* Nothing may be written to where files say who they are. */
static __u64 random_backing_offset(const struct fuzz_mount *mount,
				   const struct fuse_backing_extent *extent)
{
	__u64 least = extent->flags & WRITE_EXTENT ? NEVER_WRITTEN : 0;
	__u64 size = START_SIZE, room = 0;

	if (model_live(&mount->model, extent->backing_id))
		size = size_of(mount->model.map[extent->backing_id].file);
	if (size > extent->length + least)
		room = size - extent->length - least;
	if (chance(2))
		return least + room + 1 + below(PAGE);
	return least + (chance(50) ? 0 : below(room + 1));
}

static __u64 random_length(void)
{
	switch (below(4)) {
	case 0:
		return 1 + below(64);
	case 1:
		return 512 * (1 + below(8));
	default:
		return 1 + below(PAGE);
	}
}

/* One that begins at @pos or behind it; @id is that of the one before. */
static struct fuse_backing_extent
random_extent(const struct fuzz_mount *mount, __u64 pos, int id)
{
	struct fuse_backing_extent extent = {
		.offset = pos + (chance(25) ? 1 + below(PAGE / 2) : 0),
		.length = random_length(),
	};

	if (chance(20)) {
		extent.flags = HOLE_EXTENT;
		return extent;
	}
	if (chance(40))
		extent.flags = WRITE_EXTENT;
	extent.backing_id = id;
	if (!is_fit(&mount->model, id, MODEL_READ) || chance(30))
		extent.backing_id = random_fit_id(mount, extent.flags);
	if (extent.flags && chance(90) &&
	    !is_fit(&mount->model, extent.backing_id, MODEL_WRITE))
		extent.flags = 0;
	extent.backing_offset = random_backing_offset(mount, &extent);
	return extent;
}

static __u32 random_extents(const struct fuzz_mount *mount,
			    struct fuse_backing_extent *extent)
{
	__u64 pos = chance(60) ? 0 : below(PAGE);
	__u32 count = 1 + below(SOME_EXTENTS);
	int id = 0;

	for (__u32 i = 0; i < count; i++) {
		extent[i] = random_extent(mount, pos, id);
		pos = extent[i].offset + extent[i].length;
		id = extent[i].backing_id ?: id;
	}
	return count;
}

/* One for each id, and about as many as may be named. */
static __u32 many_extents(const struct fuzz_mount *mount,
			  struct fuse_backing_extent *extent)
{
	__u32 most = FUSE_BACKING_EXTENTS_FILES - 4 + below(10), count = 0;

	for (int id = 1; id < MODEL_IDS && count < most; id++) {
		if (!is_fit(&mount->model, id, MODEL_READ))
			continue;
		extent[count] = (struct fuse_backing_extent) {
			.offset = count * 128,
			.length = 128,
			.backing_offset = below(PAGE - 128),
			.backing_id = id,
		};
		count++;
	}
	return count ?: random_extents(mount, extent);
}

/* Numbers that go wrong if they are added. */
static __u64 large_number(void)
{
	static const __u64 large[] = {
		1ULL << 31, 1ULL << 32, 1ULL << 62, 1ULL << 63, ~0ULL,
	};

	return large[below(ARRAY_SIZE(large))] + below(PAGE) - PAGE / 2;
}

static void spoil_one(struct fuse_backing_extent *extent)
{
	switch (below(9)) {
	case 0:
		extent->length = 0;
		break;
	case 1:
		extent->length = large_number();
		break;
	case 2:
		extent->offset = large_number();
		break;
	case 3:
		/* the last byte there is, or one too far */
		extent->offset = LLONG_MAX - extent->length + below(2);
		break;
	case 4:
		extent->backing_offset = large_number();
		break;
	case 5:
		extent->flags ^= 1U << below(32);
		break;
	case 6:
		extent->backing_id = -below(3);
		break;
	case 7:
		extent->offset -= below(64);
		break;
	default:
		extent->flags |= HOLE_EXTENT;
	}
}

/* Wrong, most often; see random_backing_offset() for what it mustn't be. */
static void spoil(struct fuse_backing_extent *extent, __u32 count)
{
	struct fuse_backing_extent *last = &extent[count - 1], first = *extent;

	if (chance(10)) {
		*extent = *last;
		*last = first;
	} else {
		spoil_one(&extent[below(count)]);
	}
	for (__u32 i = 0; i < count; i++)
		if (extent[i].flags & WRITE_EXTENT &&
		    extent[i].backing_offset < NEVER_WRITTEN)
			extent[i].backing_offset = NEVER_WRITTEN;
}

static void spoil_args(struct fuse_backing_extents *args)
{
	static const __u64 bad[] = { 0, 8, -4096ULL };

	switch (below(5)) {
	case 0:
		args->count = 0;
		break;
	case 1:
		args->count = FUSE_BACKING_EXTENTS_MAX + 1 +
			      (chance(50) ? 0 : below(INT_MAX));
		break;
	case 2:
		args->extents = bad[below(ARRAY_SIZE(bad))];
		break;
	case 3:
		args->reserved[below(2)] = 1ULL << below(64);
		break;
	default:
		args->flags ^= chance(50) ? 1U << below(32) : random_u32();
	}
}

/* Sizes */

static struct client *client_of(int mount, int name)
{
	struct client *c;

	for (c = session.client; c < session.client + CLIENTS; c++)
		if (c->in_use && c->fd >= 0 && c->mount == mount &&
		    c->name == name)
			return c;
	return NULL;
}

/* Without a file that is open; 0 if that would change what the kernel knows */
static bool can_stat(const struct fuzz_mount *mount, int name)
{
	return mount->model.node[name].known && name < CREATED &&
	       !(mount->dropped & 1U << name) && !mount->model.aborted;
}

/* A lookup would tell the kernel nothing: the server's file is as it was. */
static bool is_as_seen(const struct model_set *set, int name)
{
	struct stat st;

	return set->size_known && !stat(scratch_path(names[name]), &st) &&
	       (__u64)st.st_size == set->size;
}

static void see_node(struct fuzz_mount *mount, int name)
{
	struct model_set *set = mount->model.node[name].set;
	struct client *c = client_of(mount - session.mount, name);
	struct stat st;

	if (c && c->set)
		set = c->set;
	if (!set || mount->model.aborted)
		return;
	if (c ? !fstat(c->fd, &st) :
		can_stat(mount, name) && !stat_name(mount, name, &st))
		model_see_size(set, st.st_size);
	else
		set->unsure = true;
}

/* Of a file that is open, the kernel's own changes; of others, the server's */
static void see_change(struct fuzz_mount *mount, int name)
{
	const struct model_set *set = mount->model.node[name].set;

	if (client_of(mount - session.mount, name) ||
	    (set && !is_as_seen(set, name)))
		see_node(mount, name);
}

void extents_see_sizes(void)
{
	for (int i = 0; i < MOUNTS; i++)
		for (int name = 0; name < NAMES; name++)
			see_change(&session.mount[i], name);
}

/* The kernel may know an old size of what gets extents; true if it doesn't now. */
static bool see_before(struct fuzz_mount *mount, __u64 name)
{
	struct stat st;

	if (name >= NAMES || !mount->model.node[name].known)
		return true;
	if (!can_stat(mount, name) || stat_name(mount, name, &st))
		return false;
	see_node(mount, name);
	return true;
}

static void be_unsure(struct fuzz_mount *mount, __u64 name)
{
	struct model_set *set = mount->model.node[name].set;

	/* else another generation of the node waits */
	if (set)
		set->unsure = true;
}

static int expect_extents(struct fuzz_mount *mount,
			  const struct fuse_backing_extents *args,
			  const struct fuse_backing_extent *extent)
{
	struct model_file file[FILES];

	for (int i = 0; i < FILES; i++) {
		file[i].size = size_of(i);
		file[i].append_only = rights[i] & MODEL_APPEND;
	}
	return model_set_extents(&mount->model, args, extent, file);
}

void op_extents(struct fuzz_mount *mount)
{
	struct fuse_backing_extent extent[MODEL_EXTENTS];
	struct fuse_backing_extents args = {
		.extents = (unsigned long)extent,
		.flags = random_attach_flags(),
	};
	int dev = random_dev(mount), want = -EPERM, got;
	bool sure;

	random_node(&args.nodeid, &args.generation);
	if (chance(60))
		args.flags |= FUSE_BACKING_ATTACH_PENDING;
	args.count = chance(2) ? many_extents(mount, extent) :
				 random_extents(mount, extent);
	if (chance(8))
		spoil(extent, args.count);
	if (chance(5))
		spoil_args(&args);
	if (dev < 0)
		return;
	sure = see_before(mount, args.nodeid - MODEL_FIRST_NODE);
	if (chance(1))
		dev = session.unmounted;
	else
		want = expect_extents(mount, &args, extent);
	if (!want && !sure)
		be_unsure(mount, args.nodeid - MODEL_FIRST_NODE);
	got = do_ioctl(dev, FUSE_DEV_IOC_BACKING_EXTENTS, &args);
	if (got)
		totals->not_extents++;
	else
		totals->extents++;
	if (got != want)
		fail("BACKING_EXTENTS of node %llu.%llu flags %#x, %u extents: %d, expected %d",
		     args.nodeid, args.generation, args.flags, args.count, got,
		     want);
}

/* What the server does for a client */

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
		return pread(readable(name), buf, len, pos);
	fd = open(scratch_path(names[name]), O_RDONLY | O_CLOEXEC);
	n = pread(fd, buf, len, pos);
	close(fd);
	return n;
}

/* Or to truncate it */
static int server_write(int name)
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

/* Reads */

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
	n = pread(readable(file_of(c, extent)), buf, len,
		  extent->backing_offset + (pos - extent->offset));
	return n ?: -EIO;
}

/* What a read from a file of @size gets. */
static struct expected expect_read(const struct client *c,
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

/* What was before some I/O, and what an OPEN is answered with. */
struct watch {
	struct reply reply;
	__u32 opens;
	__u32 data;
};

static struct watch watch_server(const struct client *c)
{
	struct fuzz_mount *mount = &session.mount[c->mount];
	struct watch watch = {
		.reply = random_reply(mount, c->name),
		.opens = fuse_server_ops(&mount->srv, FUSE_OPEN),
		.data = fuse_server_data_ops(&mount->srv),
	};

	set_reply(&mount->srv.sh->file[c->name], &watch.reply);
	return watch;
}

/*
 * Was the server asked only if it was to be, to open the file and for data? @maybe:
 * pages may be there already, or the kernel knows another size.
 */
static void check_server(struct client *c, const struct watch *watch, bool asks,
			 bool maybe)
{
	struct fuzz_mount *mount = &session.mount[c->mount];
	bool want = asks && has_no_handle(c) && !mount->model.aborted;
	__u32 opens = fuse_server_ops(&mount->srv, FUSE_OPEN) - watch->opens;
	__u32 data = fuse_server_data_ops(&mount->srv) - watch->data;

	if (opens && !want)
		fail("the server had to open \"%s\"", names[c->name]);
	if (data && !asks)
		fail("the server had to read or write \"%s\"",
		     names[c->name]);
	if (!opens && want && !maybe)
		fail("the server was not asked to open \"%s\"",
		     names[c->name]);
	if (!opens)
		return;
	c->has_handle = !watch->reply.error;
	if (c->has_handle && watch->reply.flags & FOPEN_PASSTHROUGH)
		model_claim(&mount->model, watch->reply.id);
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

/* Of @len bytes at @pos of a file of @size. */
static ssize_t extent_write(const struct client *c,
			    const struct fuse_backing_extent *extent,
			    size_t len, off_t pos)
{
	off_t room;

	if (!(extent->flags & WRITE_EXTENT))
		return -EPERM;
	room = size_of(file_of(c, extent)) -
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

static struct expected expect_write(const struct client *c,
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

static off_t expect_seek(const struct client *c, off_t pos, off_t size,
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
		extents_see_sizes();
	}
}
