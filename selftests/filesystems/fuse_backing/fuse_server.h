/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A FUSE server on the bare /dev/fuse protocol, without libfuse.
 *
 * It serves one flat directory. Each name in it stands for the file of the
 * same name in a backing directory. The server runs in a process of its own,
 * so that a test can kill it; what it counts and what it answers is in
 * shared memory, where the test reads the one and writes the other.
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
#include <stdbool.h>
#include <sys/types.h>

#include <linux/types.h>

#include <linux/fuse_backing.h>

#define FUSE_SERVER_FILES	64
#define FUSE_SERVER_NAME	32
#define FUSE_SERVER_OPS		64
#define FUSE_SERVER_HELD	8
#define FUSE_SERVER_IOCTL	7	/* the result of every ioctl */
#define FUSE_SERVER_TMPFILE	"tmpfile"	/* what O_TMPFILE makes */

/* One name of the directory; its node id is its index plus two. */
struct fuse_server_file {
	char name[FUSE_SERVER_NAME];
	bool in_use;

	/* Knobs: what the next reply says. A test may turn them at any time. */
	__s32 backing_id;	/* of the OPEN and CREATE replies */
	__u32 open_flags;	/* FOPEN_* */
	__s32 open_error;	/* an errno, 0 to let the open succeed */
	bool hold_open;		/* don't answer OPEN before the release */
	bool per_open;		/* register an auto-close id for each reply */
	bool bad_node;		/* CREATE's reply names a node that can't be */
	__u64 generation;	/* of the node */
	__u32 attach;		/* flags: attach before the node is named */
	bool invent;		/* the owner, and unless it is 0 the mode, which
				 * SETATTR then changes, and not the file's
				 */
	__u32 invented_uid;
	__u32 invented_mode;

	/* Observations: what the last or all requests were. */
	__u32 opens;
	__u32 releases;
	__u32 forgets;
	__u32 seen_flags;	/* of the last OPEN or CREATE */
	__u32 seen_uid;
	__u32 seen_gid;
	__u64 seen_fh;	/* of the last request that carries one */

	/* The server's own, for auto_register. */
	__s32 auto_id;
	__u32 auto_users;
};

/* An OPEN, or a reply that was made already */
struct fuse_server_held {
	__u64 unique;
	__u32 file;
	__u32 len;
	char reply[128];
};

struct fuse_server_shared {
	bool ready;		/* INIT is answered */
	bool restarted;		/* the standby's turn */
	bool passthrough;	/* and passthrough was on offer */
	bool release_held;	/* answer what is held, then clear this */
	__u32 held_count;
	struct fuse_server_held held[FUSE_SERVER_HELD];

	__s32 getxattr_error;	/* an errno: ENODATA or ENOSYS */
	__s32 flush_error;
	__s32 fsync_error;
	bool fallocates;	/* else FALLOCATE is ENOSYS */
	bool mute_setattr;	/* never answer SETATTR */
	bool hold_changes;	/* don't send replies to SETATTR and LINK before the
				 * release, though they are made
				 */
	__u64 revoke_node;	/* what is taken away from, before a release */
	__s32 revoke_error;	/* and what that said: an errno, -1 before */
	__u32 entry_valid;	/* seconds */
	__u32 attr_valid;

	__u64 next_fh;
	__u32 bad_fh;	/* requests with a handle we never gave */
	__u32 bad_op;	/* the last of them */
	__u32 ops[FUSE_SERVER_OPS];
	struct fuse_server_file file[FUSE_SERVER_FILES];
};

struct fuse_server_opts {
	const char *mountpoint;
	const char *backing;	/* the backing directory */
	__u64 init_flags;	/* wanted beyond those of fuse_server.c */
	bool no_passthrough;	/* don't negotiate it */
	__u32 max_stack_depth;	/* 0 means 1 */
	bool auto_register;	/* register at OPEN, close at last RELEASE */
	const char *mount_opts;	/* appended to ours, may be NULL */
	int dev_fd;		/* > 0: /dev/fuse that is mounted already */
	uid_t uid;		/* whose mount and server it is; needs root */
	bool suid;		/* mount without MS_NOSUID */
	bool may_be_refused;	/* what it registers and attaches by itself */
};

struct fuse_server {
	int fd;			/* the test's own copy of /dev/fuse, or -1 */
	pid_t pid;		/* the server process, or 0 */
	pid_t standby;		/* who takes its place, or 0 */
	dev_t dev;		/* of the mount */
	char mountpoint[PATH_MAX];
	char backing[PATH_MAX];
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
int fuse_server_abort(const struct fuse_server *srv);

/* open(2) in the connection's directory of fusectl: a descriptor or -errno. */
int fuse_server_control(const struct fuse_server *srv, const char *name,
			int flags);

/* The kernel is to forget the name, and the inode when nobody uses it any more. */
int fuse_server_drop_name(const struct fuse_server *srv, const char *name);

struct fuse_server_file *fuse_server_add(struct fuse_server *srv,
					 const char *name);
__u64 fuse_server_node(const struct fuse_server *srv,
		       const struct fuse_server_file *file);
__u32 fuse_server_ops(const struct fuse_server *srv, __u32 opcode);
__u32 fuse_server_data_ops(const struct fuse_server *srv);

/* All requests so far, of whatever kind. */
__u32 fuse_server_requests(const struct fuse_server *srv);

/* open(2) below the mount point: a descriptor or -errno. */
int fuse_server_open(const struct fuse_server *srv, const char *name,
		     int flags);

/* The same with FOPEN_PASSTHROUGH and @id in the server's reply. */
int fuse_server_open_id(struct fuse_server *srv, const char *name, int flags,
			int id);

/* The ioctls of /dev/fuse: an id or 0, or -errno. */
#define FUSE_BACKING_MAP_KNOWN	(FUSE_BACKING_MAP_AUTO_CLOSE | \
				 FUSE_BACKING_MAP_COPY_SPLICE | \
				 FUSE_BACKING_MAP_AS_OPENED)

int fuse_backing_open(int dev, int fd);
int fuse_backing_open_path(int dev, const char *path, int flags);
int fuse_backing_open_once(int dev, const char *path, int flags);
int fuse_backing_open_with(int dev, const char *path, int flags,
			   __u32 map_flags);
int fuse_backing_close(int dev, int id);
int fuse_backing_close_all(int dev);

/*
 * Attach to a node, with FUSE_BACKING_*; detach: 0 or -errno.  Mounts of tests are
 * without default_permissions: FUSE_BACKING_ATTACH_UNCHECKED is added here, and for
 * extents.
 */
int fuse_backing_attach(int dev, __u64 nodeid, __u64 generation, int id,
			__u32 flags);
int fuse_backing_detach(int dev, __u64 nodeid, __u64 generation, __u32 flags);

/* Where a node's bytes are, with FUSE_BACKING_*: 0 or -errno. */
int fuse_backing_set_extents(int dev, __u64 nodeid,
			     const struct fuse_backing_extent *extent,
			     __u32 count, __u32 flags);

/* What is mapped, at most @room: the number of entries, or -errno. */
int fuse_backing_list(int dev, struct fuse_backing_entry *entry, __u32 room);

#endif /* FUSE_SERVER_H */
