// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints fuse_backing_* and fuse_passthrough_*. See event_trace.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "event_trace.h"
#include "text_file.h"

#define TRACING	"/sys/kernel/tracing/"
#define EVENTS	TRACING "events/fuse/"

static int set_events(const char *on)
{
	glob_t found;
	int err = 0;

	if (glob(EVENTS "fuse_{backing,passthrough}_*/enable", GLOB_BRACE,
		 NULL, &found))
		return -EOPNOTSUPP;
	for (size_t i = 0; i < found.gl_pathc && !err; i++)
		err = text_file_write(found.gl_pathv[i], on);
	globfree(&found);
	return err;
}

/* Take in what came since. */
static void fetch(struct event_trace *trace)
{
	ssize_t n;

	while (trace->len < sizeof(trace->text) - 1) {
		n = read(trace->pipe, trace->text + trace->len,
			 sizeof(trace->text) - 1 - trace->len);
		if (n <= 0)
			break;
		trace->len += n;
	}
	trace->text[trace->len] = '\0';
}

int event_trace_start(struct event_trace *trace)
{
	int err;

	trace->len = 0;
	trace->pipe = open(TRACING "trace_pipe",
			   O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (trace->pipe < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	event_trace_clear(trace);
	/*
	 * Don't trace the scheduler to know tasks by name: that modifies code
	 * which every processor runs, and an emulated one may trip over it.
	 */
	err = text_file_write(TRACING "options/record-cmd", "0");
	return err ? err : set_events("1");
}

void event_trace_stop(struct event_trace *trace)
{
	if (trace->pipe < 0)
		return;
	if (set_events("0") || text_file_write(TRACING "options/record-cmd", "1"))
		perror("# tracing");
	close(trace->pipe);
	trace->pipe = -1;
}

void event_trace_clear(struct event_trace *trace)
{
	do {
		trace->len = 0;
		fetch(trace);
	} while (trace->len);
}

/* The fields of the next event of this name from @text on, or NULL. */
static const char *find(const char *text, const char *name)
{
	char what[64];

	snprintf(what, sizeof(what), " %s: ", name);
	text = strstr(text, what);
	return text ? text + strlen(what) : NULL;
}

int event_trace_count(struct event_trace *trace, const char *name)
{
	const char *at = trace->text;
	int count = 0;

	fetch(trace);
	while ((at = find(at, name)))
		count++;
	return count;
}

const char *event_trace_fields(struct event_trace *trace, const char *name,
			       int nth)
{
	static char line[EVENT_TRACE_LINE];
	const char *at = trace->text;

	fetch(trace);
	for (int i = 0; i <= nth && at; i++)
		at = find(at, name);
	snprintf(line, sizeof(line), "%.*s", at ? (int)strcspn(at, "\n") : 0,
		 at ? at : "");
	return line;
}
