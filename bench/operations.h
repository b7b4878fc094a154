/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What clients do with a file, each operation a function in a table.
 *
 * For a new row of the report, write a function and add it to the table in
 * operations.c.
 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include "mount.h"
#include "record.h"
#include "sample.h"

#define OPERATION_SIZES	3

/* One file, reached one way, and what the operations need beside it. */
struct target {
	char path[PATH_MAX];
	int fd;			/* -1 for operations that open it themselves */
	size_t size;		/* of the operation, 0 if it has none */
	char *buffer;		/* with room for size bytes */
	int pipe[2];
	int null;		/* /dev/null */
};

struct operation {
	const char *name;
	const char *file;	/* "data", or "log" which is empty */
	int flags;		/* to open it with; none: NO_FD */
	size_t sizes[OPERATION_SIZES];
	void (*run)(struct target *t);
	void (*tidy)(struct target *t);	/* after a batch */
	bool modes;	/* also in each mode: it is about opening */
	bool answers;	/* also ANSWERED: it is about what else a file has to say */
};

#define NO_FD	-1

void target_open(struct target *t, const struct operation *op,
		 enum way way, size_t size);
void target_close(struct target *t);

/*
 * Instructions and requests of all operations, each in every way. @reverse
 * takes the ways in the opposite order.
 */
void operations_measure(const char *fs, bool reverse);

/* The same operation as the table's, which must be there. */
const struct operation *operation_find(const char *name);

/* What one operation costs, without the requests that it makes. */
void operation_sample(struct sample *sample, const struct operation *op,
		      struct target *t);

#endif /* OPERATIONS_H */
