// SPDX-License-Identifier: GPL-2.0
/*
 * What a branch has, by what is in its two directories. See branch.h.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "branch.h"

#define PREFIX	".wh."
#define OPAQUE	PREFIX PREFIX "opaque"
#define OWN	PREFIX PREFIX "own"

/* Set in numbers of UPPER's if the other directory is on another device */
#define OF_UPPER	0x4000000000000000ULL

static uint64_t upper_bit;

void branch_init(const struct branch_dir *root)
{
	struct stat lower, upper;

	if (!fstat(root->lower, &lower) && !fstat(root->upper, &upper) &&
	    lower.st_dev != upper.st_dev)
		upper_bit = OF_UPPER;
}

bool branch_is_reserved(const char *name)
{
	return !strncmp(name, PREFIX, strlen(PREFIX));
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int stat_at(int dir, const char *name, struct stat *st)
{
	if (dir < 0)
		return -ENOENT;
	return fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Any other error doesn't say that there is no such name */
static bool is_none(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -ENAMETOOLONG;
}

/* 1, 0 or -errno; so is what rests on it */
static int exists(int dir, const char *name)
{
	struct stat st;
	int err = stat_at(dir, name, &st);

	return !err ? 1 : is_none(err) ? 0 : err;
}

/* The name of a file that says there is no @name; -ENAMETOOLONG if it can have none */
static int hiding_name(const char *name, char text[NAME_MAX + 1])
{
	return snprintf(text, NAME_MAX + 1, PREFIX "%s", name) > NAME_MAX ?
	       -ENAMETOOLONG : 0;
}

static int is_hidden(const struct branch_dir *dir, const char *name)
{
	char hiding[NAME_MAX + 1];

	return hiding_name(name, hiding) ? 0 : exists(dir->upper, hiding);
}

static int has_lower(const struct branch_dir *dir, const char *name, mode_t *type)
{
	struct stat st;
	int err = stat_at(dir->lower, name, &st);

	*type = err ? 0 : st.st_mode & S_IFMT;
	return !err ? 1 : is_none(err) ? 0 : err;
}

int branch_open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The same, but @fd is -1 if there is no such directory */
static int open_any(int at, const char *name, int *fd)
{
	int res = at < 0 ? -ENOENT : branch_open_dir(at, name);

	*fd = res < 0 ? -1 : res;
	return res >= 0 || is_none(res) ? 0 : res;
}

int branch_open(const struct branch_dir *parent, const char *name,
		const struct branch_name *found, struct branch_dir *dir)
{
	int err = 0;

	*dir = (struct branch_dir){ .lower = -1, .upper = -1 };
	if (found->is_upper) {
		dir->upper = branch_open_dir(parent->upper, name);
		err = dir->upper < 0 ? dir->upper : 0;
	}
	if (!err && (!found->is_upper || found->is_merged)) {
		dir->lower = branch_open_dir(parent->lower, name);
		err = dir->lower < 0 ? dir->lower : 0;
	}
	if (err)
		branch_close(dir);
	return err;
}

void branch_close(const struct branch_dir *dir)
{
	if (dir->lower >= 0)
		close(dir->lower);
	if (dir->upper >= 0)
		close(dir->upper);
}

/* If nobody can search it, that is since it has a mode of its own */
bool branch_is_own(const struct branch_dir *dir)
{
	return dir->lower < 0 || (dir->upper >= 0 && exists(dir->upper, OWN));
}

int branch_stat_file(int fd, bool is_upper, struct stat *st)
{
	if (fstatat(fd, "", st, AT_EMPTY_PATH) < 0)
		return -errno;
	if (is_upper)
		st->st_ino |= upper_bit;
	return 0;
}

/* What is in both has the number that it had before */
int branch_stat_dir(const struct branch_dir *dir, struct stat *st)
{
	struct stat lower;
	int err;

	if (!branch_is_own(dir))
		return branch_stat_file(dir->lower, false, st);
	err = branch_stat_file(dir->upper, true, st);
	if (err || dir->lower < 0)
		return err;
	err = branch_stat_file(dir->lower, false, &lower);
	st->st_ino = lower.st_ino;
	return err;
}

/* Is nothing of LOWER's in a directory of UPPER? Hidden is one that is on its way */
static int is_opaque(const struct branch_dir *dir, const char *name, int upper)
{
	int res = is_hidden(dir, name) ?: exists(upper, OPAQUE);

	/* where nobody can search, nothing of LOWER's is seen either */
	return res == -EACCES ? 0 : res;
}

static int find_dir(const struct branch_dir *dir, const char *name,
		    struct branch_name *found)
{
	struct branch_dir child = { .lower = -1 };
	int res = child.upper = branch_open_dir(dir->upper, name);

	if (res >= 0)
		res = is_opaque(dir, name, child.upper);
	if (!res)
		res = open_any(dir->lower, name, &child.lower);
	found->is_merged = child.lower >= 0;
	if (res >= 0)
		res = branch_stat_dir(&child, &found->st);
	branch_close(&child);
	return res;
}

int branch_find(const struct branch_dir *dir, const char *name,
		struct branch_name *found)
{
	int res;

	*found = (struct branch_name){};
	if (branch_is_reserved(name))
		return stat_at(dir->lower, name, &found->st);
	res = stat_at(dir->upper, name, &found->st);
	found->is_upper = !res;
	if (is_none(res)) {
		res = is_hidden(dir, name);
		return res > 0 ? -ENOENT : res ?: stat_at(dir->lower, name, &found->st);
	}
	if (!res && S_ISDIR(found->st.st_mode))
		return find_dir(dir, name, found);
	found->st.st_ino |= upper_bit;
	return res;
}

static int touch(int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int branch_hide(const struct branch_dir *dir, const char *name)
{
	char hiding[NAME_MAX + 1];
	mode_t type;
	int res = has_lower(dir, name, &type);

	if (res <= 0)
		return res;
	return hiding_name(name, hiding) ?: touch(dir->upper, hiding);
}

static int unhide(const struct branch_dir *dir, const char *name)
{
	char hiding[NAME_MAX + 1];

	if (hiding_name(name, hiding) || !unlinkat(dir->upper, hiding, 0) ||
	    errno == ENOENT)
		return 0;
	return -errno;
}

int branch_cover(const struct branch_dir *dir, const char *name)
{
	mode_t type;
	int upper = -1, res = has_lower(dir, name, &type);

	if (res > 0 && S_ISDIR(type))
		res = open_any(dir->upper, name, &upper);
	if (upper < 0)
		return res < 0 ? res : unhide(dir, name);
	/* it may be one that nobody may search: better it is hidden still */
	res = is_hidden(dir, name) ?: touch(upper, OPAQUE);
	close(upper);
	return res < 0 ? res : 0;
}

static int set_mode(int dir, mode_t mode)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return chmod(path, mode & 07777) < 0 ? -errno : 0;
}

/* Whose mode is to be changed may have one that doesn't let its owner write to it */
int branch_make_own(int upper)
{
	struct stat st;
	int err = touch(upper, OWN);

	if (err != -EACCES)
		return err;
	if (fstatat(upper, "", &st, AT_EMPTY_PATH) < 0)
		return -errno;
	err = set_mode(upper, st.st_mode | 0700);
	if (err)
		return err;
	err = touch(upper, OWN);
	return set_mode(upper, st.st_mode) ?: err;
}

/* Lists */

static int append(struct branch_list *list, const char *name, unsigned int type,
		  uint64_t ino)
{
	/* its size doubles when it is a power of two */
	if (!(list->count & (list->count - 1))) {
		void *more = reallocarray(list->entry, list->count ? 2 * list->count : 1,
					  sizeof(*list->entry));

		if (!more)
			return -ENOMEM;
		list->entry = more;
	}
	name = strdup(name);
	if (!name)
		return -ENOMEM;
	list->entry[list->count++] = (struct branch_entry){
		.name = (char *)name,
		.type = type,
		.ino = ino,
	};
	return 0;
}

void branch_list_free(struct branch_list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		free(list->entry[i].name);
	free(list->entry);
	*list = (struct branch_list){};
}

/* Call @add for each name in a directory */
static int walk(int at, int (*add)(const struct branch_dir *dir, struct branch_list *list,
				   const struct dirent *entry),
		const struct branch_dir *dir, struct branch_list *list)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!stream) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (errno = 0, entry = readdir(stream)))
		if (!is_dot(entry->d_name))
			err = add(dir, list, entry);
	if (!err)
		err = -errno;
	closedir(stream);
	return err;
}

