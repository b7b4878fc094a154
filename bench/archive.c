// SPDX-License-Identifier: GPL-2.0
/*
 * What reading a member of an archive costs. See archive.h.
 *
 * No byte is read twice, or the servers' would be in the page cache. So there is
 * one batch of each read, large enough for what timers do in it not to matter.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "backing.h"
#include "program.h"
#include "sample.h"

#define PAGE		4096
#define MEMBER_PAGES	4096
#define MEMBER		(MEMBER_PAGES * (size_t)PAGE)
#define STRIDE		1531	/* pages; prime, so each is met once */
#define READS		1024
#define READS_QUICK	128
#define COUNTED		128	/* reads that requests are counted of */
#define ARCHIVE		BACKING_DIR "/archive.tar"
#define FILES		BACKING_DIR "/files"
#define EXAMPLES	"/tmp/examples"

static const struct way {
	const char *name;
	const char *argv[PROGRAM_ARGS];
	unsigned int slower;	/* so many times fewer reads */
} ways[] = {
	{ "archive", {}, 1 },
	{ "extents", { EXAMPLES "/fuse-tarfs", ARCHIVE, PROGRAM_MOUNT }, 1 },
	{ "server", { EXAMPLES "/fuse-tarfs", "-o", "nopassthrough", ARCHIVE,
		      PROGRAM_MOUNT }, 1 },
	/* which reads all that is before */
	{ "archivemount", { "archivemount", ARCHIVE, PROGRAM_MOUNT, "-o",
			    "readonly" }, 8 },
};

#define WAYS	(sizeof(ways) / sizeof(*ways))

struct reading {
	const char *name;
	size_t size;
	off_t (*where)(unsigned int i, size_t size);
};

static off_t in_order(unsigned int i, size_t size)
{
	return i * size % MEMBER;
}

static off_t at_random(unsigned int i, size_t size)
{
	(void)size;
	return (off_t)((i + 1) * STRIDE % MEMBER_PAGES) * PAGE;
}

static const struct reading readings[] = {
	{ "read a member in order", PAGE, in_order },
	{ "read a member in order", 32 * PAGE, in_order },
	{ "read a member at random", 1, at_random },
	{ "read a member at random", PAGE, at_random },
};

#define READINGS	(sizeof(readings) / sizeof(*readings))

/* One member, between others, as tar makes it */
static void make_archive(void)
{
	must(!mkdir(FILES, 0755));
	must(!system("head -c 1000 /dev/urandom >" FILES "/before"));
	must(!system("head -c 16777216 /dev/urandom >" FILES "/data"));
	must(!system("head -c 1000 /dev/urandom >" FILES "/after"));
	must(!system("tar -C " FILES " -cf " ARCHIVE " before data after"));
	/* once pages are known to be in use, they cost no more than each other */
	for (int i = 0; i < 3; i++)
		must(!system("cat " ARCHIVE " >/dev/null"));
}

/* Behind the header and the block of "before", and its own header */
static off_t member_offset(void)
{
	return 512 + 1024 + 512;
}

static int open_member(const struct way *way, off_t *offset)
{
	const char *path = way->argv[0] ? PROGRAM_MOUNT "/data" : ARCHIVE;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	*offset = way->argv[0] ? 0 : member_offset();
	return fd;
}

static unsigned int count_of(const struct reading *reading, unsigned int count)
{
	unsigned int room = MEMBER / reading->size;

	return count < room ? count : room;
}

static void read_all(int fd, const struct reading *reading, off_t offset,
		     unsigned int from, unsigned int to)
{
	static char buffer[32 * PAGE];

	for (unsigned int i = from; i < to; i++)
		must(pread(fd, buffer, reading->size,
			   offset + reading->where(i, reading->size)) ==
		     (ssize_t)reading->size);
}

/* The right bytes, or it is worth nothing */
static void check_member(const struct way *way)
{
	const struct reading *reading = &readings[0];
	char seen[PAGE], expected[PAGE];
	off_t offset;
	int fd = open_member(way, &offset);
	int file = open(FILES "/data", O_RDONLY | O_CLOEXEC);

	must(file >= 0);
	for (unsigned int i = 0; i < 4; i++) {
		off_t pos = at_random(MEMBER_PAGES - 2 - i, reading->size);

		must(pread(fd, seen, PAGE, offset + pos) == PAGE);
		must(pread(file, expected, PAGE, pos) == PAGE);
		must(!memcmp(seen, expected, PAGE));
	}
	close(file);
	close(fd);
}

static void measure_instructions(const char *fs, const struct way *way,
				 const struct reading *reading,
				 unsigned int count)
{
	const struct record rec = {
		fs, way->name, reading->name, reading->size
	};
	pid_t pid = way->argv[0] ? program_start(way->argv, false) : 0;
	off_t offset;
	double start;
	int fd;

	count = count_of(reading, count / way->slower);
	fd = open_member(way, &offset);
	/* the first ones warm up */
	read_all(fd, reading, offset, 0, count / 8);
	start = now();
	read_all(fd, reading, offset, count / 8, count);
	record(&rec, "per read", (now() - start) / (count - count / 8));
	close(fd);
	if (pid)
		program_stop(pid);
}

static void measure_requests(const char *fs, const struct way *way,
			     const struct reading *reading)
{
	const struct record rec = {
		fs, way->name, reading->name, reading->size
	};
	unsigned int count = count_of(reading, COUNTED), before;
	pid_t pid = program_start(way->argv, true);
	off_t offset;
	int fd;

	fd = open_member(way, &offset);
	before = program_requests(NULL);
	read_all(fd, reading, offset, 0, count);
	record(&rec, "requests per read",
	       (program_requests(NULL) - before) / (double)count);
	close(fd);
	program_stop(pid);
}

static void measure(const char *fs, const struct way *way, unsigned int count)
{
	pid_t pid = way->argv[0] ? program_start(way->argv, false) : 0;

	check_member(way);
	if (pid)
		program_stop(pid);
	for (size_t i = 0; i < READINGS; i++) {
		measure_instructions(fs, way, &readings[i], count);
		if (way->argv[0])
			measure_requests(fs, way, &readings[i]);
	}
}

static void build_server(void)
{
	must(!system("make -s -C /repo/tools/examples O=" EXAMPLES
		     " fuse-tarfs"));
}

void archive_measure(const char *fs, bool quick, bool reverse)
{
	build_server();
	make_archive();
	for (size_t i = 0; i < WAYS; i++)
		measure(fs, &ways[reverse ? WAYS - 1 - i : i],
			quick ? READS_QUICK : READS);
}
