/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What I/O on extents has to come to.
 *
 * What a read has to return is put together from the model's extents, the backing
 * files and what the server has.
 */
#ifndef FUZZ_EXPECTED_H
#define FUZZ_EXPECTED_H

#include <stdbool.h>
#include <sys/types.h>

struct client;
struct reply;

struct expected {
	ssize_t done;
	int err;	/* what it ended with, 0 at the end of the file */
	int parts;
	bool asks;	/* the server */
};

/*
 * What a read from a file of @size gets, at most @len bytes; and a write of them,
 * at the file's end with @append. @r is what an open is answered with.
 */
struct expected expect_read(const struct client *c, const struct reply *r,
			    char *buf, size_t len, off_t pos, off_t size);
struct expected expect_write(const struct client *c, const struct reply *r,
			     size_t len, off_t pos, off_t size, bool append);

/* Where a hole begins, or data: or -errno. */
off_t expect_seek(const struct client *c, off_t pos, off_t size, bool hole);

/* May the server write to the file with this name, or truncate it? */
int server_write(int name);

#endif /* FUZZ_EXPECTED_H */
