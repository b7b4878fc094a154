// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks with BPF programs that decide what is passed through, and on them.
 *
 * Proves: what is detached or replaced while somebody is asked waits for that, and nobody
 * goes by it afterwards, whether an open is asked about, a name or a listing; a connection
 * ends all the same in the middle of a call: the server or the client killed, aborted, or
 * unmounted; what goes while it is chosen isn't opened, and leaves nothing behind; root of a
 * user namespace is nobody, unless somebody who may has delegated it, and then has what a
 * descriptor gives, and not what a number does; who is outside of the server's namespace has
 * nothing of its descriptor.
 *
 * Privilege: root, for a user with and without a namespace.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "harness.h"

#include "backing_ioctl.h"
#include "creds.h"
#include "env.h"
#include "fd_pass.h"
#include "filter.h"
#include "reject_trace.h"
#include "tree_env.h"
#include "wait_until.h"

#define A_WHILE_US	100000
#define ROUNDS		300
#define TOKENS		"/sys/fs/bpf"	/* where libbpf looks for one */

/* Something that is done beside the test */
struct call {
	int (*fn)(void *arg);
	void *arg;
	pthread_t thread;
	int result;
	bool done;
};

FIXTURE(attack_filter) {
	struct env env;
	struct fuse_server *srv;
	struct filter filter, other;
	struct filter_state *state;
	struct call client, attempt;
	int dev;
	int id;
};

#define self_t FIXTURE_DATA(attack_filter)

FIXTURE_SETUP(attack_filter)
{
	if (access("/sys/kernel/btf/vmlinux", F_OK))
		SKIP(return, "the kernel has no BTF");
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	self->id = env_register(&self->env, "a", O_RDWR);
	ASSERT_LT(0, self->id);
	ASSERT_EQ(0, env_attach(&self->env, self->id, false));
	ASSERT_EQ(0, filter_start(&self->filter, "opens",
				  &(struct filter_opts){ .fuse_fd = self->dev }));
	self->state = self->filter.state;
}

FIXTURE_TEARDOWN(attack_filter)
{
	filter_close(&self->filter);
	filter_close(&self->other);
	env_teardown(&self->env);
}

