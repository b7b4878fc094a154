// SPDX-License-Identifier: GPL-2.0
/*
 * The stress test's workers that have /dev/fuse: what a server says to the
 * kernel of its own accord, in whatever order.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "backing_ioctl.h"
#include "backing_table.h"
#include "scratch.h"
#include "stress.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define ENTRIES		64
#define LIMIT		64	/* of mounts whose limit changes */
#define PATIENCE_US	200000	/* of a revocation */

static int dev_of(const struct stress_self *self, int mount)
{
	return self->srv[mount].fd;
}

static void count_handed_out(struct stress_self *self, int mount)
{
	__atomic_add_fetch(&self->shared->mount[mount].handed_out, 1,
			   __ATOMIC_SEQ_CST);
}

static void close_one(struct stress_self *self, int mount, int id)
{
	if (id)
		stress_end(self, fuse_backing_close(dev_of(self, mount), id),
			   ENOENT);
}

/* There is a thread as soon as something is registered */
static void note_thread(struct stress_self *self, int mount)
{
	struct stress_mount *m = &self->shared->mount[mount];
	struct dev_fdinfo info;

	if (!m->thread && !dev_fdinfo_read(dev_of(self, mount), &info))
		m->thread = info.thread;
}

static void register_for(struct stress_self *self, int mount, bool once)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDONLY };
	unsigned int slot = stress_below(self, STRESS_SLOTS);
	int file = stress_below(self, STRESS_MADE), dev = dev_of(self, mount);
	int flags = modes[stress_below(self, ARRAY_SIZE(modes))];
	const char *path = scratch_path(stress_name(file));
	struct stress_id new = { .file = file }, old;

	stress_begin(self, file);
	count_handed_out(self, mount);
	new.at = stress_handed_out(self, mount);
	new.id = once ? fuse_backing_open_once(dev, path, flags) :
			fuse_backing_open_path(dev, path, flags);
	if (stress_end(self, new.id, EMFILE) < 0)
		return;
	note_thread(self, mount);
	old = stress_put(self, mount, slot, new);
	close_one(self, mount, old.id);
}

static void act_register(struct stress_self *self, int mount)
{
	register_for(self, mount, false);
}

static void act_register_once(struct stress_self *self, int mount)
{
	register_for(self, mount, true);
}

static void act_close(struct stress_self *self, int mount)
{
	int id = stress_get(self, mount, stress_below(self, STRESS_SLOTS)).id;

	stress_begin(self, id);
	close_one(self, mount, id);
}

/* Any id, others' too, or one that never was */
static void act_close_any(struct stress_self *self, int mount)
{
	int id = 1 + stress_below(self, 300);

	stress_begin(self, id);
	close_one(self, mount, id);
}

/* What clients who say nothing are answered with */
static void act_answer(struct stress_self *self, int mount)
{
	struct fuse_server_file *file =
		&self->srv[mount].sh->file[STRESS_BY_ID];

	file->backing_id =
		stress_get(self, mount, stress_below(self, STRESS_SLOTS)).id;
	stress_begin(self, file->backing_id);
	file->open_flags = FOPEN_PASSTHROUGH |
			   (stress_chance(self, 20) ? FOPEN_DIRECT_IO : 0);
}

/* A name that the kernel opens on its own */
static int local_name(struct stress_self *self)
{
	return STRESS_BY_ID + stress_below(self, STRESS_NAMES - STRESS_BY_ID);
}

static __u64 node_of(const struct stress_self *self, int mount, int name)
{
	return fuse_server_node(&self->srv[mount],
				&self->srv[mount].sh->file[name]);
}

static void attach(struct stress_self *self, int mount, __u32 flags)
{
	int id = stress_get(self, mount, stress_below(self, STRESS_SLOTS)).id;
	int name = local_name(self);

	if (!id)
		return;
	flags |= stress_chance(self, 70) ?
			 FUSE_BACKING_READ | FUSE_BACKING_WRITE :
			 FUSE_BACKING_READ;
	stress_begin(self, name);
	stress_end(self, fuse_attach_backing(dev_of(self, mount),
					     node_of(self, mount, name), 0, id,
					     flags),
		   ENOENT, EEXIST, ETXTBSY, EBUSY, EMFILE);
}

