// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks by registering: files that are not fit, callers that are not meant.
 *
 * Proves: files on internal mounts are refused to everybody, those of pseudo
 * filesystems to everybody without CAP_SYS_ADMIN; ordinary filesystems, a
 * user's own mount and a stack that was negotiated are accepted. Who registers
 * on the connection of somebody lesser lends no more than the descriptors it
 * has, whoever attaches that; who is outside the connection's user namespace can
 * call nothing at all.
 *
 * Privilege: root, to mount for an ordinary user and to be the helper that is
 * more privileged. The server has no capabilities, in one half of the tests
 * but for those in a user namespace of its own.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "harness.h"

#include "attack.h"
#include "backing_ioctl.h"
#include "backing_table.h"
#include "creds.h"
#include "fd_pass.h"
#include "text_file.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define SHM_SIZE	4096
#define MAX_PSEUDO	16

/* Files that root opens, for servers that couldn't. */
struct pseudo {
	char path[PATH_MAX];
	int fd;
};

FIXTURE(registration) {
	struct attack attack;
	struct fuse_server *srv;
	struct pseudo pseudo[MAX_PSEUDO];
	int pseudos;
	int shm;		/* System V shared memory as a file */
};

FIXTURE_VARIANT(registration) {
	bool userns;
};

FIXTURE_VARIANT_ADD(registration, user) {
	.userns = false,
};

FIXTURE_VARIANT_ADD(registration, user_namespace) {
	.userns = true,
};

static char found[PATH_MAX];

static int is_readable_file(const char *path, const struct stat *st, int type,
			    struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode) || !(st->st_mode & 0444))
		return 0;
	snprintf(found, sizeof(found), "%s", path);
	return 1;
}

/* Some file of a filesystem that may have none. */
static const char *first_file(const char *dir)
{
	if (nftw(dir, is_readable_file, 16, FTW_PHYS | FTW_MOUNT) != 1)
		return NULL;
	return found;
}

static void add_pseudo(struct pseudo *list, int *count, const char *path)
{
	struct pseudo *p = &list[*count];

	if (!path)
		return;
	p->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0)
		return;
	snprintf(p->path, sizeof(p->path), "%s", path);
	(*count)++;
}

static int open_pseudos(struct pseudo *list)
{
	static const char * const paths[] = {
		"/sys/kernel/uevent_seqnum", "/sys/devices/system/cpu/online",
		"/sys/fs/cgroup/cgroup.procs", "/sys/kernel/tracing/trace_clock",
		"/sys/kernel/debug/sleep_time",
	};
	int count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		add_pseudo(list, &count, paths[i]);
	add_pseudo(list, &count, first_file("/sys/kernel/debug"));
	add_pseudo(list, &count, first_file("/sys/kernel/config"));
	add_pseudo(list, &count, first_file("/sys/kernel/security"));
	add_pseudo(list, &count, first_file("/sys/fs/bpf"));
	return count;
}

/* The memory of a segment has a file, but no path that leads to it. */
static int open_shm(void)
{
	int id = shmget(IPC_PRIVATE, SHM_SIZE, IPC_CREAT | 0600);
	unsigned long start;
	char path[96];
	void *map;

	if (id < 0)
		return -errno;
	map = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	if (map == (void *)-1)
		return -errno;
	start = (unsigned long)map;
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", start,
		 start + SHM_SIZE);
	return open(path, O_RDWR | O_CLOEXEC);
}

FIXTURE_SETUP(registration)
{
	const struct fuse_server_opts opts = { .max_stack_depth = 2 };
	int err = attack_prepare(&self->attack, SCRATCH_EXT4);

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	self->pseudos = open_pseudos(self->pseudo);
	self->shm = open_shm();
	err = attack_serve(&self->attack, variant->userns, &opts);
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(registration)
{
	for (int i = 0; i < self->pseudos; i++)
		close(self->pseudo[i].fd);
	close(self->shm);
	attack_teardown(&self->attack);
}

/* By the server, and by root where the test still is root. */
static void refuse_internal(struct __test_metadata *_metadata,
			    struct attack *attack, int fd)
{
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EOPNOTSUPP, attack_register(attack, fd));
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP, "internal-mount"));
	EXPECT_EQ(-EOPNOTSUPP, fuse_backing_open(attack->srv->fd, fd));
}

