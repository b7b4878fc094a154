// SPDX-License-Identifier: LGPL-2.1
/*
 * What kernels have: each is known for what it is, and nothing comes of asking.
 */

#include <errno.h>
#include <unistd.h>

#include "../fuse_backing.h"
#include "device.h"
#include "harness.h"

#define ALL	((1 << 14) - 1)
#define OF_TREES	(FUSEBACKING_HAS_OPS | FUSEBACKING_HAS_DIR | \
			 FUSEBACKING_HAS_REFUSAL)
#define OF_RULES	FUSEBACKING_HAS_RULES
#define OF_FILTER	FUSEBACKING_HAS_FILTER
/* What doesn't depend on the configuration */
#define ALWAYS	(ALL & ~OF_FILTER)

static int probe(enum kernel kernel)
{
	device_reset(kernel);
	context("%s", kernel_names[kernel]);
	return fusebacking_probe(DEVICE);
}

static void each_kernel(void)
{
	CHECK_EQUAL(probe(KERNEL_OLD), -ENOTTY);
	CHECK_EQUAL(probe(KERNEL_WITHOUT), -EOPNOTSUPP);
	CHECK_EQUAL(probe(KERNEL_UPSTREAM), FUSEBACKING_HAS_ID);
	CHECK_EQUAL(probe(KERNEL_ONCE), FUSEBACKING_HAS_ID | FUSEBACKING_HAS_ONCE);
	CHECK_EQUAL(probe(KERNEL_TABLE), ALWAYS & ~OF_TREES & ~OF_RULES);
	CHECK_EQUAL(probe(KERNEL_TREES), ALWAYS & ~OF_RULES);
	CHECK_EQUAL(probe(KERNEL_RULES), ALWAYS);
	CHECK_EQUAL(probe(KERNEL_FILTER), ALL);
	CHECK_EQUAL(probe(KERNEL_FILTER_MODULE), ALL);
}

/* Nor is anything used that happens to be there */
static void leaves_nothing(void)
{
	const int id = probe(KERNEL_RULES) < 0 ? -1 : fusebacking_register(DEVICE, 0, 0);

	CHECK_EQUAL(id, 1);
	fusebacking_probe(DEVICE);
	CHECK(device_calls() > 5);
	CHECK_EQUAL(device_ids(), 1);
	CHECK_EQUAL(device_attachments(), 0);
	CHECK_EQUAL(device_mistakes(), 0);
}

/* The name of the type may be in two of the pieces that are read */
static void types_of_any_size(void)
{
	device_reset(KERNEL_FILTER);
	for (int before = 4096 - 50; before < 4096 + 50; before++) {
		context("after %d bytes", before);
		device_types(before);
		CHECK_EQUAL(fusebacking_probe(DEVICE), ALL);
	}
}

/* No types are there: nothing is said of programs, nor left open */
static void without_sysfs(void)
{
	int fd;

	device_reset(KERNEL_FILTER);
	device_types(-1);
	CHECK_EQUAL(fusebacking_probe(DEVICE), ALWAYS);
	/* the first descriptor that is free, before and after */
	fd = dup(0);
	close(fd);
	probe(KERNEL_FILTER_MODULE);
	CHECK_EQUAL(dup(0), fd);
	close(fd);
}

static void not_permitted(void)
{
	device_permit(false);
	CHECK_EQUAL(fusebacking_probe(DEVICE), -EPERM);
	CHECK_EQUAL(device_calls(), 1);
}

static void no_device(void)
{
	CHECK_EQUAL(fusebacking_probe(-1), -EBADF);
}

static void init_says_it(void)
{
	CHECK_EQUAL(fusebacking_features_of_init(FUSE_HAS_BACKING_TABLE), ALWAYS);
	CHECK_EQUAL(fusebacking_features_of_init(~FUSE_HAS_BACKING_TABLE), 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(each_kernel),
		TEST(leaves_nothing),
		TEST(types_of_any_size),
		TEST(without_sysfs),
		TEST(not_permitted),
		TEST(no_device),
		TEST(init_says_it),
		{}
	};

	return run_tests(tests);
}
