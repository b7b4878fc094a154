// SPDX-License-Identifier: LGPL-2.1
/*
 * A server's life with a node, where each call fails once with each error; and several
 * threads, where any does. Nothing is left in the end, nothing is closed twice, and an
 * open that is refused is refused with the kernel's error.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fuse_backing.h"
#include "device.h"
#include "harness.h"

#define THREADS	4
#define ROUNDS	150
#define NODES	2

static const int errors[] = {
	EPERM, EINVAL, EBADF, EFAULT, EISDIR, ELOOP, EOPNOTSUPP, EMFILE, EAGAIN, ENOTCONN,
	EINTR, ENOMEM, ENOTTY, EACCES, ENOENT, EEXIST, ETXTBSY, EBUSY
};

static int descriptors[3];	/* one of each mode */
static int path;

static int device_of(void *data)
{
	(void)data;
	return DEVICE;
}

/* One file: the kernel takes the reply, or nobody does */
static void open_one(struct fusebacking_policy *policy, struct fusebacking_node *node,
		     int mode, bool taken)
{
	int id = fusebacking_node_open(policy, node, descriptors[mode]);

	if (id < 0)
		return;
	if (!taken) {
		fusebacking_node_cancel(policy, node, id);
		return;
	}
	if (id)
		CHECK(device_reply(id));
	fusebacking_node_release(policy, node);
}

static void live(struct fusebacking_policy *policy, struct fusebacking_node *node)
{
	int id, other;

	fusebacking_node_found(policy, node);
	open_one(policy, node, O_RDONLY, true);
	id = fusebacking_node_open(policy, node, descriptors[O_RDONLY]);
	if (id > 0)
		CHECK(device_reply(id));
	other = fusebacking_node_open(policy, node, descriptors[O_RDWR]);
	if (other > 0)
		CHECK(device_reply(other));
	open_one(policy, node, O_WRONLY, false);
	if (other >= 0)
		fusebacking_node_release(policy, node);
	if (id >= 0)
		fusebacking_node_release(policy, node);
	open_one(policy, node, O_WRONLY, true);
	fusebacking_node_forget(policy, node);
}

/* How many calls it takes, if number @number fails with @error */
static int live_once(enum kernel kernel, enum fusebacking_way way, int number, int error)
{
	struct fusebacking_policy *policy;
	struct fusebacking_node node;

	context("%s, way %d, call %d, %s", kernel_names[kernel], way, number,
		strerrorname_np(error));
	device_reset(kernel);
	device_fail(number, error);
	policy = fusebacking_policy_new(device_of, NULL, way, 0);
	fusebacking_node_init(&node, 42, 1, path);
	live(policy, &node);
	fusebacking_policy_free(policy);
	CHECK_EQUAL(device_ids(), 0);
	CHECK_EQUAL(device_attachments(), 0);
	CHECK_EQUAL(device_mistakes(), 0);
	return device_calls();
}

static void each_call_fails_with_each_error(void)
{
	for (int kernel = 0; kernel < KERNELS; kernel++) {
		for (int way = FUSEBACKING_BY_ID; way <= FUSEBACKING_PER_INODE; way++) {
			const int calls = live_once(kernel, way, -1, EPERM);

			CHECK(calls > 0);
			for (int i = 0; i < calls * (int)ARRAY_SIZE(errors); i++)
				live_once(kernel, way, i % calls, errors[i / calls]);
		}
	}
}

static struct shared {
	struct fusebacking_policy *policy;
	struct fusebacking_node node[NODES];
} shared;

static void *serve(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct fusebacking_node *node = &shared.node[rand_r(&seed) % NODES];

		fusebacking_node_found(shared.policy, node);
		open_one(shared.policy, node, rand_r(&seed) % 3, rand_r(&seed) % 4);
	}
	return NULL;
}

static void run_threads(enum fusebacking_way way, int one_of)
{
	pthread_t thread[THREADS];

	device_reset(KERNEL_TABLE);
	device_fail_some(one_of);
	shared.policy = fusebacking_policy_new(device_of, NULL, way, 0);
	for (int i = 0; i < NODES; i++)
		fusebacking_node_init(&shared.node[i], 16 * i + 16, 1, path);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, serve, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < NODES; i++)
		fusebacking_node_forget(shared.policy, &shared.node[i]);
	fusebacking_policy_free(shared.policy);
}

static void threads_share_nodes(void)
{
	for (int way = FUSEBACKING_BY_ID; way <= FUSEBACKING_PER_INODE; way++) {
		for (int one_of = 0; one_of < 20; one_of += 5) {
			context("way %d, one of %d calls fails", way, one_of);
			run_threads(way, one_of);
			CHECK(device_calls() > ROUNDS);
			CHECK_EQUAL(device_ids(), 0);
			CHECK_EQUAL(device_attachments(), 0);
			CHECK_EQUAL(device_mistakes(), 0);
		}
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(each_call_fails_with_each_error),
		TEST(threads_share_nodes),
		{}
	};

	path = open("/dev/null", O_PATH | O_CLOEXEC);
	for (int mode = O_RDONLY; mode <= O_RDWR; mode++)
		descriptors[mode] = open("/dev/null", mode | O_CLOEXEC);
	return run_tests(tests);
}
