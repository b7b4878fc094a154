// SPDX-License-Identifier: LGPL-2.1
/*
 * Each call asks for what it is named after, and returns the kernel's error.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "../device.h"
#include "../fuse_backing.h"
#include "device.h"
#include "harness.h"

#define NODE	42
#define READ_WRITE	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

static int open_null(int flags)
{
	return open("/dev/null", flags | O_CLOEXEC);
}

/* FUSE_BACKING_MAP_* of what is registered, or a negative errno */
static int flags_of_registration(int open_flags, unsigned int flags)
{
	const int fd = open_null(open_flags);
	int id = fusebacking_register(DEVICE, fd, flags);

	close(fd);
	return id < 0 ? id : device_map_flags(id);
}

static void good_for_what_it_is_open_for(void)
{
	CHECK_EQUAL(flags_of_registration(O_RDONLY, 0), FUSE_BACKING_MAP_AS_OPENED);
	CHECK_EQUAL(flags_of_registration(O_RDONLY, FUSEBACKING_MORE_MODES), 0);
	CHECK_EQUAL(flags_of_registration(O_PATH, 0), 0);
	CHECK_EQUAL(flags_of_registration(O_RDWR, FUSEBACKING_ONCE),
		    FUSE_BACKING_MAP_AS_OPENED | FUSE_BACKING_MAP_AUTO_CLOSE);
	CHECK_EQUAL(flags_of_registration(O_PATH, FUSEBACKING_COPY_SPLICE),
		    FUSE_BACKING_MAP_COPY_SPLICE);
}

/* What is for safety is left out, what was asked for isn't */
static void kernels_without_flags(void)
{
	device_reset(KERNEL_UPSTREAM);
	CHECK_EQUAL(flags_of_registration(O_RDONLY, 0), 0);
	CHECK_EQUAL(flags_of_registration(O_RDONLY, FUSEBACKING_ONCE), -EINVAL);
	CHECK_EQUAL(flags_of_registration(O_RDONLY, FUSEBACKING_COPY_SPLICE), -EINVAL);
	CHECK_EQUAL(device_ids(), 1);
	device_reset(KERNEL_ONCE);
	CHECK_EQUAL(flags_of_registration(O_RDONLY, FUSEBACKING_ONCE),
		    FUSE_BACKING_MAP_AUTO_CLOSE);
}

static void bad_arguments(void)
{
	CHECK_EQUAL(flags_of_registration(O_RDONLY, ~0), -EINVAL);
	CHECK_EQUAL(device_calls(), 0);
	CHECK_EQUAL(fusebacking_register(DEVICE, -1, 0), -EBADF);
	CHECK_EQUAL(fusebacking_register(-1, 0, 0), -EBADF);
	CHECK_EQUAL(fusebacking_attach_fd(DEVICE, 0, 0, 0, 0, READ_WRITE), -EINVAL);
	CHECK_EQUAL(fusebacking_attach_fd(DEVICE, NODE, 0, 0, 0, 0), -EINVAL);
	CHECK_EQUAL(device_ids(), 0);
}

static void close_an_id(void)
{
	const int id = fusebacking_register(DEVICE, 0, 0);

	CHECK_EQUAL(fusebacking_close(DEVICE, id), 0);
	CHECK_EQUAL(device_ids(), 0);
	CHECK_EQUAL(fusebacking_close(DEVICE, id), -ENOENT);
	CHECK_EQUAL(fusebacking_close(DEVICE, -1), -EINVAL);
}

static void attach_and_take_away(void)
{
	CHECK_EQUAL(fusebacking_attach_fd(DEVICE, NODE, 1, 0, 0, FUSE_BACKING_READ), 0);
	CHECK_EQUAL(device_attached(NODE), FUSE_BACKING_READ);
	CHECK_EQUAL(device_ids(), 0);
	CHECK_EQUAL(fusebacking_attach_fd(DEVICE, NODE, 1, 0, 0, READ_WRITE), -EEXIST);
	CHECK_EQUAL(device_ids(), 0);
	CHECK_EQUAL(fusebacking_detach(DEVICE, NODE, 1), 0);
	CHECK_EQUAL(fusebacking_revoke(DEVICE, NODE, 1), -ENOENT);
	CHECK_EQUAL(device_mistakes(), 0);
}

#define ALL_OPS	FUSE_BACKING_OPS_FILE

