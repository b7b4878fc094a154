// SPDX-License-Identifier: GPL-2.0
#include "select.h"

#include <err.h>
#include <libgen.h>
#include <libmount.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>

#include "connection.h"
#include "mounts.h"
#include "root.h"
#include "snapshot.h"
#include "status.h"
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

static noreturn void reject_pids(const char *list)
{
	errx(EXIT_TROUBLE,
	     "cannot parse '%s' as a list of process ids; put commas or blanks between numbers",
	     list);
}

void selection_add_pids(struct selection *selection, const char *list)
{
	char *words = xstrdup(list), *rest = words;
	struct wish *wish;
	const char *word;
	bool some = false;
	uint64_t pid;

	while ((word = strsep(&rest, ", \t\n"))) {
		if (!*word)
			continue;
		if (!parse_number(word, &pid) || !pid || pid > INT_MAX)
			reject_pids(list);
		wish = add(selection, list);
		wish->is_pid = true;
		wish->pid = pid;
		some = true;
	}
	if (!some)
		reject_pids(list);
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

static bool goes_up(const char *path)
{
	const char *dots = path;

	while ((dots = strstr(dots, "/.."))) {
		dots += strlen("/..");
		if (!*dots || *dots == '/')
			return true;
	}
	return false;
}

/* The FUSE mount that @path lies on by its text, whatever there is */
static struct libmnt_fs *on(const struct snapshot *snap, const char *path,
			    unsigned int *number)
{
	struct libmnt_fs *fs = mount_of(snap->mounts, path);

	if (!fs || !mount_is_fuse(fs) || goes_up(path) ||
	    !snapshot_connection(snap, mount_number(fs)))
		return NULL;
	*number = mount_number(fs);
	return fs;
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

/* A mount point, or a file on a mount, which is told which one */
static bool at_or_on(const struct snapshot *snap, struct wish *wish,
		     const char *path)
{
	struct libmnt_fs *fs;

	if (at(snap, path, &wish->conn))
		return true;
	fs = on(snap, path, &wish->conn);
	if (!fs)
		return false;
	if (!wish->told)
		warnx("%s: on the mount %s, which is listed", wish->text,
		      mnt_fs_get_target(fs));
	wish->told = true;
	return true;
}

/* A server that hangs must not hang us, so look at the mount itself last. */
static bool resolve_path(const struct snapshot *snap, struct wish *wish)
{
	char *path = path_absolute(wish->text);
	char *parent = NULL, *real = NULL;
	bool found = at_or_on(snap, wish, path);

	if (!found && !root_recorded()) {
		parent = resolve_parent(path);
		found = parent && at_or_on(snap, wish, parent);
	}
	if (!found && !root_recorded()) {
		real = realpath(path, NULL);
		found = real && at_or_on(snap, wish, real);
	}
	free(real);
	free(parent);
	free(path);
	return found;
}

static bool resolve(const struct snapshot *snap, struct wish *wish)
{
	uint64_t number;

	if (parse_number(wish->text, &number)) {
		wish->conn = number;
		return number <= UINT_MAX &&
		       snapshot_connection(snap, wish->conn);
	}
	if (connection_parse(wish->text, &wish->conn) ||
	    connection_parse_thread(wish->text, &wish->conn))
		return snapshot_connection(snap, wish->conn);
	return resolve_path(snap, wish);
}

/* Resolves each mount once per snapshot; the rest is by number. */
static void resolve_mounts(struct selection *selection,
			   const struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < selection->nr; i++) {
		struct wish *wish = &selection->wishes[i];

		wish->found = !wish->is_pid && resolve(snap, wish);
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

/* Meant as a number, even if it is none that there may be */
static bool is_number(const char *text)
{
	unsigned int conn;

	return connection_parse_thread(text, &conn) ||
	       strspn(text, "0123456789:") == strlen(text);
}

static void complain(const struct wish *wish, bool watching)
{
	uint64_t number;

	if (wish->is_pid)
		warnx("%llu: no thread or visible server of these mounts; --summary lists them",
		      (unsigned long long)wish->pid);
	else if (watching && parse_number(wish->text, &number))
		warnx("%s: no such FUSE connection; to refresh every %s seconds, say --watch=%s",
		      wish->text, wish->text, wish->text);
	else if (is_number(wish->text))
		warnx("%s: no such FUSE connection; --summary lists them",
		      wish->text);
	else if (*wish->text == '-')
		warnx("%s: not on a FUSE mount; if it is an option, name it before --",
		      wish->text);
	else
		warnx("%s: not on a FUSE mount (see --summary); --holders %s says who maps it",
		      wish->text, wish->text);
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
		return EXIT_FOUND;
	return missing == selection->nr ? EXIT_NONE_FOUND : EXIT_SOME_FOUND;
}

void selection_free(struct selection *selection)
{
	free(selection->wishes);
}
