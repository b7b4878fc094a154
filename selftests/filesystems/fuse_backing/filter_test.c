// SPDX-License-Identifier: GPL-2.0
/*
 * Whose BPF program decides what is passed through, and for how long.
 *
 * Proves: a program is attached by who has /dev/fuse of the connection, or CAP_SYS_ADMIN,
 * and by nobody else, though with BPF's own capabilities; a connection has one, and each
 * link is its own; one program in two maps is two connections'; what is not a program for a
 * connection is refused; one takes the place of another while files are
 * opened; neither a map nor a link keeps a server's end from being one, and what is left
 * of them is nobody else's; what is sticky leaves nothing behind that is passed through;
 * the verifier refuses what programs must not do.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "creds.h"
#include "env.h"
#include "filter.h"
#include "wait_until.h"

#define BOTH		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define BPF_ALONE	(CREDS_CAP(CAP_BPF) | CREDS_CAP(CAP_PERFMON))
#define REPLACEMENTS	50

FIXTURE(filter) {
	struct env env;
	struct fuse_server *srv;
	struct filter filter, other;
	int dev;
};

FIXTURE_SETUP(filter)
{
	int id;

	if (access("/sys/kernel/btf/vmlinux", F_OK))
		SKIP(return, "the kernel has no BTF");
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, env_attach(&self->env, id, false));
}

FIXTURE_TEARDOWN(filter)
{
	filter_close(&self->filter);
	filter_close(&self->other);
	env_teardown(&self->env);
}

static int open_a(const struct fuse_server *srv)
{
	return filter_asks(srv, "a");
}

static struct filter_opts by_fd(const struct fuse_server *srv)
{
	return (struct filter_opts){ .fuse_fd = srv->fd };
}

static struct filter_opts by_number(const struct fuse_server *srv)
{
	return (struct filter_opts){ .connection = minor(srv->dev) };
}

/* An attempt that others are to make */
struct attempt {
	struct filter filter;
	struct filter_opts opts;
};

static int attempt(void *arg)
{
	struct attempt *a = arg;
	int err = filter_start(&a->filter, "opens", &a->opts);

	filter_close(&a->filter);
	return err;
}

TEST_F(filter, descriptor)
{
	const struct filter_opts opts = by_fd(self->srv);
	char name[16] = "";

	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(-ENOENT, filter_shown(self->dev, name, sizeof(name)));
	ASSERT_EQ(0, filter_load(&self->filter, "opens", &opts));
	self->filter.state->verdict = FUSE_BACKING_SERVER;
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(0, self->filter.state->calls[FILTER_OPEN]);

	ASSERT_EQ(0, filter_attach(&self->filter));
	EXPECT_EQ(1, open_a(self->srv));
	EXPECT_EQ(1, self->filter.state->calls[FILTER_OPEN]);
	EXPECT_LT(0, filter_id(&self->filter));
	EXPECT_EQ(filter_id_is_told() ? filter_id(&self->filter) : 0,
		  filter_shown(self->dev, name, sizeof(name)));
	EXPECT_STREQ("opens", name);

	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(1, self->filter.state->calls[FILTER_OPEN]);
	EXPECT_EQ(-ENOENT, filter_shown(self->dev, name, sizeof(name)));
}

/* Registered when its map is filled, and gone when that is emptied */
TEST_F(filter, no_link)
{
	const struct filter_opts opts = by_fd(self->srv);

	ASSERT_EQ(0, filter_load(&self->filter, "linkless", &opts));
	self->filter.state->verdict = FUSE_BACKING_SERVER;
	ASSERT_EQ(0, filter_attach(&self->filter));
	EXPECT_EQ(1, open_a(self->srv));
	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(0, open_a(self->srv));
}

TEST_F(filter, number)
{
	const struct filter_opts opts = by_number(self->srv);

	ASSERT_EQ(0, filter_start(&self->filter, "opens", &opts));
	self->filter.state->verdict = FUSE_BACKING_SERVER;
	EXPECT_EQ(1, open_a(self->srv));
}

