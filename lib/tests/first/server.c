// SPDX-License-Identifier: LGPL-2.1
/*
 * A program of the day when the library was new: built with the headers beside it, which
 * stay as they are, and run with the library of today.
 */

#include <fuse_backing.h>
#include <stdlib.h>

#include "../device.h"
#include "../harness.h"

#define NODE	42

static int device(void *data)
{
	return *(int *)data;
}

static void policy(void)
{
	/* what is behind it is nobody's but the server's */
	struct {
		struct fusebacking_node backing;
		uint64_t lookups;
	} node = { .lookups = 12345 };
	int dev = DEVICE, id;
	struct fusebacking_policy *p;

	p = fusebacking_policy_new(device, &dev, FUSEBACKING_PER_INODE,
				   FUSEBACKING_UNCHECKED | FUSEBACKING_COPY_SPLICE);
	fusebacking_policy_tell(p, NULL, NULL);
	CHECK_EQUAL(fusebacking_policy_way(p), FUSEBACKING_PER_INODE);
	fusebacking_node_init(&node.backing, NODE, 1, 0);
	CHECK_EQUAL(fusebacking_node_found(p, &node.backing), 0);
	id = fusebacking_node_open(p, &node.backing, 0);
	CHECK(id > 0);
	fusebacking_node_cancel(p, &node.backing, id);
	id = fusebacking_node_open(p, &node.backing, 0);
	CHECK(device_reply(id));
	fusebacking_node_release(p, &node.backing);
	fusebacking_node_forget(p, &node.backing);
	fusebacking_policy_free(p);
	CHECK_EQUAL(node.lookups, 12345);
	CHECK_EQUAL(device_ids() + device_attachments() + device_mistakes(), 0);
}

static void calls(void)
{
	const struct fuse_backing_extent hole = { .length = 1 };
	struct fuse_backing_entry entries[2];
	uint32_t start = 0;
	int id;

	CHECK(fusebacking_probe(DEVICE) & FUSEBACKING_HAS_EXTENTS);
	CHECK(fusebacking_features_of_init(FUSE_HAS_BACKING_TABLE));
	id = fusebacking_register(DEVICE, 0, FUSEBACKING_MORE_MODES);
	CHECK(id > 0);
	CHECK_EQUAL(fusebacking_attach(DEVICE, NODE, 1, id, FUSE_BACKING_READ), 0);
	CHECK_EQUAL(fusebacking_list(DEVICE, &start, entries, 2), 1);
	CHECK_EQUAL(entries[0].id, id);
	CHECK_EQUAL(fusebacking_revoke(DEVICE, NODE, 1), 0);
	CHECK_EQUAL(fusebacking_close(DEVICE, id), 0);
	CHECK_EQUAL(fusebacking_attach_fd(DEVICE, NODE, 1, 0, 0, FUSE_BACKING_READ), 0);
	CHECK_EQUAL(fusebacking_detach(DEVICE, NODE, 1), 0);
	CHECK_EQUAL(fusebacking_extents(DEVICE, NODE, 1, &hole, 1, FUSE_BACKING_READ), 0);
	CHECK_EQUAL(fusebacking_close_all(DEVICE), 0);
}

static void words(void)
{
	const int reason = fusebacking_reason("table");

	CHECK(fusebacking_reason_word(reason));
	CHECK(fusebacking_strerror(-1, reason));
	CHECK_EQUAL(fusebacking_verdict(-1), FUSEBACKING_NEVER);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(policy),
		TEST(calls),
		TEST(words),
		{}
	};

	return run_tests(tests);
}