static void *make_call(void *arg)
{
	struct call *call = arg;

	call->result = call->fn(call->arg);
	__atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_done(struct call *call)
{
	return __atomic_load_n(&call->done, __ATOMIC_ACQUIRE);
}

static int begin(struct call *call, int (*fn)(void *), void *arg)
{
	*call = (struct call){ .fn = fn, .arg = arg };
	return -pthread_create(&call->thread, NULL, make_call, call);
}

/* Its result */
static int end(struct call *call)
{
	pthread_join(call->thread, NULL);
	return call->result;
}

static int open_a(void *srv)
{
	return filter_asks(srv, "a");
}

/* A client that makes this call is in the program, which will leave it to the server */
static bool hold_in(struct filter_state *state, struct call *client, int (*fn)(void *),
		    void *arg)
{
	state->verdict = FUSE_BACKING_SERVER;
	state->hold = 1;
	return !begin(client, fn, arg) && wait_until(state->held);
}

static bool hold_client(self_t *self)
{
	return hold_in(self->state, &self->client, open_a, self->srv);
}

/* Was the client let go, or did the program just not go on any longer? */
static bool let_go_of(struct filter_state *state)
{
	__atomic_store_n(&state->hold, 0, __ATOMIC_SEQ_CST);
	return wait_until(state->let_go == state->held);
}

static bool let_go(self_t *self)
{
	return let_go_of(self->state);
}

static int detach(void *filter)
{
	return filter_detach(filter);
}

static int replace(void *data)
{
	self_t *self = data;

	return filter_replace(&self->filter, &self->other);
}

static int abort_it(void *srv)
{
	return fuse_server_abort(srv);
}

static int umount_lazily(void *srv)
{
	const struct fuse_server *server = srv;

	return umount2(server->mountpoint, MNT_DETACH) ? -errno : 0;
}

/* Does it wait for the client that is in the program? */
static bool waits(struct call *attempt)
{
	usleep(A_WHILE_US);
	return !is_done(attempt);
}

TEST_F(attack_filter, detached_in_a_call)
{
	ASSERT_TRUE(hold_client(self));
	ASSERT_EQ(0, begin(&self->attempt, detach, &self->filter));
	EXPECT_TRUE(waits(&self->attempt));
	EXPECT_FALSE(is_done(&self->client));
	EXPECT_TRUE(let_go(self));
	EXPECT_EQ(0, end(&self->attempt));
	/* what it said counts */
	EXPECT_EQ(1, end(&self->client));
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(1, self->state->calls[FILTER_OPEN]);
}

/* The control: where nobody is in there, nobody is waited for */
TEST_F(attack_filter, detached_between_calls)
{
	self->state->verdict = FUSE_BACKING_SERVER;
	EXPECT_EQ(1, open_a(self->srv));
	ASSERT_EQ(0, begin(&self->attempt, detach, &self->filter));
	EXPECT_TRUE(wait_until(is_done(&self->attempt)));
	EXPECT_EQ(0, end(&self->attempt));
	EXPECT_EQ(0, open_a(self->srv));
}

TEST_F(attack_filter, replaced_in_a_call)
{
	const struct filter_opts opts = { .fuse_fd = self->dev };

	ASSERT_EQ(0, filter_load(&self->other, "opens", &opts));
	ASSERT_TRUE(hold_client(self));
	ASSERT_EQ(0, begin(&self->attempt, replace, self));
	EXPECT_TRUE(waits(&self->attempt));
	EXPECT_TRUE(let_go(self));
	EXPECT_EQ(0, end(&self->attempt));
	EXPECT_EQ(1, end(&self->client));
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(1, self->state->calls[FILTER_OPEN]);
	EXPECT_EQ(1, self->other.state->calls[FILTER_OPEN]);
}

TEST_F(attack_filter, aborted_in_a_call)
{
	ASSERT_TRUE(hold_client(self));
	ASSERT_EQ(0, begin(&self->attempt, abort_it, self->srv));
	EXPECT_FALSE(waits(&self->attempt));
	EXPECT_TRUE(let_go(self));
	EXPECT_EQ(0, end(&self->attempt));
	EXPECT_EQ(-ENOTCONN, end(&self->client));
	EXPECT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(-ENOTCONN, filter_attach(&self->filter));
}

static bool can_attach(struct filter *filter)
{
	return !filter_attach(filter) && !filter_detach(filter);
}

TEST_F(attack_filter, unmounted_in_a_call)
{
	ASSERT_TRUE(hold_client(self));
	EXPECT_EQ(-EBUSY, fuse_server_umount(self->srv));
	ASSERT_EQ(0, begin(&self->attempt, umount_lazily, self->srv));
	/* the VFS may wait, but not for ever */
	usleep(A_WHILE_US);
	EXPECT_FALSE(is_done(&self->client));
	EXPECT_TRUE(let_go(self));
	EXPECT_EQ(0, end(&self->attempt));
	EXPECT_EQ(1, end(&self->client));
	/* the mount goes with its last file, and nothing is attached to it any more */
	EXPECT_EQ(0, filter_detach(&self->filter));
	EXPECT_TRUE(wait_until(!can_attach(&self->filter)));
}

TEST_F(attack_filter, server_killed_in_a_call)
{
	ASSERT_TRUE(hold_client(self));
	fuse_server_close_dev(self->srv);
	EXPECT_EQ(0, fuse_server_kill(self->srv));
	EXPECT_FALSE(is_done(&self->client));
	EXPECT_TRUE(let_go(self));
	EXPECT_EQ(-ENOTCONN, end(&self->client));
	EXPECT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(-ENOTCONN, filter_attach(&self->filter));
	EXPECT_EQ(0, fuse_server_umount(self->srv));
}

TEST_F(attack_filter, client_killed_in_a_call)
{
	int status;
	pid_t pid;

	self->state->hold = 1;
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(open_a(self->srv) < 0);
	ASSERT_TRUE(wait_until(self->state->held));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(let_go(self));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* there is nobody else */
	EXPECT_EQ(0, open_a(self->srv));
	EXPECT_EQ(0, fuse_detach_backing(self->dev,
					 fuse_server_node(self->srv,
							  &self->srv->sh->file[0]),
					 0, 0));
}

static int open_often(void *data)
{
	self_t *self = data;
	int asked, err = 0;

	while (!__atomic_load_n(&self->attempt.done, __ATOMIC_ACQUIRE) && err >= 0) {
		asked = open_a(self->srv);
		err = asked > 1 ? -EPROTO : asked;
	}
	return err < 0 ? err : 0;
}

/* A server that closes what its program chooses */
static int register_and_close(void *data)
{
	self_t *self = data;
	int id, err = 0;

	for (int i = 0; i < ROUNDS && !err; i++) {
		id = fuse_backing_open_path(self->dev, scratch_path("b"), O_RDWR);
		if (id < 0)
			return id;
		__atomic_store_n(&self->state->id, id, __ATOMIC_RELAXED);
		if (i & 1)
			usleep(100);
		err = fuse_backing_close(self->dev, id);
	}
	return err;
}

TEST_F(attack_filter, ids_go_while_they_are_chosen)
{
	int before = env_count(self->srv);

	ASSERT_EQ(0, begin(&self->client, open_often, self));
	ASSERT_EQ(0, begin(&self->attempt, register_and_close, self));
	EXPECT_EQ(0, end(&self->attempt));
	EXPECT_EQ(0, end(&self->client));
	EXPECT_LT(0, self->state->calls[FILTER_OPEN]);
	EXPECT_TRUE(wait_until(env_count(self->srv) == before));
	/* the control */
	self->state->id = self->id;
	EXPECT_EQ(0, open_a(self->srv));
}

/* Whoever is a user, root of a namespace of his own, who has a descriptor */
struct namespaced {
	struct filter_opts opts;
	int socket;	/* to who delegates, or -1 */
};

/* An instance of bpffs for the own namespace, of which another says what may be done */
static int mount_delegated(int socket)
{
	int fs = fsopen("bpf", FSOPEN_CLOEXEC), mnt;

	if (fs < 0)
		return -errno;
	if (fd_send(socket, fs))
		return -EPIPE;
	mnt = fd_receive(socket);
	if (mnt < 0)
		return mnt;
	return move_mount(mnt, "", AT_FDCWD, TOKENS, MOVE_MOUNT_F_EMPTY_PATH) ? -errno : 0;
}

static int attach_in_namespace(void *arg)
{
	struct namespaced *who = arg;
	struct filter filter = {};
	int err = creds_enter_userns();

	if (!err && who->socket >= 0)
		err = mount_delegated(who->socket);
	err = err ?: filter_start(&filter, "opens", &who->opts);
	filter_close(&filter);
	return err;
}

static int delegate(void *arg)
{
	static const char * const what[] = {
		"delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs",
	};
	int socket = *(int *)arg, fs = fd_receive(socket), mnt, err = 0;

	if (fs < 0)
		return fs;
	for (unsigned int i = 0; i < sizeof(what) / sizeof(*what) && !err; i++)
		err = fsconfig(fs, FSCONFIG_SET_STRING, what[i], "any", 0) ? -errno : 0;
	if (!err && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		err = -errno;
	mnt = err ? err : fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (!err)
		err = mnt < 0 ? -errno : fd_send(socket, mnt);
	close(mnt);
	close(fs);
	close(socket);
	return err;
}

/* By a user with all capabilities, which are of a namespace of his own */
static int attach_as_user(self_t *self, const struct filter_opts *opts, bool delegated)
{
	const struct creds user = { 1000, 1000, 0 };
	struct namespaced who = { .opts = *opts, .socket = -1 };
	int pair[2], err;

	filter_detach(&self->filter);
	if (!delegated)
		return creds_call(&user, attach_in_namespace, &who);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	who.socket = pair[0];
	err = begin(&self->attempt, delegate, &pair[1]);
	if (err)
		return err;
	err = creds_call(&user, attach_in_namespace, &who);
	close(pair[0]);
	return end(&self->attempt) ?: err;
}

TEST_F(attack_filter, user_namespace)
{
	const struct filter_opts named = { .fuse_fd = self->dev };
	const struct filter_opts numbered = { .connection = minor(self->srv->dev) };
	const int loaded = filter_load_by_lesser();

	EXPECT_GT(0, attach_as_user(self, &named, false));
	EXPECT_EQ(loaded, attach_as_user(self, &named, true));
	EXPECT_EQ(loaded ?: -EPERM, attach_as_user(self, &numbered, true));
	EXPECT_EQ(0, filter_attach(&self->filter));
}

/* A server of a namespace of its own, whose /dev/fuse somebody outside has */
static void serve_in_namespace(int socket)
{
	const struct fuse_server_opts opts = { .mountpoint = SCRATCH_FUSE2 };
	struct fuse_server srv;
	char end;
	int err = creds_enter_userns() ?: fuse_server_start(&srv, &opts);

	if (err)
		_exit(-err);
	err = fd_send(socket, srv.fd);
	/* until the other end is closed */
	if (!err && (write(socket, &srv.dev, sizeof(srv.dev)) < 0 ||
		     read(socket, &end, 1) < 0))
		err = -errno;
	fuse_server_stop(&srv);
	_exit(-err);
}

/* As is everything of the server's: for whoever is in there */
TEST_F(attack_filter, outside_of_the_servers_namespace)
{
	struct reject_trace *trace = calloc(1, sizeof(*trace));
	int socket = fd_fork(serve_in_namespace);
	int dev, status;
	dev_t mount;

	ASSERT_NE(NULL, trace);
	ASSERT_LE(0, socket);
	ASSERT_EQ(0, reject_trace_start(trace));
	dev = fd_receive(socket);
	ASSERT_LE(0, dev);
	ASSERT_EQ(sizeof(mount), read(socket, &mount, sizeof(mount)));
	EXPECT_EQ(-EPERM, filter_start(&self->other, "opens",
				       &(struct filter_opts){ .fuse_fd = dev }));
	EXPECT_TRUE(reject_trace_has(trace, mount, 0, -EPERM, "user-namespace"));
	close(dev);
	close(socket);
	wait(&status);
	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
	reject_trace_stop(trace);
	free(trace);
}

/* The same of who is asked for names, and lists them */
FIXTURE(names) {
	struct env env;
	struct fuse_server *srv;
	struct filter filter;
	struct filter_state *state;
	struct call client, attempt;
	int dev;
};

FIXTURE_VARIANT(names) {
	int (*use)(void *dir);
};

/* 0 or -errno */
static int look_up(void *dir)
{
	return access(tree_under(dir, "a"), F_OK) ? -errno : 0;
}

static int list(void *dir)
{
	DIR *d = opendir(dir);
	int err;

	if (!d)
		return -errno;
	errno = 0;
	while (readdir(d))
		;
	err = -errno;
	closedir(d);
	return err;
}

FIXTURE_VARIANT_ADD(names, lookup) {
	.use = look_up,
};

FIXTURE_VARIANT_ADD(names, listing) {
	.use = list,
};

FIXTURE_SETUP(names)
{
	const __u64 ops = FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR |
			  FUSE_BACKING_OPS_LIST;

	if (access("/sys/kernel/btf/vmlinux", F_OK))
		SKIP(return, "the kernel has no BTF");
	if (!tree_start(_metadata, &self->env, SCRATCH_TMPFS, NULL, ops, 0))
		return;
	self->srv = &self->env.srv;
	self->dev = self->srv->fd;
	ASSERT_EQ(0, filter_start(&self->filter, "answers",
				  &(struct filter_opts){ .fuse_fd = self->dev }));
	self->state = self->filter.state;
	ASSERT_TRUE(hold_in(self->state, &self->client, variant->use,
			    SCRATCH_FUSE));
}

FIXTURE_TEARDOWN(names)
{
	filter_close(&self->filter);
	tree_end(_metadata, &self->env);
}

static __u32 calls(const struct filter_state *state)
{
	return state->calls[FILTER_LOOKUP] + state->calls[FILTER_DIRENT];
}

TEST_F(names, detached_in_a_call)
{
	__u32 before;

	ASSERT_EQ(0, begin(&self->attempt, detach, &self->filter));
	EXPECT_TRUE(waits(&self->attempt));
	EXPECT_FALSE(is_done(&self->client));
	EXPECT_TRUE(let_go_of(self->state));
	EXPECT_EQ(0, end(&self->attempt));
	before = calls(self->state);
	EXPECT_EQ(0, end(&self->client));
	EXPECT_EQ(0, variant->use(SCRATCH_FUSE));
	EXPECT_EQ(before, calls(self->state));
}

TEST_F(names, aborted_in_a_call)
{
	ASSERT_EQ(0, begin(&self->attempt, abort_it, self->srv));
	EXPECT_FALSE(waits(&self->attempt));
	EXPECT_FALSE(is_done(&self->client));
	EXPECT_TRUE(let_go_of(self->state));
	EXPECT_EQ(0, end(&self->attempt));
	end(&self->client);
	EXPECT_EQ(-ENOTCONN, variant->use(SCRATCH_FUSE));
	EXPECT_EQ(0, filter_detach(&self->filter));
	EXPECT_EQ(-ENOTCONN, filter_attach(&self->filter));
}

TEST_F(names, unmounted_in_a_call)
{
	EXPECT_EQ(-EBUSY, fuse_server_umount(self->srv));
	ASSERT_EQ(0, begin(&self->attempt, umount_lazily, self->srv));
	/* the VFS may wait, but not for ever */
	usleep(A_WHILE_US);
	EXPECT_FALSE(is_done(&self->client));
	EXPECT_TRUE(let_go_of(self->state));
	EXPECT_EQ(0, end(&self->attempt));
	EXPECT_EQ(0, end(&self->client));
	EXPECT_EQ(0, filter_detach(&self->filter));
	EXPECT_TRUE(wait_until(!can_attach(&self->filter)));
}

/* And what it is asked about goes */
TEST_F(names, tree_detached_in_a_call)
{
	__u32 before;

	ASSERT_EQ(0, fuse_detach_backing(self->dev, FUSE_ROOT_ID, 0, 0));
	EXPECT_FALSE(is_done(&self->client));
	EXPECT_TRUE(let_go_of(self->state));
	EXPECT_EQ(0, end(&self->client));
	before = calls(self->state);
	EXPECT_EQ(0, variant->use(SCRATCH_FUSE));
	EXPECT_EQ(before, calls(self->state));
}

TEST_HARNESS_MAIN
