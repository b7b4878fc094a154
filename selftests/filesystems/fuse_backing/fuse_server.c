// SPDX-License-Identifier: GPL-2.0
/*
 * A FUSE server, as its test handles it. See fuse_server.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse_server.h"
#include "server_process.h"
#include "wait_until.h"

static int mount_fuse(int dev, const struct fuse_server_opts *opts)
{
	unsigned long flags = MS_NODEV | (opts->suid ? 0 : MS_NOSUID);
	char data[256];

	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other%s%s",
		 dev, opts->uid, opts->uid, opts->mount_opts ? "," : "",
		 opts->mount_opts ?: "");
	if (mount("fuse_server", opts->mountpoint, "fuse", flags, data) < 0)
		return -errno;
	return 0;
}

static pid_t start_process(const struct fuse_server *srv,
			   const struct fuse_server_opts *opts)
{
	return server_process_start(srv->fd, srv->backing, opts, srv->sh);
}

int fuse_server_start(struct fuse_server *srv,
		      const struct fuse_server_opts *opts)
{
	struct stat st;
	int err;

	memset(srv, 0, sizeof(*srv));
	snprintf(srv->mountpoint, sizeof(srv->mountpoint), "%s",
		 opts->mountpoint);
	snprintf(srv->backing, sizeof(srv->backing), "%s", opts->backing);
	srv->fd = opts->dev_fd;
	srv->sh = server_shared_new();
	if (!srv->sh)
		return -ENOMEM;
	if (srv->fd <= 0) {
		srv->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
		if (srv->fd < 0)
			return -errno;
		err = mount_fuse(srv->fd, opts);
		if (err)
			return err;
	}
	srv->pid = start_process(srv, opts);
	if (srv->pid < 0) {
		err = srv->pid;
		srv->pid = 0;
		return err;
	}
	if (!wait_until(srv->sh->ready))
		return -ETIMEDOUT;
	if (stat(srv->mountpoint, &st) < 0)
		return -errno;
	srv->dev = st.st_dev;
	return 0;
}

static int kill_process(pid_t *process)
{
	pid_t pid = *process;

	*process = 0;
	if (!pid)
		return 0;
	kill(pid, SIGKILL);
	return waitpid(pid, NULL, 0) < 0 ? -errno : 0;
}

int fuse_server_kill(struct fuse_server *srv)
{
	return kill_process(&srv->pid);
}

int fuse_server_standby(struct fuse_server *srv,
			const struct fuse_server_opts *opts)
{
	pid_t pid = start_process(srv, opts);

	if (pid < 0)
		return pid;
	srv->standby = pid;
	return 0;
}

int fuse_server_restart(struct fuse_server *srv)
{
	int err = fuse_server_kill(srv);

	srv->sh->held_count = 0;
	srv->sh->release_held = false;
	srv->sh->restarted = true;
	srv->pid = srv->standby;
	srv->standby = 0;
	return err;
}

int fuse_server_resend(struct fuse_server *srv)
{
	struct fuse_out_header out = {
		.len = sizeof(out),
		.error = FUSE_NOTIFY_RESEND,
	};

	return write(srv->fd, &out, sizeof(out)) < 0 ? -errno : 0;
}

void fuse_server_close_dev(struct fuse_server *srv)
{
	if (srv->fd >= 0)
		close(srv->fd);
	srv->fd = -1;
}

int fuse_server_umount(struct fuse_server *srv)
{
	return umount2(srv->mountpoint, 0) < 0 ? -errno : 0;
}

/* For the end of a test, in whatever state it left the mount. */
void fuse_server_stop(struct fuse_server *srv)
{
	if (!srv->sh)
		return;
	umount2(srv->mountpoint, MNT_DETACH);
	fuse_server_close_dev(srv);
	fuse_server_kill(srv);
	kill_process(&srv->standby);
	server_shared_free(srv->sh);
	srv->sh = NULL;
}

int fuse_server_pause(const struct fuse_server *srv)
{
	int status;

	if (kill(srv->pid, SIGSTOP) < 0 || waitpid(srv->pid, &status, WUNTRACED) < 0)
		return -errno;
	return WIFSTOPPED(status) ? 0 : -ESRCH;
}

int fuse_server_resume(const struct fuse_server *srv)
{
	return kill(srv->pid, SIGCONT) < 0 ? -errno : 0;
}

/* The connection's directory in fusectl is named after the device number. */
int fuse_server_control(const struct fuse_server *srv, const char *name,
			int flags)
{
	static const char dir[] = "/sys/fs/fuse/connections";
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%u/%s", dir, minor(srv->dev), name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (mount("fusectl", dir, "fusectl", 0, NULL) < 0)
			return -errno;
		fd = open(path, flags | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

int fuse_server_waiting(const struct fuse_server *srv)
{
	char text[16] = "";
	int fd = fuse_server_control(srv, "waiting", O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? atoi(text) : -EIO;
}

int fuse_server_abort(const struct fuse_server *srv)
{
	int fd = fuse_server_control(srv, "abort", O_WRONLY);
	int err = 0;

	if (fd < 0)
		return fd;
	if (write(fd, "1", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

int fuse_server_drop_name(const struct fuse_server *srv, const char *name)
{
	struct fuse_notify_inval_entry_out arg = {
		.parent = FUSE_ROOT_ID,
		.namelen = strlen(name),
	};
	struct fuse_out_header out = {
		.len = sizeof(out) + sizeof(arg) + arg.namelen + 1,
		.error = FUSE_NOTIFY_INVAL_ENTRY,
	};
	struct iovec iov[] = {
		{ &out, sizeof(out) },
		{ &arg, sizeof(arg) },
		{ (char *)name, arg.namelen + 1 },
	};

	return writev(srv->fd, iov, 3) < 0 ? -errno : 0;
}

struct fuse_server_file *fuse_server_add(struct fuse_server *srv,
					 const char *name)
{
	return server_shared_add(srv->sh, name);
}

__u64 fuse_server_node(const struct fuse_server *srv,
		       const struct fuse_server_file *file)
{
	return server_shared_node(srv->sh, file);
}

__u32 fuse_server_ops(const struct fuse_server *srv, __u32 opcode)
{
	return srv->sh->ops[opcode];
}

__u32 fuse_server_requests(const struct fuse_server *srv)
{
	__u32 n = 0;

	for (int i = 0; i < FUSE_SERVER_OPS; i++)
		if (i != FUSE_FORGET && i != FUSE_BATCH_FORGET)
			n += srv->sh->ops[i];
	return n;
}

__u32 fuse_server_new_requests(struct fuse_server *srv)
{
	__u32 known = srv->known;

	srv->known = fuse_server_requests(srv);
	return srv->known - known;
}

/* What a passthrough read or write must never cause. */
__u32 fuse_server_data_ops(const struct fuse_server *srv)
{
	return fuse_server_ops(srv, FUSE_READ) +
	       fuse_server_ops(srv, FUSE_WRITE);
}

int fuse_server_open(const struct fuse_server *srv, const char *name,
		     int flags)
{
	char path[PATH_MAX + FUSE_SERVER_NAME];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", srv->mountpoint, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

int fuse_server_open_id(struct fuse_server *srv, const char *name, int flags,
			int id)
{
	struct fuse_server_file *file = server_shared_find(srv->sh, name);

	if (!file)
		return -ENXIO;
	file->backing_id = id;
	file->open_flags |= FOPEN_PASSTHROUGH;
	return fuse_server_open(srv, name, flags);
}
