// SPDX-License-Identifier: GPL-2.0
/*
 * Measure FUSE passthrough, in a guest.
 *
 *	fuse_bench [-q] [-r] [-o PATTERN] [-w PATTERN] KIND
 *
 * KIND is one of instructions, parallel, workload, archive and filters.
 * "parallel" expects a guest with two CPUs, all others one with one, whose clock
 * counts instructions (QEMU -icount). -q:
 * fewer batches, smaller tables. -r: the ways to a file in reverse order. -o: only
 * operations, walks and commands whose names match; -w: only ways to a tree whose names do.
 * See record.h for what comes out.
 */

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "backing.h"
#include "below.h"
#include "commands.h"
#include "listing.h"
#include "mappings.h"
#include "operations.h"
#include "parallel.h"
#include "record.h"
#include "tree.h"
#include "workload.h"

/*
 * On one CPU, whether a woken server runs before or after what the client does
 * next depends on what both did before, and makes a difference. As batch
 * processes they don't preempt each other.
 */
static void be_batch(void)
{
	const struct sched_param none = {};

	must(!sched_setscheduler(0, SCHED_BATCH, &none));
}

static void instructions(bool quick, bool reverse)
{
	static const char *const filesystems[] = { "tmpfs", "ext4" };

	be_batch();
	for (int i = 0; i < 2; i++) {
		backing_mount(filesystems[i]);
		operations_measure(filesystems[i], reverse);
		backing_umount();
	}
	backing_mount("tmpfs");
	if (record_wants("mappings"))
		mappings_measure("tmpfs", quick);
	backing_umount();
}

static void parallel(bool quick, bool reverse)
{
	backing_mount("tmpfs");
	parallel_measure("tmpfs", quick, reverse);
	backing_umount();
}

static void workload(bool quick, bool reverse)
{
	unsigned int files;

	be_batch();
	backing_mount("tmpfs");
	files = tree_make(quick);
	workload_measure("tmpfs", files, reverse);
	listing_measure("tmpfs", reverse);
	below_measure("tmpfs", reverse);
	commands_measure("tmpfs", files, quick, reverse);
	backing_umount();
}

static void archive(bool quick, bool reverse)
{
	be_batch();
	backing_mount("tmpfs");
	archive_measure("tmpfs", quick, reverse);
	backing_umount();
}

static void filters(bool quick, bool reverse)
{
	(void)quick;
	(void)reverse;
	be_batch();
	backing_mount("tmpfs");
	tree_make(true);
	below_measure_filters("tmpfs");
	backing_umount();
}

static const struct kind {
	const char *name;
	void (*measure)(bool quick, bool reverse);
} kinds[] = {
	{ "instructions", instructions },
	{ "parallel", parallel },
	{ "workload", workload },
	{ "archive", archive },
	{ "filters", filters },
};

#define KINDS	(sizeof(kinds) / sizeof(*kinds))

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (name && !strcmp(kinds[i].name, name))
			return &kinds[i];
	fprintf(stderr, "fuse_bench: what is to be measured?\n");
	return NULL;
}

int main(int argc, char **argv)
{
	bool quick = false, reverse = false;
	const struct kind *kind;
	int opt;

	while ((opt = getopt(argc, argv, "qro:w:")) != -1) {
		if (opt == 'q')
			quick = true;
		else if (opt == 'r')
			reverse = true;
		else if (opt == 'o')
			record_only(optarg);
		else if (opt == 'w')
			tree_only(optarg);
		else
			return 2;
	}
	/* or who takes each line works while the next value is measured */
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (quick)
		sample_be_quick();
	kind = find_kind(argv[optind]);
	if (!kind)
		return 2;
	kind->measure(quick, reverse);
	return 0;
}
