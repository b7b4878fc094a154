/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzzer's operations have in common: mounts, their clients, and what
 * was found out.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <linux/types.h>

#include "fuse_server.h"
#include "fuzz_model.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND	0x20
#endif

#define MOUNTS		3
#define CLIENTS		32
#define DESCRIPTORS	96

#define WRITE_EXTENT	FUSE_BACKING_EXTENT_WRITE
#define HOLE_EXTENT	FUSE_BACKING_EXTENT_HOLE

#define OWNER		1000	/* of the mounts: a uid and a gid */
#define SOFT_LIMIT	256	/* RLIMIT_NOFILE */
#define HARD_LIMIT	400

/*
 * Each file starts with its own number, and all of its words say where they
 * are. What is before KEPT is overwritten by mappings, but never before
 * NEVER_WRITTEN.
 */
#define NEVER_WRITTEN	64
#define KEPT		4096
#define START_SIZE	(2 * KEPT)
#define PAGE		4096

/* Backing files, and the names on the mounts, which are more. */
enum {
	OWN_FIRST,		/* the server's own */
	OWN_LAST = OWN_FIRST + 5,
	SECRET,			/* root's, mode 0600 */
	PUBLIC,			/* root's, mode 0644 */
	LOG,			/* the server's own, with chattr +a */
	FILES,

	EMPTIED = FILES,	/* opened with O_TRUNC */
	CREATED,		/* made by CREATE */
	CREATED_TOO,
	PLAIN,			/* always open without passthrough */
	NAMES
};

static_assert(NAMES <= MODEL_NODES);

/* What they are called, and what the server may do with a file. */
extern const char * const names[NAMES];
extern const __u8 rights[FILES];

extern const char * const mountpoints[MOUNTS];

struct descriptor {
	int fd;
	int result;		/* of registering it: 0 if it is fit */
	__u8 file;
	__u8 mode;
};

struct client {
	bool in_use;
	int fd;			/* -1: closed, but still mapped */
	int mount;
	int name;
	int id;
	int flags;
	__u8 file;
	struct model_set *set;	/* its extents, instead of id and file */
	bool direct;		/* I/O is the server's business */
	bool local;		/* opened without the server */
	bool has_handle;	/* and then at the server after all */
	bool revoked;		/* the backing file was taken away */
	bool append_only;
	char *map;
	bool mapped;		/* that is of the backing file, or the extents */
	bool pinned;		/* it was so, and the backing file is not gone */
};

struct fuzz_mount {
	struct fuse_server srv;
	struct model model;
	int clone;		/* another descriptor of the connection, or -1 */
	pid_t thread;
	__u32 dropped;		/* bits of names without dentries */
};

struct session {
	__u64 random;
	unsigned long op;
	bool failed;
	int unmounted;		/* /dev/fuse without a connection */
	int pipe[2];
	struct fuzz_mount mount[MOUNTS];
	struct descriptor descriptor[DESCRIPTORS];
	int descriptors;
	struct client client[CLIENTS];
};

/* For all sessions, in shared memory. */
struct totals {
	unsigned long done;
	unsigned long registered, not_registered;
	unsigned long closed, not_closed;
	unsigned long attached, not_attached;
	unsigned long extents, not_extents, extents_io;
	unsigned long detached, not_detached;
	unsigned long opened, not_opened;
	unsigned long local, revoked;
	unsigned long io, late, aborts;
};

extern struct session session;
extern struct totals *totals;
extern __u64 seed;

#define fail(fmt, ...) do {						\
	fprintf(stderr, "# seed %llu, operation %lu: " fmt "\n",	\
		(unsigned long long)seed, session.op, ##__VA_ARGS__);	\
	session.failed = true;						\
} while (0)

/* 0 or -errno */
int do_ioctl(int dev, unsigned long cmd, const void *args);

#endif /* FUZZ_H */
