// SPDX-License-Identifier: GPL-2.0
/*
 * Records at the end of a file, for the test of a power cut.
 *
 *	records append FILE NAME
 *
 * appends records without end. After every third one it calls fsync(2) or, by
 * turns, fdatasync(2), and when that has returned, says "NAME N" on standard
 * output: that many records must be there whatever happens now.
 *
 *	records check FILE N
 *
 * says what is there, and succeeds when the first N records are intact and
 * nothing is in the file that doesn't belong there: what follows the first N
 * is the beginning of what was written, with zeros where data is missing.
 *
 * Length and content of a record follow from its number.
 */

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LENGTH	12000

static char record[MAX_LENGTH];
static char seen[MAX_LENGTH];

/* Never zero, so that a zero in the file is data that is missing */
static size_t make_record(uint32_t number)
{
	uint32_t state = number * 2654435761u + 12345;
	size_t length = 1 + state % MAX_LENGTH, i;

	for (i = 0; i < length; i++) {
		state = state * 1664525u + 1013904223u;
		record[i] = (char)(state >> 24 | 1);
	}
	return length;
}

static void append_record(int fd, uint32_t number)
{
	size_t length = make_record(number);

	if (write(fd, record, length) != (ssize_t)length)
		err(1, "write");
}

static int append(const char *path, const char *name)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	uint32_t number = 0;

	if (fd < 0)
		err(1, "%s", path);
	for (;;) {
		append_record(fd, number++);
		if (number % 3)
			continue;
		if (number % 2 ? fsync(fd) : fdatasync(fd))
			err(1, "sync");
		printf("%s %u\n", name, number);
		fflush(stdout);
	}
}

/* Bytes of the record that are neither what was written nor zero */
static size_t foreign(size_t length)
{
	size_t i, count = 0;

	for (i = 0; i < length; i++)
		count += seen[i] && seen[i] != record[i];
	return count;
}

static int check(const char *path, uint32_t acknowledged)
{
	FILE *file = fopen(path, "r");
	uint32_t whole = 0, torn = 0, number;
	size_t strange = 0, wanted, length;

	if (!file)
		err(1, "%s", path);
	for (number = 0; ; number++) {
		wanted = make_record(number);
		length = fread(seen, 1, wanted, file);
		if (!length)
			break;
		strange += foreign(length);
		if (length < wanted || memcmp(seen, record, wanted))
			torn++;
		else if (!torn)
			whole++;
	}
	printf("%u acknowledged, %u there, %u incomplete, %zu bytes of something else\n",
	       acknowledged, whole, torn, strange);
	return whole < acknowledged || strange;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "append"))
		return append(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "check"))
		return check(argv[2], strtoul(argv[3], NULL, 10));
	fprintf(stderr, "usage: records append FILE NAME | check FILE N\n");
	return 2;
}