TEST_F(filter, whose)
{
	const struct creds lesser = { 1000, 1000, BPF_ALONE };
	const struct creds nobody = { 1000, 1000, 0 };
	const struct creds loader = { 1000, 1000, CREDS_CAP(CAP_BPF) };
	const struct creds tracer = { 1000, 1000, CREDS_CAP(CAP_PERFMON) };
	struct attempt named = { .opts = by_fd(self->srv) };
	struct attempt numbered = { .opts = by_number(self->srv) };
	const int loaded = filter_load_by_lesser();

	EXPECT_EQ(loaded ?: -EPERM, creds_call(&lesser, attempt, &numbered));
	/* libbpf finds that it can do nothing, each time otherwise */
	EXPECT_GT(0, creds_call(&nobody, attempt, &named));
	EXPECT_GT(0, creds_call(&loader, attempt, &named));
	EXPECT_GT(0, creds_call(&tracer, attempt, &named));
	/* who has the descriptor, which is all that root has, too */
	EXPECT_EQ(loaded, creds_call(&lesser, attempt, &named));
	EXPECT_EQ(0, attempt(&numbered));
}

TEST_F(filter, arguments)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int unmounted = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int path = open("/dev/fuse", O_PATH | O_CLOEXEC);
	int client = fuse_server_open(self->srv, "b", O_RDWR);
	const struct {
		int err;
		const char *ops;
		struct filter_opts opts;
	} tries[] = {
		{ -EINVAL, "opens", { 0 } },
		{ -EINVAL, "opens", { .fuse_fd = self->dev,
				      .connection = minor(self->srv->dev) } },
		{ -EBADF, "opens", { .fuse_fd = 999 } },
		{ -EINVAL, "opens", { .fuse_fd = null } },
		{ -EINVAL, "opens", { .fuse_fd = unmounted } },
		{ -EBADF, "opens", { .fuse_fd = path } },
		{ -EINVAL, "opens", { .fuse_fd = client } },
		{ -ENOENT, "opens", { .connection = 999999 } },
		{ -EINVAL, "opens", { .fuse_fd = self->dev, .flags = 1U << 2 } },
		{ -EINVAL, "empty", { .fuse_fd = self->dev } },
		{ -EINVAL, "nameless", { .fuse_fd = self->dev } },
		{ -EINVAL, "spaced", { .fuse_fd = self->dev } },
		{ -EINVAL, "endless", { .fuse_fd = self->dev } },
		{ 0, "opens", { .fuse_fd = self->dev,
				.flags = FUSE_BACKING_FILTER_PER_CALLER |
					 FUSE_BACKING_FILTER_STICKY } },
	};

	ASSERT_LE(0, null);
	ASSERT_LE(0, unmounted);
	ASSERT_LE(0, path);
	ASSERT_LE(0, client);
	for (unsigned int i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		struct filter filter;

		EXPECT_EQ(tries[i].err,
			  filter_start(&filter, tries[i].ops, &tries[i].opts))
			TH_LOG("try %u", i);
		filter_close(&filter);
	}
	close(null);
	close(unmounted);
	close(path);
	close(client);
}

TEST_F(filter, not_negotiated)
{
	const struct fuse_server_opts server = {
		.mountpoint = SCRATCH_FUSE2,
		.no_passthrough = true,
	};
	struct fuse_server srv;
	struct filter_opts opts;

	ASSERT_EQ(0, env_serve(&self->env, &srv, &server));
	opts = by_fd(&srv);
	EXPECT_EQ(-EPERM, filter_start(&self->filter, "opens", &opts));
	fuse_server_stop(&srv);
}

TEST_F(filter, one_each)
{
	const struct filter_opts opts = by_fd(self->srv);
	struct bpf_link *link;

	ASSERT_EQ(0, filter_start(&self->filter, "opens", &opts));
	self->filter.state->verdict = FUSE_BACKING_SERVER;
	ASSERT_EQ(0, filter_load(&self->other, "opens", &opts));
	EXPECT_EQ(-EBUSY, filter_attach(&self->other));
	/* the same map in a second link */
	link = self->filter.link;
	EXPECT_EQ(-EBUSY, filter_attach(&self->filter));
	self->filter.link = link;
	/* neither has taken anything away */
	EXPECT_EQ(1, open_a(self->srv));

	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(0, filter_attach(&self->other));
	EXPECT_EQ(0, self->other.state->calls[FILTER_OPEN]);
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(1, self->other.state->calls[FILTER_OPEN]);
	/* and the first may come back */
	ASSERT_EQ(0, filter_detach(&self->other));
	ASSERT_EQ(0, filter_attach(&self->filter));
	EXPECT_EQ(1, open_a(self->srv));
}

