// SPDX-License-Identifier: GPL-2.0
/*
 * Random ioctls and OPEN replies of a server without privileges.
 *
 * Proves: whatever ids, nodes, flags, padding and descriptors a server comes
 * with, in whatever order, it gets documented results only; what it may not pass
 * through is never opened; an id never names two files; the thread's table holds
 * what a model says that it holds, and backing_files and BACKING_LIST tell the
 * same; what is attached is opened without the server and what was revoked is
 * the server's again, and no request has a handle that it never gave; aborts and
 * lost servers at any time leave nothing: at the end of each session everything
 * unmounts at once, the thread is gone, and the number of open files in the
 * system is what it was.
 *
 * The operations are those of one user: several mounts, their server's ioctls,
 * and clients that open, read, write, map, truncate, splice, close and forget.
 * fuzz_extents.c has those of files that are ranges of backing files.
 *
 * SEED=N repeats a run, OPS=N says how many operations there are.
 *
 * Privilege: root, to mount and unmount in the name of an ordinary user without
 * capabilities, who does everything else.
 */

#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <linux/fs.h>

#include "harness.h"

#include "backing_files.h"
#include "backing_table.h"
#include "creds.h"
#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_extents.h"
#include "fuzz_model.h"
#include "fuzz_model_attach.h"
#include "fuzz_model_ids.h"
#include "fuzz_model_list.h"
#include "fuzz_model_nodes.h"
#include "fuzz_model_opens.h"
#include "scratch.h"
#include "wait_until.h"

#define OWNER		1000	/* a uid and a gid */
#define DEFAULT_SEED	20251
#define DEFAULT_OPS	100000
#define SESSIONS	20
#define SOFT_LIMIT	256
#define HARD_LIMIT	400

/* What FUSE allows together with FOPEN_PASSTHROUGH. */
#define GOOD_FLAGS	(FOPEN_PASSTHROUGH | FOPEN_DIRECT_IO | FOPEN_NOFLUSH | \
			 FOPEN_PARALLEL_DIRECT_WRITES)

const char * const names[NAMES] = {
	"own0", "own1", "own2", "own3", "own4", "own5", "secret", "public",
	"log", "emptied", "created", "created2", "plain",
};

const __u8 rights[FILES] = {
	[OWN_FIRST ... OWN_LAST] = MODEL_READ | MODEL_WRITE,
	[PUBLIC] = MODEL_READ,
	[LOG] = MODEL_READ | MODEL_WRITE | MODEL_APPEND,
};

/* Somebody who opens while the main thread goes on. */
struct late {
	pthread_t thread;
	const struct fuse_server *srv;
	int name;
	int flags;
	__u32 revocations;	/* when it began */
	int result;
	bool done;
};

struct session session;
struct totals *totals;
__u64 seed;

static const char * const mountpoints[MOUNTS] = {
	SCRATCH_FUSE, SCRATCH_FUSE2, SCRATCH_ROOT "/fuse3",
};

/* Random numbers */

__u32 random_u32(void)
{
	__u64 x = session.random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	session.random = x;
	return x >> 32;
}

__u32 below(__u32 n)
{
	return random_u32() % n;
}

bool chance(__u32 percent)
{
	return below(100) < percent;
}

static struct fuzz_mount *random_mount(void)
{
	return &session.mount[below(MOUNTS)];
}

/* An id that is likely to mean something, or to be very wrong. */
int random_id(const struct fuzz_mount *mount)
{
	static const int odd[] = {
		0, -1, INT_MIN, INT_MAX, -4096, MODEL_IDS, 65536, 0x40000000,
	};
	int id = 1 + below(HARD_LIMIT);

	if (chance(5))
		return odd[below(ARRAY_SIZE(odd))];
	if (chance(2))
		return random_u32();
	for (int i = 0; i < 40 && chance(97); i++) {
		if (model_live(&mount->model, id))
			break;
		id = 1 + below(mount->model.next);
	}
	return id;
}

/* One descriptor of a connection that has several, or -1 if it was lost. */
int random_dev(const struct fuzz_mount *mount)
{
	return mount->clone >= 0 && chance(30) ? mount->clone : mount->srv.fd;
}

/* The server's ioctls */

static int register_map(int dev, const struct fuse_backing_map *map)
{
	int id = ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, map);

	return id < 0 ? -errno : id;
}

static void note_thread(struct fuzz_mount *mount)
{
	struct dev_fdinfo info;

	if (mount->thread || mount->srv.fd < 0)
		return;
	if (dev_fdinfo_read(mount->srv.fd, &info) || !info.thread)
		fail("no thread after a registration");
	else
		mount->thread = info.thread;
}

/* Results that are right although the model says another one. */
static bool tolerated(const struct model *m, int want, int got)
{
	if (got == -EMFILE)
		return m->settling || (m->aborted && want == -ENOTCONN);
	return false;
}

static void check_registration(struct fuzz_mount *mount,
			       const struct descriptor *d, __u32 flags,
			       int want, int got)
{
	const char *wrong = NULL;

	if (got > 0)
		totals->registered++;
	else
		totals->not_registered++;
	if (got > 0 && !want)
		wrong = model_registered(&mount->model, got, &(struct model_mapping) {
			.file = d->file,
			.mode = d->mode,
			.per_open = flags & FUSE_BACKING_MAP_AUTO_CLOSE,
			.as_opened = flags & FUSE_BACKING_MAP_AS_OPENED,
		});
	else if (got != want && !tolerated(&mount->model, want, got))
		wrong = "result";
	if (wrong)
		fail("BACKING_OPEN of descriptor %d: %d, expected %d: %s",
		     d->fd, got, want, wrong);
	if (got > 0)
		note_thread(mount);
}

static struct descriptor random_descriptor(void)
{
	struct descriptor d = { .fd = -1, .result = -EBADF };

	if (chance(4))
		d.fd = -(int)below(INT_MAX);
	else if (chance(4))
		d.fd = 4096 + below(INT_MAX - 4096);
	else
		d = session.descriptor[below(session.descriptors)];
	return d;
}

static void op_register(struct fuzz_mount *mount)
{
	struct descriptor d = random_descriptor();
	struct fuse_backing_map map = { .fd = d.fd };
	int dev = random_dev(mount);
	int want = d.result ?: model_register_result(&mount->model);

	if (dev < 0)
		return;
	if (chance(30))
		map.flags = FUSE_BACKING_MAP_AUTO_CLOSE;
	if (chance(3))
		map.flags |= chance(50) ? 1U << below(32) : random_u32();
	if (chance(3))
		map.padding = 1ULL << below(64);
	if (chance(30))
		map.flags ^= FUSE_BACKING_MAP_COPY_SPLICE;
	if (chance(10))
		map.flags ^= FUSE_BACKING_MAP_AS_OPENED;
	if (map.flags & ~FUSE_BACKING_MAP_KNOWN || map.padding)
		want = -EINVAL;
	if (chance(1)) {
		dev = session.unmounted;
		want = -EPERM;
	}
	check_registration(mount, &d, map.flags, want, register_map(dev, &map));
}

