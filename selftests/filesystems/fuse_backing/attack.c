// SPDX-License-Identifier: GPL-2.0
/*
 * What every attack starts from. See attack.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"
#include "backing_ioctl.h"
#include "creds.h"

const struct creds owner = { .uid = OWNER, .gid = OWNER };
const struct creds stranger = { .uid = STRANGER, .gid = STRANGER };

static int attack_files(void)
{
	int err = scratch_owned("own", FILE_SIZE, SEED_OWN, OWNER, 0644);

	if (!err)
		err = scratch_owned("root", FILE_SIZE, SEED_ROOT, 0, 0644);
	if (!err)
		err = scratch_owned("secret", FILE_SIZE, SEED_SECRET, 0, 0600);
	return err;
}

int attack_prepare(struct attack *attack, enum scratch_fs fs)
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

int attack_enter_userns(void)
{
	int err = creds_set(&owner);

	return err ?: creds_enter_userns();
}

int attack_serve(struct attack *attack, bool userns,
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

int attack_setup(struct attack *attack, enum scratch_fs fs, bool userns)
{
	static const struct fuse_server_opts opts;
	int err = attack_prepare(attack, fs);

	return err ?: attack_serve(attack, userns, &opts);
}

void attack_teardown(struct attack *attack)
{
	env_teardown(&attack->env);
	reject_trace_stop(&attack->trace);
}

int attack_register(struct attack *attack, int fd)
{
	if (attack->userns)
		return fuse_backing_open(attack->srv->fd, fd);
	return creds_register(&owner, attack->srv->fd, fd);
}

int attack_do_register_path(void *arg)
{
	const struct attack_path *p = arg;

	return fuse_backing_open_path(p->dev, p->path, p->flags);
}

int attack_register_path(struct attack *attack, const char *path, int flags)
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

static int attack_do_attach(void *arg)
{
	const struct attack_attach *a = arg;

	return fuse_attach_backing(a->dev, a->node, 0, a->id, a->flags);
}

int attack_attach(struct attack *attack, __u64 node, int id)
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

struct fuse_server_file *attack_file(struct attack *attack, const char *name)
{
	struct fuse_server_file *file = attack->srv->sh->file;

	while (strcmp(file->name, name))
		file++;
	return file;
}

int attack_use(struct attack *attack, const char *name, int id)
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
	fuse_detach_backing(attack->srv->fd, node, 0, 0);
	return attack_attach(attack, node, id);
}

int attack_open(struct attack *attack, const char *name, int flags, int id)
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

int attack_try_open(struct attack *attack, int id, int flags)
{
	int fd = attack_open(attack, "own", flags, id);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

bool attack_rejected(struct attack *attack, int id, int err, const char *reason)
{
	return reject_trace_has(&attack->trace, attack->srv->dev, id, err,
				reason);
}

int attack_untouched(const char *name, unsigned int seed)
{
	static char want[FILE_SIZE];

	if (scratch_size(name) != FILE_SIZE)
		return -EFBIG;
	scratch_pattern(want, sizeof(want), seed);
	return scratch_compare(name, want, sizeof(want), 0);
}

int attack_reads(int fd, unsigned int seed)
{
	static char want[FILE_SIZE], got[FILE_SIZE];

	scratch_pattern(want, sizeof(want), seed);
	if (pread(fd, got, sizeof(got), 0) != sizeof(got))
		return -EIO;
	return memcmp(want, got, sizeof(want)) ? -EILSEQ : 0;
}

int attack_execute(const char *path)
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

int attack_map_exec(int fd, int flags, bool later)
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
