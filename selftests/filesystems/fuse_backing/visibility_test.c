// SPDX-License-Identifier: GPL-2.0
/*
 * Registered backing files can be seen by those who look for open files.
 *
 * Proves: every file that a server registered with FUSE_DEV_IOC_BACKING_OPEN
 * is in the file table of the mount's kernel thread under a descriptor number
 * equal to the backing id, long after the server closed its own descriptor.
 * lsof, fuser and /proc/PID/fd agree about it, the thread is named after the
 * mount, belongs to who registered first and can do nothing, and fdinfo of
 * /dev/fuse leads to it.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "env.h"
#include "wait_until.h"

#define OUTPUT_SIZE	(64 * 1024)
#define OTHER_UID	4321
#define OTHER_GID	4322

FIXTURE(visibility) {
	struct env env;
};

FIXTURE_SETUP(visibility)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
}

FIXTURE_TEARDOWN(visibility)
{
	env_teardown(&self->env);
}

/* MAJ:MIN of the mount as field 3 of mountinfo has it. */
static int mountinfo_dev(const char *mountpoint, char *dev, size_t size)
{
	char line[1024], where[256], nr[32];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	int err = -ENOENT;

	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %31s %*s %255s", nr, where) == 2 &&
		    !strcmp(where, mountpoint)) {
			snprintf(dev, size, "%s", nr);
			err = 0;
		}
	fclose(f);
	return err;
}

/* PF_KTHREAD in the ninth field of /proc/PID/stat. */
static bool is_kernel_thread(pid_t pid)
{
	char path[64], line[512] = "", *p;
	unsigned int flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	if (p)
		sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %u", &flags);
	return flags & 0x00200000;
}

TEST_F(visibility, mount_that_never_registers_has_no_thread)
{
	struct dev_fdinfo info;
	char buf[16];
	int fd;

	fd = fuse_server_open(&self->env.srv, "a", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(sizeof(buf), read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, thread_find(self->env.srv.dev));
	close(fd);
	ASSERT_EQ(0, dev_fdinfo_read(self->env.srv.fd, &info)) {
		TH_LOG("fdinfo of /dev/fuse lacks the backing_ lines");
	}
	EXPECT_EQ(0, info.thread);
	EXPECT_EQ(0, info.count);
	EXPECT_EQ(0, info.limit);
}

TEST_F(visibility, thread_is_named_after_the_mount)
{
	char dev[32], name[64];
	pid_t pid;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	EXPECT_TRUE(is_kernel_thread(pid));

	ASSERT_EQ(0, mountinfo_dev(SCRATCH_FUSE, dev, sizeof(dev)));
	ASSERT_EQ(0, thread_status(pid, "Name", name, sizeof(name)));
	ASSERT_EQ(0, strncmp(name, "fuse/", 5));
	EXPECT_STREQ(dev, name + 5);
}

TEST_F(visibility, descriptor_number_is_backing_id)
{
	static const char * const names[] = { "a", "b", "c", "d" };
	int ids[4], fds[8];
	char path[PATH_MAX];
	pid_t pid;

	for (int i = 0; i < 4; i++) {
		ids[i] = env_register(&self->env, names[i], O_RDWR);
		ASSERT_LT(0, ids[i]);
	}
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);

	/* These and nothing else: not 0, no inherited descriptors. */
	ASSERT_EQ(4, table_list(pid, fds, 8));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(ids[i], fds[i]);
		ASSERT_EQ(0, table_path(pid, ids[i], path, sizeof(path)));
		EXPECT_STREQ(scratch_path(names[i]), path);
	}
}

TEST_F(visibility, one_thread_for_all_registrants)
{
	struct fuse_server *srv = &self->env.srv;
	int clone_fd, id;
	__u32 old = srv->fd;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	ASSERT_LT(0, creds_register_as(OTHER_UID, OTHER_GID, srv->fd,
				       scratch_path("b"), O_RDONLY));

	/* And for all descriptors of the connection. */
	clone_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, clone_fd);
	ASSERT_EQ(0, ioctl(clone_fd, FUSE_DEV_IOC_CLONE, &old));
	id = fuse_backing_open_path(clone_fd, scratch_path("c"), O_RDONLY);
	EXPECT_LT(0, id);
	EXPECT_EQ(1, thread_count());
	EXPECT_EQ(3, table_count(thread_find(srv->dev)));
	EXPECT_EQ(0, fuse_backing_close(srv->fd, id));
	close(clone_fd);
}