/* What the file has the answer to, where the kernel has that; no id is left */
static void attach_with_ops(void)
{
	device_reset(KERNEL_TREES);
	CHECK_EQUAL(fusebacking_attach_fd_ops(DEVICE, NODE, 1, 0, 0, READ_WRITE,
					      ALL_OPS), 0);
	CHECK_EQUAL(device_ops(NODE), ALL_OPS);
	CHECK_EQUAL(fusebacking_attach_fd_ops(DEVICE, NODE + 1, 1, 0, 0, READ_WRITE,
					      FUSE_BACKING_OP(FUSE_INIT)), -EOPNOTSUPP);
	CHECK_EQUAL(device_ids(), 0);
	CHECK_EQUAL(fusebacking_attach_ops(DEVICE, NODE + 1, 1,
					   fusebacking_register(DEVICE, 0, 0),
					   FUSE_BACKING_READ, FUSE_BACKING_OPS_ATTR), 0);
	CHECK_EQUAL(device_ops(NODE + 1), FUSE_BACKING_OPS_ATTR);
	device_reset(KERNEL_TABLE);
	CHECK_EQUAL(fusebacking_attach_fd_ops(DEVICE, NODE, 1, 0, 0, READ_WRITE,
					      ALL_OPS), -EINVAL);
	CHECK_EQUAL(device_ids(), 0);
	CHECK_EQUAL(device_mistakes(), 0);
}

static void attach_a_directory(void)
{
	int dir, file;

	device_reset(KERNEL_TREES);
	dir = fusebacking_register(DEVICE, 0, FUSEBACKING_DIR);
	file = fusebacking_register(DEVICE, 0, 0);
	CHECK_EQUAL(device_map_flags(dir), FUSE_BACKING_MAP_DIR);
	CHECK_EQUAL(fusebacking_attach_dir(DEVICE, NODE, 1, file, 0,
					   FUSE_BACKING_OPS_LIST), -ENOTDIR);
	CHECK_EQUAL(fusebacking_attach(DEVICE, NODE, 1, dir, READ_WRITE), -EISDIR);
	CHECK_EQUAL(fusebacking_attach_dir(DEVICE, NODE, 1, dir, 0, 0), -EINVAL);
	CHECK_EQUAL(fusebacking_attach_dir(DEVICE, NODE, 1, dir, READ_WRITE,
					   FUSE_BACKING_OPS_LIST), -EINVAL);
	CHECK_EQUAL(fusebacking_attach_dir(DEVICE, NODE, 1, dir,
					   FUSE_BACKING_ATTACH_PENDING,
					   FUSE_BACKING_OPS_LIST), 0);
	CHECK_EQUAL(device_attached(NODE), FUSE_BACKING_ATTACH_PENDING);
	CHECK_EQUAL(device_ops(NODE), FUSE_BACKING_OPS_LIST);
	CHECK_EQUAL(fusebacking_detach(DEVICE, NODE, 1), 0);
	CHECK_EQUAL(device_mistakes(), 0);
}

/*
 * Names are passed through however the descriptor was opened. The control is a registration
 * that is good for the descriptor's modes only, which no call here makes.
 */
static void attach_a_tree(void)
{
	static const int modes[] = { O_RDONLY | O_DIRECTORY, O_PATH };
	const uint64_t ops = FUSE_BACKING_OPS_LOOKUP | FUSE_BACKING_OPS_ATTR;
	struct fuse_backing_map map = {
		.flags = FUSE_BACKING_MAP_DIR | FUSE_BACKING_MAP_AS_OPENED,
	};
	int id;

	device_reset(KERNEL_TREES);
	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		const int fd = open("/", modes[i] | O_CLOEXEC);

		context("mode %#x", modes[i]);
		id = fusebacking_register(DEVICE, fd, FUSEBACKING_DIR);
		CHECK_EQUAL(fusebacking_attach_dir(DEVICE, NODE, 1, id, 0, ops), 0);
		CHECK_EQUAL(fusebacking_detach(DEVICE, NODE, 1), 0);
		close(fd);
	}
	id = device_ioctl(DEVICE, FUSE_DEV_IOC_BACKING_OPEN, &map);
	CHECK_EQUAL(fusebacking_attach_dir(DEVICE, NODE, 1, id, 0, ops), -EACCES);
	CHECK_EQUAL(fusebacking_attach_dir(DEVICE, NODE, 1, id, 0, FUSE_BACKING_OPS_LIST), 0);
	CHECK_EQUAL(device_mistakes(), 0);
}

