/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of backing_files in a connection's fusectl directory.
 */
#ifndef LSFUSEBACKING_RECORD_H
#define LSFUSEBACKING_RECORD_H

#include <stdio.h>

#include "filter.h"

struct connection;

/*
 * Read all records. Those that @filter lets pass become mappings of @conn;
 * all of them are counted. Returns 0, or a negative errno; -ENODATA means that
 * not even a header was there, as when a connection goes away.
 */
int records_read(FILE *file, struct connection *conn,
		 const struct filter *filter);

#endif
