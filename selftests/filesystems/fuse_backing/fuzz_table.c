// SPDX-License-Identifier: GPL-2.0
/*
 * Compares a mount's table with the model. See fuzz_table.h.
 */

#include <errno.h>
#include <sys/ioctl.h>

#include "backing_files.h"
#include "backing_table.h"
#include "fuzz.h"
#include "fuzz_model.h"
#include "fuzz_model_list.h"
#include "fuzz_random.h"
#include "fuzz_table.h"
#include "wait_until.h"

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

void check_table(struct fuzz_mount *mount)
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
