// SPDX-License-Identifier: GPL-2.0
/*
 * Measure FUSE passthrough, in a guest.
 *
 *	fuse_bench [-q] [-r] [-o PATTERN] [-w PATTERN] instructions|parallel|workload|archive
 *
 * "instructions" expects a guest whose clock counts them (QEMU -icount, one
 * CPU), and so do "workload" and "archive"; "parallel" one with two CPUs. -q:
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

int main(int argc, char **argv)
{
	bool quick = false, reverse = false;
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
	if (optind < argc && !strcmp(argv[optind], "instructions"))
		instructions(quick, reverse);
	else if (optind < argc && !strcmp(argv[optind], "parallel"))
		parallel(quick, reverse);
	else if (optind < argc && !strcmp(argv[optind], "workload"))
		workload(quick, reverse);
	else if (optind < argc && !strcmp(argv[optind], "archive"))
		archive(quick, reverse);
	else
		fprintf(stderr,
			"fuse_bench: instructions, parallel, workload or archive?\n");
	return 0;
}
