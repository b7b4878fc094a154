/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoint fuse:fuse_backing_reject: why the kernel refused something.
 *
 * Reads trace_pipe of the tracing directory's only buffer: nobody else's
 * tracing survives these tests. The descriptors stay usable when the process
 * becomes somebody else.
 */
#ifndef REJECT_TRACE_H
#define REJECT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define REJECT_TRACE_SIZE	(64 * 1024)

struct reject_trace {
	int pipe;
	int enable;
	int names;
	size_t len;
	char text[REJECT_TRACE_SIZE];
};

/* 0; -EOPNOTSUPP where there is no such tracepoint; or -errno. Needs root. */
int reject_trace_start(struct reject_trace *trace);
void reject_trace_stop(struct reject_trace *trace);

/* Was this refused since the start? @dev is the mount's, @err negative. */
bool reject_trace_has(struct reject_trace *trace, dev_t dev, int id, int err,
		      const char *reason);

/* Was anything? */
bool reject_trace_has_any(struct reject_trace *trace);

/* Does access(2) of @path say @err, and is this why? Needs root, and no other trace. */
bool reject_trace_access(const char *path, int mode, dev_t dev, int id, int err,
			 const char *reason);

#endif /* REJECT_TRACE_H */
