/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every attack starts from: an unprivileged server, a file of its own,
 * two of root's, and the tracepoint that says why it is refused.
 *
 * The server is one of two kinds. A user's: root mounted for it, as fusermount
 * does, and the test itself stays root, the most powerful client there is. Or
 * that of a user namespace: the test becomes its root, mounts in there, and is
 * server and client.
 *
 * Clients open files either with an id in the server's reply or, without asking
 * the server, with what is attached.
 *
 * Tests include it after harness.h.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <stdbool.h>

#include <linux/types.h>

#include "env.h"
#include "reject_trace.h"

#define OWNER		1000	/* of the connection: a uid and a gid */
#define STRANGER	2000

/* Contents of the backing files */
#define SEED_OWN	1	/* "own": the owner's, 0644 */
#define SEED_ROOT	2	/* "root": root's, 0644 */
#define SEED_SECRET	3	/* "secret": root's, 0600 */

struct creds;

extern const struct creds owner;
extern const struct creds stranger;

struct attack {
	struct env env;
	struct fuse_server *srv;
	struct reject_trace trace;
	bool userns;		/* the server is root of a user namespace */
	bool attached;		/* files are opened on what is attached */
};

/**
 * attack_prepare() - The backing files and the tracepoint
 * @attack: all zeroes, but for @attached
 * @fs: where the backing files are
 *
 * Comes first, as root; what else takes root comes between this and the server.
 *
 * Return: 0; -EOPNOTSUPP if the system lacks something; or -errno.
 */
int attack_prepare(struct attack *attack, enum scratch_fs fs);

/**
 * attack_serve() - The server, and with @userns the end of being root
 * @attack: prepared
 * @userns: become root of a user namespace, and mount in there
 * @opts: the directories are scratch.h's unless they are told
 *
 * Return: 0; -EOPNOTSUPP without passthrough; or -errno.
 */
int attack_serve(struct attack *attack, bool userns,
		 const struct fuse_server_opts *opts);

/**
 * attack_setup() - attack_prepare() and attack_serve() with nothing between them
 * @attack: all zeroes, but for @attached
 * @fs: where the backing files are
 * @userns: become root of a user namespace, and mount in there
 *
 * Return: as these do.
 */
int attack_setup(struct attack *attack, enum scratch_fs fs, bool userns);

/**
 * attack_teardown() - The end of it, in whatever state the test left it
 * @attack: prepared
 */
void attack_teardown(struct attack *attack);

/**
 * attack_enter_userns() - Become the owner, as root of a user namespace
 *
 * For good: the calling process is nobody else any more.
 *
 * Return: 0 or -errno.
 */
int attack_enter_userns(void);

/**
 * attack_register() - The server registers a descriptor, wherever that comes from
 * @attack: set up
 * @fd: what it registers
 *
 * Return: an id or -errno.
 */
int attack_register(struct attack *attack, int fd);

/**
 * attack_register_path() - The same with a file that the server opens
 * @attack: set up
 * @path: of the file
 * @flags: of open(2)
 *
 * Return: an id or -errno, also of the open.
 */
int attack_register_path(struct attack *attack, const char *path, int flags);

/* What attack_do_register_path() takes. */
struct attack_path {
	int dev;
	const char *path;
	int flags;
};

/**
 * attack_do_register_path() - The same as whoever calls, for creds_call()
 * @arg: a struct attack_path
 *
 * Return: an id or -errno.
 */
int attack_do_register_path(void *arg);

/**
 * attack_attach() - The server attaches, for all that a client may ask for
 * @attack: set up
 * @node: the number that the kernel has for the file
 * @id: of the mapping
 *
 * Return: 0 or -errno.
 */
int attack_attach(struct attack *attack, __u64 node, int id);

/**
 * attack_file() - The server's entry of a file
 * @attack: set up
 * @name: of a file that there is
 *
 * Return: what the test says in it is what the server answers.
 */
struct fuse_server_file *attack_file(struct attack *attack, const char *name);

/**
 * attack_use() - From now on, a file is opened on this mapping
 * @attack: set up; @attached says whether by a reply or by what is attached
 * @name: of the file
 * @id: of the mapping
 *
 * Return: 0 or -errno, of the attaching.
 */
int attack_use(struct attack *attack, const char *name, int id);

/**
 * attack_open() - open(2) through the mount, on this mapping
 * @attack: set up
 * @name: of the file
 * @flags: of open(2)
 * @id: of the mapping
 *
 * Return: a descriptor or -errno; -EPROTO if the server was asked and shouldn't
 * have been, or the other way round.
 */
int attack_open(struct attack *attack, const char *name, int flags, int id);

/**
 * attack_try_open() - The same for "own", which is closed at once
 * @attack: set up
 * @id: of the mapping
 * @flags: of open(2)
 *
 * Return: 0 or -errno.
 */
int attack_try_open(struct attack *attack, int id, int flags);

/**
 * attack_rejected() - Did the tracepoint say that this was refused?
 * @attack: set up
 * @id: of the mapping, 0 where there was none yet
 * @err: what it was refused with, negative
 * @reason: as the tracepoint has it
 *
 * Return: true if so, at any time since attack_prepare().
 */
bool attack_rejected(struct attack *attack, int id, int err, const char *reason);

/**
 * attack_untouched() - Is the file in the backing filesystem as it was made?
 * @name: of the file
 * @seed: what it was made with, SEED_*
 *
 * Return: 0; -EFBIG if the size is another; -EILSEQ if the bytes are; or -errno.
 */
int attack_untouched(const char *name, unsigned int seed);

/**
 * attack_reads() - Does reading give what the file was made with?
 * @fd: open for reading
 * @seed: what it was made with, SEED_*
 *
 * Return: 0; -EIO if not all can be read; -EILSEQ if the bytes are others.
 */
int attack_reads(int fd, unsigned int seed);

/**
 * attack_execute() - Run a program
 * @path: of the program
 *
 * Return: its exit status, or errno of what kept it from running, negative.
 */
int attack_execute(const char *path);

/**
 * attack_map_exec() - Map a program's first page, to be executed
 * @fd: of the program
 * @flags: of mmap(2)
 * @later: by mprotect(2) of what was mapped to be read only
 *
 * Return: 0 or -errno.
 */
int attack_map_exec(int fd, int flags, bool later);

/* Only one object of a program, the test itself, can include the harness. */
#ifdef HARNESS_H

/**
 * attack_ready() - For a fixture's setup, which is to end if this says false
 * @_metadata: of the test, which is skipped for -EOPNOTSUPP and else fails
 * @err: what attack_setup() returned, or the two that it is made of
 *
 * Return: true if all is there.
 */
static inline bool attack_ready(struct __test_metadata *_metadata, int err)
{
	if (err == -EOPNOTSUPP)
		SKIP(return false,
		     "needs root, FUSE passthrough, tracefs, loop, mkfs.ext4");
	ASSERT_EQ(0, err);
	return true;
}

#endif /* HARNESS_H */

#endif /* ATTACK_H */