/* Two connections, a program each: neither hears of the other's */
TEST_F(filter, two_connections)
{
	const struct fuse_server_opts server = { .mountpoint = SCRATCH_FUSE2 };
	const struct filter_opts opts = by_fd(self->srv);
	struct filter_opts others;
	struct fuse_server srv;

	ASSERT_EQ(0, env_serve(&self->env, &srv, &server));
	others = by_fd(&srv);
	ASSERT_EQ(0, filter_start(&self->filter, "opens", &opts));
	ASSERT_EQ(0, filter_start(&self->other, "opens", &others));
	self->other.state->verdict = FUSE_BACKING_HIDE;
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(1, self->filter.state->calls[FILTER_OPEN]);
	EXPECT_EQ(0, self->other.state->calls[FILTER_OPEN]);
	/* a link to one is none to the other */
	EXPECT_EQ(-EINVAL, filter_replace(&self->filter, &self->other));
	fuse_server_stop(&srv);
	EXPECT_EQ(0, open_a(self->srv));
}

/* One program, in a map for each of them */
TEST_F(filter, twins)
{
	const struct fuse_server_opts server = { .mountpoint = SCRATCH_FUSE2 };
	const struct filter_opts opts = by_fd(self->srv);
	struct filter_opts others;
	struct fuse_server srv;
	int id;

	ASSERT_EQ(0, env_serve(&self->env, &srv, &server));
	ASSERT_EQ(0, access(SCRATCH_FUSE2 "/a", F_OK));
	id = fuse_backing_open_path(srv.fd, scratch_path("a"), O_RDWR);
	ASSERT_EQ(0, fuse_attach_backing(srv.fd, fuse_server_node(&srv, srv.sh->file), 0, id,
					 BOTH));
	others = by_fd(&srv);
	ASSERT_EQ(0, filter_load_twins(&self->filter, &opts, &self->other, &others));
	ASSERT_EQ(0, filter_attach(&self->filter));
	ASSERT_EQ(0, filter_attach(&self->other));
	self->filter.state->verdict = FUSE_BACKING_SERVER;
	EXPECT_EQ(1, open_a(self->srv));
	EXPECT_EQ(1, open_a(&srv));
	EXPECT_EQ(2, self->filter.state->calls[FILTER_OPEN]);
	/* what becomes of the one is nothing to the other */
	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(1, open_a(&srv));
	fuse_server_stop(&srv);
	EXPECT_EQ(0, filter_detach(&self->other));
	EXPECT_EQ(3, self->filter.state->calls[FILTER_OPEN]);
}

TEST_F(filter, sticky)
{
	struct filter_opts opts = by_fd(self->srv);
	char name[16] = "";

	opts.flags = FUSE_BACKING_FILTER_STICKY;
	ASSERT_EQ(0, filter_start(&self->filter, "opens", &opts));
	EXPECT_EQ(0, open_a(self->srv));
	ASSERT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(1, open_a(self->srv));
	EXPECT_EQ(0, filter_shown(self->dev, name, sizeof(name)));
	/* until there is another */
	ASSERT_EQ(0, filter_attach(&self->filter));
	EXPECT_EQ(0, open_a(self->srv));
	/* whose own flag says what comes after it */
	opts.flags = 0;
	ASSERT_EQ(0, filter_load(&self->other, "opens", &opts));
	ASSERT_EQ(0, filter_replace(&self->filter, &self->other));
	ASSERT_EQ(0, filter_detach(&self->other));
	EXPECT_EQ(0, open_a(self->srv));
}

struct load {
	const struct fuse_server *srv;
	bool stop;
	int opens;
	int err;
};

