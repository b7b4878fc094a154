/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Directories as getdents64(2) lists them, entry by entry.
 */
#ifndef DIR_LISTER_H
#define DIR_LISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DIR_LISTER_NAME	256

struct dir_entry {
	char name[DIR_LISTER_NAME];
	unsigned long long ino;
	long long next;		/* position behind it */
	unsigned char type;	/* DT_* */
};

struct dir_list {
	struct dir_entry *entry;
	size_t count;
	size_t room;
};

/* Read on to the end, @size bytes a call: 0 or -errno. What was read is in @list. */
int dir_list_read(struct dir_list *list, int fd, size_t size);

/* One call: how many entries it gave, or -errno. */
ssize_t dir_list_read_some(struct dir_list *list, int fd, size_t size);

/* The whole of a directory, anew: 0 or -errno. */
int dir_list_path(struct dir_list *list, const char *path);
void dir_list_free(struct dir_list *list);

/* The first of this name, or NULL. */
const struct dir_entry *dir_list_find(const struct dir_list *list,
				      const char *name);

/* How often it is there. */
size_t dir_list_count(const struct dir_list *list, const char *name);

/* The same names and types in the same order? */
bool dir_list_equal(const struct dir_list *a, const struct dir_list *b);

#endif /* DIR_LISTER_H */
