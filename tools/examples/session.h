/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a server on libfuse's low-level API does from its command line to its end.
 *
 * Whatever can't be done before the mount is there ends the program.
 */
#ifndef SESSION_H
#define SESSION_H

#include <fuse_lowlevel.h>

struct session {
	struct fuse_args args;
	struct fuse_cmdline_opts opts;
	char *source;		/* the first argument that is no option, or NULL */
	struct fuse_session *fuse;
};

/*
 * Take the command line in @session->args apart: a server's own options go to
 * @data, and what is left there is for libfuse.
 */
void session_parse(struct session *session, void *data,
		   const struct fuse_opt *options);

/* If that asks for help or a version, this is all that the program does. */
void session_help(const struct session *session, const char *usage);

/* As many open files as may be; the thread of the mount gets this limit, too. */
void session_raise_limit(void);

/* What ioctls have to name: a session whose requests go to @operations. */
struct fuse_session *session_new(struct session *session,
				 const struct fuse_lowlevel_ops *operations);

/*
 * Mount, and serve until somebody unmounts it or a signal comes. @start, which may
 * be NULL, is called when INIT has been answered, before this goes to the background,
 * and returns 0, or the mount goes at once. Returns the status to exit with.
 */
int session_run(struct session *session, int (*start)(void));

#endif /* SESSION_H */
