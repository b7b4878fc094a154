/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads and writes of one file, synchronous and not, by threads without end:
 * each has a page of the file for itself, the n-th the n-th.
 */
#ifndef IO_LOAD_H
#define IO_LOAD_H

#include <pthread.h>
#include <stdbool.h>

#define IO_LOADS	4
#define IO_LOAD_PAGE	4096

struct io_load {
	int fd;
	int kind;
	bool stop;
	unsigned long rounds;
	int error;
	pthread_t thread;
};

/* Start all of them on @fd; 0 or -errno. */
int io_loads_start(struct io_load *loads, int fd);

/* Each gets on, or has failed; false if one doesn't. */
bool io_loads_run(struct io_load *loads);

/* Stop all; the first error of any of them. */
int io_loads_end(struct io_load *loads);

#endif /* IO_LOAD_H */
