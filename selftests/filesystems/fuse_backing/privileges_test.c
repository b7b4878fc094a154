// SPDX-License-Identifier: GPL-2.0
/*
 * suid, sgid and file capabilities go with a write as they do on a local file.
 *
 * Proves: for each combination of bits, client, server and way to write, the
 * backing file ends up with the mode that a file beside it gets from the same
 * write without FUSE, less what execve(2) looks at and the server could not have
 * kept itself; what
 * stat(2) says through the mount is the same, at once. That costs no request,
 * but for a server that doesn't handle privileges and whose answers had the
 * bits, or that keeps modes elsewhere: it is asked and told, once.
 *
 * Privilege: root. The server is root, or an ordinary user without
 * capabilities; the clients are both and others.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#include "async_io.h"
#include "backing_ioctl.h"
#include "creds.h"
#include "env.h"
#include "held_page.h"
#include "privs.h"
#include "wait_until.h"

#define OWNER		1000	/* of the file and, maybe, of the server */
#define STRANGER	2000
#define OUTSIDER	3000	/* a server */
#define ALL_CAPS	(~0ULL)
#define ALIGN		4096
#define PATIENCE	240	/* seconds, emulated and under KASAN */

FIXTURE(privileges) {
	struct env env;
	struct fuse_server *srv;
	struct fuse_server_file *file;
};

FIXTURE_VARIANT(privileges) {
	__u64 init_flags;
	uid_t server;
};

FIXTURE_VARIANT_ADD(privileges, root) {
	.server = 0,
};

FIXTURE_VARIANT_ADD(privileges, root_killpriv) {
	.server = 0,
	.init_flags = FUSE_HANDLE_KILLPRIV,
};

FIXTURE_VARIANT_ADD(privileges, root_killpriv_v2) {
	.server = 0,
	.init_flags = FUSE_HANDLE_KILLPRIV_V2,
};

FIXTURE_VARIANT_ADD(privileges, user) {
	.server = OWNER,
};

FIXTURE_VARIANT_ADD(privileges, user_killpriv) {
	.server = OWNER,
	.init_flags = FUSE_HANDLE_KILLPRIV,
};

FIXTURE_VARIANT_ADD(privileges, user_killpriv_v2) {
	.server = OWNER,
	.init_flags = FUSE_HANDLE_KILLPRIV_V2,
};

/* Neither who owns the file nor in its group */
FIXTURE_VARIANT_ADD(privileges, outsider) {
	.server = OUTSIDER,
};

FIXTURE_VARIANT_ADD(privileges, outsider_killpriv_v2) {
	.server = OUTSIDER,
	.init_flags = FUSE_HANDLE_KILLPRIV_V2,
};

FIXTURE_SETUP(privileges)
{
	const struct fuse_server_opts opts = {
		.mountpoint = SCRATCH_FUSE,
		.backing = SCRATCH_BACKING,
		.init_flags = variant->init_flags,
		.uid = variant->server,
	};
	int id;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, scratch_setup(&self->env.scratch, SCRATCH_TMPFS));
	ASSERT_EQ(0, scratch_owned("file", ALIGN, 1, OWNER, 0777));
	ASSERT_EQ(0, scratch_owned("twin", ALIGN, 1, OWNER, 0777));
	self->srv = &self->env.srv;
	id = privs_serve(&self->env, "file", &opts);
	if (id == -EOPNOTSUPP)
		SKIP(return, "needs FUSE passthrough");
	ASSERT_LT(0, id);
	self->srv->sh->attr_valid = 1000000;
	self->file = &self->srv->sh->file[0];
}

FIXTURE_TEARDOWN(privileges)
{
	env_teardown(&self->env);
}

static const struct client {
	const char *name;
	struct creds creds;
} clients[] = {
	{ "owner", { OWNER, OWNER, 0 } },
	{ "member of the group", { STRANGER, OWNER, 0 } },
	{ "stranger", { STRANGER, STRANGER, 0 } },
	{ "CAP_FSETID", { STRANGER, STRANGER, CREDS_CAP(CAP_FSETID) } },
	{ "root", { 0, 0, ALL_CAPS } },
	{ "root without capabilities", { 0, 0, 0 } },
};

static const struct client * const member = &clients[1];
static const struct client * const stranger = &clients[2];

