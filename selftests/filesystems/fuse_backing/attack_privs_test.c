// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on what a write has to take away: suid, sgid, file capabilities.
 *
 * Proves: when a client without CAP_FSETID writes a privileged backing file,
 * by write, splice or aio, the privileges are gone from the backing file, from
 * what stat(2) says through the mount and from what execve(2) grants, whatever
 * the server's own capabilities are and whether or not it negotiated
 * FUSE_HANDLE_KILLPRIV or FUSE_HANDLE_KILLPRIV_V2, and whether it opens the file
 * or that is attached. A client with CAP_FSETID keeps them where the server
 * could.
 *
 * Privilege: root. The server is root, or an ordinary user without
 * capabilities; so is the client.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "harness.h"

#include "async_io.h"
#include "attack.h"
#include "backing_ioctl.h"
#include "creds.h"
#include "privs.h"

#define REPORT		"REPORT_EUID"
#define AM_ROOT		10
#define AM_NOT_ROOT	11

/* The privileged program is this one: it says as whom it runs. */
__attribute__((constructor)) static void report_euid(void)
{
	if (getenv(REPORT))
		_exit(geteuid() ? AM_NOT_ROOT : AM_ROOT);
}

FIXTURE(privs) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;
};

FIXTURE_VARIANT(privs) {
	__u64 init_flags;
	uid_t server;
	bool attached;
};

FIXTURE_VARIANT_ADD(privs, root) {
	.server = 0,
};

FIXTURE_VARIANT_ADD(privs, root_killpriv) {
	.server = 0,
	.init_flags = FUSE_HANDLE_KILLPRIV,
};

FIXTURE_VARIANT_ADD(privs, root_killpriv_v2) {
	.server = 0,
	.init_flags = FUSE_HANDLE_KILLPRIV_V2,
};

FIXTURE_VARIANT_ADD(privs, user) {
	.server = OWNER,
};

FIXTURE_VARIANT_ADD(privs, user_killpriv) {
	.server = OWNER,
	.init_flags = FUSE_HANDLE_KILLPRIV,
};

FIXTURE_VARIANT_ADD(privs, user_killpriv_v2) {
	.server = OWNER,
	.init_flags = FUSE_HANDLE_KILLPRIV_V2,
};

FIXTURE_VARIANT_ADD(privs, root_attached) {
	.server = 0,
	.attached = true,
};

FIXTURE_VARIANT_ADD(privs, root_killpriv_v2_attached) {
	.server = 0,
	.init_flags = FUSE_HANDLE_KILLPRIV_V2,
	.attached = true,
};

FIXTURE_VARIANT_ADD(privs, user_attached) {
	.server = OWNER,
	.attached = true,
};

static int make_program(uid_t uid)
{
	const char *path = scratch_path("program");
	int err = scratch_copy("program", "/proc/self/exe");

	if (err)
		return err;
	if (chown(path, uid, uid) < 0 || chmod(path, 06755) < 0)
		return -errno;
	return privs_give_caps(path);
}

/* Nobody asks the server to open the program any more. */
static int attach(struct fuse_server *srv, struct fuse_server_file *file,
		  int id)
{
	struct stat st;

	if (stat(SCRATCH_FUSE "/program", &st) < 0)
		return -errno;
	return fuse_attach_backing(srv->fd, fuse_server_node(srv, file), 0, id,
				   FUSE_BACKING_READ | FUSE_BACKING_WRITE);
}

FIXTURE_SETUP(privs)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE,
		.backing = SCRATCH_BACKING,
		.init_flags = variant->init_flags,
		.uid = variant->server,
		.suid = true,
	};
	int id;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, scratch_setup(&self->env.scratch, SCRATCH_EXT4));
	ASSERT_EQ(0, make_program(variant->server));
	self->srv = &self->env.srv;
	id = privs_serve(&self->env, "program", &opts);
	if (id == -EOPNOTSUPP)
		SKIP(return, "needs FUSE passthrough");
	ASSERT_LT(0, id);
	self->file = &self->srv->sh->file[0];
	/* Programs run as root, whoever the server is. */
	self->file->invent = true;
	self->file->invented_uid = 0;
	if (variant->attached)
		ASSERT_EQ(0, attach(self->srv, self->file, id));
}

