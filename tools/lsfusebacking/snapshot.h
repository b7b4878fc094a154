/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All connections at one time.
 */
#ifndef LSFUSEBACKING_SNAPSHOT_H
#define LSFUSEBACKING_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "filter.h"

struct connection;
struct libmnt_table;

struct snapshot {
	struct libmnt_table *mounts;
	struct connection *conns;	/* by number */
	size_t nr;
	bool controls;		/* fusectl is mounted and has connections */
	bool evidence;		/* something of the feature was seen */
};

/*
 * Find connections, their mounts, threads and, if asked for or needed, their
 * servers. Tables are read later, of those that are wanted.
 */
void snapshot_find(struct snapshot *snap, bool servers);
void snapshot_read_tables(struct snapshot *snap, const struct filter *filter);
void snapshot_free(struct snapshot *snap);

struct connection *snapshot_connection(const struct snapshot *snap,
				       unsigned int number);

/* Keep those of which @keep is true */
void snapshot_select(struct snapshot *snap,
		     bool (*keep)(struct connection *conn, void *data),
		     void *data);

/* A kernel that has no file table for FUSE, and a directory that shows it */
bool snapshot_lacks_feature(const struct snapshot *snap,
			    const struct connection **example);

#endif
