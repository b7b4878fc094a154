/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A branch: a directory that nobody touches, LOWER, and one that has what became of it,
 * UPPER. What is said here of a name rests on what is in the two, and on nothing else.
 *
 * In UPPER, a name is what it is; ".wh.NAME" says that there is no NAME, whatever LOWER
 * has; in a directory, ".wh..wh.opaque" says that nothing of LOWER's directory of this
 * name is in it, and ".wh..wh.own" that mode, owner and times are its own. NAME takes
 * precedence over ".wh.NAME", but then nothing of LOWER's is in it either: so nothing is
 * lost, or comes back, between two steps.
 *
 * Functions return 0 or -errno, if nothing else is said.
 */
#ifndef BRANCH_H
#define BRANCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* A directory in both: descriptors with O_PATH, or -1 */
struct branch_dir {
	int lower;
	int upper;
};

struct branch_name {
	bool is_upper;		/* UPPER has it; else LOWER */
	bool is_merged;		/* a directory of UPPER, with what LOWER's has */
	struct stat st;		/* as clients see it */
};

/* Numbers of inodes are LOWER's, or of UPPER where these could be mistaken for them */
void branch_init(const struct branch_dir *root);

/* Names that UPPER has for this: nothing of that name can be changed */
bool branch_is_reserved(const char *name);

/* -ENOENT if there is no such name */
int branch_find(const struct branch_dir *dir, const char *name,
		struct branch_name *found);

/* Descriptors of the directory that @found is */
int branch_open(const struct branch_dir *parent, const char *name,
		const struct branch_name *found, struct branch_dir *dir);
void branch_close(const struct branch_dir *dir);
/* One of @at, or -errno */
int branch_open_dir(int at, const char *name);

/* What stat(2) is to say of an open file, or of a directory */
int branch_stat_file(int fd, bool is_upper, struct stat *st);
int branch_stat_dir(const struct branch_dir *dir, struct stat *st);
bool branch_is_own(const struct branch_dir *dir);

/* Each of these can be done again */
int branch_hide(const struct branch_dir *dir, const char *name);
/* UPPER has that name now, with all there is of it; a directory is empty */
int branch_cover(const struct branch_dir *dir, const char *name);
int branch_make_own(int upper);

/* A name in a list; @type is DT_*, DT_WHT for one that isn't there */
struct branch_entry {
	char *name;
	unsigned int type;
	bool is_in_lower;	/* of the same type */
	uint64_t ino;
};

struct branch_list {
	struct branch_entry *entry;
	uint32_t count;
};

/* What UPPER says of names, each once; and all names that there are */
int branch_list_upper(const struct branch_dir *dir, struct branch_list *list);
int branch_list_all(const struct branch_dir *dir, struct branch_list *list);
void branch_list_free(struct branch_list *list);

/* -ENOTEMPTY if there are names in a directory */
int branch_is_empty(const struct branch_dir *dir);
/*
 * Of UPPER, a directory that is empty, with what says so. It is hidden before, or LOWER's
 * would be seen again if it fails halfway.
 */
int branch_drop_dir(const struct branch_dir *parent, const char *name);

#endif /* BRANCH_H */