static void op_close_id(struct fuzz_mount *mount)
{
	int id = random_id(mount), dev = random_dev(mount);
	struct model *m = &mount->model;
	int want = -ENOENT, got;

	if (dev < 0)
		return;
	if (id <= 0)
		want = -EINVAL;
	else if (model_live(m, id))
		want = 0;
	if (chance(1)) {
		dev = session.unmounted;
		want = -EPERM;
	}
	got = fuse_backing_close(dev, id);
	if (got)
		totals->not_closed++;
	else
		totals->closed++;
	/* the worker that empties the table may not have come to it yet */
	if (got != want && !(m->aborted && m->settling && !got))
		fail("BACKING_CLOSE of %d: %d, expected %d", id, got, want);
	else if (!want)
		model_close(m, id);
}

static void op_odd_ioctl(struct fuzz_mount *mount)
{
	static void * const bad[] = { NULL, (void *)8, (void *)-4096L };
	static const unsigned long known[] = {
		FUSE_DEV_IOC_BACKING_OPEN, FUSE_DEV_IOC_BACKING_CLOSE,
		FUSE_DEV_IOC_BACKING_ATTACH, FUSE_DEV_IOC_BACKING_DETACH,
		FUSE_DEV_IOC_BACKING_LIST, FUSE_DEV_IOC_BACKING_CLOSE_ALL,
		FUSE_DEV_IOC_BACKING_EXTENTS,
	};
	int dev = random_dev(mount), nr = 3 + below(253);
	unsigned long cmd = known[below(ARRAY_SIZE(known))];
	__u64 arg[8] = { random_u32(), random_u32() };
	int want = EFAULT, got;

	if (dev < 0)
		return;
	if (chance(50)) {
		/* the only one of this size that there is */
		if (nr == _IOC_NR(FUSE_DEV_IOC_BACKING_CLOSE_ALL))
			nr = 255;
		cmd = _IOW(FUSE_DEV_IOC_MAGIC, nr, __u64);
		want = ENOTTY;
		got = ioctl(dev, cmd, arg);
	} else {
		got = ioctl(dev, cmd, bad[below(ARRAY_SIZE(bad))]);
	}
	if (got != -1 || errno != want)
		fail("ioctl %#lx: %d, errno %d, expected %d", cmd, got, errno,
		     want);
}

static void op_limit(struct fuzz_mount *mount)
{
	struct rlimit limit = {
		.rlim_cur = below(HARD_LIMIT + 1),
		.rlim_max = HARD_LIMIT,
	};

	if (!mount->thread)
		return;
	if (chance(60))
		limit.rlim_cur = SOFT_LIMIT;
	if (prlimit(mount->thread, RLIMIT_NOFILE, &limit, NULL) < 0)
		fail("prlimit of the thread: errno %d", errno);
	else
		mount->model.limit = limit.rlim_cur;
}

/* NULL, or what is wrong with the connection's backing_files. */
static const char *listing_differs(const struct fuzz_mount *mount)
{
	struct backing_files files;
	const char *wrong;

	if (backing_files_read(&mount->srv, &files))
		return "can't be read";
	wrong = model_differs(&mount->model, &files);
	backing_files_free(&files);
	return wrong;
}

static void check_listing(struct fuzz_mount *mount)
{
	struct model *m = &mount->model;
	const char *wrong;

	if (m->settling)
		wait_until(!listing_differs(mount));
	wrong = listing_differs(mount);
	if (wrong)
		fail("backing_files of %u mappings: %s", m->count, wrong);
}

/* NULL, or what is wrong with @list, which the kernel filled in from @start on. */
static const char *list_differs(const struct model *m, __u32 start, __u32 room,
				const struct fuse_backing_list *list)
{
	const struct fuse_backing_entry *entry = (void *)(long)list->entries;
	const char *wrong = NULL;

	if (list->count > room)
		return "count";
	for (__u32 i = 0; i < list->count && !wrong; i++) {
		wrong = model_entry_differs(m, start, &entry[i]);
		start = entry[i].id + 1;
	}
	if (!wrong && list->start != model_next(m, start))
		wrong = "where to go on";
	return wrong;
}

/* BACKING_LIST from somewhere on; the table is what the model says. */
static void check_entries(struct fuzz_mount *mount)
{
	struct fuse_backing_entry entry[MODEL_IDS];
	__u32 room = chance(50) ? MODEL_IDS : below(MODEL_IDS);
	__u32 start = chance(50) ? 0 : random_id(mount);
	struct fuse_backing_list list = {
		.start = start,
		.count = room,
		.entries = (long)entry,
	};
	int dev = random_dev(mount), want = 0;
	const char *wrong = NULL;

	if (dev < 0)
		return;
	if (chance(5)) {
		list.reserved[below(2)] = 1ULL << below(64);
		want = EINVAL;
	}
	if (chance(5) && room && model_next(&mount->model, start)) {
		list.entries = below(2) * 8;
		want = want ?: EFAULT;
	}
	if (ioctl(dev, FUSE_DEV_IOC_BACKING_LIST, &list) < 0 ? errno != want :
							       want)
		wrong = "result";
	else if (!want)
		wrong = list_differs(&mount->model, start, room, &list);
	if (wrong)
		fail("BACKING_LIST from %u, %u entries: %s, errno %d, expected %d",
		     start, room, wrong, errno, want);
}

static void check_table(struct fuzz_mount *mount)
{
	struct model *m = &mount->model;
	struct dev_fdinfo info;
	int dev = mount->srv.fd;

	check_listing(mount);
	if (dev < 0)
		return;
	if (m->settling)
		wait_until(!dev_fdinfo_read(dev, &info) &&
			   info.count == m->count);
	m->settling = false;
	check_entries(mount);
	if (dev_fdinfo_read(dev, &info) || info.count != m->count ||
	    info.thread != mount->thread ||
	    (mount->thread && info.limit != m->limit))
		fail("fdinfo: thread %d with %lu files of %lu, expected %d with %u of %u",
		     info.thread, info.count, info.limit, mount->thread,
		     m->count, m->limit);
}

/* Names */

