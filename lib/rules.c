// SPDX-License-Identifier: LGPL-2.1
/*
 * What becomes of names below a tree, as the kernel is told. See fuse_backing.h.
 */

#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "fuse_backing.h"

/* Of a rule with its name, up to the next one */
static size_t size_of(const struct fusebacking_rule *rule)
{
	return (sizeof(struct fuse_backing_rule) + strlen(rule->name) + 7) & ~(size_t)7;
}

/* What doesn't fit into the kernel's structure is nothing that it knows */
static int fits(const struct fusebacking_rule *rule)
{
	return (unsigned int)rule->verdict <= UINT16_MAX && rule->type <= UINT16_MAX;
}

/* Set @size to that of all, or return a negative errno */
static int measure(const struct fusebacking_rule *rules, uint32_t count, uint32_t *size)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!fits(&rules[i]))
			return -EINVAL;
		sum += size_of(&rules[i]);
	}
	*size = sum;
	return sum > UINT32_MAX ? -E2BIG : 0;
}

static char *write_rule(char *text, const struct fusebacking_rule *rule)
{
	const struct fuse_backing_rule head = {
		.ino = rule->ino,
		.namelen = strlen(rule->name),
		.verdict = rule->verdict,
		.type = rule->type,
	};

	memcpy(text, &head, sizeof(head));
	memcpy(text + sizeof(head), rule->name, head.namelen);
	return text + size_of(rule);
}

/* To be freed; NULL without memory */
static char *write_rules(const struct fusebacking_rule *rules, uint32_t count,
			 uint32_t size)
{
	char *text = calloc(1, size ?: 1);
	char *end = text;

	for (uint32_t i = 0; text && i < count; i++)
		end = write_rule(end, &rules[i]);
	return text;
}

int fusebacking_rules(int dev, uint64_t nodeid, uint64_t generation,
		      const struct fusebacking_rule *rules, uint32_t count,
		      enum fuse_backing_verdict otherwise)
{
	struct fuse_backing_rules arg = {
		.nodeid = nodeid,
		.generation = generation,
		.otherwise = otherwise,
	};
	char *text;
	int err;

	err = measure(rules, count, &arg.size);
	if (err)
		return err;
	text = write_rules(rules, count, arg.size);
	if (!text)
		return -ENOMEM;
	arg.rules = (uintptr_t)text;
	err = device_ioctl(dev, FUSE_DEV_IOC_BACKING_RULES, &arg);
	free(text);
	return err;
}
