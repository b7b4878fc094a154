// SPDX-License-Identifier: LGPL-2.1
/*
 * A policy passes files through in the best way that a kernel has, and leaves nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../fuse_backing.h"
#include "device.h"
#include "harness.h"

#define NODE	42
#define READ_WRITE	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
#define PENDING		FUSE_BACKING_ATTACH_PENDING

static struct fixture {
	struct fusebacking_policy *policy;
	struct fusebacking_node node;
	int dev;
	int path;	/* with O_PATH */
	int fd;
	int told;
} fixture;

static int device_of(void *data)
{
	return *(int *)data;
}

static void count(void *data, const char *text)
{
	CHECK(text && *text);
	++*(int *)data;
}

static int open_null(int flags)
{
	return open("/dev/null", flags | O_CLOEXEC);
}

static struct fixture *start_with(enum kernel kernel, enum fusebacking_way way,
				  unsigned int flags)
{
	struct fixture *f = &fixture;

	memset(f, 0, sizeof(*f));
	device_reset(kernel);
	f->dev = DEVICE;
	f->path = open_null(O_PATH);
	f->fd = open_null(O_RDONLY);
	f->policy = fusebacking_policy_new(device_of, &f->dev, way, flags);
	fusebacking_policy_tell(f->policy, count, &f->told);
	fusebacking_node_init(&f->node, NODE, 7, f->path);
	return f;
}

static struct fixture *start(enum kernel kernel, enum fusebacking_way way)
{
	return start_with(kernel, way, 0);
}

static int open_file(struct fixture *f)
{
	return fusebacking_node_open(f->policy, &f->node, f->fd);
}

static void release(struct fixture *f)
{
	fusebacking_node_release(f->policy, &f->node);
}

/* The kernel has forgotten all, and nothing is left */
static void end(struct fixture *f)
{
	fusebacking_node_forget(f->policy, &f->node);
	fusebacking_policy_free(f->policy);
	close(f->fd);
	close(f->path);
	CHECK_EQUAL(device_ids(), 0);
	CHECK_EQUAL(device_attachments(), 0);
	CHECK_EQUAL(device_mistakes(), 0);
}

static void takes_the_best_way(void)
{
	static const enum fusebacking_way best[KERNELS] = {
		[KERNEL_OLD] = FUSEBACKING_SERVE,
		[KERNEL_WITHOUT] = FUSEBACKING_SERVE,
		[KERNEL_UPSTREAM] = FUSEBACKING_BY_ID,
		[KERNEL_ONCE] = FUSEBACKING_PER_OPEN,
		[KERNEL_TABLE] = FUSEBACKING_PER_INODE,
		[KERNEL_TREES] = FUSEBACKING_PER_INODE,
		[KERNEL_RULES] = FUSEBACKING_PER_INODE,
		[KERNEL_FILTER] = FUSEBACKING_PER_INODE,
		[KERNEL_FILTER_MODULE] = FUSEBACKING_PER_INODE,
	};

	for (int kernel = 0; kernel < KERNELS; kernel++) {
		for (int way = 0; way <= FUSEBACKING_PER_INODE; way++) {
			const int least = way < (int)best[kernel] ? way : (int)best[kernel];
			struct fixture *f = start(kernel, way);

			context("%s, %d", kernel_names[kernel], way);
			CHECK_EQUAL(fusebacking_policy_way(f->policy), least);
			CHECK_EQUAL(f->told, way > least);
			end(f);
		}
	}
}

static void asks_nothing_to_serve(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_SERVE);

	CHECK_EQUAL(fusebacking_node_found(f->policy, &f->node), 0);
	CHECK_EQUAL(open_file(f), 0);
	release(f);
	fusebacking_node_forget(f->policy, &f->node);
	CHECK_EQUAL(device_calls(), 0);
	end(f);
}