/* One that the kernel would take for a file is none */
static void kernels_without_directories(void)
{
	CHECK_EQUAL(flags_of_registration(O_PATH, FUSEBACKING_DIR), -EINVAL);
	CHECK_EQUAL(fusebacking_attach_dir(DEVICE, NODE, 1, 1, 0,
					   FUSE_BACKING_OPS_LIST), -ENOTTY);
	device_reset(KERNEL_TREES);
	CHECK_EQUAL(flags_of_registration(O_PATH, FUSEBACKING_DIR),
		    FUSE_BACKING_MAP_DIR);
	CHECK_EQUAL(flags_of_registration(O_PATH, FUSEBACKING_DIR | FUSEBACKING_ONCE),
		    -EINVAL);
	CHECK_EQUAL(flags_of_registration(O_RDONLY,
					  FUSEBACKING_DIR | FUSEBACKING_COPY_SPLICE),
		    -EINVAL);
}

static void attach_by_id(void)
{
	const int id = fusebacking_register(DEVICE, 0, 0);

	CHECK_EQUAL(fusebacking_attach(DEVICE, NODE, 1, id, READ_WRITE), 0);
	CHECK_EQUAL(device_attached(NODE), READ_WRITE);
	CHECK_EQUAL(device_ids(), 1);
	CHECK_EQUAL(fusebacking_revoke(DEVICE, NODE, 1), 0);
}

/* Whatever it fails with, the id that was registered for it isn't left */
static void attach_leaves_no_id(void)
{
	static const int errors[] = {
		EPERM, EINVAL, EACCES, EISDIR, ENOENT, EEXIST, ETXTBSY, EBUSY, EMFILE,
		ENOTCONN, EFAULT, EINTR, ENOMEM, ENOTTY, EOPNOTSUPP
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		context("%s", strerrorname_np(errors[i]));
		device_reset(KERNEL_TABLE);
		device_fail(1, errors[i]);
		CHECK_EQUAL(fusebacking_attach_fd(DEVICE, NODE, 1, 0, 0, READ_WRITE),
			    -errors[i]);
		CHECK_EQUAL(device_ids(), 0);
		CHECK_EQUAL(device_mistakes(), 0);
	}
	device_reset(KERNEL_ONCE);
	CHECK_EQUAL(fusebacking_attach_fd(DEVICE, NODE, 1, 0, 0, READ_WRITE), -ENOTTY);
	CHECK_EQUAL(device_ids(), 0);
}

/*
 * Two errnos are also of what the kernel looks at when it has taken the id. That isn't
 * closed again, and the reason is the refusal's.
 */
static void attach_closes_nothing_twice(void)
{
	device_reset(KERNEL_TREES);
	device_broker(true);
	CHECK_EQUAL(fusebacking_attach_fd_ops(DEVICE, NODE, 1, 0, 0, READ_WRITE, ALL_OPS),
		    -EPERM);
	CHECK_EQUAL(fusebacking_why(DEVICE, -EPERM), fusebacking_reason("brokered"));
	device_irregular(NODE);
	CHECK_EQUAL(fusebacking_attach_fd(DEVICE, NODE, 1, 0, 0, READ_WRITE), -EINVAL);
	CHECK_EQUAL(fusebacking_why(DEVICE, -EINVAL), fusebacking_reason("file-type"));
	CHECK_EQUAL(device_ids(), 0);
	CHECK_EQUAL(device_mistakes(), 0);
	/* one that it hasn't taken is closed, and the reason stays */
	CHECK_EQUAL(fusebacking_attach_fd(DEVICE, NODE, 1, 0, 0, 0), -EINVAL);
	CHECK_EQUAL(fusebacking_why(DEVICE, -EINVAL), fusebacking_reason("bad-argument"));
	CHECK_EQUAL(device_ids(), 0);
}

static void extents(void)
{
	const struct fuse_backing_extent hole = {
		.length = 1,
		.flags = FUSE_BACKING_EXTENT_HOLE,
	};

	CHECK_EQUAL(fusebacking_extents(DEVICE, NODE, 1, &hole, 1, FUSE_BACKING_READ), 0);
	CHECK_EQUAL(fusebacking_extents(DEVICE, NODE, 1, &hole, 0, FUSE_BACKING_READ),
		    -EINVAL);
	CHECK_EQUAL(fusebacking_extents(DEVICE, NODE, 1, NULL, 1, FUSE_BACKING_READ),
		    -EFAULT);
}