TEST_F(registration, memfd)
{
	static const int seals[] = {
		0, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL,
	};
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(seals); i++) {
		fd = memfd_create("attack", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, seals[i]));
		refuse_internal(_metadata, &self->attack, fd);
		close(fd);
	}
	fd = memfd_create("attack", MFD_CLOEXEC);
	refuse_internal(_metadata, &self->attack, fd);
	close(fd);
	EXPECT_EQ(0, thread_find(self->srv->dev));
}

TEST_F(registration, sysv_shm)
{
	refuse_internal(_metadata, &self->attack, self->shm);
}

TEST_F(registration, namespace_file)
{
	int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	refuse_internal(_metadata, &self->attack, fd);
	close(fd);
}

TEST_F(registration, pseudo_filesystems)
{
	struct attack *attack = &self->attack;

	for (int i = 0; i < self->pseudos; i++) {
		EXPECT_EQ(-EOPNOTSUPP,
			  attack_register(attack, self->pseudo[i].fd))
			TH_LOG("%s", self->pseudo[i].path);
	}
	EXPECT_LE(4, self->pseudos);
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP, "filesystem"));
	EXPECT_EQ(0, thread_find(self->srv->dev));
}

/* procfs also counts as stacked as deeply as can be: not even for root. */
TEST_F(registration, proc)
{
	static const char * const paths[] = {
		"/proc/version", "/proc/self/status", "/proc/sys/kernel/ostype",
	};
	struct attack *attack = &self->attack;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		EXPECT_EQ(-EOPNOTSUPP, attack_register_path(attack, paths[i],
							    O_RDONLY));
		EXPECT_GT(0, fuse_backing_open_path(self->srv->fd, paths[i],
						    O_RDONLY));
	}
	EXPECT_TRUE(attack_rejected(attack, 0, -EOPNOTSUPP, "filesystem"));
}

/* Handlers would see the credentials of a root that was only asked a favour. */
TEST_F(registration, pseudo_filesystems_by_broker)
{
	for (int i = 0; i < self->pseudos; i++) {
		EXPECT_EQ(-EOPNOTSUPP,
			  fuse_backing_open(self->srv->fd, self->pseudo[i].fd))
			TH_LOG("%s", self->pseudo[i].path);
	}
}

/* On a connection of its own, as ever. */
TEST_F(registration, pseudo_filesystems_by_root)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
	};
	struct fuse_server srv;
	int id, fd;

	if (self->attack.userns)
		SKIP(return, "root of a user namespace is nobody");
	ASSERT_EQ(0, fuse_server_start(&srv, &opts));
	ASSERT_NE(NULL, fuse_server_add(&srv, "own"));
	for (int i = 0; i < self->pseudos; i++) {
		id = fuse_backing_open(srv.fd, self->pseudo[i].fd);
		EXPECT_LT(0, id) TH_LOG("%s", self->pseudo[i].path);
		fd = fuse_server_open_id(&srv, "own", O_RDONLY, id);
		EXPECT_LE(0, fd) TH_LOG("%s", self->pseudo[i].path);
		close(fd);
	}
	fuse_server_stop(&srv);
}