/* One file of `lsof -F pcuftn`; lines of a process come before its files. */
struct lsof_file {
	int pid;
	char command[64];
	char fd[16];
	char access;
	char type[16];
	char name[PATH_MAX];
};

static int lsof_list(const char *where, struct lsof_file *files, int max)
{
	static char out[OUTPUT_SIZE];
	char command[PATH_MAX + 64], *line, *save = NULL;
	struct lsof_file now = {};
	int count = 0;

	snprintf(command, sizeof(command), "lsof -w +c0 -F pcufatn %s 2>&1",
		 where);
	if (command_output(command, out, sizeof(out)) == 127)
		return -ENOENT;
	for (line = strtok_r(out, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		switch (*line++) {
		case 'p':
			now.pid = atoi(line);
			break;
		case 'c':
			snprintf(now.command, sizeof(now.command), "%s", line);
			break;
		case 'f':
			snprintf(now.fd, sizeof(now.fd), "%s", line);
			now.access = ' ';
			break;
		case 'a':
			now.access = *line;
			break;
		case 't':
			snprintf(now.type, sizeof(now.type), "%s", line);
			break;
		case 'n':
			snprintf(now.name, sizeof(now.name), "%s", line);
			if (count < max)
				files[count] = now;
			count++;
			break;
		}
	}
	return count;
}

TEST_F(visibility, lsof_shows_every_file)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	static const char * const names[] = { "a", "b", "c" };
	static struct lsof_file files[8];
	char command[32];
	int ids[3], count;
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		ids[i] = env_register(&self->env, names[i], modes[i]);
		ASSERT_LT(0, ids[i]);
	}
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	thread_name(self->env.srv.dev, command, sizeof(command));

	/* Everything that is open below the backing mount, by anybody. */
	count = lsof_list(SCRATCH_BACKING, files, 8);
	if (count == -ENOENT)
		SKIP(return, "no lsof");
	ASSERT_EQ(3, count);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(pid, files[i].pid);
		EXPECT_STREQ(command, files[i].command);
		EXPECT_EQ(ids[i], atoi(files[i].fd));
		EXPECT_EQ("rwu"[i], files[i].access);
		EXPECT_STREQ("REG", files[i].type);
		EXPECT_STREQ(scratch_path(names[i]), files[i].name);
	}
}

TEST_F(visibility, lsof_by_name_and_by_pid)
{
	static struct lsof_file files[4];
	char where[64];
	pid_t pid;
	int id;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDWR));
	id = env_register(&self->env, "b", O_RDWR);
	ASSERT_LT(0, id);
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);

	switch (lsof_list(scratch_path("b"), files, 4)) {
	case -ENOENT:
		SKIP(return, "no lsof");
	case 1:
		EXPECT_EQ(pid, files[0].pid);
		EXPECT_EQ(id, atoi(files[0].fd));
		break;
	default:
		ASSERT_TRUE(false) TH_LOG("not one line for one file");
	}

	snprintf(where, sizeof(where), "-a -d 0-1000 -p %d", pid);
	EXPECT_EQ(2, lsof_list(where, files, 4));
}

TEST_F(visibility, fuser_names_the_thread)
{
	char out[4096], command[PATH_MAX + 64], *p;
	bool found = false;
	pid_t pid;
	int status;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDONLY));
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);

	/* Pids are all that fuser prints to its standard output. */
	snprintf(command, sizeof(command), "fuser -m %s 2>/dev/null",
		 SCRATCH_BACKING);
	status = command_output(command, out, sizeof(out));
	if (status == 127)
		SKIP(return, "no fuser");
	ASSERT_EQ(0, status);
	for (p = strtok(out, " "); p; p = strtok(NULL, " "))
		found |= atoi(p) == pid;
	EXPECT_TRUE(found);

	snprintf(command, sizeof(command), "fuser %s 2>/dev/null",
		 scratch_path("a"));
	ASSERT_EQ(0, command_output(command, out, sizeof(out)));
	EXPECT_EQ(pid, atoi(out));
}