static bool is_used(int mount, int name)
{
	for (int i = 0; i < CLIENTS; i++) {
		const struct client *c = &session.client[i];

		if (c->in_use && c->mount == mount && c->name == name)
			return true;
	}
	return false;
}

static int stat_name(const struct fuzz_mount *mount, int name)
{
	char path[PATH_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", mount->srv.mountpoint,
		 names[name]);
	return stat(path, &st) < 0 ? -errno : 0;
}

static bool is_created(int name)
{
	return name == CREATED || name == CREATED_TOO;
}

/*
 * A lookup of @name fails: the kernel drops its dentry, and evicts the inode as
 * soon as nobody uses it.
 */
static void drop_name(struct fuzz_mount *mount, int name)
{
	mount->dropped |= 1U << name;
}

static void evict_dropped(struct fuzz_mount *mount)
{
	for (int name = 0; name < NAMES; name++) {
		if (!(mount->dropped & 1U << name) ||
		    is_used(mount - session.mount, name))
			continue;
		mount->dropped &= ~(1U << name);
		model_evict(&mount->model, name);
	}
}

/* Opens */

static struct client *free_client(void)
{
	for (int i = 0; i < CLIENTS; i++)
		if (!session.client[i].in_use)
			return &session.client[i];
	return NULL;
}

static int random_open_flags(int name)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int flags = modes[below(3)] | O_CLOEXEC;

	if (chance(25))
		flags |= O_APPEND;
	if (chance(5))
		flags |= O_DIRECT;
	/* may_open() looks at the owner that the server tells */
	if (name <= OWN_LAST && chance(5))
		flags |= O_NOATIME;
	if (name == EMPTIED)
		flags |= O_TRUNC;
	if (is_created(name))
		flags |= O_CREAT | (chance(50) ? O_EXCL : 0);
	return flags;
}

struct reply random_reply(const struct fuzz_mount *mount, int name)
{
	struct reply r = {
		.id = random_id(mount),
		.flags = FOPEN_PASSTHROUGH,
	};

	if (chance(15))
		r.flags |= random_u32() & GOOD_FLAGS;
	if (chance(5))
		r.flags |= random_u32();
	if (chance(5))
		r.flags = random_u32();
	/* ENOSYS is for the whole connection, CREATE's error is the server's */
	if (chance(5) && !is_created(name))
		r.error = 1 + below(511);
	if (r.error == ENOSYS)
		r.error = EIO;
	return r;
}

void set_reply(struct fuse_server_file *file, const struct reply *r)
{
	file->open_error = r->error;
	file->backing_id = r->id;
	file->open_flags = r->flags;
}

static int expect_open(const struct fuzz_mount *mount, int name, int flags,
		       const struct reply *r, bool *append_only)
{
	const struct model_mapping *map;
	int err;

	if (mount->model.aborted)
		return -ENOTCONN;
	if (r->error)
		return -r->error;
	if (!(r->flags & FOPEN_PASSTHROUGH))
		return model_fits_extents(&mount->model, name) ? 0 : -EIO;
	if (r->flags & ~GOOD_FLAGS || r->id <= 0)
		return -EINVAL;
	if (!model_live(&mount->model, r->id))
		return -ENOENT;
	map = &mount->model.map[r->id];
	err = model_permission(map, rights[map->file], flags, append_only);
	if (err)
		return err;
	if (name == PLAIN)
		return -ETXTBSY;
	return model_fits(&mount->model, name, r->id) ? 0 : -EBUSY;
}

/*
 * Does the kernel open @name by itself? *result is set to what comes of that.
 */
static bool is_local_open(const struct fuzz_mount *mount, int name, int flags,
			  int *result, bool *append_only)
{
	const struct model *m = &mount->model;
	int id = model_attached(m, name, flags);

	/* what is created was opened by who made it */
	if (is_created(name))
		return false;
	*result = 0;
	if (model_extents(m, name, flags))
		return model_fits_extents(m, name);
	if (!id)
		return false;
	*result = model_permission(&m->map[id], rights[m->map[id].file], flags,
				   append_only);
	return *result || model_fits(m, name, id);
}

/* Does this descriptor read the file that the id was registered for? */
static bool is_file(int fd, int file)
{
	__u32 number;

	return pread(fd, &number, sizeof(number), 0) == sizeof(number) &&
	       number == (__u32)file;
}

/* Of @id, or of the node's extents if that is 0. */
static struct client *note_client(struct fuzz_mount *mount, int fd, int name,
				  int flags, int id)
{
	struct client *c = free_client();

	*c = (struct client) {
		.in_use = true,
		.fd = fd,
		.mount = mount - session.mount,
		.name = name,
		.id = id,
		.flags = flags,
		.file = mount->model.map[id].file,
	};
	if (id) {
		model_open(&mount->model, id, name);
	} else {
		c->set = mount->model.node[name].set;
		model_open_extents(&mount->model, c->set, name);
	}
	return c;
}

static void check_client(struct client *c)
{
	if (c->set)
		return extents_client_read(c);
	if ((c->flags & O_ACCMODE) != O_WRONLY && !c->direct &&
	    !is_file(c->fd, c->file))
		fail("id %d of \"%s\" is not \"%s\"", c->id, names[c->name],
		     names[c->file]);
}

static void count_open(int got)
{
	if (got < 0)
		totals->not_opened++;
	else
		totals->opened++;
}

/* An open of the server's ended as @got: is that right? Who has it, if it is? */
static struct client *judge_open(struct fuzz_mount *mount, int name, int flags,
				 const struct reply *r, int got)
{
	struct client *c = NULL;
	bool append_only = false;
	int want = expect_open(mount, name, flags, r, &append_only);

	count_open(got);
	if (want ? got != want : got < 0) {
		/* requests in flight are aborted with another error */
		if (want != -ENOTCONN || got != -ECONNABORTED)
			fail("open of \"%s\" flags %#o, reply id %d flags %#x: %d, expected %d",
			     names[name], flags, r->id, r->flags, got, want);
		if (got >= 0)
			close(got);
	} else if (got >= 0 && !(r->flags & FOPEN_PASSTHROUGH)) {
		close(got);
	} else if (got >= 0) {
		c = note_client(mount, got, name, flags, r->id);
		c->direct = r->flags & FOPEN_DIRECT_IO;
		c->append_only = append_only;
	}
	if (!r->error && r->flags & FOPEN_PASSTHROUGH)
		model_claim(&mount->model, r->id);
	return c;
}

