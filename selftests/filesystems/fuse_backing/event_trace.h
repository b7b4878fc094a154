/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints fuse_backing_* and fuse_passthrough_*, all at once.
 *
 * Reads trace_pipe of the tracing directory's only buffer: nobody else's tracing
 * survives these tests.
 */
#ifndef EVENT_TRACE_H
#define EVENT_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#define EVENT_TRACE_SIZE	(64 * 1024)
#define EVENT_TRACE_LINE	256

struct event_trace {
	int pipe;
	size_t len;
	char text[EVENT_TRACE_SIZE];
};

/* 0; -EOPNOTSUPP where there are no such tracepoints; or -errno. Needs root. */
int event_trace_start(struct event_trace *trace);
void event_trace_stop(struct event_trace *trace);

/* Forget what there was. */
void event_trace_clear(struct event_trace *trace);

/* How many events of this name there were. */
int event_trace_count(struct event_trace *trace, const char *name);

/*
 * The fields of the @nth of them, from 0, as the format prints them; "" if there
 * were not so many. Good until the next call.
 */
const char *event_trace_fields(struct event_trace *trace, const char *name,
			       int nth);

#endif /* EVENT_TRACE_H */