static void *open_often(void *arg)
{
	struct load *load = arg;
	int res;

	while (!__atomic_load_n(&load->stop, __ATOMIC_RELAXED)) {
		res = open_a(load->srv);
		if (res < 0)
			load->err = res;
		__atomic_add_fetch(&load->opens, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* When the call returns, nobody goes by the old one any more */
TEST_F(filter, replaced_under_load)
{
	const struct filter_opts opts = by_fd(self->srv);
	struct load load = { .srv = self->srv };
	pthread_t thread;
	__u32 calls;

	ASSERT_EQ(0, filter_start(&self->filter, "opens", &opts));
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_often, &load));
	for (int i = 0; i < REPLACEMENTS; i++) {
		int opens = __atomic_load_n(&load.opens, __ATOMIC_RELAXED);

		ASSERT_EQ(0, filter_load(&self->other,
					 i & 1 ? "opens" : "servers", &opts));
		ASSERT_EQ(0, filter_replace(&self->filter, &self->other));
		calls = self->filter.state->calls[FILTER_OPEN];
		EXPECT_TRUE(wait_until(__atomic_load_n(&load.opens,
						       __ATOMIC_RELAXED) >
				       opens + 1));
		EXPECT_EQ(calls, self->filter.state->calls[FILTER_OPEN]);
		filter_close(&self->filter);
		self->filter = self->other;
		memset(&self->other, 0, sizeof(self->other));
	}
	/* and detached and attached */
	for (int i = 0; i < REPLACEMENTS; i++) {
		ASSERT_EQ(0, filter_detach(&self->filter));
		ASSERT_EQ(0, filter_attach(&self->filter));
	}
	__atomic_store_n(&load.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, load.err);
}

/* Nothing of it keeps a server's end from being one */
TEST_F(filter, server_dies)
{
	const struct filter_opts opts = by_fd(self->srv);
	const struct fuse_server_opts server = {};
	struct fuse_server again;
	char name[16] = "";

	ASSERT_EQ(0, filter_load(&self->other, "opens", &opts));
	ASSERT_EQ(0, filter_fill(&self->other));
	ASSERT_EQ(0, filter_start(&self->filter, "opens", &opts));
	fuse_server_close_dev(self->srv);
	ASSERT_EQ(0, fuse_server_kill(self->srv));
	EXPECT_TRUE(wait_until(open_a(self->srv) == -ENOTCONN));
	EXPECT_EQ(0, self->filter.state->calls[FILTER_OPEN]);
	EXPECT_EQ(0, fuse_server_umount(self->srv));

	/* what is left is nobody else's, whatever number that has */
	ASSERT_EQ(0, env_serve(&self->env, &again, &server));
	EXPECT_EQ(-ENOTCONN, filter_attach(&self->other));
	EXPECT_EQ(-ENOTCONN, filter_replace(&self->filter, &self->other));
	EXPECT_EQ(-ENOENT, filter_shown(again.fd, name, sizeof(name)));
	EXPECT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(-ENOTCONN, filter_attach(&self->filter));
	EXPECT_EQ(1, open_a(&again));
	fuse_server_stop(&again);
}

TEST_F(filter, aborted)
{
	const struct filter_opts opts = by_fd(self->srv);

	ASSERT_EQ(0, filter_load(&self->other, "opens", &opts));
	ASSERT_EQ(0, filter_fill(&self->other));
	ASSERT_EQ(0, filter_start(&self->filter, "opens", &opts));
	ASSERT_EQ(0, fuse_server_abort(self->srv));
	EXPECT_EQ(-ENOTCONN, open_a(self->srv));
	EXPECT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(-ENOTCONN, filter_attach(&self->other));
}

TEST_F(filter, verifier)
{
	static const char * const bad[] = {
		"writes_entry", "sleeps", "overflows", "invents", "nothing",
		"beside", "peeks", "writes_user", "into_entry", "into_task",
		"into_constant", "keeps", "second_argument",
	};

	EXPECT_EQ(0, filter_load_bad("good", self->dev));
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_GT(0, filter_load_bad(bad[i], self->dev))
			TH_LOG("%s", bad[i]);
	}
}

TEST_HARNESS_MAIN
