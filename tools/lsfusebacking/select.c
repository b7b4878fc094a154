// SPDX-License-Identifier: GPL-2.0
#include "select.h"

#include <err.h>
#include <libgen.h>
#include <libmount.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "mounts.h"
#include "root.h"
#include "snapshot.h"
#include "xalloc.h"

static struct wish *add(struct selection *selection, const char *text)
{
	struct wish wish = { .text = text };

	selection->wishes = xgrow(selection->wishes, selection->nr,
				  sizeof(wish));
	selection->wishes[selection->nr] = wish;
	return &selection->wishes[selection->nr++];
}

void selection_add_mount(struct selection *selection, const char *text)
{
	add(selection, text);
	selection->mounts = true;
}

void selection_add_pids(struct selection *selection, const char *list)
{
	char *words = xstrdup(list), *rest = words;
	struct wish *wish;
	const char *word;
	uint64_t pid;

	while ((word = strsep(&rest, ","))) {
		if (!parse_number(word, &pid) || !pid || pid > INT_MAX)
			errx(EXIT_FAILURE,
			     "cannot parse '%s' as a list of process ids; put commas between numbers",
			     list);
		wish = add(selection, list);
		wish->is_pid = true;
		wish->pid = pid;
	}
	selection->pids = true;
	free(words);
}

static bool at(const struct snapshot *snap, const char *path,
	       unsigned int *number)
{
	struct libmnt_fs *fs = mount_at(snap->mounts, path);

	if (!fs || !snapshot_connection(snap, mount_number(fs)))
		return false;
	*number = mount_number(fs);
	return true;
}

/* The directory that a mount point is in, without a look at the mount */
static char *resolve_parent(const char *path)
{
	char *dir = xstrdup(path), *base = xstrdup(path), *resolved = NULL;
	char *parent = realpath(dirname(dir), NULL);

	if (parent)
		resolved = xasprintf("%s/%s", strcmp(parent, "/") ? parent : "",
				     basename(base));
	free(parent);
	free(base);
	free(dir);
	return resolved;
}

/* A server that hangs must not hang us, so look at the mount itself last. */
static bool resolve_path(const struct snapshot *snap, const char *text,
			 unsigned int *number)
{
	char *path = path_absolute(text);
	char *parent = NULL, *real = NULL;
	bool found = at(snap, path, number);

	if (!found && !root_recorded()) {
		parent = resolve_parent(path);
		found = parent && at(snap, parent, number);
	}
	if (!found && !root_recorded()) {
		real = realpath(path, NULL);
		found = real && at(snap, real, number);
	}
	free(real);
	free(parent);
	free(path);
	return found;
}

static bool resolve(const struct snapshot *snap, const char *text,
		    unsigned int *conn)
{
	uint64_t number;

	if (parse_number(text, &number)) {
		*conn = number;
		return number <= UINT_MAX && snapshot_connection(snap, *conn);
	}
	if (connection_parse(text, conn))
		return snapshot_connection(snap, *conn);
	return resolve_path(snap, text, conn);
}

/* Resolves each mount once per snapshot; the rest is by number. */
static void resolve_mounts(struct selection *selection,
			   const struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < selection->nr; i++) {
		struct wish *wish = &selection->wishes[i];

		wish->found = !wish->is_pid &&
			      resolve(snap, wish->text, &wish->conn);
		if (wish->found)
			snapshot_connection(snap, wish->conn)->named = true;
	}
}

static bool has_pid(struct selection *selection,
		    const struct connection *conn)
{
	bool has = false;
	size_t i;

	for (i = 0; i < selection->nr; i++) {
		struct wish *wish = &selection->wishes[i];

		if (!wish->is_pid || !connection_has_pid(conn, wish->pid))
			continue;
		wish->found = true;
		has = true;
	}
	return has;
}

static bool is_wanted(struct connection *conn, void *data)
{
	struct selection *selection = data;

	if (selection->mounts && !conn->named)
		return false;
	if (!selection->pids)
		return true;
	if (!has_pid(selection, conn))
		return false;
	conn->named = true;
	return true;
}

void selection_apply(struct selection *selection, struct snapshot *snap)
{
	if (!selection->nr)
		return;
	resolve_mounts(selection, snap);
	snapshot_select(snap, is_wanted, selection);
}

static void complain(const struct wish *wish, bool watching)
{
	unsigned int conn;
	uint64_t number;

	if (wish->is_pid)
		warnx("%llu: no thread or visible server of these mounts; --summary lists them",
		      (unsigned long long)wish->pid);
	else if (watching && parse_number(wish->text, &number))
		warnx("%s: no such FUSE connection; to refresh every %s seconds, say --watch=%s",
		      wish->text, wish->text, wish->text);
	else if (parse_number(wish->text, &number) ||
		 connection_parse(wish->text, &conn))
		warnx("%s: no such FUSE connection; --summary lists them",
		      wish->text);
	else
		warnx("%s: not the mount point of a FUSE filesystem; --summary lists them",
		      wish->text);
}

int selection_status(const struct selection *selection, bool watching)
{
	size_t i, missing = 0;

	for (i = 0; i < selection->nr; i++) {
		if (selection->wishes[i].found)
			continue;
		complain(&selection->wishes[i], watching);
		missing++;
	}
	if (!missing)
		return EXIT_SUCCESS;
	return missing == selection->nr ? EXIT_NONE_FOUND : EXIT_SOME_FOUND;
}

void selection_free(struct selection *selection)
{
	free(selection->wishes);
}