/* Real, effective, saved and filesystem: true if all four are @want. */
static bool all_four(pid_t pid, const char *key, unsigned int want)
{
	char value[128], line[128];

	snprintf(line, sizeof(line), "%u\t%u\t%u\t%u", want, want, want, want);
	return !thread_status(pid, key, value, sizeof(value)) &&
	       !strcmp(value, line);
}

TEST_F(visibility, thread_belongs_to_first_registrant)
{
	struct fuse_server *srv = &self->env.srv;
	pid_t pid;

	ASSERT_EQ(1, creds_register_as(OTHER_UID, OTHER_GID, srv->fd,
				       scratch_path("a"), O_RDONLY));
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);

	EXPECT_TRUE(all_four(pid, "Uid", OTHER_UID));
	EXPECT_TRUE(all_four(pid, "Gid", OTHER_GID));

	/* Later ones don't change it. */
	ASSERT_EQ(2, env_register(&self->env, "b", O_RDONLY));
	EXPECT_EQ(pid, thread_find(srv->dev));
	EXPECT_TRUE(all_four(pid, "Uid", OTHER_UID));
	EXPECT_TRUE(all_four(pid, "Gid", OTHER_GID));
}

TEST_F(visibility, thread_has_no_capabilities)
{
	static const char * const sets[] = {
		"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
	};
	char value[64];
	pid_t pid;

	/* Root registers, the strongest case. */
	ASSERT_LT(0, env_register(&self->env, "a", O_RDONLY));
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		ASSERT_EQ(0, thread_status(pid, sets[i], value, sizeof(value)));
		EXPECT_STREQ("0000000000000000", value)
			TH_LOG("%s", sets[i]);
	}
}

