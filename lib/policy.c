// SPDX-License-Identifier: LGPL-2.1
/*
 * How files of a server are passed through, by what the kernel has and by what goes
 * wrong. See fuse_backing.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuse_backing.h"

#define KNOWN	(FUSEBACKING_COPY_SPLICE | FUSEBACKING_UNCHECKED)
/* What a file answers by its descriptor, whoever registered it */
#define OPS_BY_DESCRIPTOR	(FUSE_BACKING_OPS_ATTR | FUSE_BACKING_OPS_FSYNC)
/* Nodes share locks, so that a server's node needs none of its own */
#define LOCKS	64
/* One for each access mode of open(2) */
#define SLOTS	3

/* fusebacking_node.state */
enum {
	PLAIN = 1 << 0,		/* what is open is not passed through */
	ATTACHED = 1 << 1,	/* it was, once */
};

/* @features are -1 until the kernel was asked, which @probing protects */
struct fusebacking_policy {
	int (*device)(void *data);
	void *data;
	unsigned int flags;
	uint64_t ops;
	void (*tell)(void *data, const char *text);
	void *tell_data;
	pthread_mutex_t probing;
	atomic_int features;
	atomic_int way;
	pthread_mutex_t lock[LOCKS];
};

struct fusebacking_policy *fusebacking_policy_new(int (*device)(void *data), void *data,
						  enum fusebacking_way way,
						  unsigned int flags)
{
	struct fusebacking_policy *policy;

	if (flags & ~KNOWN || way > FUSEBACKING_PER_INODE) {
		errno = EINVAL;
		return NULL;
	}
	policy = calloc(1, sizeof(*policy));
	if (!policy)
		return NULL;
	policy->device = device;
	policy->data = data;
	policy->flags = flags;
	atomic_init(&policy->features, -1);
	atomic_init(&policy->way, way);
	pthread_mutex_init(&policy->probing, NULL);
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&policy->lock[i], NULL);
	return policy;
}

void fusebacking_policy_free(struct fusebacking_policy *policy)
{
	if (!policy)
		return;
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&policy->lock[i]);
	pthread_mutex_destroy(&policy->probing);
	free(policy);
}

void fusebacking_policy_tell(struct fusebacking_policy *policy,
			     void (*tell)(void *data, const char *text), void *data)
{
	policy->tell = tell;
	policy->tell_data = data;
}

void fusebacking_policy_ops(struct fusebacking_policy *policy, uint64_t ops)
{
	policy->ops = ops;
}

/* Ways */

static void tell(struct fusebacking_policy *policy, enum fusebacking_way way, int err)
{
	static const char *const does[] = {
		"files are served",
		"files are passed through by id",
		"files are passed through per open",
	};
	char text[256];
	int reason;

	if (!policy->tell)
		return;
	reason = fusebacking_why(policy->device(policy->data), err);
	snprintf(text, sizeof(text), "%s: %s", does[way],
		 fusebacking_strerror(err, reason));
	policy->tell(policy->tell_data, text);
}

/* No better way than this one any more */
static void lower(struct fusebacking_policy *policy, enum fusebacking_way way, int err)
{
	int old = atomic_load(&policy->way);

	do {
		if (old <= (int)way)
			return;
	} while (!atomic_compare_exchange_weak(&policy->way, &old, way));
	tell(policy, way, err);
}

static enum fusebacking_way best_way(int features)
{
	if (!(features & FUSEBACKING_HAS_ONCE))
		return FUSEBACKING_BY_ID;
	if (!(features & FUSEBACKING_HAS_ATTACH))
		return FUSEBACKING_PER_OPEN;
	return FUSEBACKING_PER_INODE;
}

static void probe_locked(struct fusebacking_policy *policy)
{
	const int features = fusebacking_probe(policy->device(policy->data));

	if (features < 0) {
		/* of no descriptor yet, for one */
		if (fusebacking_verdict(features) != FUSEBACKING_NEVER &&
		    features != -EOPNOTSUPP)
			return;
		lower(policy, FUSEBACKING_SERVE, features);
	} else if (policy->flags & FUSEBACKING_COPY_SPLICE &&
		   !(features & FUSEBACKING_HAS_COPY_SPLICE)) {
		lower(policy, FUSEBACKING_SERVE, -ENOTTY);
	} else {
		lower(policy, best_way(features), -ENOTTY);
	}
	atomic_store(&policy->features, features < 0 ? 0 : features);
}