static int add_upper(const struct branch_dir *dir, struct branch_list *list,
		     const struct dirent *entry)
{
	struct branch_name found;
	const char *name = entry->d_name;
	int err;

	if (branch_is_reserved(name)) {
		name += strlen(PREFIX);
		return branch_is_reserved(name) ? 0 : append(list, name, DT_WHT, 0);
	}
	if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
		return append(list, name, entry->d_type, entry->d_ino | upper_bit);
	err = branch_find(dir, name, &found);
	return err ?: append(list, name, IFTODT(found.st.st_mode), found.st.st_ino);
}

static void compare_with_lower(const struct branch_dir *dir, struct branch_list *list)
{
	struct branch_entry *entry;
	mode_t type;

	for (entry = list->entry; entry < list->entry + list->count; entry++)
		entry->is_in_lower = has_lower(dir, entry->name, &type) > 0 &&
				     IFTODT(type) == entry->type;
}

static int compare(const void *a, const void *b)
{
	const struct branch_entry *l = a, *r = b;

	return strcmp(l->name, r->name) ?: (l->type == DT_WHT) - (r->type == DT_WHT);
}

/* A name that is there comes first, and isn't hidden */
static void drop_twins(struct branch_list *list)
{
	uint32_t kept = 0;

	qsort(list->entry, list->count, sizeof(*list->entry), compare);
	for (uint32_t i = 0; i < list->count; i++) {
		if (kept && !strcmp(list->entry[kept - 1].name, list->entry[i].name))
			free(list->entry[i].name);
		else
			list->entry[kept++] = list->entry[i];
	}
	list->count = kept;
}

