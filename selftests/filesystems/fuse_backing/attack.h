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
 * To be included after harness.h.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "creds.h"
#include "env.h"
#include "reject_trace.h"

#define OWNER		1000	/* of the connection: a uid and a gid */
#define STRANGER	2000

/* Contents of the backing files */
#define SEED_OWN	1	/* "own": the owner's, 0644 */
#define SEED_ROOT	2	/* "root": root's, 0644 */
#define SEED_SECRET	3	/* "secret": root's, 0600 */

static const struct creds owner = { .uid = OWNER, .gid = OWNER };
static const struct creds stranger = { .uid = STRANGER, .gid = STRANGER };

struct attack {
	struct env env;
	struct fuse_server *srv;
	struct reject_trace trace;
	bool userns;		/* the server is root of a user namespace */
	bool attached;		/* files are opened on what is attached */
};

static inline int attack_files(void)
{
	int err = scratch_owned("own", FILE_SIZE, SEED_OWN, OWNER, 0644);

	if (!err)
		err = scratch_owned("root", FILE_SIZE, SEED_ROOT, 0, 0644);
	if (!err)
		err = scratch_owned("secret", FILE_SIZE, SEED_SECRET, 0, 0600);
	return err;
}

/* First, as root; what else takes root comes between this and the server. */
static inline int attack_prepare(struct attack *attack, enum scratch_fs fs)
{
	int err;

	attack->srv = &attack->env.srv;
	if (geteuid())
		return -EOPNOTSUPP;
	err = scratch_setup(&attack->env.scratch, fs);
	if (!err)
		err = attack_files();
	if (!err)
		err = reject_trace_start(&attack->trace);
	return err;
}

static inline int attack_enter_userns(void)
{
	int err = creds_set(&owner);

	return err ?: creds_enter_userns();
}

/* Second: the server, and with @userns the end of being root. */
static inline int attack_serve(struct attack *attack, bool userns,
			       const struct fuse_server_opts *opts)
{
	static const char * const names[] = { "own", "root", "secret" };
	struct fuse_server_opts o = *opts;
	int err = 0;

	attack->userns = userns;
	if (userns)
		err = attack_enter_userns();
	else
		o.uid = OWNER;
	if (!o.mountpoint)
		o.mountpoint = SCRATCH_FUSE;
	if (!o.backing)
		o.backing = SCRATCH_BACKING;
	if (!err)
		err = fuse_server_start(attack->srv, &o);
	for (unsigned int i = 0; i < 3 && !err; i++)
		if (!fuse_server_add(attack->srv, names[i]))
			err = -ENOSPC;
	if (!err && !attack->srv->sh->passthrough)
		err = -EOPNOTSUPP;
	return err;
}

static inline int attack_setup(struct attack *attack, enum scratch_fs fs,
			       bool userns)
{
	static const struct fuse_server_opts opts;
	int err = attack_prepare(attack, fs);

	return err ?: attack_serve(attack, userns, &opts);
}

static inline void attack_teardown(struct attack *attack)
{
	env_teardown(&attack->env);
	reject_trace_stop(&attack->trace);
}

/* For a fixture's setup, which is to end if this says false. */
static inline bool attack_ready(struct __test_metadata *_metadata, int err)
{
	if (err == -EOPNOTSUPP)
		SKIP(return false,
		     "needs root, FUSE passthrough, tracefs, loop, mkfs.ext4");
	ASSERT_EQ(0, err);
	return true;
}

/* The server registers a descriptor, wherever that comes from. */
static inline int attack_register(struct attack *attack, int fd)
{
	if (attack->userns)
		return fuse_backing_open(attack->srv->fd, fd);
	return creds_register(&owner, attack->srv->fd, fd);
}

struct attack_path {
	int dev;
	const char *path;
	int flags;
};

static inline int attack_do_register_path(void *arg)
{
	const struct attack_path *p = arg;

	return fuse_backing_open_path(p->dev, p->path, p->flags);
}

/* The same with a file that the server opens. */
static inline int attack_register_path(struct attack *attack,
				       const char *path, int flags)
{
	struct attack_path p = { attack->srv->fd, path, flags };

	if (attack->userns)
		return attack_do_register_path(&p);
	return creds_call(&owner, attack_do_register_path, &p);
}