/* The same for an open without the server. */
static void judge_local(struct fuzz_mount *mount, int name, int flags,
			bool append_only, int want, int got)
{
	struct client *c;

	count_open(got);
	totals->local++;
	if (want ? got != want : got < 0)
		fail("open of \"%s\", attached, flags %#o: %d, expected %d",
		     names[name], flags, got, want);
	if (want || got < 0)
		return;
	c = note_client(mount, got, name, flags,
			mount->model.node[name].attached);
	c->local = true;
	c->append_only = append_only;
	check_client(c);
}

/* What an open makes the kernel find out about @name. */
static void look_up(struct fuzz_mount *mount, int name)
{
	if (mount->model.aborted ||
	    (is_created(name) && !is_used(mount - session.mount, name)))
		drop_name(mount, name);
	evict_dropped(mount);
	if (!mount->model.aborted)
		model_look_up(&mount->model, name);
}

/* One that has extents, rather than not. */
static int random_name(const struct fuzz_mount *mount)
{
	int name = below(NAMES);

	for (int i = 0; i < 4 && !mount->model.node[name].set && chance(60); i++)
		name = below(NAMES);
	return name;
}

static void op_open(struct fuzz_mount *mount)
{
	int name = random_name(mount), flags, got, want;
	bool append_only = false, local;
	struct client *c;
	struct reply r;
	__u32 opens;

	if (!free_client())
		return;
	flags = random_open_flags(name);
	r = random_reply(mount, name);
	set_reply(&mount->srv.sh->file[name], &r);
	opens = fuse_server_ops(&mount->srv, FUSE_OPEN);
	got = fuse_server_open(&mount->srv, names[name], flags);
	opens = fuse_server_ops(&mount->srv, FUSE_OPEN) - opens;
	if (is_created(name))
		unlink(scratch_path(names[name]));
	look_up(mount, name);
	local = is_local_open(mount, name, flags, &want, &append_only);
	if (local != (!opens && !is_created(name) && !mount->model.aborted))
		fail("open of \"%s\" flags %#o: %u requests, expected %s",
		     names[name], flags, opens, local ? "none" : "one");
	if (local) {
		judge_local(mount, name, flags, append_only, want, got);
	} else {
		c = judge_open(mount, name, flags, &r, got);
		if (c)
			check_client(c);
	}
}

static void *late_open(void *arg)
{
	struct late *late = arg;

	late->result = fuse_server_open(late->srv, names[late->name],
					late->flags);
	__atomic_store_n(&late->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool late_done(const struct late *late)
{
	return __atomic_load_n(&late->done, __ATOMIC_ACQUIRE);
}

static void abort_mount(struct fuzz_mount *mount)
{
	int err = fuse_server_abort(&mount->srv);

	if (err)
		fail("abort: %d", err);
	model_abort(&mount->model);
	totals->aborts++;
}

/* Attachments */

void random_node(__u64 *node, __u64 *generation)
{
	*node = MODEL_FIRST_NODE + below(NAMES);
	*generation = 0;
	if (chance(10))
		*node = below(2 * MODEL_NODES);
	if (chance(2))
		*node = (__u64)random_u32() << 32 | random_u32();
	if (chance(10))
		*generation = below(3);
	/* this half is nobody's */
	if (chance(10))
		*generation |= (__u64)random_u32() << 32;
}

__u32 random_attach_flags(void)
{
	__u32 flags = 1 + below(3);

	if (chance(50))
		flags = FUSE_BACKING_READ | FUSE_BACKING_WRITE;
	if (chance(40))
		flags |= FUSE_BACKING_ATTACH_PENDING;
	if (chance(97))
		flags |= FUSE_BACKING_ATTACH_UNCHECKED;
	if (chance(3))
		flags ^= chance(50) ? 1U << below(32) : random_u32();
	return flags;
}

int do_ioctl(int dev, unsigned long cmd, const void *args)
{
	return ioctl(dev, cmd, args) < 0 ? -errno : 0;
}

static void op_attach(struct fuzz_mount *mount)
{
	struct fuse_backing_attach args = {
		.backing_id = random_id(mount),
		.flags = random_attach_flags(),
	};
	int dev = random_dev(mount), want, got;

	random_node(&args.nodeid, &args.generation);
	if (chance(2))
		args.reserved[below(2)] = 1ULL << below(64);
	if (dev < 0)
		return;
	if (chance(1)) {
		dev = session.unmounted;
		want = -EPERM;
	} else {
		want = model_attach(&mount->model, &args);
	}
	got = do_ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, &args);
	if (got)
		totals->not_attached++;
	else
		totals->attached++;
	if (got != want)
		fail("BACKING_ATTACH of %d to node %llu generation %llu flags %#x: %d, expected %d",
		     args.backing_id, args.nodeid, args.generation, args.flags,
		     got, want);
}

/* It has nothing without the server any more. */
static void release_client(struct client *c)
{
	struct model *m = &session.mount[c->mount].model;

	if (c->set)
		model_release_extents(m, c->set, c->name);
	else
		model_release(m, c->id, c->name);
	c->set = NULL;
}

/* Nobody has the backing file any more, which was mapped. */
static void unpin_client(struct client *c)
{
	if (!c->pinned || c->mapped || (c->fd >= 0 && !c->revoked))
		return;
	c->pinned = false;
	model_unpin(&session.mount[c->mount].model, c->id, c->name);
}

/* Its I/O is the server's from now on, and its mapping not its own. */
static void revoke_client(struct client *c)
{
	release_client(c);
	c->revoked = true;
	c->direct = true;
	unpin_client(c);
	totals->revoked++;
}

static void revoke_clients(struct fuzz_mount *mount, int name)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &session.client[i];

		if (c->in_use && c->fd >= 0 && !c->revoked && c->name == name &&
		    c->mount == mount - session.mount)
			revoke_client(c);
	}
}

static void count_revocations(const struct model *m, __u32 *revocations)
{
	for (int name = 0; name < NAMES; name++)
		revocations[name] = m->node[name].revocations;
}

static void op_detach(struct fuzz_mount *mount)
{
	__u32 flags = chance(50) ? FUSE_BACKING_DETACH_REVOKE : 0;
	struct fuse_backing_detach args = { .flags = flags };
	int dev = random_dev(mount), want = -EPERM, got;
	__u32 before[NAMES], after[NAMES];

	random_node(&args.nodeid, &args.generation);
	if (chance(2))
		args.flags ^= 1U << below(32);
	if (chance(1))
		args.padding = 1U << below(32);
	if (chance(2))
		args.reserved[below(2)] = 1ULL << below(64);
	if (dev < 0)
		return;
	count_revocations(&mount->model, before);
	if (chance(1))
		dev = session.unmounted;
	else
		want = model_detach(&mount->model, &args);
	count_revocations(&mount->model, after);
	got = do_ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, &args);
	if (got)
		totals->not_detached++;
	else
		totals->detached++;
	/* the worker may not have come to it yet */
	if (got != want && !(mount->model.aborted && mount->model.settling &&
			     want == -ENOENT && !got))
		fail("BACKING_DETACH of node %llu generation %llu flags %#x: %d, expected %d",
		     args.nodeid, args.generation, args.flags, got, want);
	for (int name = 0; name < NAMES; name++)
		if (before[name] != after[name])
			revoke_clients(mount, name);
}

