// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoint fuse:fuse_backing_reject. See reject_trace.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "reject_trace.h"

#define TRACING	"/sys/kernel/tracing/"
#define EVENT	TRACING "events/fuse/fuse_backing_reject/enable"
#define NAMES	TRACING "options/record-cmd"

/* Take in what came since; the oldest half makes room. */
static void fetch(struct reject_trace *trace)
{
	const size_t half = sizeof(trace->text) / 2;
	ssize_t n;

	for (;;) {
		if (trace->len > half) {
			trace->len -= half;
			memmove(trace->text, trace->text + half, trace->len);
		}
		n = read(trace->pipe, trace->text + trace->len, half - 1);
		if (n <= 0)
			break;
		trace->len += n;
	}
	trace->text[trace->len] = '\0';
}

/*
 * Don't trace the scheduler to know tasks by name: that modifies code which
 * every processor runs, and an emulated one may trip over it.
 */
static int record_names(struct reject_trace *trace, const char *on)
{
	return pwrite(trace->names, on, 1, 0) == 1 ? 0 : -errno;
}

int reject_trace_start(struct reject_trace *trace)
{
	int err;

	trace->len = 0;
	trace->pipe = -1;
	trace->enable = open(EVENT, O_WRONLY | O_CLOEXEC);
	if (trace->enable < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	trace->pipe = open(TRACING "trace_pipe",
			   O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (trace->pipe < 0)
		return -errno;
	fetch(trace);
	trace->len = 0;
	trace->names = open(NAMES, O_WRONLY | O_CLOEXEC);
	err = record_names(trace, "0");
	if (err)
		return err;
	return write(trace->enable, "1", 1) == 1 ? 0 : -errno;
}

void reject_trace_stop(struct reject_trace *trace)
{
	if (trace->pipe < 0)
		return;
	if (pwrite(trace->enable, "0", 1, 0) < 0 || record_names(trace, "1"))
		perror("# tracing");
	close(trace->names);
	close(trace->pipe);
	close(trace->enable);
	trace->pipe = -1;
}

bool reject_trace_has(struct reject_trace *trace, dev_t dev, int id, int err,
		      const char *reason)
{
	char line[128];

	fetch(trace);
	snprintf(line, sizeof(line),
		 "fuse_backing_reject: connection=%u id=%d error=%d reason=%s\n",
		 minor(dev), id, err, reason);
	return strstr(trace->text, line);
}

bool reject_trace_has_any(struct reject_trace *trace)
{
	fetch(trace);
	return strstr(trace->text, "fuse_backing_reject:");
}

bool reject_trace_access(const char *path, int mode, dev_t dev, int id, int err,
			 const char *reason)
{
	static struct reject_trace trace;
	bool refused;

	if (reject_trace_start(&trace))
		return false;
	refused = access(path, mode) && errno == -err &&
		  reject_trace_has(&trace, dev, id, err, reason);
	reject_trace_stop(&trace);
	return refused;
}