/* sgid without group execution is another bit, which members may keep. */
static const struct bits {
	mode_t mode;
	bool caps;
} all_bits[] = {
	{ 04777, false }, { 02777, false }, { 06777, false }, { 02767, false },
	{ 06767, false }, { 0777, true }, { 06777, true },
};

static const struct bits no_bits = { 0777, false };

/* Ways to write the first byte: 0 or -errno. */

static int by_write(int fd)
{
	return pwrite(fd, "x", 1, 0) == 1 ? 0 : -errno;
}

static int by_splice(int fd)
{
	loff_t pos = 0;
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0 || write(pipefd[1], "x", 1) != 1)
		return -errno;
	return splice(pipefd[0], NULL, fd, &pos, 1, 0) == 1 ? 0 : -errno;
}

static int by_async(int fd, async_rw *rw)
{
	char byte = 'x';
	ssize_t n = rw(fd, &byte, 1, 0, true);

	return n == 1 ? 0 : n ?: -EIO;
}

static int by_aio(int fd)
{
	return by_async(fd, aio_rw);
}

static int by_direct_aio(int fd)
{
	char *page = aligned_alloc(ALIGN, ALIGN);
	ssize_t n;

	if (!page || fcntl(fd, F_SETFL, O_DIRECT) < 0)
		return -errno;
	memset(page, 'x', ALIGN);
	n = aio_rw(fd, page, ALIGN, 0, true);
	free(page);
	return n == ALIGN ? 0 : n ?: -EIO;
}

static int by_uring(int fd)
{
	return by_async(fd, uring_rw);
}

static int (*const ways[])(int fd) = {
	by_write, by_splice, by_aio, by_direct_aio, by_uring,
};

struct attempt {
	const char *path;
	int (*way)(int fd);
};

static int do_attempt(void *arg)
{
	const struct attempt *attempt = arg;
	int fd = open(attempt->path, O_WRONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = attempt->way(fd);
	close(fd);
	return err;
}

static int write_as(const struct client *client, const char *path,
		    int (*way)(int fd))
{
	struct attempt attempt = { path, way };

	return creds_call(&client->creds, do_attempt, &attempt);
}

/* Through the mount, and with @flags as to who is asked. */
static mode_t mode_by_mount(int flags)
{
	struct statx st;

	return statx(AT_FDCWD, SCRATCH_FUSE "/file", flags, STATX_MODE, &st) ?
		       0 : st.stx_mode & 07777;
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	return stat(scratch_path(name), &st) ? 0 : st.st_mode & 07777;
}

static int give(const char *name, const struct bits *bits)
{
	const char *path = scratch_path(name);

	if (chmod(path, bits->mode) < 0)
		return -errno;
	return bits->caps ? privs_give_caps(path) : 0;
}

static bool has_fsetid(const struct client *client)
{
	return client->creds.caps & CREDS_CAP(CAP_FSETID);
}

/* Bits that execve(2) looks at: sgid without group execution is none. */
static mode_t exec_bits(mode_t mode)
{
	return mode & (mode & 0010 ? S_ISUID | S_ISGID : S_ISUID);
}

/*
 * What the server can keep of @mode: it may lack CAP_FSETID itself, or for a client
 * that lacks it. The bit that members of a group may keep is the client's to keep.
 */
static mode_t less_by_server(uid_t server, const struct client *client,
			     mode_t mode)
{
	return !server && has_fsetid(client) ? mode : mode & ~exec_bits(mode);
}

/* All but those of opening and closing, some of which may come later. */
static __u32 requests(const struct fuse_server *srv)
{
	__u32 n = 0;

	for (int op = 0; op < FUSE_SERVER_OPS; op++)
		if (op != FUSE_OPEN && op != FUSE_FLUSH && op != FUSE_RELEASE)
			n += fuse_server_ops(srv, op);
	return n;
}

static __u32 requests_of_write(FIXTURE_DATA(privileges) * self,
			       const struct client *client,
			       int (*way)(int fd), int *err)
{
	__u32 before = requests(self->srv);

	*err = write_as(client, SCRATCH_FUSE "/file", way);
	return requests(self->srv) - before;
}

static void compare(struct __test_metadata *_metadata,
		    FIXTURE_DATA(privileges) * self,
		    const FIXTURE_VARIANT(privileges) * variant,
		    const struct bits *bits, const struct client *client,
		    size_t way, bool seen)
{
	bool passed = __test_passed(_metadata);
	mode_t seen_mode, want;
	bool removed, silent;
	__u32 asked;
	int err;

	ASSERT_EQ(0, give("twin", bits));
	ASSERT_EQ(0, give("file", seen ? bits : &no_bits));
	ASSERT_NE(0, mode_by_mount(AT_STATX_FORCE_SYNC));
	ASSERT_EQ(0, give("file", bits));
	seen_mode = mode_by_mount(AT_STATX_DONT_SYNC);
	ASSERT_EQ(0, write_as(client, scratch_path("twin"), ways[way]));
	removed = mode_of("twin") != bits->mode;
	want = less_by_server(variant->server, client, mode_of("twin"));

	asked = requests_of_write(self, client, ways[way], &err);
	if (err == -EOPNOTSUPP)
		return;
	EXPECT_EQ(0, err);
	EXPECT_EQ(want, mode_of("file"));
	EXPECT_EQ(privs_has_caps(scratch_path("twin")),
		  privs_has_caps(scratch_path("file")));
	if (seen)
		EXPECT_EQ(want, mode_by_mount(0));
	EXPECT_EQ(0, exec_bits(mode_by_mount(AT_STATX_DONT_SYNC)) & ~want);
	EXPECT_EQ(want, mode_by_mount(AT_STATX_FORCE_SYNC));
	/* whoever handles it, or never heard of it, isn't asked */
	silent = variant->init_flags || !(seen_mode & 06000) || !removed;
	EXPECT_EQ(silent ? 0 : 1, asked);
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_SETATTR));
	EXPECT_EQ(0, fuse_server_ops(self->srv, FUSE_GETXATTR));
	EXPECT_EQ(0, fuse_server_data_ops(self->srv));
	EXPECT_EQ(0, requests_of_write(self, client, ways[way], &err));
	if (passed && !__test_passed(_metadata))
		TH_LOG("mode %o%s, by %s, way %zu%s", bits->mode,
		       bits->caps ? " with capabilities" : "", client->name,
		       way, seen ? ", seen by FUSE" : "");
}