static void op_close_all(struct fuzz_mount *mount)
{
	struct fuse_backing_close_all args = {};
	int dev = random_dev(mount), want = 0, got;

	if (chance(25))
		args.flags = 1U << below(32);
	if (chance(25))
		args.padding = 1U << below(32);
	if (args.flags || args.padding)
		want = -EINVAL;
	if (dev < 0)
		return;
	if (chance(10)) {
		dev = session.unmounted;
		want = -EPERM;
	}
	got = do_ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, &args);
	if (got != want)
		fail("BACKING_CLOSE_ALL: %d, expected %d", got, want);
	else if (!want)
		model_close_all(&mount->model);
}

/* The server goes on before it answers. */
static void between(struct fuzz_mount *mount)
{
	for (int i = below(8); i; i--) {
		switch (below(9)) {
		case 0 ... 2:
			op_register(mount);
			break;
		case 3 ... 5:
			op_close_id(mount);
			break;
		case 6:
			op_attach(mount);
			break;
		case 7:
			op_extents(mount);
			break;
		default:
			op_detach(mount);
		}
	}
	if (chance(2))
		abort_mount(mount);
}

static void op_late_open(struct fuzz_mount *mount)
{
	struct late late = {
		.srv = &mount->srv,
		.name = below(EMPTIED),
	};
	struct fuse_server_file *file = &mount->srv.sh->file[late.name];
	const struct model_node *node = &mount->model.node[late.name];
	bool append_only;
	struct client *c;
	struct reply r;
	int result;

	if (!free_client() || mount->model.aborted)
		return;
	late.flags = random_open_flags(late.name);
	if (stat_name(mount, late.name))
		fail("stat of \"%s\": errno %d", names[late.name], errno);
	look_up(mount, late.name);
	late.revocations = node->revocations;
	if (is_local_open(mount, late.name, late.flags, &result, &append_only))
		return;
	file->open_error = 0;
	file->hold_open = true;
	if (pthread_create(&late.thread, NULL, late_open, &late))
		return;
	while (!late_done(&late) && !mount->srv.sh->held_count)
		sched_yield();
	between(mount);
	file->hold_open = false;
	r = random_reply(mount, late.name);
	r.error = 0;
	set_reply(file, &r);
	mount->srv.sh->release_held = true;
	pthread_join(late.thread, NULL);
	totals->late++;
	c = judge_open(mount, late.name, late.flags, &r, late.result);
	if (c && late.revocations != node->revocations)
		revoke_client(c);
	if (c)
		check_client(c);
}

/* Clients */

static void drop_client(struct client *c)
{
	if (c->fd >= 0 || c->map)
		return;
	c->in_use = false;
	evict_dropped(&session.mount[c->mount]);
}

/* A mapping of extents keeps the file itself, not what is below. */
static void client_close(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	if (!c->revoked && !(c->set && c->map))
		release_client(c);
	unpin_client(c);
	drop_client(c);
}

void client_mapped(struct client *c, void *map)
{
	c->map = map;
	c->mapped = true;
	session.mount[c->mount].model.node[c->name].maps++;
}

void client_unmap(struct client *c)
{
	munmap(c->map, PAGE);
	c->map = NULL;
	if (c->mapped)
		session.mount[c->mount].model.node[c->name].maps--;
	c->mapped = false;
	if (c->set && c->fd < 0)
		release_client(c);
	unpin_client(c);
	drop_client(c);
}

bool may_read(const struct client *c)
{
	return (c->flags & O_ACCMODE) != O_WRONLY;
}

bool may_write(const struct client *c)
{
	return (c->flags & O_ACCMODE) != O_RDONLY;
}

static void client_read(struct client *c)
{
	if (may_read(c) && !c->direct && !is_file(c->fd, c->file))
		fail("\"%s\" does not read as \"%s\"", names[c->name],
		     names[c->file]);
}

/* Without O_APPEND, or in spite of it. */
static void client_write(struct client *c)
{
	char data[] = "some bytes";
	struct iovec iov = { data, 1 + below(sizeof(data)) };
	int rwf = chance(10) ? RWF_NOAPPEND : 0;
	bool append = (c->flags & O_APPEND) && !rwf;
	ssize_t n;

	n = pwritev2(c->fd, &iov, 1, KEPT + below(KEPT), rwf);
	if (c->direct || (n < 0 && errno == EINVAL && (c->flags & O_DIRECT)))
		return;
	if (!may_write(c) ? n != -1 || errno != EBADF :
	    c->append_only && !append ? n != -1 || errno != EPERM :
	    n != (ssize_t)iov.iov_len)
		fail("write to \"%s\" flags %#o rwf %#x: %zd, errno %d",
		     names[c->file], c->flags, rwf, n, errno);
}

/* Of what the kernel opened, and the server not yet. */
bool has_no_handle(const struct client *c)
{
	return c->local && !c->has_handle;
}

/* Only privately, if the server has opened it, and if nobody writes elsewhere. */
static bool may_map_revoked(const struct client *c, bool shared)
{
	return !shared && !has_no_handle(c) &&
	       !session.mount[c->mount].model.node[c->name].opens;
}

static void client_map_revoked(struct client *c)
{
	bool shared = chance(50);
	int want = !may_read(c) ? EACCES :
		   !may_map_revoked(c, shared) ? ENODEV : 0;
	void *map;

	map = mmap(NULL, PAGE, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE,
		   c->fd, 0);
	if (want ? map != MAP_FAILED || errno != want : map == MAP_FAILED)
		fail("mmap of \"%s\", revoked, shared %d: %p, errno %d, expected %d",
		     names[c->name], shared, map, errno, want);
	if (map != MAP_FAILED)
		c->map = map;
}

