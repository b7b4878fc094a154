/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A connection's directory in fusectl, /sys/fs/fuse/connections/N.
 */
#ifndef LSFUSEBACKING_CONTROL_H
#define LSFUSEBACKING_CONTROL_H

#include "filter.h"

#define CONTROL_ROOT "/sys/fs/fuse/connections"

struct connection;

/* Thread, limit and owner */
void control_read(struct connection *conn);

/* The mappings; returns 0 or a negative errno */
int control_read_table(struct connection *conn, const struct filter *filter);

#endif