/* That can't be done before INIT is answered, so it is done when it is needed */
static int features_of(struct fusebacking_policy *policy)
{
	if (atomic_load(&policy->features) < 0) {
		pthread_mutex_lock(&policy->probing);
		if (atomic_load(&policy->features) < 0)
			probe_locked(policy);
		pthread_mutex_unlock(&policy->probing);
	}
	return atomic_load(&policy->features);
}

enum fusebacking_way fusebacking_policy_way(struct fusebacking_policy *policy)
{
	/* a mount that nobody wants passed through asks the kernel nothing */
	if (atomic_load(&policy->way) != FUSEBACKING_SERVE && features_of(policy) < 0)
		return FUSEBACKING_SERVE;
	return atomic_load(&policy->way);
}

/* Is this the end of it? */
static void take_error(struct fusebacking_policy *policy, int err)
{
	if (fusebacking_verdict(err) == FUSEBACKING_NEVER)
		lower(policy, FUSEBACKING_SERVE, err);
}

/* Nodes */

static pthread_mutex_t *lock_of(struct fusebacking_policy *policy,
				const struct fusebacking_node *node)
{
	/* ids are addresses, or they are counted */
	const uint64_t hash = node->nodeid * 0x9e3779b97f4a7c15ull;

	return &policy->lock[(hash >> 32) % LOCKS];
}

static int flags_of(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? 0 : flags;
}

/* What clients may do with an attached file; with O_PATH, credentials decide */
static unsigned int modes_of(int fd)
{
	const int flags = flags_of(fd);

	if (!(flags & O_PATH) && (flags & O_ACCMODE) == O_RDONLY)
		return FUSE_BACKING_READ;
	if (!(flags & O_PATH) && (flags & O_ACCMODE) == O_WRONLY)
		return FUSE_BACKING_WRITE;
	return FUSE_BACKING_READ | FUSE_BACKING_WRITE;
}

/* A file that isn't to be written to keeps its times, which take no descriptor to set */
static uint64_t ops_of(struct fusebacking_policy *policy, unsigned int modes)
{
	uint64_t ops = features_of(policy) & FUSEBACKING_HAS_OPS ? policy->ops : 0;

	return modes & FUSE_BACKING_WRITE ? ops : ops & ~FUSE_BACKING_OPS_TIMES;
}

static int attach_with(struct fusebacking_policy *policy, struct fusebacking_node *node,
		       unsigned int modes, uint64_t ops)
{
	unsigned int flags = modes | FUSE_BACKING_ATTACH_PENDING;

	if (policy->flags & FUSEBACKING_UNCHECKED)
		flags |= FUSE_BACKING_ATTACH_UNCHECKED;
	return fusebacking_attach_fd_ops(policy->device(policy->data), node->nodeid,
					 node->generation, node->fd,
					 policy->flags & FUSEBACKING_COPY_SPLICE, flags,
					 ops);
}

static int attach_locked(struct fusebacking_policy *policy, struct fusebacking_node *node)
{
	const unsigned int modes = modes_of(node->fd);
	const uint64_t ops = ops_of(policy, modes);
	int err = attach_with(policy, node, modes, ops);

	/* of a server with more power than the mount's owner: without what takes that */
	if (err == -EPERM && ops & ~OPS_BY_DESCRIPTOR)
		err = attach_with(policy, node, modes, ops & OPS_BY_DESCRIPTOR);
	/* files that are open hold it back; it is attached after those */
	if (!err || err == -EEXIST)
		node->state |= ATTACHED;
	else if (err == -EACCES)
		lower(policy, FUSEBACKING_PER_OPEN, err);
	else
		take_error(policy, err);
	return err;
}

static int register_file(struct fusebacking_policy *policy, int fd, unsigned int flags)
{
	int id = fusebacking_register(policy->device(policy->data), fd,
				      flags | (policy->flags & FUSEBACKING_COPY_SPLICE));

	take_error(policy, id);
	return id;
}

/*
 * An id is good for what its descriptor is open for, so each mode of opening has its own.
 * A kernel that can't have it so has one for all, and wouldn't take two.
 */
static int shared_id_locked(struct fusebacking_policy *policy,
			    struct fusebacking_node *node, int fd)
{
	const bool of_mode = features_of(policy) & FUSEBACKING_HAS_AS_OPENED;
	const int slot = of_mode ? (flags_of(fd) & O_ACCMODE) % SLOTS : 0;
	int id;