static void client_map(struct client *c)
{
	int prot = may_write(c) && chance(70) ? PROT_READ | PROT_WRITE :
						PROT_READ;
	bool shared = chance(60);
	bool refused = c->append_only && shared && may_write(c);
	void *map;

	if (c->map)
		return client_unmap(c);
	if (c->revoked)
		return client_map_revoked(c);
	map = mmap(NULL, PAGE, prot, shared ? MAP_SHARED : MAP_PRIVATE, c->fd,
		   0);
	if (!may_read(c) ? map != MAP_FAILED || errno != EACCES :
	    refused ? map != MAP_FAILED || errno != EACCES : map == MAP_FAILED)
		fail("mmap of \"%s\" flags %#o: %p, errno %d", names[c->file],
		     c->flags, map, errno);
	if (map == MAP_FAILED)
		return;
	client_mapped(c, map);
	if (!c->pinned)
		model_pin(&session.mount[c->mount].model, c->id, c->name);
	c->pinned = true;
	if (*(__u32 *)map != c->file)
		fail("mapping of \"%s\" is not \"%s\"", names[c->name],
		     names[c->file]);
	if (prot & PROT_WRITE)
		c->map[64 + below(1024)]++;
}

static void client_splice(struct client *c)
{
	loff_t pos = KEPT;
	char byte = 0;
	ssize_t n;

	if (chance(50)) {
		n = splice(c->fd, &pos, session.pipe[1], NULL, 1, 0);
	} else {
		n = write(session.pipe[1], &byte, 1);
		if (n == 1 && splice(session.pipe[0], NULL, c->fd, &pos, 1,
				     0) == 1)
			n = 0;
	}
	if (n > 0 && read(session.pipe[0], &byte, 1) != 1)
		fail("pipe: errno %d", errno);
}

void client_flags(struct client *c)
{
	int flags = c->flags ^ O_APPEND;

	if (!fcntl(c->fd, F_SETFL, flags & (O_APPEND | O_DIRECT)))
		c->flags = flags;
}

static void client_misc(struct client *c)
{
	struct stat st;

	switch (below(4)) {
	case 0:
		/* of what is open, or what the server finds by the name */
		if (ftruncate(c->fd, KEPT + below(KEPT)) < 0)
			break;
		break;
	case 1:
		fstat(c->fd, &st);
		break;
	case 2:
		fsync(c->fd);
		break;
	case 3:
		lseek(c->fd, below(START_SIZE), SEEK_SET);
		break;
	}
}

static void client_do(struct client *c)
{
	switch (below(8)) {
	case 0 ... 1:
		client_read(c);
		break;
	case 2 ... 3:
		client_write(c);
		break;
	case 4:
		client_map(c);
		break;
	case 5:
		client_splice(c);
		break;
	case 6:
		client_flags(c);
		break;
	default:
		client_misc(c);
	}
}

/* The first I/O of what was revoked opens it at the server, or fails. */
static void client_get_handle(struct client *c)
{
	struct fuzz_mount *mount = &session.mount[c->mount];
	struct reply r = random_reply(mount, c->name);
	bool gone = mount->model.aborted;
	__u32 opens = fuse_server_ops(&mount->srv, FUSE_OPEN);
	int want = 0, got;

	if (gone || r.error)
		want = !gone && r.error == EINTR ? -EINTR : -EIO;
	set_reply(&mount->srv.sh->file[c->name], &r);
	got = fsync(c->fd) < 0 ? -errno : 0;
	opens = fuse_server_ops(&mount->srv, FUSE_OPEN) - opens;
	if (got != want || opens != !gone)
		fail("first I/O of \"%s\", revoked: %d and %u requests, expected %d",
		     names[c->name], got, opens, want);
	if (want)
		return;
	c->has_handle = true;
	if (r.flags & FOPEN_PASSTHROUGH)
		model_claim(&mount->model, r.id);
}

static void client_io(struct client *c)
{
	const struct fuse_server *srv = &session.mount[c->mount].srv;
	__u32 data = fuse_server_data_ops(srv);
	__u32 opens = fuse_server_ops(srv, FUSE_OPEN);

	totals->io++;
	if (c->set)
		return extents_client_io(c);
	if (c->revoked && has_no_handle(c) && chance(60))
		client_get_handle(c);
	else if (c->revoked && has_no_handle(c))
		client_map_revoked(c);
	else
		client_do(c);
	if (!c->direct && fuse_server_data_ops(srv) != data)
		fail("the server had to read or write \"%s\"", names[c->name]);
	if (!c->revoked && fuse_server_ops(srv, FUSE_OPEN) != opens)
		fail("the server had to open \"%s\"", names[c->name]);
}

static void op_client(void)
{
	struct client *c = &session.client[below(CLIENTS)];

	if (!c->in_use)
		return;
	if (c->fd < 0)
		client_unmap(c);
	else if (chance(30))
		client_close(c);
	else
		client_io(c);
}

/* A name that vanishes for a moment: the kernel forgets its inode. */
static void op_forget(struct fuzz_mount *mount)
{
	int name = below(PLAIN);

	if (mount->model.aborted || is_used(mount - session.mount, name))
		return;
	mount->srv.sh->file[name].in_use = false;
	if (stat_name(mount, name) != -ENOENT)
		fail("stat of \"%s\": errno %d", names[name], errno);
	mount->srv.sh->file[name].in_use = true;
	drop_name(mount, name);
	evict_dropped(mount);
}

/* The server dies, and all descriptors of the connection with it. */
static void lose_server(struct fuzz_mount *mount)
{
	fuse_server_kill(&mount->srv);
	fuse_server_close_dev(&mount->srv);
	if (mount->clone >= 0)
		close(mount->clone);
	mount->clone = -1;
	model_abort(&mount->model);
	totals->aborts++;
}

static void op_disaster(struct fuzz_mount *mount)
{
	if (mount->model.aborted || chance(60))
		return;
	if (chance(50))
		abort_mount(mount);
	else
		lose_server(mount);
}

static void one_op(void)
{
	struct fuzz_mount *mount = random_mount();
	__u32 r = below(1000);

	if (r < 270)
		op_register(mount);
	else if (r < 490)
		op_close_id(mount);
	else if (r < 620)
		op_open(mount);
	else if (r < 835)
		op_client();
	else if (r < 880)
		op_attach(mount);
	else if (r < 920)
		op_extents(mount);
	else if (r < 949)
		op_detach(mount);
	else if (r < 950)
		op_close_all(mount);
	else if (r < 970)
		op_odd_ioctl(mount);
	else if (r < 980)
		op_limit(mount);
	else if (r < 993)
		check_table(mount);
	else if (r < 997)
		op_forget(mount);
	else if (r < 999)
		op_late_open(mount);
	else
		op_disaster(mount);
}

/* A session: what it starts from */

static void add_bad(int fd, int result)
{
	if (fd < 0)
		return;
	session.descriptor[session.descriptors++] = (struct descriptor) {
		.fd = fd,
		.result = result,
	};
}