/* The session isn't mounted yet: no reason to give up */
static void waits_for_the_device(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_INODE);

	f->dev = -1;
	CHECK_EQUAL(fusebacking_policy_way(f->policy), FUSEBACKING_SERVE);
	CHECK_EQUAL(open_file(f), 0);
	release(f);
	f->dev = DEVICE;
	CHECK_EQUAL(fusebacking_policy_way(f->policy), FUSEBACKING_PER_INODE);
	CHECK_EQUAL(f->told, 0);
	end(f);
}

static void new_refuses(void)
{
	CHECK(!fusebacking_policy_new(device_of, NULL, FUSEBACKING_PER_INODE + 1, 0));
	CHECK_EQUAL(errno, EINVAL);
	CHECK(!fusebacking_policy_new(device_of, NULL, FUSEBACKING_PER_INODE, 1));
	CHECK_EQUAL(errno, EINVAL);
	fusebacking_policy_free(NULL);
}

/* Per inode */

static void attaches_before_the_reply(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_INODE);

	CHECK_EQUAL(fusebacking_node_found(f->policy, &f->node), 0);
	CHECK_EQUAL(device_attached(NODE), READ_WRITE | PENDING);
	CHECK_EQUAL(device_ids(), 0);
	end(f);
}

static void attaches_for_what_it_is_open_for(void)
{
	static const unsigned int modes[] = {
		[O_RDONLY] = FUSE_BACKING_READ,
		[O_WRONLY] = FUSE_BACKING_WRITE,
		[O_RDWR] = READ_WRITE,
	};

	for (int mode = O_RDONLY; mode <= O_RDWR; mode++) {
		struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_INODE);
		const int fd = open_null(mode);

		context("mode %d", mode);
		fusebacking_node_init(&f->node, NODE, 7, fd);
		fusebacking_node_found(f->policy, &f->node);
		CHECK_EQUAL(device_attached(NODE), modes[mode] | PENDING);
		close(fd);
		end(f);
	}
}

static void attaches_again_at_open(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_INODE);

	fusebacking_node_found(f->policy, &f->node);
	device_forget(NODE);
	CHECK(device_reply(open_file(f)));
	CHECK_EQUAL(device_attached(NODE), READ_WRITE | PENDING);
	release(f);
	CHECK_EQUAL(device_attached(NODE), READ_WRITE | PENDING);
	end(f);
}

/* What a kernel can't answer isn't asked for, and the file is attached all the same */
static void attaches_with_ops(void)
{
	static const enum kernel kernels[] = { KERNEL_TABLE, KERNEL_TREES };

	for (unsigned int i = 0; i < ARRAY_SIZE(kernels); i++) {
		struct fixture *f = start(kernels[i], FUSEBACKING_PER_INODE);

		context("%s", kernel_names[kernels[i]]);
		fusebacking_policy_ops(f->policy, FUSE_BACKING_OPS_FILE);
		CHECK_EQUAL(fusebacking_node_found(f->policy, &f->node), 0);
		CHECK_EQUAL(device_attached(NODE), READ_WRITE | PENDING);
		CHECK_EQUAL(device_ops(NODE), i ? FUSE_BACKING_OPS_FILE : 0);
		CHECK_EQUAL(f->told, 0);
		end(f);
	}
}

/* With more power than the mount's owner: with fewer ops, as the next file is, too */
static void attaches_with_less_for_a_lesser_owner(void)
{
	struct fixture *f = start(KERNEL_TREES, FUSEBACKING_PER_INODE);

	device_broker(true);
	fusebacking_policy_ops(f->policy, FUSE_BACKING_OPS_FILE);
	for (int i = 0; i < 2; i++) {
		CHECK_EQUAL(fusebacking_node_found(f->policy, &f->node), 0);
		CHECK_EQUAL(device_attached(NODE), READ_WRITE | PENDING);
		CHECK_EQUAL(device_ops(NODE),
			    FUSE_BACKING_OPS_ATTR | FUSE_BACKING_OPS_FSYNC);
		CHECK_EQUAL(device_ids(), 0);
		fusebacking_node_forget(f->policy, &f->node);
	}
	CHECK_EQUAL(fusebacking_policy_way(f->policy), FUSEBACKING_PER_INODE);
	CHECK_EQUAL(f->told, 0);
	end(f);
}

