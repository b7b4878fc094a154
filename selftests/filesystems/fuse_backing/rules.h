/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rules of what becomes of names below a tree, as a test writes them down.
 */
#ifndef RULES_H
#define RULES_H

#include <stddef.h>

#include <linux/types.h>

struct rule {
	const char *name;
	__u16 verdict;		/* FUSE_BACKING_PASS and so on */
	__u16 type;		/* DT_* of what a listing has by itself, or 0 */
	__u64 ino;
};

/* A name of each kind; of the last, listed as @is, DT_*, with a number */
#define RULE_PASS(of)		{ .name = (of), .verdict = FUSE_BACKING_PASS }
#define RULE_HIDE(of)		{ .name = (of), .verdict = FUSE_BACKING_HIDE }
#define RULE_SERVER(of)		{ .name = (of), .verdict = FUSE_BACKING_SERVER }
#define RULE_ADD(of, is, number)					\
	{								\
		.name = (of),						\
		.verdict = FUSE_BACKING_SERVER,				\
		.type = (is),						\
		.ino = (number),					\
	}

/*
 * Rules as the ioctl takes them, at @text, which has room for @size bytes: how many bytes
 * they are.
 */
size_t rules_write(const struct rule *rules, size_t count, char *text, size_t size);

/* Set @count rules of a node, and what becomes of other names: 0 or -errno. */
int rules_set(int dev, __u64 nodeid, const struct rule *rules, size_t count,
	      __u32 otherwise);

/* The same of what rules_write() wrote, or of anything else. */
int rules_set_text(int dev, __u64 nodeid, const char *text, size_t size,
		   __u32 otherwise);

#endif /* RULES_H */