static void add_file(int file, int flags, __u8 mode)
{
	int fd = open(scratch_path(names[file]), flags | O_CLOEXEC);

	if (fd < 0)
		fail("open \"%s\" %#o: errno %d", names[file], flags, errno);
	session.descriptor[session.descriptors++] = (struct descriptor) {
		.fd = fd,
		.file = file,
		.mode = mode,
	};
}

/* What root opens, and the server could not. */
static void add_given_descriptors(void)
{
	add_file(SECRET, O_RDONLY, MODEL_READ);
	add_file(SECRET, O_RDWR, MODEL_READ | MODEL_WRITE);
	add_file(SECRET, O_WRONLY | O_APPEND, MODEL_WRITE | MODEL_APPEND);
	add_file(SECRET, O_PATH, 0);
	add_file(PUBLIC, O_RDWR, MODEL_READ | MODEL_WRITE);
	add_file(PUBLIC, O_WRONLY, MODEL_WRITE);
}

static void add_own_descriptors(void)
{
	for (int file = OWN_FIRST; file <= OWN_LAST; file++) {
		add_file(file, O_RDWR, MODEL_READ | MODEL_WRITE);
		add_file(file, O_RDONLY, MODEL_READ);
		add_file(file, O_WRONLY, MODEL_WRITE);
		add_file(file, O_PATH, 0);
		add_file(file, O_RDWR | O_APPEND,
			 MODEL_READ | MODEL_WRITE | MODEL_APPEND);
	}
	add_file(SECRET, O_PATH, 0);
	add_file(PUBLIC, O_RDONLY, MODEL_READ);
	add_file(LOG, O_RDWR | O_APPEND,
		 MODEL_READ | MODEL_WRITE | MODEL_APPEND);
	add_file(LOG, O_RDONLY, MODEL_READ);
}

static void add_special_descriptors(void)
{
	int pair[2];

	add_bad(open(SCRATCH_BACKING, O_RDONLY | O_CLOEXEC), -EISDIR);
	add_bad(open("/proc", O_PATH | O_CLOEXEC), -EISDIR);
	add_bad(session.pipe[0], -EINVAL);
	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		add_bad(pair[0], -EINVAL);
		add_bad(pair[1], -EINVAL);
	}
	add_bad(eventfd(0, EFD_CLOEXEC), -EINVAL);
	add_bad(open("/dev/null", O_RDWR | O_CLOEXEC), -EINVAL);
	add_bad(session.unmounted, -EINVAL);
	add_bad(memfd_create("fuzz", MFD_CLOEXEC), -EOPNOTSUPP);
	add_bad(open("/proc/self/status", O_RDONLY | O_CLOEXEC), -EOPNOTSUPP);
	add_bad(open("/proc/self/mem", O_RDWR | O_CLOEXEC), -EOPNOTSUPP);
	add_bad(open("/sys/kernel/uevent_seqnum", O_RDONLY | O_CLOEXEC),
		-EOPNOTSUPP);
}

/* The mount's own files, which are stacked too deeply to pass through. */
static void add_descriptors_of(struct fuzz_mount *mount)
{
	char path[PATH_MAX + 32];

	add_bad(fuse_server_open(&mount->srv, names[PLAIN], O_RDWR), -ELOOP);
	model_look_up(&mount->model, PLAIN);
	snprintf(path, sizeof(path), "%s/%s", mount->srv.mountpoint,
		 names[PLAIN]);
	add_bad(open(path, O_PATH | O_CLOEXEC), -ELOOP);
	add_bad(open(mount->srv.mountpoint, O_RDONLY | O_CLOEXEC), -EISDIR);
}

static int add_mount(struct fuzz_mount *mount, const char *mountpoint)
{
	struct fuse_server_opts opts = {
		.mountpoint = mountpoint,
		.backing = SCRATCH_BACKING,
		.uid = OWNER,
	};
	int err = fuse_server_start(&mount->srv, &opts);

	if (err)
		return err;
	mount->srv.sh->entry_valid = 0;
	for (int i = 0; i < NAMES; i++)
		if (!fuse_server_add(&mount->srv, names[i]))
			return -ENOSPC;
	model_init(&mount->model, HARD_LIMIT);
	mount->model.node[PLAIN].cached = true;
	return 0;
}

static int add_clone(struct fuzz_mount *mount)
{
	__u32 fd = mount->srv.fd;

	mount->clone = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (mount->clone >= 0 && ioctl(mount->clone, FUSE_DEV_IOC_CLONE, &fd))
		return -errno;
	return 0;
}

static int drop_privileges(void)
{
	static const struct creds owner = { .uid = OWNER, .gid = OWNER };
	struct rlimit limit = { SOFT_LIMIT, HARD_LIMIT };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	return creds_set(&owner);
}

static int session_start(void)
{
	int err = 0;

	for (int i = 0; i < MOUNTS && !err; i++)
		err = add_mount(&session.mount[i], mountpoints[i]);
	add_given_descriptors();
	if (!err)
		err = drop_privileges();
	session.unmounted = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (session.unmounted < 0 || pipe2(session.pipe, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < MOUNTS && !err; i++) {
		err = add_clone(&session.mount[i]);
		if (!err)
			add_descriptors_of(&session.mount[i]);
	}
	add_own_descriptors();
	add_special_descriptors();
	return err;
}

/* and how it ends */

static void close_all(void)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &session.client[i];

		if (c->in_use && c->map)
			client_unmap(c);
		if (c->in_use && c->fd >= 0)
			client_close(c);
	}
	for (int i = 0; i < MOUNTS; i++) {
		const struct fuse_server_shared *sh = session.mount[i].srv.sh;

		check_table(&session.mount[i]);
		if (sh->bad_fh)
			fail("mount %d: opcode %u has a handle that was never given",
			     i, sh->bad_op);
	}
	for (int i = 0; i < session.descriptors; i++)
		close(session.descriptor[i].fd);
}