struct attack_attach {
	int dev;
	__u64 node;
	int id;
	__u32 flags;
};

static inline int attack_do_attach(void *arg)
{
	const struct attack_attach *a = arg;

	return fuse_backing_attach(a->dev, a->node, 0, a->id, a->flags);
}

/* The server attaches @id to @node, for all that a client may ask for. */
static inline int attack_attach(struct attack *attack, __u64 node, int id)
{
	struct attack_attach a = {
		.dev = attack->srv->fd,
		.node = node,
		.id = id,
		.flags = FUSE_BACKING_READ | FUSE_BACKING_WRITE,
	};

	if (attack->userns)
		return attack_do_attach(&a);
	return creds_call(&owner, attack_do_attach, &a);
}

static inline struct fuse_server_file *attack_file(struct attack *attack,
						   const char *name)
{
	struct fuse_server_file *file = attack->srv->sh->file;

	while (strcmp(file->name, name))
		file++;
	return file;
}

/* From now on, @name is opened on the mapping @id. */
static inline int attack_use(struct attack *attack, const char *name, int id)
{
	struct fuse_server_file *file = attack_file(attack, name);
	__u64 node = fuse_server_node(attack->srv, file);
	char path[PATH_MAX + 32];
	struct stat st;

	if (!attack->attached) {
		file->backing_id = id;
		file->open_flags |= FOPEN_PASSTHROUGH;
		return 0;
	}
	snprintf(path, sizeof(path), "%s/%s", attack->srv->mountpoint, name);
	if (stat(path, &st) < 0)
		return -errno;
	fuse_backing_detach(attack->srv->fd, node, 0, 0);
	return attack_attach(attack, node, id);
}

/*
 * open(2) of @name through the mount, on the mapping @id: a descriptor or
 * -errno; -EPROTO if the server was asked and shouldn't have been, or the other
 * way round.
 */
static inline int attack_open(struct attack *attack, const char *name,
			      int flags, int id)
{
	__u32 opens = fuse_server_ops(attack->srv, FUSE_OPEN);
	int err = attack_use(attack, name, id);
	int fd;

	if (err)
		return err;
	fd = fuse_server_open(attack->srv, name, flags);
	opens = fuse_server_ops(attack->srv, FUSE_OPEN) - opens;
	if (opens == !attack->attached)
		return fd;
	if (fd >= 0)
		close(fd);
	return -EPROTO;
}

/* The same for "own", which is closed at once. */
static inline int attack_try_open(struct attack *attack, int id, int flags)
{
	int fd = attack_open(attack, "own", flags, id);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static inline bool attack_rejected(struct attack *attack, int id, int err,
				   const char *reason)
{
	return reject_trace_has(&attack->trace, attack->srv->dev, id, err,
				reason);
}

/* Is the file in the backing filesystem as it was made? */
static inline int attack_untouched(const char *name, unsigned int seed)
{
	static char want[FILE_SIZE];

	if (scratch_size(name) != FILE_SIZE)
		return -EFBIG;
	scratch_pattern(want, sizeof(want), seed);
	return scratch_compare(name, want, sizeof(want), 0);
}

/* Does reading @fd give what the file was made with? */
static inline int attack_reads(int fd, unsigned int seed)
{
	static char want[FILE_SIZE], got[FILE_SIZE];

	scratch_pattern(want, sizeof(want), seed);
	if (pread(fd, got, sizeof(got), 0) != sizeof(got))
		return -EIO;
	return memcmp(want, got, sizeof(want)) ? -EILSEQ : 0;
}

/* A program's exit status, or errno of what kept it from running, negative. */
static inline int attack_execute(const char *path)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		execl(path, path, NULL);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

/* What mmap(2) of a program's first page says, and mprotect(2) if it is @later. */
static inline int attack_map_exec(int fd, int flags, bool later)
{
	const size_t size = getpagesize();
	int prot = PROT_READ | (later ? 0 : PROT_EXEC);
	void *map = mmap(NULL, size, prot, flags, fd, 0);
	int err = 0;

	if (map == MAP_FAILED)
		return -errno;
	if (later && mprotect(map, size, PROT_READ | PROT_EXEC) < 0)
		err = -errno;
	munmap(map, size);
	return err;
}

#endif /* ATTACK_H */
