/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a FUSE server and its test share: how the server is started, and memory
 * in which the test says what it answers, and reads what it counted.
 */
#ifndef SERVER_SHARED_H
#define SERVER_SHARED_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/types.h>

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
	__u64 offered;		/* flags of INIT */
	bool over_ring;		/* and io_uring was, and is in use */
	bool release_held;	/* answer what is held, then clear this */
	__u32 held_count;
	struct fuse_server_held held[FUSE_SERVER_HELD];

	__s32 getxattr_error;	/* an errno: ENODATA or ENOSYS */
	__s32 flush_error;
	__s32 fsync_error;
	bool fallocates;	/* else FALLOCATE is ENOSYS */
	bool no_create;		/* CREATE is ENOSYS */
	bool has_renamed;	/* RENAME succeeds, as the test has done it */
	bool mute_setattr;	/* never answer SETATTR */
	bool hold_changes;	/* don't send replies to SETATTR and LINK before the
				 * release, though they are made
				 */
	__u64 revoke_node;	/* what is taken away from, before a release */
	__s32 revoke_error;	/* and what that said: an errno, -1 before */
	__u32 entry_valid;	/* seconds */
	__u32 attr_valid;
	__u32 dir_flags;	/* FOPEN_* of OPENDIR replies */
	__u32 long_name;	/* bytes of a name at the end of the directory */

	bool deep;		/* whatever the backing directory has is looked up, with
				 * directories, and numbers are its own
				 */

	__u64 next_fh;
	__u32 bad_fh;	/* requests with a handle we never gave */
	__u32 bad_op;	/* the last of them */
	__u32 no_node;	/* requests that name no node */
	__u64 lock_owner;	/* of the last SETLK */
	__u64 flush_owner;	/* of the last FLUSH */
	__u32 ops[FUSE_SERVER_OPS];
	__u32 ring_ops[FUSE_SERVER_OPS];	/* those that came by a ring */
	struct fuse_server_file file[FUSE_SERVER_FILES];
};

struct fuse_server_opts {
	const char *mountpoint;
	const char *backing;	/* the backing directory */
	__u64 init_flags;	/* wanted beyond those of server_process.c */
	bool no_passthrough;	/* don't negotiate it */
	__u32 max_stack_depth;	/* 0 means 1 */
	__u32 ring_depth;	/* requests by io_uring, of each processor's
				 * queue at a time; 0 means none
				 */
	bool auto_register;	/* register at OPEN, close at last RELEASE */
	const char *mount_opts;	/* appended to ours, may be NULL */
	int dev_fd;		/* > 0: /dev/fuse that is mounted already */
	uid_t uid;		/* whose mount and server it is; needs root */
	bool suid;		/* mount without MS_NOSUID */
	bool may_be_refused;	/* what it registers and attaches by itself */
};

/* With what most tests want the server to say; NULL if there is no memory. */
struct fuse_server_shared *server_shared_new(void);
void server_shared_free(struct fuse_server_shared *sh);

/* NULL if there is no such file. */
struct fuse_server_file *server_shared_find(struct fuse_server_shared *sh,
					    const char *name);

/* The same by the number that the kernel has for it. */
struct fuse_server_file *server_shared_at(struct fuse_server_shared *sh,
					  __u64 node);
__u64 server_shared_node(const struct fuse_server_shared *sh,
			 const struct fuse_server_file *file);

/* A file of this name; NULL if that is too long, or there are too many. */
struct fuse_server_file *server_shared_add(struct fuse_server_shared *sh,
					   const char *name);

#endif /* SERVER_SHARED_H */