static void compare_all(struct __test_metadata *_metadata,
			FIXTURE_DATA(privileges) * self,
			const FIXTURE_VARIANT(privileges) * variant, bool seen)
{
	for (size_t b = 0; b < ARRAY_SIZE(all_bits); b++)
		for (size_t c = 0; c < ARRAY_SIZE(clients); c++)
			for (size_t w = 0; w < ARRAY_SIZE(ways); w++)
				/* how to write matters to nobody's rights */
				if (!w || &clients[c] == stranger)
					compare(_metadata, self, variant,
						&all_bits[b], &clients[c], w,
						seen);
}

/* The server told of the bits before the write. */
TEST_F_TIMEOUT(privileges, known, PATIENCE)
{
	compare_all(_metadata, self, variant, true);
}

/* They are set from outside, between two writes. */
TEST_F_TIMEOUT(privileges, set_from_outside, PATIENCE)
{
	int err;

	ASSERT_EQ(0777, mode_by_mount(AT_STATX_FORCE_SYNC));
	EXPECT_EQ(0, requests_of_write(self, stranger, by_write, &err));
	ASSERT_EQ(0, err);
	compare_all(_metadata, self, variant, false);
}

/* Modes that are nowhere but in the server's answers */
TEST_F_TIMEOUT(privileges, kept_elsewhere, PATIENCE)
{
	struct fuse_server *srv = self->srv;
	int err;

	self->file->invent = true;
	self->file->invented_uid = OWNER;
	for (size_t w = 0; w < ARRAY_SIZE(ways); w++) {
		__u32 told = fuse_server_ops(srv, FUSE_SETATTR);

		self->file->invented_mode = 06777;
		ASSERT_EQ(06777, mode_by_mount(AT_STATX_FORCE_SYNC));
		requests_of_write(self, stranger, ways[w], &err);
		if (err == -EOPNOTSUPP)
			continue;
		EXPECT_EQ(0, err);
		EXPECT_EQ(told + 1, fuse_server_ops(srv, FUSE_SETATTR));
		EXPECT_EQ(0777, mode_by_mount(AT_STATX_DONT_SYNC));
		EXPECT_EQ(0777, mode_by_mount(AT_STATX_FORCE_SYNC));
		EXPECT_EQ(0777, mode_of("file"));
		EXPECT_EQ(0, requests_of_write(self, stranger, ways[w], &err));
	}

	/* Who may keep them does, and nobody is asked. */
	self->file->invented_mode = 06777;
	ASSERT_EQ(06777, mode_by_mount(AT_STATX_FORCE_SYNC));
	EXPECT_EQ(0, requests_of_write(self, &clients[4], by_write, &err));
	EXPECT_EQ(0, err);
	EXPECT_EQ(06777, mode_by_mount(AT_STATX_FORCE_SYNC));
}