TEST_F(registration, not_regular)
{
	struct attack *attack = &self->attack;
	int fds[5], pipefd[2], n = 0;

	ASSERT_EQ(0, pipe2(pipefd, O_CLOEXEC));
	fds[n++] = pipefd[0];
	fds[n++] = pipefd[1];
	fds[n++] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[n++] = eventfd(0, EFD_CLOEXEC);
	fds[n++] = attack->env.scratch.loop;
	for (int i = 0; i < n; i++) {
		ASSERT_LE(0, fds[i]);
		EXPECT_EQ(-EINVAL, attack_register(attack, fds[i]))
			TH_LOG("descriptor %d", i);
	}
	EXPECT_TRUE(attack_rejected(attack, 0, -EINVAL, "file-type"));
	EXPECT_EQ(-EISDIR, attack_register_path(attack, SCRATCH_BACKING,
						O_RDONLY | O_DIRECTORY));
	EXPECT_EQ(-EISDIR, attack_register_path(attack, SCRATCH_BACKING,
						O_PATH));
	EXPECT_TRUE(attack_rejected(attack, 0, -EISDIR, "file-type"));
}

/* Registered by the server and read by a client. */
static int is_accepted(struct attack *attack, const char *path)
{
	int id = attack_register_path(attack, path, O_RDONLY);
	char byte;
	int fd;

	if (id < 0)
		return id;
	fd = fuse_server_open_id(attack->srv, "own", O_RDONLY, id);
	if (fd < 0)
		return fd;
	if (read(fd, &byte, 1) < 0)
		return -errno;
	close(fd);
	return 0;
}

static int put_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* ext4; tmpfs, the user's own if it can mount; where this program is; root. */
TEST_F(registration, ordinary_filesystems)
{
	struct attack *attack = &self->attack;

	EXPECT_EQ(0, is_accepted(attack, scratch_path("own")));
	ASSERT_EQ(0, mount("other", SCRATCH_OTHER, "tmpfs", 0, "mode=777"));
	ASSERT_EQ(0, put_file(SCRATCH_OTHER "/file"));
	EXPECT_EQ(0, is_accepted(attack, SCRATCH_OTHER "/file"));
	EXPECT_EQ(0, is_accepted(attack, "/proc/self/exe"));
	EXPECT_EQ(0, is_accepted(attack, "/etc/passwd"));
}

TEST_F(registration, overlay)
{
	struct attack *attack = &self->attack;

	ASSERT_EQ(0, mount("other", SCRATCH_OTHER, "tmpfs", 0, "mode=777"));
	ASSERT_EQ(0, mkdir(SCRATCH_OTHER "/upper", 0755));
	ASSERT_EQ(0, mkdir(SCRATCH_OTHER "/work", 0755));
	ASSERT_EQ(0, mount("overlay", SCRATCH_FUSE2, "overlay", 0,
			   "lowerdir=" SCRATCH_BACKING ",upperdir="
			   SCRATCH_OTHER "/upper,workdir="
			   SCRATCH_OTHER "/work"));
	EXPECT_EQ(0, is_accepted(attack, SCRATCH_FUSE2 "/own"));
}

TEST_F(registration, another_fuse)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE2,
		.backing = SCRATCH_BACKING,
		.no_passthrough = true,
	};
	struct fuse_server lower;

	ASSERT_EQ(0, fuse_server_start(&lower, &opts));
	ASSERT_NE(NULL, fuse_server_add(&lower, "own"));
	EXPECT_EQ(0, is_accepted(&self->attack, SCRATCH_FUSE2 "/own"));
	EXPECT_EQ(0, is_accepted(&self->attack, SCRATCH_FUSE2 "/own"));
	fuse_server_stop(&lower);
}

/* Somebody with more power registers on the user's connection. */
FIXTURE(broker) {
	struct attack attack;
	struct fuse_server *srv;
};

FIXTURE_VARIANT(broker) {
	bool attached;
};

FIXTURE_VARIANT_ADD(broker, named) {
	.attached = false,
};

FIXTURE_VARIANT_ADD(broker, attached) {
	.attached = true,
};

FIXTURE_SETUP(broker)
{
	int err = attack_setup(&self->attack, SCRATCH_TMPFS, false);

	self->attack.attached = variant->attached;
	self->srv = self->attack.srv;
	attack_ready(_metadata, err);
}

FIXTURE_TEARDOWN(broker)
{
	attack_teardown(&self->attack);
}

static void only_descriptor_modes(struct __test_metadata *_metadata,
				  struct attack *attack, int id)
{
	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR));
	EXPECT_TRUE(attack_rejected(attack, id, -EACCES, "permission"));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_WRONLY));
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
}

