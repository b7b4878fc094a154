/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that takes as long to be read or written as a test likes.
 *
 * A page of a file on another FUSE mount, whose server is stopped. Whoever
 * touches it in a system call stays there, with the locks of that call.
 *
 * Children of the test may use it, too.
 */
#ifndef HELD_PAGE_H
#define HELD_PAGE_H

#include <stdbool.h>

#include "fuse_server.h"

struct held_page {
	struct fuse_server srv;
	char *addr;
};

/* The first page of the backing file @name: 0 or -errno. */
int held_page_start(struct held_page *page, const char *name);

/* Does somebody wait for it? */
bool held_page_is_wanted(const struct held_page *page);

/* Here it is. */
void held_page_release(struct held_page *page);
void held_page_stop(struct held_page *page);

/* Does @pid sleep in system call @nr? */
bool sleeps_in(pid_t pid, long nr);

#endif /* HELD_PAGE_H */