static int allocate(int fd)
{
	return fallocate(fd, 0, 0, ALIGN) ? -errno : 0;
}

/* Opened by the kernel itself, and then fallocate(2) is passed through, too. */
TEST_F(privileges, fallocate)
{
	__u64 node = fuse_server_node(self->srv, self->file);

	ASSERT_EQ(0777, mode_by_mount(AT_STATX_FORCE_SYNC));
	ASSERT_EQ(0, fuse_attach_backing(self->srv->fd, node, 0,
					 self->file->backing_id,
					 FUSE_BACKING_READ |
					 FUSE_BACKING_WRITE));
	for (size_t b = 0; b < ARRAY_SIZE(all_bits); b++)
		for (size_t c = 0; c < ARRAY_SIZE(clients); c++) {
			mode_t want;

			ASSERT_EQ(0, give("twin", &all_bits[b]));
			ASSERT_EQ(0, give("file", &all_bits[b]));
			ASSERT_NE(0, mode_by_mount(AT_STATX_FORCE_SYNC));
			ASSERT_EQ(0, write_as(&clients[c],
					      scratch_path("twin"), allocate));
			EXPECT_EQ(0, write_as(&clients[c], SCRATCH_FUSE "/file",
					      allocate));
			want = less_by_server(variant->server, &clients[c],
					      mode_of("twin"));
			EXPECT_EQ(want, mode_of("file"))
				TH_LOG("mode %o, by %s", all_bits[b].mode,
				       clients[c].name);
			EXPECT_EQ(want, mode_by_mount(0));
		}
	EXPECT_EQ(0, self->file->opens);
}

/* A bit that is set while a write waits for the backing file's lock */

/* Hold that lock until the page is there. */
static int write_from_page(const struct held_page *page)
{
	int fd = open(scratch_path("file"), O_WRONLY | O_CLOEXEC);

	return pwrite(fd, page->addr, 1, 0) == 1 ? 0 : -errno;
}

static int chmod_file(const struct held_page *page)
{
	(void)page;
	return chmod(scratch_path("file"), 06777) ? -errno : 0;
}

static int write_as_member(const struct held_page *page)
{
	int fd;

	(void)page;
	if (creds_set(&member->creds))
		return -EPERM;
	fd = open(SCRATCH_FUSE "/file", O_WRONLY | O_CLOEXEC);
	return pwrite(fd, "x", 1, 0) == 1 ? 0 : -errno;
}

static pid_t in_child(int (*fn)(const struct held_page *page),
		      const struct held_page *page)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(-fn(page));
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void set_meanwhile(struct __test_metadata *_metadata, mode_t mode)
{
	const struct bits first = { mode, false };
	struct held_page page;
	pid_t pid[3];

	ASSERT_EQ(0, give("file", &first));
	ASSERT_EQ(mode, mode_by_mount(AT_STATX_FORCE_SYNC));
	ASSERT_EQ(0, held_page_start(&page, "twin"));
	pid[0] = in_child(write_from_page, &page);
	EXPECT_TRUE(wait_until(held_page_is_wanted(&page)));
	pid[1] = in_child(chmod_file, &page);
	EXPECT_TRUE(wait_until(sleeps_in(pid[1], SYS_chmod)));
	pid[2] = in_child(write_as_member, &page);
	EXPECT_TRUE(wait_until(sleeps_in(pid[2], SYS_pwrite64)));
	EXPECT_EQ(mode, mode_of("file"));
	held_page_release(&page);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, end_of(pid[i]))
			TH_LOG("process %d", i);
	}
	held_page_stop(&page);
	EXPECT_EQ(0777, mode_of("file"));
	EXPECT_EQ(0777, mode_by_mount(AT_STATX_FORCE_SYNC));
}

TEST_F(privileges, set_while_a_write_waits)
{
	set_meanwhile(_metadata, 0666);
}

/* What members of the group may keep doesn't bring another one along. */
TEST_F(privileges, set_beside_one_that_stays)
{
	set_meanwhile(_metadata, 02666);
}

TEST_HARNESS_MAIN
