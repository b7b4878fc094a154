// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of what becomes of names below a tree. See rules.h.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/fuse_backing.h>

#include "rules.h"

/* Of a name that is longer than one may be */
#define RULE_SIZE	(sizeof(struct fuse_backing_rule) + 1032)

static size_t write_rule(const struct rule *rule, char *text, size_t size)
{
	struct fuse_backing_rule head = {
		.ino = rule->ino,
		.namelen = strlen(rule->name),
		.verdict = rule->verdict,
		.type = rule->type,
	};
	size_t whole = (sizeof(head) + head.namelen + 7) & ~7UL;

	if (whole > size)
		return 0;
	memset(text, 0, whole);
	memcpy(text, &head, sizeof(head));
	memcpy(text + sizeof(head), rule->name, head.namelen);
	return whole;
}

size_t rules_write(const struct rule *rules, size_t count, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		used += write_rule(&rules[i], text + used, size - used);
	return used;
}

int rules_set_text(int dev, __u64 nodeid, const char *text, size_t size,
		   __u32 otherwise)
{
	const struct fuse_backing_rules args = {
		.nodeid = nodeid,
		.rules = (unsigned long)text,
		.size = size,
		.otherwise = otherwise,
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_RULES, &args) < 0 ? -errno : 0;
}

int rules_set(int dev, __u64 nodeid, const struct rule *rules, size_t count,
	      __u32 otherwise)
{
	size_t size = count * RULE_SIZE;
	char *text = malloc(size ?: 1);
	int err;

	if (!text)
		return -ENOMEM;
	size = rules_write(rules, count, text, size);
	err = rules_set_text(dev, nodeid, text, size, otherwise);
	free(text);
	return err;
}
