// SPDX-License-Identifier: GPL-2.0
/*
 * Directories entry by entry. See dir_lister.h.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include "dir_lister.h"

static int add(struct dir_list *list, const struct dirent64 *dent)
{
	struct dir_entry *entry;

	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		entry = reallocarray(list->entry, list->room, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		list->entry = entry;
	}
	entry = &list->entry[list->count++];
	snprintf(entry->name, sizeof(entry->name), "%s", dent->d_name);
	entry->ino = dent->d_ino;
	entry->next = dent->d_off;
	entry->type = dent->d_type;
	return 0;
}

ssize_t dir_list_read_some(struct dir_list *list, int fd, size_t size)
{
	__u64 buf[(size + 7) / 8];
	ssize_t n = getdents64(fd, buf, size);
	const struct dirent64 *dent;
	ssize_t count = 0;
	int err;

	if (n < 0)
		return -errno;
	for (ssize_t i = 0; i < n; i += dent->d_reclen, count++) {
		dent = (const void *)((const char *)buf + i);
		err = add(list, dent);
		if (err)
			return err;
	}
	return count;
}

int dir_list_read(struct dir_list *list, int fd, size_t size)
{
	ssize_t n;

	do {
		n = dir_list_read_some(list, fd, size);
	} while (n > 0);
	return n;
}

int dir_list_path(struct dir_list *list, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	list->count = 0;
	err = dir_list_read(list, fd, 32768);
	close(fd);
	return err;
}

void dir_list_free(struct dir_list *list)
{
	free(list->entry);
	*list = (struct dir_list) {};
}

const struct dir_entry *dir_list_find(const struct dir_list *list,
				      const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->entry[i].name, name))
			return &list->entry[i];
	return NULL;
}

size_t dir_list_count(const struct dir_list *list, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < list->count; i++)
		n += !strcmp(list->entry[i].name, name);
	return n;
}

bool dir_list_equal(const struct dir_list *a, const struct dir_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->entry[i].name, b->entry[i].name) ||
		    a->entry[i].type != b->entry[i].type)
			return false;
	return true;
}