static int attach_tree(void)
{
	const int id = fusebacking_register(DEVICE, 0, FUSEBACKING_DIR);

	return fusebacking_attach_dir(DEVICE, NODE, 1, id, FUSE_BACKING_READ,
				      FUSE_BACKING_OPS_DIR | FUSE_BACKING_OPS_BELOW);
}

static int pass_all_but(const struct fusebacking_rule *rules, uint32_t count)
{
	return fusebacking_rules(DEVICE, NODE, 1, rules, count, FUSE_BACKING_PASS);
}

static int pass_all_but_one(const struct fusebacking_rule rule)
{
	return pass_all_but(&rule, 1);
}

/* Names of each length that has bytes behind it up to the next rule, or none */
static void rules(void)
{
	static const struct fusebacking_rule some[] = {
		{ "a", FUSE_BACKING_HIDE, 0, 0 },
		{ "1234567", FUSE_BACKING_PASS, 0, 0 },
		{ "12345678", FUSE_BACKING_SERVER, 8, 77 },
		{ "123456789", FUSE_BACKING_SERVER, 0, 0 },
	};

	device_reset(KERNEL_RULES);
	CHECK_EQUAL(pass_all_but(some, 4), -ENOENT);
	CHECK_EQUAL(attach_tree(), 0);
	CHECK_EQUAL(pass_all_but(some, 4), 0);
	CHECK_EQUAL(device_rules(NODE), 4);
	CHECK_EQUAL(fusebacking_rules(DEVICE, NODE, 1, some, 1, FUSE_BACKING_HIDE), 0);
	CHECK_EQUAL(device_rules(NODE), 1);
	CHECK_EQUAL(pass_all_but(NULL, 0), 0);
	CHECK_EQUAL(device_rules(NODE), 0);
	device_reset(KERNEL_TREES);
	CHECK_EQUAL(attach_tree(), 0);
	CHECK_EQUAL(pass_all_but(some, 4), -ENOTTY);
}

/* Nothing that is too large for the kernel's structure becomes something else in there */
static void rules_that_are_none(void)
{
	const struct fusebacking_rule good = { "a", FUSE_BACKING_HIDE, 0, 0 };
	struct fusebacking_rule bad = good;

	device_reset(KERNEL_RULES);
	CHECK_EQUAL(attach_tree(), 0);
	bad.verdict = 0x10000;
	CHECK_EQUAL(pass_all_but_one(bad), -EINVAL);
	bad = (struct fusebacking_rule){ "a", FUSE_BACKING_SERVER, 0x10008, 0 };
	CHECK_EQUAL(pass_all_but_one(bad), -EINVAL);
	bad = (struct fusebacking_rule){ "", FUSE_BACKING_HIDE, 0, 0 };
	CHECK_EQUAL(pass_all_but_one(bad), -EINVAL);
	bad = (struct fusebacking_rule){ "a", FUSE_BACKING_HIDE, 0, 1 };
	CHECK_EQUAL(pass_all_but_one(bad), -EINVAL);
	CHECK_EQUAL(fusebacking_rules(DEVICE, NODE, 1, &good, 1, 3), -EINVAL);
	CHECK_EQUAL(device_rules(NODE), 0);
	CHECK_EQUAL(pass_all_but_one(good), 0);
}

#define TOO_MANY	(FUSE_BACKING_RULES_SIZE / 24 + 1)

static void too_many_rules(void)
{
	static struct fusebacking_rule many[TOO_MANY];

	for (unsigned int i = 0; i < TOO_MANY; i++)
		many[i] = (struct fusebacking_rule){ "a", FUSE_BACKING_HIDE, 0, 0 };
	device_reset(KERNEL_RULES);
	CHECK_EQUAL(attach_tree(), 0);
	CHECK_EQUAL(pass_all_but(many, TOO_MANY), -E2BIG);
	CHECK_EQUAL(pass_all_but(many, TOO_MANY - 1), 0);
}

/* The kernel's errors are the call's */
static void rules_fail(void)
{
	static const int errors[] = {
		EPERM, EINVAL, E2BIG, ENOENT, ENOTDIR, ENOBUFS, EFAULT, EINTR, ENOMEM
	};
	const struct fusebacking_rule rule = { "a", FUSE_BACKING_HIDE, 0, 0 };

	device_reset(KERNEL_RULES);
	CHECK_EQUAL(attach_tree(), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		context("%s", strerrorname_np(errors[i]));
		device_fail(0, errors[i]);
		CHECK_EQUAL(pass_all_but(&rule, 1), -errors[i]);
	}
}

