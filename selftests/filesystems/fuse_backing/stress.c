// SPDX-License-Identifier: GPL-2.0
/*
 * What the processes of the stress test share. See stress.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"
#include "wait_until.h"

static const char * const names[STRESS_NAMES] = {
	"own0", "own1", "own2", "by_id", "per_open", "attached", "plain",
	"parts", "made",
};

const char *stress_name(enum stress_name name)
{
	return names[name];
}

__u32 stress_random(struct stress_self *self)
{
	__u64 x = self->worker->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	self->worker->random = x;
	return x >> 32;
}

__u32 stress_below(struct stress_self *self, __u32 n)
{
	return stress_random(self) % n;
}

bool stress_chance(struct stress_self *self, __u32 percent)
{
	return stress_below(self, 100) < percent;
}

static struct stress_entry *entry_now(struct stress_self *self)
{
	return &self->worker->log[self->worker->ops % STRESS_LOG];
}

void stress_begin(struct stress_self *self, long arg)
{
	entry_now(self)->arg = arg;
}

/* What calls come to once the end of the mount has begun */
static bool is_end(long result)
{
	switch (result) {
	case -ENOTCONN:
	case -ECONNABORTED:
	case -ENODEV:
	case -ENOENT:
	case -EIO:
	case -EACCES:		/* there is only the mount point left */
	case -EPERM:
	case -ENXIO:
	case -ESRCH:
	case -EINTR:
	case -EFAULT:		/* a mapping of what the server had */
	case -EBUSY:
		return true;
	default:
		return false;
	}
}

long stress_ended(struct stress_self *self, long result, const int *allowed)
{
	struct stress_entry *entry = entry_now(self);

	entry->result = result;
	entry->done = true;
	if (result >= 0)
		return result;
	for (; *allowed; allowed++)
		if (result == -*allowed)
			return result;
	if (self->shared->mount[entry->mount].over && is_end(result))
		return result;
	stress_fail(self, strerror(-result));
	return result;
}

void stress_fail(struct stress_self *self, const char *what)
{
	const struct stress_entry *entry = entry_now(self);

	if (__atomic_exchange_n(&self->shared->failed, true, __ATOMIC_SEQ_CST))
		return;
	fprintf(stderr, "# worker %td, %s on mount %d, %ld: %s\n",
		self->worker - self->shared->worker, entry->what, entry->mount,
		entry->arg, what);
}

static void print_log(const struct stress_worker *worker, int nr)
{
	fprintf(stderr, "# worker %d, pid %d, %lu operations, the last ones:\n",
		nr, worker->pid, worker->ops);
	for (unsigned long i = 1; i <= STRESS_LOG; i++) {
		const struct stress_entry *entry =
			&worker->log[(worker->ops + i) % STRESS_LOG];

		if (!entry->what)
			continue;
		fprintf(stderr, "#   %s, mount %d, %ld: ", entry->what,
			entry->mount, entry->arg);
		if (entry->done)
			fprintf(stderr, "%ld\n", entry->result);
		else
			fprintf(stderr, "not done\n");
	}
}

void stress_print_logs(const struct stress *shared)
{
	for (int i = 0; i < STRESS_WORKERS; i++)
		print_log(&shared->worker[i], i);
}

/* The server process registers files by itself, for these */
__u32 stress_handed_out(const struct stress_self *self, int mount)
{
	const struct fuse_server *srv = &self->srv[mount];

	return __atomic_load_n(&self->shared->mount[mount].handed_out,
			       __ATOMIC_SEQ_CST) +
	       fuse_server_ops(srv, FUSE_OPEN) +
	       fuse_server_ops(srv, FUSE_CREATE) +
	       fuse_server_ops(srv, FUSE_LOOKUP);
}

/* In one word, so that others see all of it or nothing */
static __u64 pack(struct stress_id id)
{
	return (__u64)id.at << 32 | (__u32)id.id << 8 | (__u8)id.file;
}

static struct stress_id unpack(__u64 word)
{
	return (struct stress_id) {
		.id = word >> 8 & 0xffffff,
		.file = word & 0xff,
		.at = word >> 32,
	};
}

struct stress_id stress_get(struct stress_self *self, int mount,
			    unsigned int slot)
{
	return unpack(__atomic_load_n(&self->shared->mount[mount].slot[slot],
				      __ATOMIC_SEQ_CST));
}

struct stress_id stress_put(struct stress_self *self, int mount,
			    unsigned int slot, struct stress_id id)
{
	return unpack(__atomic_exchange_n(&self->shared->mount[mount].slot[slot],
					  pack(id), __ATOMIC_SEQ_CST));
}

static const struct stress_action *choose(struct stress_self *self,
					  const struct stress_action *actions,
					  unsigned int nr)
{
	unsigned int total = 0, at;

	for (unsigned int i = 0; i < nr; i++)
		total += actions[i].weight;
	at = stress_below(self, total);
	while (at >= actions->weight)
		at -= actions++->weight;
	return actions;
}

static void act(struct stress_self *self, const struct stress_action *action)
{
	int mount = stress_below(self, STRESS_MOUNTS);

	*entry_now(self) = (struct stress_entry) {
		.what = action->what,
		.mount = mount,
	};
	action->act(self, mount);
	entry_now(self)->done = true;
	self->worker->ops++;
}

static bool is_over(const struct stress *shared)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&shared->failed, __ATOMIC_SEQ_CST);
}

static void wait_while_paused(struct stress_self *self)
{
	if (!__atomic_load_n(&self->shared->pause, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&self->worker->paused, true, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&self->shared->pause, __ATOMIC_SEQ_CST) &&
	       !is_over(self->shared))
		usleep(WAIT_STEP_US);
	__atomic_store_n(&self->worker->paused, false, __ATOMIC_SEQ_CST);
}

void stress_work(struct stress_self *self, const struct stress_action *actions,
		 unsigned int nr)
{
	while (!is_over(self->shared)) {
		act(self, choose(self, actions, nr));
		wait_while_paused(self);
	}
}
