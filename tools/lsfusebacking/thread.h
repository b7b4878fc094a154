/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file table of a connection's kernel thread, as /proc shows it to root.
 */
#ifndef LSFUSEBACKING_THREAD_H
#define LSFUSEBACKING_THREAD_H

#include "filter.h"

struct connection;
struct libmnt_table;

/*
 * Ids, access modes and names, but no states, uses and counters. Returns 0 or
 * a negative errno.
 */
int thread_read_table(struct connection *conn, struct libmnt_table *mounts,
		      const struct filter *filter);

/* The limit, which everybody may read */
void thread_read_limit(struct connection *conn);

#endif