TEST_F(broker, root)
{
	struct attack *attack = &self->attack;
	int id;

	id = fuse_backing_open_path(self->srv->fd, scratch_path("secret"),
				    O_RDONLY);
	only_descriptor_modes(_metadata, attack, id);
	id = fuse_backing_open_path(self->srv->fd, scratch_path("own"),
				    O_RDONLY);
	only_descriptor_modes(_metadata, attack, id);
	EXPECT_EQ(0, attack_untouched("secret", SEED_SECRET));
}

/* Attaching takes no rights and lends none: the registration's count. */
TEST_F(broker, root_attaches)
{
	struct attack *attack = &self->attack;
	__u64 node = fuse_server_node(self->srv, attack_file(attack, "own"));
	struct stat st;
	int id, fd;

	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
	id = attack_register_path(attack, scratch_path("root"), O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, node, 0, id, BOTH));
	EXPECT_EQ(-EACCES, fuse_server_open(self->srv, "own", O_RDWR));
	EXPECT_EQ(-EACCES, fuse_server_open(self->srv, "own", O_WRONLY));
	EXPECT_EQ(0, attack_untouched("root", SEED_ROOT));
	ASSERT_EQ(0, fuse_detach_backing(self->srv->fd, node, 0, 0));

	id = attack_register_path(attack, scratch_path("own"), O_RDONLY);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, node, 0, id, BOTH));
	fd = fuse_server_open(self->srv, "own", O_RDWR);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	close(fd);
}

TEST_F(broker, root_with_path_descriptor)
{
	struct attack *attack = &self->attack;
	int id = fuse_backing_open_path(self->srv->fd, scratch_path("secret"),
					O_PATH);

	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDONLY));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_WRONLY));
	EXPECT_EQ(-EACCES, attack_try_open(attack, id, O_RDWR));
}

/* O_APPEND stays as well: root's own right to write isn't lent. */
TEST_F(broker, root_with_append_descriptor)
{
	struct attack *attack = &self->attack;
	int id = fuse_backing_open_path(self->srv->fd, scratch_path("root"),
					O_RDWR | O_APPEND);

	ASSERT_LT(0, id);
	EXPECT_EQ(-EPERM, attack_try_open(attack, id, O_RDWR));
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR | O_APPEND));
	id = fuse_backing_open_path(self->srv->fd, scratch_path("root"),
				    O_RDWR);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR));
}

static int register_file(struct attack *attack, const struct creds *who,
			 const char *name, int flags)
{
	struct attack_path p = { attack->srv->fd, scratch_path(name), flags };

	return creds_call(who, attack_do_register_path, &p);
}

TEST_F(broker, owner_with_a_capability)
{
	const struct creds who = { OWNER, OWNER,
				   CREDS_CAP(CAP_DAC_OVERRIDE) };
	struct attack *attack = &self->attack;

	only_descriptor_modes(_metadata, attack,
			      register_file(attack, &who, "secret", O_RDONLY));
	only_descriptor_modes(_metadata, attack,
			      register_file(attack, &who, "own", O_RDONLY));
	EXPECT_EQ(0, attack_untouched("secret", SEED_SECRET));
}

TEST_F(broker, another_user)
{
	struct attack *attack = &self->attack;
	int id;

	ASSERT_EQ(0, scratch_owned("theirs", 16, 0, STRANGER, 0644));
	only_descriptor_modes(_metadata, attack,
			      register_file(attack, &stranger, "theirs",
					    O_RDONLY));
	id = register_file(attack, &owner, "own", O_RDONLY);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR));
}

/* In a user namespace of the owner's, nobody has more than the owner. */
static int register_in_userns(void *arg)
{
	return creds_enter_userns() ?: attack_do_register_path(arg);
}