static void *close_nothing(void *arg)
{
	(void)arg;
	CHECK_EQUAL(fusebacking_why(DEVICE, -EINVAL), 0);
	CHECK_EQUAL(fusebacking_close(DEVICE, 1), -EPERM);
	return NULL;
}

/* Of this thread's last call that was refused, if it is the errno's */
static void why(void)
{
	pthread_t other;

	device_reset(KERNEL_TREES);
	CHECK_EQUAL(fusebacking_why(DEVICE, -EINVAL), 0);
	CHECK_EQUAL(fusebacking_close(DEVICE, -1), -EINVAL);
	CHECK_EQUAL(fusebacking_why(DEVICE, -EINVAL), fusebacking_reason("bad-argument"));
	CHECK_EQUAL(fusebacking_why(DEVICE, -ENOMEM), 0);
	CHECK_EQUAL(fusebacking_why(-1, -EBADF), 0);
	device_permit(false);
	pthread_create(&other, NULL, close_nothing, NULL);
	pthread_join(other, NULL);
	CHECK_EQUAL(fusebacking_why(DEVICE, -EINVAL), fusebacking_reason("bad-argument"));
}

static void kernels_that_do_not_say_why(void)
{
	device_reset(KERNEL_TABLE);
	CHECK_EQUAL(fusebacking_close(DEVICE, -1), -EINVAL);
	CHECK_EQUAL(fusebacking_why(DEVICE, -EINVAL), 0);
}

static void list_in_pieces(void)
{
	struct fuse_backing_entry entries[3];
	uint32_t start = 0;

	for (int i = 0; i < 4; i++)
		fusebacking_register(DEVICE, 0, 0);
	CHECK_EQUAL(fusebacking_list(DEVICE, &start, entries, 3), 3);
	CHECK_EQUAL(entries[2].id, 3);
	CHECK_EQUAL(start, 4);
	CHECK_EQUAL(fusebacking_list(DEVICE, &start, entries, 3), 1);
	CHECK_EQUAL(start, 0);
	CHECK_EQUAL(fusebacking_close_all(DEVICE), 0);
	CHECK_EQUAL(fusebacking_list(DEVICE, &start, entries, 3), 0);
	device_permit(false);
	start = 7;
	CHECK_EQUAL(fusebacking_list(DEVICE, &start, entries, 3), -EPERM);
	CHECK_EQUAL(start, 7);
}

/* All else in the reply stays as it was */
static void leave_it_to_a_program(void)
{
	const uint32_t flags = 1 << 7 | FOPEN_BACKING_FILTER;
	struct {
		struct fuse_open_out reply;
		uint32_t behind;
	} buf = { .reply = { .fh = 77, .open_flags = FOPEN_DIRECT_IO }, .behind = 5 };
	const int32_t *const words = (const int32_t *)&buf;

	fusebacking_filter_reply(&buf.reply, 3);
	CHECK_EQUAL(buf.reply.fh, 77);
	CHECK_EQUAL(buf.reply.open_flags, flags | FOPEN_DIRECT_IO);
	CHECK_EQUAL(words[3], 3);
	CHECK_EQUAL(buf.behind, 5);
	fusebacking_filter_reply(&buf.reply, 0);
	CHECK_EQUAL(words[3], 0);
	CHECK_EQUAL(device_calls(), 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(good_for_what_it_is_open_for),
		TEST(kernels_without_flags),
		TEST(bad_arguments),
		TEST(close_an_id),
		TEST(attach_and_take_away),
		TEST(attach_by_id),
		TEST(attach_with_ops),
		TEST(attach_a_directory),
		TEST(attach_a_tree),
		TEST(kernels_without_directories),
		TEST(attach_leaves_no_id),
		TEST(attach_closes_nothing_twice),
		TEST(rules),
		TEST(rules_that_are_none),
		TEST(too_many_rules),
		TEST(rules_fail),
		TEST(extents),
		TEST(list_in_pieces),
		TEST(leave_it_to_a_program),
		TEST(why),
		TEST(kernels_that_do_not_say_why),
		{}
	};

	return run_tests(tests);
}