/* All is unmounted, but /dev/fuse is still open. */
static void check_after_umount(void)
{
	static const struct fuse_backing_extent hole = {
		.length = 1,
		.flags = FUSE_BACKING_EXTENT_HOLE,
	};
	struct fuse_backing_entry entry;
	struct dev_fdinfo info;

	for (int i = 0; i < MOUNTS; i++) {
		int dev = session.mount[i].srv.fd;

		if (dev < 0)
			continue;
		if (fuse_backing_open_path(dev, SCRATCH_ROOT "/regular",
					   O_RDONLY) != -ENOTCONN ||
		    fuse_backing_close(dev, 1) != -ENOENT ||
		    fuse_backing_attach(dev, MODEL_FIRST_NODE, 0, 1,
					MODEL_READ) != -ENOTCONN ||
		    fuse_backing_set_extents(dev, MODEL_FIRST_NODE, &hole, 1,
					     MODEL_READ) != -ENOTCONN ||
		    fuse_backing_detach(dev, MODEL_FIRST_NODE, 0, 0) != -ENOENT ||
		    fuse_backing_list(dev, &entry, 1) ||
		    fuse_backing_close_all(dev) ||
		    dev_fdinfo_read(dev, &info) || info.thread || info.count)
			fail("mount %d is not gone", i);
	}
}

static bool handshake(int to, int from)
{
	char byte = 0;

	return write(to, &byte, 1) == 1 && read(from, &byte, 1) == 1;
}

/* In a process of its own; the status says whether all was well. */
static void session_run(unsigned long ops, int to, int from)
{
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	err = session_start();
	if (err)
		fail("start: %d", err);
	for (unsigned long i = 0; i < ops && !session.failed; i++) {
		one_op();
		extents_see_sizes();
		session.op++;
		totals->done++;
	}
	if (!err)
		close_all();
	if (!handshake(to, from))
		fail("the parent is gone");
	if (!session.failed)
		check_after_umount();
	_exit(session.failed);
}

/* Root's part */

/* Each word says which file it is in, and where. */
static bool fill_file(int fd, int file)
{
	__u32 word[START_SIZE / sizeof(__u32)];

	for (__u32 i = 0; i < ARRAY_SIZE(word); i++)
		word[i] = i << 8 | file;
	return write(fd, word, sizeof(word)) == sizeof(word);
}

static int make_file(int file)
{
	const char *path = scratch_path(names[file]);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	int flags = FS_APPEND_FL;
	int err = 0;

	if (fd < 0 || !fill_file(fd, file))
		err = -errno;
	if (!err && file != SECRET && file != PUBLIC)
		err = fchown(fd, OWNER, OWNER);
	if (!err && file == SECRET)
		err = fchmod(fd, 0600);
	if (!err && file == LOG)
		err = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(fd);
	return err;
}

static int make_files(void)
{
	int err = 0;

	for (int file = 0; file < NAMES && !err; file++)
		if (file != CREATED && file != CREATED_TOO)
			err = make_file(file);
	if (!err)
		err = chown(SCRATCH_BACKING, OWNER, OWNER);
	return err;
}

static long file_nr(void)
{
	FILE *f = fopen("/proc/sys/fs/file-nr", "re");
	long nr = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	fclose(f);
	return nr;
}

/* Each processor counts up to so many files before file-nr shows them. */
static long file_nr_error(void)
{
	return 2 * 32 * sysconf(_SC_NPROCESSORS_CONF);
}

static bool is_all_gone(long files)
{
	if (!wait_until(!thread_count())) {
		fail("a thread is left");
		return false;
	}
	if (!wait_until(file_nr() <= files + file_nr_error())) {
		fail("%ld files are open, and were %ld", file_nr(), files);
		return false;
	}
	return true;
}

static bool unmount_all(void)
{
	bool ok = true;

	for (int i = 0; i < MOUNTS; i++) {
		if (!umount2(mountpoints[i], 0))
			continue;
		fail("umount of mount %d: errno %d", i, errno);
		ok = false;
	}
	if (ok && scratch_umount_backing()) {
		fail("umount of the backing filesystem: errno %d", errno);
		ok = false;
	}
	return ok;
}

static pid_t fork_session(unsigned long ops, const int *to, const int *from)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(from[0]);
		close(to[1]);
		session_run(ops, from[1], to[0]);
	}
	close(from[1]);
	close(to[0]);
	return pid;
}

static bool one_session(struct scratch *scratch, unsigned long ops, bool first)
{
	int to[2], from[2], status;
	char byte = 0;
	bool ok;
	pid_t pid;

	if ((!first && scratch_mount_backing(scratch)) || make_files() ||
	    pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return false;
	pid = fork_session(ops, to, from);
	ok = read(from[0], &byte, 1) == 1 && unmount_all();
	if (write(to[1], &byte, 1) != 1)
		ok = false;
	if (waitpid(pid, &status, 0) != pid || status)
		ok = false;
	close(to[1]);
	close(from[0]);
	return ok;
}

static unsigned long number_from(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

FIXTURE(fuzz) {
	struct scratch scratch;
};

FIXTURE_SETUP(fuzz)
{
	int fd;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, scratch_setup(&self->scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, mkdir(mountpoints[2], 0755));
	fd = open(SCRATCH_ROOT "/regular", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ASSERT_LE(0, fd);
	close(fd);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, totals);
}

FIXTURE_TEARDOWN(fuzz)
{
}

TEST_F_TIMEOUT(fuzz, operations, 1800)
{
	unsigned long ops = number_from("OPS", DEFAULT_OPS);
	unsigned long each = (ops + SESSIONS - 1) / SESSIONS;
	long files = file_nr();
	bool ok = true;

	seed = number_from("SEED", DEFAULT_SEED);
	TH_LOG("SEED=%llu OPS=%lu", (unsigned long long)seed, ops);
	for (int i = 0; i < SESSIONS && ok; i++) {
		session.random = (seed * SESSIONS + i + 1) *
				 0x9e3779b97f4a7c15ULL;
		session.op = i * each;
		ok = one_session(&self->scratch, each, !i) &&
		     is_all_gone(files);
	}
	EXPECT_TRUE(ok);
	TH_LOG("%lu operations", totals->done);
	TH_LOG("BACKING_OPEN: %lu registered, %lu refused", totals->registered,
	       totals->not_registered);
	TH_LOG("BACKING_CLOSE: %lu closed, %lu refused", totals->closed,
	       totals->not_closed);
	TH_LOG("BACKING_ATTACH: %lu attached, %lu refused", totals->attached,
	       totals->not_attached);
	TH_LOG("BACKING_EXTENTS: %lu set, %lu refused, %lu times I/O",
	       totals->extents, totals->not_extents, totals->extents_io);
	TH_LOG("BACKING_DETACH: %lu detached, %lu refused, %lu files revoked",
	       totals->detached, totals->not_detached, totals->revoked);
	TH_LOG("open: %lu opened, %lu refused, %lu of them late, %lu without the server",
	       totals->opened, totals->not_opened, totals->late, totals->local);
	TH_LOG("%lu times I/O, %lu servers lost or aborted", totals->io,
	       totals->aborts);
}

TEST_HARNESS_MAIN