/* Times are set as who registered it, whatever its descriptor is open for */
static void times_are_for_what_may_be_written(void)
{
	static const uint64_t ops[] = {
		[O_RDONLY] = FUSE_BACKING_OPS_FILE & ~FUSE_BACKING_OPS_TIMES,
		[O_WRONLY] = FUSE_BACKING_OPS_FILE,
		[O_RDWR] = FUSE_BACKING_OPS_FILE,
	};

	for (int mode = O_RDONLY; mode <= O_RDWR; mode++) {
		struct fixture *f = start(KERNEL_TREES, FUSEBACKING_PER_INODE);
		const int fd = open_null(mode);

		context("mode %d", mode);
		fusebacking_policy_ops(f->policy, FUSE_BACKING_OPS_FILE);
		fusebacking_node_init(&f->node, NODE, 7, fd);
		CHECK_EQUAL(fusebacking_node_found(f->policy, &f->node), 0);
		CHECK_EQUAL(device_ops(NODE), ops[mode]);
		close(fd);
		end(f);
	}
}

static void nobody_checks_opens(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_INODE);

	device_check_opens(false);
	CHECK_EQUAL(fusebacking_node_found(f->policy, &f->node), -EACCES);
	CHECK_EQUAL(fusebacking_policy_way(f->policy), FUSEBACKING_PER_OPEN);
	CHECK_EQUAL(f->told, 1);
	end(f);

	f = start_with(KERNEL_TABLE, FUSEBACKING_PER_INODE, FUSEBACKING_UNCHECKED);
	device_check_opens(false);
	CHECK_EQUAL(fusebacking_node_found(f->policy, &f->node), 0);
	CHECK_EQUAL(f->told, 0);
	end(f);
}

/* By id */

static void each_mode_has_an_id(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_BY_ID);
	const int writing = open_null(O_WRONLY);
	const int id = open_file(f);

	CHECK(id > 0);
	CHECK_EQUAL(device_map_flags(id), FUSE_BACKING_MAP_AS_OPENED);
	CHECK_EQUAL(open_file(f), id);
	CHECK(fusebacking_node_open(f->policy, &f->node, writing) != id);
	CHECK_EQUAL(device_ids(), 2);
	release(f);
	release(f);
	CHECK_EQUAL(device_ids(), 2);
	release(f);
	CHECK_EQUAL(device_ids(), 0);
	close(writing);
	end(f);
}

/* Whose inodes take one id only */
static void one_id_for_all_modes(void)
{
	struct fixture *f = start(KERNEL_UPSTREAM, FUSEBACKING_PER_INODE);
	const int writing = open_null(O_WRONLY);
	const int id = open_file(f);

	CHECK(id > 0);
	CHECK_EQUAL(fusebacking_node_open(f->policy, &f->node, writing), id);
	release(f);
	release(f);
	CHECK_EQUAL(device_ids(), 0);
	close(writing);
	end(f);
}

static void shared_id_survives_a_cancelled_open(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_BY_ID);
	const int id = open_file(f);

	fusebacking_node_cancel(f->policy, &f->node, open_file(f));
	CHECK(device_reply(id));
	fusebacking_node_cancel(f->policy, &f->node, id);
	CHECK(!device_reply(id));
	end(f);
}

/* Per open */

static void each_open_has_an_id(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_OPEN);
	const int first = open_file(f), second = open_file(f);

	CHECK(first != second);
	CHECK(device_reply(first));
	fusebacking_node_cancel(f->policy, &f->node, second);
	CHECK_EQUAL(device_ids(), 0);
	release(f);
	end(f);
}

