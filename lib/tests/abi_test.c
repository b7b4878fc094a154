// SPDX-License-Identifier: LGPL-2.1
/*
 * What programs and kernels know of structures: sizes and offsets, the same for those of
 * 32 bits as for those of 64, and the numbers that sizes are a part of.
 */

#include <stddef.h>

#include "../device.h"
#include "../fuse_backing.h"
#include "harness.h"

#define SIZE(type, size) \
	CHECK_EQUAL(sizeof(struct type), size)
#define OFFSET(type, member, offset) \
	CHECK_EQUAL(offsetof(struct type, member), offset)

static void arguments(void)
{
	SIZE(fuse_backing_map, 16);
	OFFSET(fuse_backing_map, fd, 0);
	OFFSET(fuse_backing_map, flags, 4);
	OFFSET(fuse_backing_map, padding, 8);
	SIZE(fuse_backing_attach, 40);
	OFFSET(fuse_backing_attach, nodeid, 0);
	OFFSET(fuse_backing_attach, generation, 8);
	OFFSET(fuse_backing_attach, backing_id, 16);
	OFFSET(fuse_backing_attach, flags, 20);
	OFFSET(fuse_backing_attach, ops, 24);
	OFFSET(fuse_backing_attach, reserved, 32);
	SIZE(fuse_backing_detach, 40);
	OFFSET(fuse_backing_detach, nodeid, 0);
	OFFSET(fuse_backing_detach, generation, 8);
	OFFSET(fuse_backing_detach, flags, 16);
	OFFSET(fuse_backing_detach, padding, 20);
	OFFSET(fuse_backing_detach, reserved, 24);
	SIZE(fuse_backing_tree, 64);
	OFFSET(fuse_backing_tree, nodeid, 0);
	OFFSET(fuse_backing_tree, generation, 8);
	OFFSET(fuse_backing_tree, backing_id, 16);
	OFFSET(fuse_backing_tree, flags, 20);
	OFFSET(fuse_backing_tree, ops, 24);
	OFFSET(fuse_backing_tree, reserved, 32);
	SIZE(fuse_backing_rules, 48);
	OFFSET(fuse_backing_rules, nodeid, 0);
	OFFSET(fuse_backing_rules, generation, 8);
	OFFSET(fuse_backing_rules, rules, 16);
	OFFSET(fuse_backing_rules, size, 24);
	OFFSET(fuse_backing_rules, otherwise, 28);
	OFFSET(fuse_backing_rules, reserved, 32);
	SIZE(fuse_backing_extents, 48);
	OFFSET(fuse_backing_extents, nodeid, 0);
	OFFSET(fuse_backing_extents, generation, 8);
	OFFSET(fuse_backing_extents, extents, 16);
	OFFSET(fuse_backing_extents, count, 24);
	OFFSET(fuse_backing_extents, flags, 28);
	OFFSET(fuse_backing_extents, reserved, 32);
	SIZE(fuse_backing_list, 32);
	OFFSET(fuse_backing_list, start, 0);
	OFFSET(fuse_backing_list, count, 4);
	OFFSET(fuse_backing_list, entries, 8);
	OFFSET(fuse_backing_list, reserved, 16);
	SIZE(fuse_backing_close_all, 8);
	OFFSET(fuse_backing_close_all, flags, 0);
	OFFSET(fuse_backing_close_all, padding, 4);
	SIZE(fuse_backing_refusal, 32);
	OFFSET(fuse_backing_refusal, error, 0);
	OFFSET(fuse_backing_refusal, reserved, 4);
	OFFSET(fuse_backing_refusal, reason, 8);
}

static void arrays(void)
{
	SIZE(fuse_backing_extent, 32);
	OFFSET(fuse_backing_extent, offset, 0);
	OFFSET(fuse_backing_extent, length, 8);
	OFFSET(fuse_backing_extent, backing_offset, 16);
	OFFSET(fuse_backing_extent, backing_id, 24);
	OFFSET(fuse_backing_extent, flags, 28);
	SIZE(fuse_backing_rule, 16);
	OFFSET(fuse_backing_rule, ino, 0);
	OFFSET(fuse_backing_rule, namelen, 8);
	OFFSET(fuse_backing_rule, verdict, 12);
	OFFSET(fuse_backing_rule, type, 14);
	OFFSET(fuse_backing_rule, name, 16);
	SIZE(fuse_backing_entry, 144);
	OFFSET(fuse_backing_entry, id, 0);
	OFFSET(fuse_backing_entry, mode, 4);
	OFFSET(fuse_backing_entry, state, 8);
	OFFSET(fuse_backing_entry, access, 12);
	OFFSET(fuse_backing_entry, files, 16);
	OFFSET(fuse_backing_entry, mmaps, 20);
	OFFSET(fuse_backing_entry, attached, 24);
	OFFSET(fuse_backing_entry, pending, 28);
	OFFSET(fuse_backing_entry, dev_major, 32);
	OFFSET(fuse_backing_entry, dev_minor, 36);
	OFFSET(fuse_backing_entry, ino, 40);
	OFFSET(fuse_backing_entry, flags, 48);
	OFFSET(fuse_backing_entry, nr_nodes, 52);
	OFFSET(fuse_backing_entry, nodeid, 56);
	OFFSET(fuse_backing_entry, extents, 120);
	OFFSET(fuse_backing_entry, extent_bytes, 128);
	OFFSET(fuse_backing_entry, reserved, 136);
}

/* The kernel's own, whose last member has got a name since */
static void reply_to_open(void)
{
	SIZE(fuse_open_out, 16);
	OFFSET(fuse_open_out, fh, 0);
	OFFSET(fuse_open_out, open_flags, 8);
	CHECK_EQUAL(FOPEN_BACKING_FILTER, 0x1000000);
}

/* This one has a pointer, and nothing but the library reads it */
static void rule_of_the_library(void)
{
	SIZE(fusebacking_rule, sizeof(void *) == 8 ? 24 : 20);
	OFFSET(fusebacking_rule, name, 0);
	OFFSET(fusebacking_rule, verdict, sizeof(void *));
	OFFSET(fusebacking_rule, type, sizeof(void *) + 4);
	OFFSET(fusebacking_rule, ino, sizeof(void *) + 8);
}

static void of_the_library(void)
{
	SIZE(fusebacking_node, 64);
	OFFSET(fusebacking_node, nodeid, 0);
	OFFSET(fusebacking_node, generation, 8);
	OFFSET(fusebacking_node, fd, 16);
	OFFSET(fusebacking_node, opens, 20);
	OFFSET(fusebacking_node, state, 24);
	OFFSET(fusebacking_node, id, 28);
	OFFSET(fusebacking_node, reserved, 40);
}

static void numbers(void)
{
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_OPEN, 0x4010e501);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_CLOSE, 0x4004e502);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_ATTACH, 0x4028e520);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_DETACH, 0x4028e521);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_LIST, 0xc020e522);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_CLOSE_ALL, 0x4008e523);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_EXTENTS, 0x4030e524);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_REFUSAL, 0x8020e525);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_TREE, 0x4040e526);
	CHECK_EQUAL(FUSE_DEV_IOC_BACKING_RULES, 0x4030e527);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(arguments),
		TEST(arrays),
		TEST(of_the_library),
		TEST(rule_of_the_library),
		TEST(reply_to_open),
		TEST(numbers),
		{}
	};

	return run_tests(tests);
}