TEST_F(broker, owners_user_namespace)
{
	struct attack_path p = { self->srv->fd, scratch_path("own"), O_RDONLY };
	struct attack *attack = &self->attack;
	int id = creds_call(&owner, register_in_userns, &p);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDWR));
	p.path = scratch_path("root");
	only_descriptor_modes(_metadata, attack,
			      creds_call(&owner, register_in_userns, &p));
}

/* The mapper stays outside, where it may map everybody. */
static int map_everybody(pid_t pid)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	err = text_file_write(path, "0 0 65536");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	return err ?: text_file_write(path, "0 0 65536");
}

/*
 * A user namespace that root made: its members' capabilities are good for
 * root's files, and not the owner's to make.
 */
static int register_as_container(void *arg)
{
	const struct creds who = { OWNER, OWNER, CREDS_CAP(CAP_DAC_OVERRIDE) };
	int ready[2], result;
	pid_t pid, parent = getpid();
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (!pid) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) != 1 || map_everybody(parent));
	}
	if (pid < 0 || unshare(CLONE_NEWUSER) < 0 ||
	    write(ready[1], "x", 1) != 1)
		return -errno;
	if (waitpid(pid, &result, 0) != pid || result)
		return -ECHILD;
	return creds_set(&who) ?: attack_do_register_path(arg);
}

TEST_F(broker, roots_user_namespace)
{
	struct attack_path p = { self->srv->fd, scratch_path("secret"),
				 O_RDONLY };
	const struct creds root = { 0, 0, ~0ULL >> (63 - CAP_LAST_CAP) };
	int id = creds_call(&root, register_as_container, &p);

	only_descriptor_modes(_metadata, &self->attack, id);
	EXPECT_EQ(0, attack_untouched("secret", SEED_SECRET));
}

/* A connection within a user namespace, and callers that are not within it. */
FIXTURE(outsider) {
	struct attack attack;
	struct fuse_server *srv;
	int socket;		/* to the outsider, who then has /dev/fuse */
	pid_t pid;
};

FIXTURE_VARIANT(outsider) {
	bool sibling;		/* in a user namespace, but in another one */
};

FIXTURE_VARIANT_ADD(outsider, root) {
	.sibling = false,
};

FIXTURE_VARIANT_ADD(outsider, sibling) {
	.sibling = true,
};

struct outsider_result {
	int open;
	int close;
	int attach;
	int extents;
	int detach;
	int revoke;
	int list;
	int close_all;
};

/* "own", which has the first node after the root, is looked up. */
#define OWN_NODE	2

static void outsider(int socket, bool sibling)
{
	const struct fuse_backing_extent extent = {
		.length = 1,
		.backing_id = 1,
	};
	struct outsider_result result = {};
	int dev, fd;

	if (sibling && attack_enter_userns())
		_exit(1);
	dev = fd_receive(socket);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	result.open = fuse_backing_open(dev, fd);
	result.close = fuse_backing_close(dev, 1);
	result.attach = fuse_attach_backing(dev, OWN_NODE + 1, 0, 1, BOTH |
					    FUSE_BACKING_ATTACH_PENDING);
	result.extents = fuse_backing_set_extents(dev, OWN_NODE, &extent, 1,
						  BOTH);
	result.detach = fuse_detach_backing(dev, OWN_NODE, 0, 0);
	result.revoke = fuse_detach_backing(dev, OWN_NODE, 0,
					    FUSE_BACKING_DETACH_REVOKE);
	result.list = fuse_list_backing(dev, NULL, 0);
	result.close_all = fuse_backing_close_all(dev);
	_exit(write(socket, &result, sizeof(result)) < 0);
}

FIXTURE_SETUP(outsider)
{
	const struct fuse_server_opts opts = { .max_stack_depth = 2 };
	int err = attack_prepare(&self->attack, SCRATCH_TMPFS);
	int pair[2];

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	fflush(NULL);
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid)
		outsider(pair[1], variant->sibling);
	close(pair[1]);
	self->socket = pair[0];
	err = attack_serve(&self->attack, true, &opts);
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(outsider)
{
	close(self->socket);
	attack_teardown(&self->attack);
}

