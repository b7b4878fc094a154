/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A FUSE server on the bare /dev/fuse protocol, without libfuse.
 *
 * It serves one flat directory. Each name in it stands for the file of the
 * same name in a backing directory. The server runs in a process of its own,
 * so that a test can kill it; what it counts and what it answers is in
 * shared memory, where the test reads the one and writes the other: see
 * server_shared.h.
 *
 * The server keeps nothing of the backing filesystem open between two
 * requests: whatever pins it is the kernel's doing, not the server's.
 *
 * Start the server before the test maps or opens files that matter: the
 * process inherits the test's mappings (its descriptors are closed).
 */
#ifndef FUSE_SERVER_H
#define FUSE_SERVER_H

#include <limits.h>
#include <sys/types.h>

#include <linux/fuse.h>
#include <linux/types.h>

#include "server_shared.h"

struct fuse_server {
	int fd;			/* the test's own copy of /dev/fuse, or -1 */
	pid_t pid;		/* the server process, or 0 */
	pid_t standby;		/* who takes its place, or 0 */
	dev_t dev;		/* of the mount */
	char mountpoint[PATH_MAX];
	char backing[PATH_MAX];
	__u32 known;		/* requests, when a test asked for new ones */
	struct fuse_server_shared *sh;
};

/* All of these return 0 (or what they are named after), or -errno. */
int fuse_server_start(struct fuse_server *srv,
		      const struct fuse_server_opts *opts);
int fuse_server_kill(struct fuse_server *srv);

/*
 * Another server on the kept /dev/fuse. It is started before the test opens
 * files, which it would inherit, and waits. fuse_server_restart() kills the
 * first one and lets it serve. It finds what that one wrote down; what that had
 * in its hands is lost, unless fuse_server_resend() has the kernel send it
 * again.
 */
int fuse_server_standby(struct fuse_server *srv,
			const struct fuse_server_opts *opts);
int fuse_server_restart(struct fuse_server *srv);
int fuse_server_resend(struct fuse_server *srv);
void fuse_server_close_dev(struct fuse_server *srv);
int fuse_server_umount(struct fuse_server *srv);
void fuse_server_stop(struct fuse_server *srv);

/*
 * fuse_server_pause() returns when the server stands still: what is asked from then on
 * is not taken up before fuse_server_resume().
 */
int fuse_server_pause(const struct fuse_server *srv);
int fuse_server_resume(const struct fuse_server *srv);
int fuse_server_abort(const struct fuse_server *srv);

/* open(2) in the connection's directory of fusectl: a descriptor or -errno. */
int fuse_server_control(const struct fuse_server *srv, const char *name,
			int flags);

/* How many requests wait for an answer: a count or -errno. */
int fuse_server_waiting(const struct fuse_server *srv);

/* The kernel is to forget the name, and the inode when nobody uses it any more. */
int fuse_server_drop_name(const struct fuse_server *srv, const char *name);

struct fuse_server_file *fuse_server_add(struct fuse_server *srv,
					 const char *name);
__u64 fuse_server_node(const struct fuse_server *srv,
		       const struct fuse_server_file *file);
__u32 fuse_server_ops(const struct fuse_server *srv, __u32 opcode);
__u32 fuse_server_data_ops(const struct fuse_server *srv);

/*
 * All requests so far, of whatever kind but FORGET, which comes when the kernel gets to it,
 * after whatever a test did before; those since the last time of asking.
 */
__u32 fuse_server_requests(const struct fuse_server *srv);
__u32 fuse_server_new_requests(struct fuse_server *srv);

/* open(2) below the mount point: a descriptor or -errno. */
int fuse_server_open(const struct fuse_server *srv, const char *name,
		     int flags);

/* The same with FOPEN_PASSTHROUGH and @id in the server's reply. */
int fuse_server_open_id(struct fuse_server *srv, const char *name, int flags,
			int id);

#endif /* FUSE_SERVER_H */
