/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: rules, what becomes of the names in a directory below a tree.
 */

#ifndef _FS_FUSE_BACKING_RULES_H
#define _FS_FUSE_BACKING_RULES_H

#include <linux/fuse_backing.h>
#include <linux/types.h>

struct fuse_conn;
struct fuse_rules;

/*
 * Positions in a listing from here on are those of names that rules add; no filesystem
 * has an entry of its own there.
 */
#define FUSE_RULES_POS	(S64_MAX & ~(loff_t)U32_MAX)

/* One that a listing has room for */
#define FUSE_RULE_NAME_MAX	1024

/**
 * struct fuse_rule - what rules say of a name
 * @verdict: what becomes of it
 * @type: DT_*, as what it is listed, whether the backing directory has it or not; 0 if it
 *	is listed, unless it is hidden, as the backing directory has it
 * @ino: with which number
 * @pos: at which position
 * @name: the name, without a NUL
 * @len: its length
 */
struct fuse_rule {
	enum fuse_backing_verdict verdict;
	unsigned int type;
	u64 ino;
	loff_t pos;
	const char *name;
	unsigned int len;
};

struct fuse_rules *fuse_rules_read(struct fuse_conn *fc,
				   const struct fuse_backing_rules *args);
int fuse_rules_charge(struct fuse_rules *rules);
void fuse_rules_uncharge(struct fuse_rules *rules);
void fuse_rules_free(struct fuse_rules *rules);
unsigned int fuse_rules_count(const struct fuse_rules *rules);
enum fuse_backing_verdict fuse_rules_verdict(const struct fuse_rules *rules,
					     const char *name, unsigned int len);
void fuse_rules_find(const struct fuse_rules *rules, const char *name,
		     unsigned int len, struct fuse_rule *rule);
bool fuse_rules_next(const struct fuse_rules *rules, loff_t pos,
		     struct fuse_rule *rule);

#endif /* _FS_FUSE_BACKING_RULES_H */