static void act_attach(struct stress_self *self, int mount)
{
	attach(self, mount, 0);
}

static void act_attach_pending(struct stress_self *self, int mount)
{
	attach(self, mount, FUSE_BACKING_ATTACH_PENDING);
}

static void act_detach(struct stress_self *self, int mount)
{
	int name = local_name(self);

	stress_begin(self, name);
	stress_end(self, fuse_detach_backing(dev_of(self, mount),
					     node_of(self, mount, name), 0, 0),
		   ENOENT);
}

/* It waits for clients as long as they like, so set an alarm */
static void act_revoke(struct stress_self *self, int mount)
{
	struct itimerval patience = { .it_value.tv_usec = PATIENCE_US }, none = {};
	int name = local_name(self);
	long err;

	stress_begin(self, name);
	setitimer(ITIMER_REAL, &patience, NULL);
	err = fuse_detach_backing(dev_of(self, mount),
				  node_of(self, mount, name), 0,
				  FUSE_BACKING_DETACH_REVOKE);
	setitimer(ITIMER_REAL, &none, NULL);
	stress_end(self, err, ENOENT, EBUSY, EINTR);
}

static void act_list(struct stress_self *self, int mount)
{
	struct fuse_backing_entry entry[ENTRIES];
	int room = 1 + stress_below(self, ENTRIES), n;

	stress_begin(self, room);
	n = stress_end(self, fuse_list_backing(dev_of(self, mount), entry,
					       room), 0);
	for (int i = 1; i < n; i++)
		if (entry[i].id <= entry[i - 1].id)
			stress_fail(self, "ids do not ascend");
}

static void act_close_all(struct stress_self *self, int mount)
{
	stress_end(self, fuse_backing_close_all(dev_of(self, mount)), 0);
}

/* The kernel is to forget a name, and what it names as soon as it can */
static void act_forget(struct stress_self *self, int mount)
{
	int name = stress_below(self, STRESS_NAMES), err;

	stress_begin(self, name);
	err = fuse_server_drop_name(&self->srv[mount], stress_name(name));
	/* what Linux 7.3 says of a connection that has ended */
	if (err == -EINVAL)
		err = -ENOTCONN;
	stress_end(self, err, ENOENT);
}

/* The owner may do that, up to the hard limit */
static void act_limit(struct stress_self *self, int mount)
{
	const struct stress_mount *m = &self->shared->mount[mount];
	struct rlimit limit;

	if (m->strict || !m->thread)
		return;
	if (prlimit(m->thread, RLIMIT_NOFILE, NULL, &limit) < 0) {
		stress_end(self, -errno, 0);
		return;
	}
	limit.rlim_cur = 2 + stress_below(self, LIMIT);
	stress_begin(self, limit.rlim_cur);
	stress_end(self, prlimit(m->thread, RLIMIT_NOFILE, &limit, NULL) < 0 ?
			 -errno : 0, 0);
}

static void act_fdinfo(struct stress_self *self, int mount)
{
	struct dev_fdinfo info;

	stress_end(self, dev_fdinfo_read(dev_of(self, mount), &info), 0);
}

/* Else clients would get nothing done */
static void act_rest(struct stress_self *self, int mount)
{
	(void)mount;
	usleep(stress_below(self, 2000));
}

static const struct stress_action actions[] = {
	{ "register", 30, act_register },
	{ "register for one open", 15, act_register_once },
	{ "close", 6, act_close },
	{ "close any", 6, act_close_any },
	{ "answer", 15, act_answer },
	{ "attach", 8, act_attach },
	{ "attach, pending", 8, act_attach_pending },
	{ "detach", 6, act_detach },
	{ "revoke", 6, act_revoke },
	{ "list", 6, act_list },
	{ "close all", 1, act_close_all },
	{ "forget", 10, act_forget },
	{ "limit", 4, act_limit },
	{ "fdinfo", 4, act_fdinfo },
	{ "rest", 40, act_rest },
};

static void ignore(int sig)
{
	(void)sig;
}

void stress_be_server(struct stress_self *self)
{
	struct sigaction alarm = { .sa_handler = ignore };

	sigaction(SIGALRM, &alarm, NULL);
	stress_work(self, actions, ARRAY_SIZE(actions));
}