static void splices_are_copied(void)
{
	struct fixture *f = start_with(KERNEL_TABLE, FUSEBACKING_PER_OPEN,
				       FUSEBACKING_COPY_SPLICE);
	const int id = open_file(f);

	CHECK(device_map_flags(id) & FUSE_BACKING_MAP_COPY_SPLICE);
	CHECK(device_reply(id));
	release(f);
	end(f);
	/* better served than not as it was asked for */
	f = start_with(KERNEL_ONCE, FUSEBACKING_PER_OPEN, FUSEBACKING_COPY_SPLICE);
	CHECK_EQUAL(open_file(f), 0);
	CHECK_EQUAL(fusebacking_policy_way(f->policy), FUSEBACKING_SERVE);
	release(f);
	end(f);
}

/* Errors */

static void not_now(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_OPEN);

	device_limit(0);
	CHECK_EQUAL(open_file(f), 0);
	/* nor is the next, beside that one */
	device_limit(10);
	CHECK_EQUAL(open_file(f), 0);
	release(f);
	release(f);
	CHECK(device_reply(open_file(f)));
	release(f);
	CHECK_EQUAL(f->told, 0);
	end(f);
}

/* Others are passed through, and it can't be served beside them */
static void not_now_but_must(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_OPEN);

	CHECK(device_reply(open_file(f)));
	device_limit(0);
	CHECK_EQUAL(open_file(f), -EMFILE);
	release(f);
	CHECK_EQUAL(open_file(f), 0);
	release(f);
	end(f);
}

static void never(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_PER_INODE);
	int calls;

	CHECK_EQUAL(fusebacking_policy_way(f->policy), FUSEBACKING_PER_INODE);
	device_permit(false);
	CHECK_EQUAL(open_file(f), 0);
	CHECK_EQUAL(fusebacking_policy_way(f->policy), FUSEBACKING_SERVE);
	CHECK_EQUAL(f->told, 1);
	calls = device_calls();
	release(f);
	CHECK_EQUAL(open_file(f), 0);
	CHECK_EQUAL(device_calls(), calls);
	end(f);
}

/* A server that took over: of files that another one opened */
static void keep(void *data, const char *text)
{
	snprintf(data, 256, "%s", text);
}

static void tells_the_kernels_reason(void)
{
	struct fixture *f = start(KERNEL_TREES, FUSEBACKING_PER_INODE);
	char text[256] = "";

	fusebacking_policy_tell(f->policy, keep, text);
	device_permit(false);
	CHECK_EQUAL(fusebacking_policy_way(f->policy), FUSEBACKING_SERVE);
	CHECK(strstr(text, fusebacking_strerror(-EPERM, fusebacking_reason("switched-off"))));
	end(f);
}

static void release_of_nothing(void)
{
	struct fixture *f = start(KERNEL_TABLE, FUSEBACKING_BY_ID);

	release(f);
	CHECK(open_file(f) > 0);
	CHECK_EQUAL(device_ids(), 1);
	release(f);
	CHECK_EQUAL(device_ids(), 0);
	end(f);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(takes_the_best_way),
		TEST(asks_nothing_to_serve),
		TEST(waits_for_the_device),
		TEST(new_refuses),
		TEST(attaches_before_the_reply),
		TEST(attaches_for_what_it_is_open_for),
		TEST(attaches_again_at_open),
		TEST(attaches_with_ops),
		TEST(attaches_with_less_for_a_lesser_owner),
		TEST(times_are_for_what_may_be_written),
		TEST(nobody_checks_opens),
		TEST(each_mode_has_an_id),
		TEST(one_id_for_all_modes),
		TEST(shared_id_survives_a_cancelled_open),
		TEST(each_open_has_an_id),
		TEST(splices_are_copied),
		TEST(not_now),
		TEST(not_now_but_must),
		TEST(never),
		TEST(tells_the_kernels_reason),
		TEST(release_of_nothing),
		{}
	};

	return run_tests(tests);
}
