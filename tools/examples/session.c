// SPDX-License-Identifier: GPL-2.0
/*
 * A server on libfuse, from its command line to its end. See session.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "session.h"

static int take_source(void *data, const char *arg, int key,
		       struct fuse_args *args)
{
	struct session *session = data;

	(void)args;
	if (key != FUSE_OPT_KEY_NONOPT || session->source)
		return 1;
	session->source = strdup(arg);
	return 0;
}

void session_parse(struct session *session, void *data,
		   const struct fuse_opt *options)
{
	if (fuse_opt_parse(&session->args, session, NULL, take_source) ||
	    fuse_opt_parse(&session->args, data, options, NULL) ||
	    fuse_parse_cmdline(&session->args, &session->opts))
		exit(EXIT_FAILURE);
}

void session_help(const struct session *session, const char *usage)
{
	if (session->opts.show_help) {
		puts(usage);
		fuse_cmdline_help();
		fuse_lowlevel_help();
	} else if (session->opts.show_version) {
		fuse_lowlevel_version();
	} else {
		return;
	}
	exit(EXIT_SUCCESS);
}

void session_raise_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

struct fuse_session *session_new(struct session *session,
				 const struct fuse_lowlevel_ops *operations)
{
	session->fuse = fuse_session_new(&session->args, operations,
					 sizeof(*operations), NULL);
	if (!session->fuse)
		exit(EXIT_FAILURE);
	return session->fuse;
}

/* INIT, while standard error is still there to complain on: 0 or -1 */
static int answer_first(struct fuse_session *fuse)
{
	struct fuse_buf buf = {};
	int res;

	do
		res = fuse_session_receive_buf(fuse, &buf);
	while (res == -EINTR && !fuse_session_exited(fuse));
	if (res > 0)
		fuse_session_process_buf(fuse, &buf);
	free(buf.mem);
	return res > 0 ? 0 : -1;
}

static int serve(const struct session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int res;

	fuse_loop_cfg_set_clone_fd(config, session->opts.clone_fd);
	res = session->opts.singlethread ?
	      fuse_session_loop(session->fuse) :
	      fuse_session_loop_mt(session->fuse, config);
	fuse_loop_cfg_destroy(config);
	return res;
}

int session_run(struct session *session, int (*start)(void))
{
	int res = EXIT_FAILURE;

	if (fuse_set_signal_handlers(session->fuse))
		goto out_destroy;
	if (fuse_session_mount(session->fuse, session->opts.mountpoint))
		goto out_handlers;
	if (start && (answer_first(session->fuse) || start()))
		goto out_unmount;
	fuse_daemonize(session->opts.foreground);
	/* the number of a signal is a good end, too */
	res = serve(session) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
out_unmount:
	fuse_session_unmount(session->fuse);
out_handlers:
	fuse_remove_signal_handlers(session->fuse);
out_destroy:
	fuse_session_destroy(session->fuse);
	fuse_opt_free_args(&session->args);
	free(session->opts.mountpoint);
	return res;
}
