// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's operations on ids. See fuzz_ids.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "backing_ioctl.h"
#include "kselftest.h"

#include "backing_table.h"
#include "fuzz.h"
#include "fuzz_ids.h"
#include "fuzz_model.h"
#include "fuzz_model_ids.h"
#include "fuzz_random.h"

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

/* What registering as a directory says, where that without it would say @result */
static int result_as_dir(int result)
{
	return result == -EBADF || result == -EINVAL ? result : -ENOTDIR;
}

static bool are_flags_bad(__u32 flags)
{
	const __u32 of_files = FUSE_BACKING_MAP_AUTO_CLOSE |
			       FUSE_BACKING_MAP_COPY_SPLICE;

	return flags & ~FUSE_BACKING_MAP_KNOWN ||
	       (flags & FUSE_BACKING_MAP_DIR && flags & of_files);
}

void op_register(struct fuzz_mount *mount)
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
	/* there are no directories in the model */
	if (d.result == -EISDIR)
		map.flags &= ~FUSE_BACKING_MAP_DIR;
	if (map.flags & FUSE_BACKING_MAP_DIR)
		want = result_as_dir(d.result);
	if (are_flags_bad(map.flags) || map.padding)
		want = -EINVAL;
	if (chance(1)) {
		dev = session.unmounted;
		want = -EPERM;
	}
	check_registration(mount, &d, map.flags, want, register_map(dev, &map));
}

void op_close_id(struct fuzz_mount *mount)
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

void op_close_all(struct fuzz_mount *mount)
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

void op_odd_ioctl(struct fuzz_mount *mount)
{
	static void * const bad[] = { NULL, (void *)8, (void *)-4096L };
	static const unsigned long known[] = {
		FUSE_DEV_IOC_BACKING_OPEN, FUSE_DEV_IOC_BACKING_CLOSE,
		FUSE_DEV_IOC_BACKING_ATTACH, FUSE_DEV_IOC_BACKING_DETACH,
		FUSE_DEV_IOC_BACKING_LIST, FUSE_DEV_IOC_BACKING_CLOSE_ALL,
		FUSE_DEV_IOC_BACKING_EXTENTS, FUSE_DEV_IOC_BACKING_TREE,
		FUSE_DEV_IOC_BACKING_REFUSAL, FUSE_DEV_IOC_BACKING_RULES,
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

void op_limit(struct fuzz_mount *mount)
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
