/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether the server was asked for what it had to do.
 */
#ifndef FUZZ_WATCH_H
#define FUZZ_WATCH_H

#include <stdbool.h>

#include <linux/types.h>

#include "fuzz_replies.h"

struct client;

/* What was before some I/O, and what an OPEN is answered with. */
struct watch {
	struct reply reply;
	__u32 opens;
	__u32 data;
};

struct watch watch_server(const struct client *c);

/*
 * Was the server asked only if it was to be, to open the file and for data?
 * @maybe: pages may be there already, or the kernel knows another size.
 */
void check_server(struct client *c, const struct watch *watch, bool asks,
		  bool maybe);

#endif /* FUZZ_WATCH_H */