int branch_list_upper(const struct branch_dir *dir, struct branch_list *list)
{
	int err;

	*list = (struct branch_list){};
	if (dir->upper < 0)
		return 0;
	err = walk(dir->upper, add_upper, dir, list);
	if (err) {
		branch_list_free(list);
		return err;
	}
	if (list->count)
		drop_twins(list);
	compare_with_lower(dir, list);
	return 0;
}

static bool is_listed(const struct branch_list *upper, const char *name)
{
	const struct branch_entry key = { .name = (char *)name, .type = DT_WHT };
	uint32_t low = 0, high = upper->count, mid;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		order = strcmp(upper->entry[mid].name, key.name);
		if (!order)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static int add_lower(const struct branch_dir *dir, struct branch_list *list,
		     const struct dirent *entry)
{
	(void)dir;
	return append(list, entry->d_name, entry->d_type, entry->d_ino);
}

/* Put those of @from that are to be seen behind those of @list */
static int move_names(struct branch_list *list, const struct branch_list *from,
		      const struct branch_list *hidden_by)
{
	const struct branch_entry *entry;
	int err = 0;

	for (uint32_t i = 0; !err && i < from->count; i++) {
		entry = &from->entry[i];
		if (entry->type != DT_WHT &&
		    (!hidden_by || !is_listed(hidden_by, entry->name)))
			err = append(list, entry->name, entry->type, entry->ino);
	}
	return err;
}

int branch_list_all(const struct branch_dir *dir, struct branch_list *list)
{
	struct branch_list upper, lower = {};
	int err;

	*list = (struct branch_list){};
	err = branch_list_upper(dir, &upper);
	if (err)
		return err;
	if (dir->lower >= 0)
		err = walk(dir->lower, add_lower, dir, &lower);
	if (!err)
		err = move_names(list, &upper, NULL) ?:
		      move_names(list, &lower, &upper);
	if (err)
		branch_list_free(list);
	branch_list_free(&upper);
	branch_list_free(&lower);
	return err;
}

int branch_is_empty(const struct branch_dir *dir)
{
	struct branch_list list;
	int err = branch_list_all(dir, &list);

	if (!err && list.count)
		err = -ENOTEMPTY;
	branch_list_free(&list);
	return err;
}

/* A directory is a copy that a server didn't finish, with nothing in it */
static int remove_reserved(const struct branch_dir *dir, struct branch_list *list,
			   const struct dirent *entry)
{
	const char *name = entry->d_name;

	(void)list;
	if (!branch_is_reserved(name) || !unlinkat(dir->upper, name, 0) ||
	    (errno == EISDIR && !unlinkat(dir->upper, name, AT_REMOVEDIR)))
		return 0;
	return -errno;
}

static int clear(const struct branch_dir *dir)
{
	int err = walk(dir->upper, remove_reserved, dir, NULL);

	/* its owner may not write to it, which is no matter to who removes it */
	if (err == -EACCES && !set_mode(dir->upper, 0700))
		err = walk(dir->upper, remove_reserved, dir, NULL);
	return err;
}

int branch_drop_dir(const struct branch_dir *parent, const char *name)
{
	struct branch_dir dir = { .lower = -1, .upper = branch_open_dir(parent->upper, name) };
	int err = dir.upper < 0 ? dir.upper : clear(&dir);

	branch_close(&dir);
	if (!err && unlinkat(parent->upper, name, AT_REMOVEDIR) < 0)
		err = -errno;
	return err;
}