FIXTURE_TEARDOWN(privs)
{
	if (variant->attached)
		EXPECT_EQ(0, self->file->opens);
	env_teardown(&self->env);
}

static int by_write(int fd)
{
	return write(fd, "x", 1) == 1 ? 0 : -errno;
}

static int by_splice(int fd)
{
	loff_t end = lseek(fd, 0, SEEK_END);
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0 || write(pipefd[1], "x", 1) != 1)
		return -errno;
	return splice(pipefd[0], NULL, fd, &end, 1, 0) == 1 ? 0 : -errno;
}

static int by_aio(int fd)
{
	char byte = 'x';
	ssize_t n = aio_rw(fd, &byte, 1, lseek(fd, 0, SEEK_END), true);

	return n == 1 ? 0 : n ?: -EIO;
}

static int (*const ways[])(int fd) = { by_write, by_splice, by_aio };

/* At the end, so that the program still runs. */
static int write_at_end(void *arg)
{
	int (*const *way)(int fd) = arg;
	int fd = open(SCRATCH_FUSE "/program", O_WRONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = lseek(fd, 0, SEEK_END) < 0 ? -errno : (*way)(fd);
	close(fd);
	return err;
}

static int execute(void *arg)
{
	const char *path = arg;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		setenv(REPORT, "1", 1);
		execl(path, path, NULL);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

static mode_t privileges(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_mode & 06000;
}

/* The same, and the server is asked even if the kernel remembers. */
static mode_t privileges_now(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_MODE, &st) < 0 ?
		       0 : st.stx_mode & 06000;
}

TEST_F(privs, client_without_capabilities)
{
	const char *path = scratch_path("program");
	char fuse[] = SCRATCH_FUSE "/program";

	ASSERT_EQ(06000, privileges(fuse));
	ASSERT_EQ(AM_ROOT, creds_call(&stranger, execute, fuse));
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		ASSERT_EQ(0, chmod(path, 06755));
		ASSERT_EQ(0, privs_give_caps(path));
		ASSERT_EQ(06000, privileges_now(fuse));
		ASSERT_EQ(06000, privileges(path));
		ASSERT_EQ(0, creds_call(&stranger, write_at_end,
					(void *)&ways[i]));
		EXPECT_EQ(0, privileges(path)) TH_LOG("way %zu", i);
		EXPECT_FALSE(privs_has_caps(path)) TH_LOG("way %zu", i);
		EXPECT_EQ(AM_NOT_ROOT, creds_call(&stranger, execute, fuse))
			TH_LOG("way %zu", i);
		EXPECT_EQ(0, privileges(fuse)) TH_LOG("way %zu", i);
	}
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

/* As on a local file; but the server can't keep what it couldn't itself. */
TEST_F(privs, client_with_fsetid)
{
	const struct creds client = { STRANGER, STRANGER,
				      CREDS_CAP(CAP_FSETID) };
	const mode_t kept = variant->server ? 0 : 06000;
	const char *path = scratch_path("program");
	char fuse[] = SCRATCH_FUSE "/program";

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		ASSERT_EQ(0, chmod(path, 06755));
		ASSERT_EQ(06000, privileges_now(fuse));
		ASSERT_EQ(0, creds_call(&client, write_at_end,
					(void *)&ways[i]));
		EXPECT_EQ(kept, privileges(path)) TH_LOG("way %zu", i);
	}
	if (kept)
		EXPECT_EQ(AM_ROOT, creds_call(&stranger, execute, fuse));
}

/* Nothing to take away, nothing taken. */
TEST_F(privs, ordinary_file)
{
	const char *path = scratch_path("program");
	struct stat st;

	ASSERT_EQ(0, chmod(path, 0775));
	ASSERT_EQ(0, removexattr(path, PRIVS_CAPABILITY));
	ASSERT_EQ(0, creds_call(&stranger, write_at_end, (void *)&ways[0]));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(0775, st.st_mode & 07777);
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
}

TEST_HARNESS_MAIN