	if (node->id[slot])
		return node->id[slot];
	id = register_file(policy, fd, 0);
	if (id > 0)
		node->id[slot] = id;
	return id;
}

/* For a reply about a file that is open as @fd */
static int reply_id_locked(struct fusebacking_policy *policy,
			   struct fusebacking_node *node, int fd)
{
	switch (fusebacking_policy_way(policy)) {
	case FUSEBACKING_BY_ID:
		return shared_id_locked(policy, node, fd);
	case FUSEBACKING_PER_OPEN:
	case FUSEBACKING_PER_INODE:
		return register_file(policy, fd, FUSEBACKING_ONCE);
	default:
		return 0;
	}
}

static void close_ids_locked(struct fusebacking_policy *policy,
			     struct fusebacking_node *node)
{
	for (int i = 0; i < SLOTS; i++) {
		if (node->id[i])
			fusebacking_close(policy->device(policy->data), node->id[i]);
		node->id[i] = 0;
	}
}

static void release_locked(struct fusebacking_policy *policy,
			   struct fusebacking_node *node)
{
	/* a server that took over hears of files that another one opened */
	if (node->opens && !--node->opens)
		close_ids_locked(policy, node);
}

/*
 * All files of an inode that are open are passed through, or none is: the kernel doesn't
 * mix them. What it opened by itself counts, too, and nobody knows of that.
 */
static int open_locked(struct fusebacking_policy *policy, struct fusebacking_node *node,
		       int fd)
{
	const bool none = node->opens && node->state & PLAIN;
	const bool some = (node->opens && !(node->state & PLAIN)) ||
			  node->state & ATTACHED;
	int id = none ? 0 : reply_id_locked(policy, node, fd);

	if (id < 0 && some)
		return id;
	if (id <= 0)
		node->state |= PLAIN;
	else
		node->state &= ~PLAIN;
	node->opens++;
	return id < 0 ? 0 : id;
}

void fusebacking_node_init(struct fusebacking_node *node, uint64_t nodeid,
			   uint64_t generation, int fd)
{
	memset(node, 0, sizeof(*node));
	node->nodeid = nodeid;
	node->generation = generation;
	node->fd = fd;
}

int fusebacking_node_found(struct fusebacking_policy *policy,
			   struct fusebacking_node *node)
{
	int err;

	if (fusebacking_policy_way(policy) != FUSEBACKING_PER_INODE)
		return 0;
	pthread_mutex_lock(lock_of(policy, node));
	err = attach_locked(policy, node);
	pthread_mutex_unlock(lock_of(policy, node));
	return err;
}

int fusebacking_node_open(struct fusebacking_policy *policy,
			  struct fusebacking_node *node, int fd)
{
	int id;

	pthread_mutex_lock(lock_of(policy, node));
	/* or the kernel would have opened it */
	if (fusebacking_policy_way(policy) == FUSEBACKING_PER_INODE)
		attach_locked(policy, node);
	id = open_locked(policy, node, fd);
	pthread_mutex_unlock(lock_of(policy, node));
	return id;
}

static bool is_shared_locked(const struct fusebacking_node *node, int id)
{
	for (int i = 0; i < SLOTS; i++)
		if (node->id[i] == id)
			return true;
	return false;
}

void fusebacking_node_cancel(struct fusebacking_policy *policy,
			     struct fusebacking_node *node, int id)
{
	pthread_mutex_lock(lock_of(policy, node));
	if (id > 0 && !is_shared_locked(node, id))
		fusebacking_close(policy->device(policy->data), id);
	release_locked(policy, node);
	pthread_mutex_unlock(lock_of(policy, node));
}

void fusebacking_node_release(struct fusebacking_policy *policy,
			      struct fusebacking_node *node)
{
	pthread_mutex_lock(lock_of(policy, node));
	release_locked(policy, node);
	pthread_mutex_unlock(lock_of(policy, node));
}

void fusebacking_node_forget(struct fusebacking_policy *policy,
			     struct fusebacking_node *node)
{
	pthread_mutex_lock(lock_of(policy, node));
	/* one that waits for an inode that the kernel never made would wait on */
	if (node->state & ATTACHED)
		fusebacking_detach(policy->device(policy->data), node->nodeid,
				   node->generation);
	close_ids_locked(policy, node);
	node->state = 0;
	node->opens = 0;
	pthread_mutex_unlock(lock_of(policy, node));
}