/* It does no work and cannot be made to: no signal ends it. */
TEST_F(visibility, thread_survives_signals)
{
	pid_t pid;
	int id, fd;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	kill(pid, SIGTERM);
	kill(pid, SIGKILL);
	kill(pid, SIGSTOP);

	fd = fuse_server_open_id(&self->env.srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	EXPECT_EQ(5, write(fd, "bytes", 5));
	close(fd);
	EXPECT_LT(0, env_register(&self->env, "b", O_RDWR));
	EXPECT_EQ(pid, thread_find(self->env.srv.dev));
	EXPECT_EQ(2, table_count(pid));
}

TEST_F(visibility, fdinfo_leads_to_the_thread)
{
	struct fuse_server *srv = &self->env.srv;
	unsigned long soft, hard;
	struct dev_fdinfo info;
	pid_t pid;
	int id;

	id = env_register(&self->env, "a", O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_LT(0, env_register(&self->env, "b", O_RDONLY));
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, thread_nofile(pid, &soft, &hard));

	ASSERT_EQ(0, dev_fdinfo_read(srv->fd, &info));
	EXPECT_EQ(pid, info.thread);
	EXPECT_EQ(2, info.count);
	EXPECT_EQ(soft, info.limit);

	ASSERT_EQ(0, fuse_backing_close(srv->fd, id));
	ASSERT_EQ(0, dev_fdinfo_read(srv->fd, &info));
	EXPECT_EQ(1, info.count);
}

/* A descriptor without a connection has nothing to say. */
TEST_F(visibility, fdinfo_before_mount)
{
	struct dev_fdinfo info = { .thread = 0 };
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	if (!dev_fdinfo_read(fd, &info)) {
		EXPECT_EQ(0, info.thread);
		EXPECT_EQ(0, info.count);
		EXPECT_EQ(0, info.limit);
	}
	close(fd);
}

static int read_fdinfo_in_pid_namespace(int dev)
{
	struct dev_fdinfo info;

	/* The pid that fdinfo translates to is that of the proc mount. */
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return 2;
	if (dev_fdinfo_read(dev, &info) < 0)
		return 3;
	if (info.thread)
		return 4;
	return info.count == 1 && info.limit ? 0 : 5;
}

/*
 * A container does not see a thread of the initial pid namespace: no pid
 * that means another process to it, but the numbers are right.
 */
TEST_F(visibility, fdinfo_in_another_pid_namespace)
{
	int status;
	pid_t pid;

	ASSERT_LT(0, env_register(&self->env, "a", O_RDONLY));
	fflush(NULL);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
			_exit(6);
		pid = fork();
		if (!pid)
			_exit(read_fdinfo_in_pid_namespace(self->env.srv.fd));
		_exit(waitpid(pid, &status, 0) == pid &&
		      WIFEXITED(status) ? WEXITSTATUS(status) : 7);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_F(visibility, closed_id_stays_while_its_file_is_open)
{
	struct fuse_server *srv = &self->env.srv;
	static struct lsof_file files[4];
	struct dev_fdinfo info;
	char path[PATH_MAX];
	int id, fd, count;
	pid_t pid;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	fd = fuse_server_open_id(srv, "a", O_RDWR, id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fuse_backing_close(srv->fd, id));

	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);
	ASSERT_EQ(0, table_path(pid, id, path, sizeof(path)));
	EXPECT_STREQ(scratch_path("a"), path);
	count = lsof_list(scratch_path("a"), files, 4);
	if (count != -ENOENT) {
		EXPECT_EQ(1, count);
		EXPECT_EQ(id, atoi(files[0].fd));
	}
	EXPECT_EQ(0, dev_fdinfo_read(srv->fd, &info));
	EXPECT_EQ(1, info.count);

	close(fd);
	EXPECT_TRUE(wait_until(!table_has(pid, id)));
	EXPECT_TRUE(wait_until(!dev_fdinfo_read(srv->fd, &info) &&
			       !info.count));
	EXPECT_TRUE(thread_exists(pid));
}

/* Without a user the slot is free when the ioctl returns. */
TEST_F(visibility, closed_idle_id_goes_at_once)
{
	struct fuse_server *srv = &self->env.srv;
	pid_t pid;
	int id;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);
	EXPECT_TRUE(table_has(pid, id));
	ASSERT_EQ(0, fuse_backing_close(srv->fd, id));
	EXPECT_FALSE(table_has(pid, id));
	EXPECT_EQ(0, scratch_umount_backing());
}

/* Only the registered files: what the kernel opens per FUSE file is hidden. */
TEST_F(visibility, opens_add_nothing_to_the_table)
{
	struct fuse_server *srv = &self->env.srv;
	int id, fd[10];
	pid_t pid;

	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	pid = thread_find(srv->dev);
	ASSERT_NE(0, pid);
	for (int i = 0; i < 10; i++) {
		fd[i] = fuse_server_open_id(srv, "a", O_RDWR, id);
		ASSERT_LE(0, fd[i]);
	}
	EXPECT_EQ(1, table_count(pid));
	for (int i = 0; i < 10; i++)
		close(fd[i]);
	EXPECT_EQ(1, table_count(pid));
}

TEST_F(visibility, others_cannot_list_or_take_the_files)
{
	int status, id;
	pid_t pid, child;

	/* Of the same user as the thread: still not theirs to look into. */
	id = creds_register_as(OTHER_UID, OTHER_GID, self->env.srv.fd,
			       scratch_path("a"), O_RDONLY);
	ASSERT_LT(0, id);
	pid = thread_find(self->env.srv.dev);
	ASSERT_NE(0, pid);
	fflush(NULL);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int pidfd;

		if (creds_become(OTHER_UID, OTHER_GID) || creds_drop_all())
			_exit(2);
		if (table_count(pid) >= 0)
			_exit(3);
		pidfd = syscall(SYS_pidfd_open, pid, 0);
		if (pidfd >= 0 &&
		    syscall(SYS_pidfd_getfd, pidfd, id, 0) >= 0)
			_exit(4);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