TEST_F(outsider, outside_of_the_user_namespace)
{
	struct attack *attack = &self->attack;
	struct fuse_backing_entry entry;
	struct outsider_result result;
	struct stat st;
	char byte;
	int id, fd;

	id = attack_register_path(attack, "/proc/self/exe", O_RDONLY);
	ASSERT_EQ(1, id);
	ASSERT_EQ(0, stat(SCRATCH_FUSE "/own", &st));
	ASSERT_EQ(0, attack_attach(attack, OWN_NODE, id));
	fd = fuse_server_open(self->srv, "own", O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fd_send(self->socket, self->srv->fd));
	ASSERT_EQ(sizeof(result),
		  read(self->socket, &result, sizeof(result)));
	EXPECT_EQ(-EPERM, result.open);
	EXPECT_EQ(-EPERM, result.close);
	EXPECT_EQ(-EPERM, result.attach);
	EXPECT_EQ(-EPERM, result.extents);
	EXPECT_EQ(-EPERM, result.detach);
	EXPECT_EQ(-EPERM, result.revoke);
	EXPECT_EQ(-EPERM, result.list);
	EXPECT_EQ(-EPERM, result.close_all);
	EXPECT_TRUE(attack_rejected(attack, 0, -EPERM, "user-namespace"));
	EXPECT_TRUE(attack_rejected(attack, id, -EPERM, "user-namespace"));

	/* All of it is there still; and for who is inside, it works. */
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_OPEN));
	EXPECT_EQ(1, pread(fd, &byte, 1, 0));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	EXPECT_EQ(1, fuse_list_backing(self->srv->fd, &entry, 1));
	EXPECT_EQ(1, entry.attached);
	EXPECT_EQ(0, entry.pending);
	EXPECT_EQ(0, fuse_detach_backing(self->srv->fd, OWN_NODE, 0,
					 FUSE_BACKING_DETACH_REVOKE));
	EXPECT_EQ(0, attack_try_open(attack, id, O_RDONLY));
	EXPECT_EQ(0, fuse_backing_close_all(self->srv->fd));
	EXPECT_EQ(0, fuse_list_backing(self->srv->fd, &entry, 1));
	close(fd);
	waitpid(self->pid, NULL, 0);
}

/*
 * Somebody came into the user namespace from outside and is still root there,
 * a user that the namespace doesn't know: its root is the lesser one.
 */
FIXTURE(visitor) {
	struct attack attack;
	struct fuse_server *srv;
	int socket;
	pid_t pid;
};

static void visitor(int socket)
{
	int fd = open(scratch_path("secret"), O_RDONLY | O_CLOEXEC);
	int dev = fd_receive(socket);
	int ns = fd_receive(socket);
	int id = -ECHILD;

	if (setns(ns, CLONE_NEWUSER) == 0)
		id = fuse_backing_open(dev, fd);
	_exit(write(socket, &id, sizeof(id)) < 0);
}

FIXTURE_SETUP(visitor)
{
	static const struct fuse_server_opts opts;
	int err = attack_prepare(&self->attack, SCRATCH_TMPFS);
	int pair[2];

	if (!attack_ready(_metadata, err))
		return;
	self->srv = self->attack.srv;
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	fflush(NULL);
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid)
		visitor(pair[1]);
	close(pair[1]);
	self->socket = pair[0];
	err = attack_serve(&self->attack, true, &opts);
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(visitor)
{
	close(self->socket);
	attack_teardown(&self->attack);
}

TEST_F(visitor, lends_only_its_descriptor)
{
	int ns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	int id;

	ASSERT_LE(0, ns);
	ASSERT_EQ(0, fd_send(self->socket, self->srv->fd));
	ASSERT_EQ(0, fd_send(self->socket, ns));
	ASSERT_EQ(sizeof(id), read(self->socket, &id, sizeof(id)));
	only_descriptor_modes(_metadata, &self->attack, id);
	waitpid(self->pid, NULL, 0);
	close(ns);
}

TEST_HARNESS_MAIN
