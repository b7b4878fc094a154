// SPDX-License-Identifier: GPL-2.0
/*
 * fuse-branchfs: a branch of a directory that nobody touches
 *
 * See usage for how it is run. No privilege is needed.
 *
 * The kernel looks up, lists and reads what didn't change in LOWER, without asking, and
 * knows by rules what did: that is in UPPER, whose files it reads and writes as well.
 *
 *	branch.c	what the two directories say of a name
 *	copyup.c	copies of what is about to be changed
 *	nodes.c		what the kernel knows
 *	spine.c		what it is told: trees and rules
 *	found.c		what a name stands for
 *	change.c	what is only in LOWER, and is to be changed
 *	branchnames.c, attributes.c, files.c, lists.c	what it asks for
 */

#define FUSE_USE_VERSION 317

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <fuse_backing_lowlevel.h>

#include "branch.h"
#include "branchfs.h"
#include "nodes.h"
#include "session.h"
#include "spine.h"

static struct server {
	struct fuse_session *session;
	char *lower;
} server;

static void do_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	/* what comes of it is seen when the kernel is asked what it has */
	fusebacking_negotiate(conn, FUSEBACKING_PER_INODE);
}

static void tell(void *data, const char *text)
{
	(void)data;
	fuse_log(FUSE_LOG_WARNING, "fuse-branchfs: %s\n", text);
}

/* Start and end */

static const char usage[] =
	"usage: fuse-branchfs [OPTION]... LOWER UPPER MOUNTPOINT\n"
	"\n"
	"Show the directory LOWER at MOUNTPOINT, and keep in the directory UPPER what is\n"
	"changed there. Nothing is ever written to LOWER, and nobody else may change it\n"
	"meanwhile. UPPER is empty at first, and has the branch afterwards: the same two\n"
	"directories show the same again.\n"
	"\n"
	"    -o allow_other         other users may use it, too";

static int take_lower(void *data, const char *arg, int key, struct fuse_args *args)
{
	struct server *of = data;

	(void)args;
	if (key != FUSE_OPT_KEY_NONOPT || of->lower)
		return 1;
	of->lower = strdup(arg);
	return 0;
}

static void parse(struct session *session)
{
	static const struct fuse_opt none[] = { FUSE_OPT_END };

	if (fuse_opt_parse(&session->args, &server, none, take_lower))
		exit(EXIT_FAILURE);
	session_parse(session, &server, none);
	session_help(session, usage);
	if (!server.lower || !session->source || !session->opts.mountpoint)
		errx(EXIT_FAILURE, "which two directories, and where? See --help");
	/* the kernel, not we, decides who may do what */
	fuse_opt_add_arg(&session->args, "-odefault_permissions,subtype=branchfs");
}

static int open_root(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err(EXIT_FAILURE, "%s", path);
	return fd;
}

/* Two servers would each not know what the other does; it is locked to the end */
static void lock_upper(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || access(path, W_OK))
		err(EXIT_FAILURE, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB))
		errx(EXIT_FAILURE, "%s: %s", path, errno == EWOULDBLOCK ?
		     "another branch is mounted with it" : strerror(errno));
}

static void open_branch(const char *lower, const char *upper)
{
	const struct branch_dir root = {
		.lower = open_root(lower),
		.upper = open_root(upper),
	};
	struct stat of_lower, of_upper;

	if (fstat(root.lower, &of_lower) || fstat(root.upper, &of_upper))
		err(EXIT_FAILURE, "%s", lower);
	if (of_lower.st_dev == of_upper.st_dev && of_lower.st_ino == of_upper.st_ino)
		errx(EXIT_FAILURE, "%s and %s are the same directory", lower, upper);
	lock_upper(upper);
	branch_init(&root);
	nodes_init(&root);
}

/* Why names can't be passed through, as the kernel's answer to the last call says */
static const char *why(int err)
{
	return fusebacking_strerror(err, fusebacking_session_why(server.session, err));
}

static int say_branch(void)
{
	int err = spine_init(server.session);

	if (err == -ENOTTY) {
		warnx("this kernel has no rules of names that are passed through");
		return -1;
	}
	if (err) {
		warnx("the kernel passes nothing through: %s", why(err));
		return -1;
	}
	err = spine_attach(node_of(FUSE_ROOT_ID), 0);
	if (err)
		warnx("all names are served here: %s", why(err));
	return 0;
}

static void make_policy(void)
{
	branchfs.policy = fusebacking_session_policy(server.session,
						     FUSEBACKING_PER_INODE, 0);
	if (!branchfs.policy)
		err(EXIT_FAILURE, "no policy");
	fusebacking_policy_ops(branchfs.policy, FUSE_BACKING_OPS_FILE);
	fusebacking_policy_tell(branchfs.policy, tell, NULL);
}

int main(int argc, char **argv)
{
	struct session session = { .args = FUSE_ARGS_INIT(argc, argv) };
	struct fuse_lowlevel_ops operations = branchfs_operations();
	int res;

	parse(&session);
	/* a descriptor for each node */
	session_raise_limit();
	open_branch(server.lower, session.source);
	operations.init = do_init;
	server.session = session_new(&session, &operations);
	make_policy();
	/* the kernel has applied the client's */
	umask(0);
	res = session_run(&session, say_branch);
	fusebacking_policy_free(branchfs.policy);
	return res;
}
