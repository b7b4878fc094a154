// SPDX-License-Identifier: GPL-2.0
#include "snapshot.h"

#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connection.h"
#include "control.h"
#include "mounts.h"
#include "process.h"
#include "root.h"
#include "thread.h"
#include "words.h"
#include "xalloc.h"

static int by_number(const void *a, const void *b)
{
	unsigned int one = ((const struct connection *)a)->number;
	unsigned int other = ((const struct connection *)b)->number;

	return (one > other) - (one < other);
}

struct connection *snapshot_connection(const struct snapshot *snap,
				       unsigned int number)
{
	struct connection key = { .number = number };

	if (!snap->nr)
		return NULL;
	return bsearch(&key, snap->conns, snap->nr, sizeof(key), by_number);
}

static void append(struct snapshot *snap, unsigned int number)
{
	struct connection conn = { .number = number };

	snap->conns = xgrow(snap->conns, snap->nr, sizeof(conn));
	snap->conns[snap->nr++] = conn;
}

/* They know nothing yet, so of two it doesn't matter which one goes. */
static void sort_unique(struct snapshot *snap)
{
	size_t i, nr = 0;

	if (snap->nr)
		qsort(snap->conns, snap->nr, sizeof(*snap->conns), by_number);
	for (i = 0; i < snap->nr; i++)
		if (!nr || snap->conns[nr - 1].number != snap->conns[i].number)
			snap->conns[nr++] = snap->conns[i];
	snap->nr = nr;
}

static void find_controls(struct snapshot *snap)
{
	DIR *dir = root_opendir(CONTROL_ROOT);
	uint64_t number;

	if (!dir)
		return;
	while (root_next_number(dir, &number)) {
		append(snap, number);
		snap->controls = true;
	}
	closedir(dir);
}

static void find_mounts(struct snapshot *snap)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	while (mnt_table_next_fs(snap->mounts, iter, &fs) == 0)
		if (mount_is_fuse(fs))
			append(snap, mount_number(fs));
	mnt_free_iter(iter);
}

static bool is_fusectl_mounted(const struct snapshot *snap)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	bool found = false;

	while (!found && mnt_table_next_fs(snap->mounts, iter, &fs) == 0) {
		const char *type = mnt_fs_get_fstype(fs);

		found = type && !strcmp(type, "fusectl");
	}
	mnt_free_iter(iter);
	return found;
}

/*
 * Those in other mount namespaces. fusectl has all of them: what it has not is over,
 * though its server may be there still.
 */
static void find_sighted(struct snapshot *snap, const struct sightings *seen)
{
	struct snapshot more = { };
	size_t i;

	if (is_fusectl_mounted(snap))
		return;
	for (i = 0; i < seen->nr; i++)
		if (!snapshot_connection(snap, seen->list[i].number))
			append(&more, seen->list[i].number);
	sort_unique(&more);
	for (i = 0; i < more.nr; i++)
		append(snap, more.conns[i].number);
	free(more.conns);
	sort_unique(snap);
}

/* The first in mountinfo, of several mount points of one connection */
static void assign_mounts(struct snapshot *snap)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	while (mnt_table_next_fs(snap->mounts, iter, &fs) == 0) {
		struct connection *conn;

		conn = snapshot_connection(snap, mount_number(fs));
		if (conn && !conn->mount)
			conn->mount = fs;
	}
	mnt_free_iter(iter);
}

static void take_server(struct snapshot *snap, struct connection *conn,
			const struct sighting *one)
{
	connection_add_server(conn, one->pid);
	if (!one->aware) {
		conn->unaware = true;
		return;
	}
	snap->evidence = true;
	if (one->filter[0] && !conn->filter)
		conn->filter = xstrdup(one->filter);
	if (conn->control == CONTROL_READ)
		return;
	conn->thread = one->thread;
	fact_set(&conn->facts, FACT_FILES, one->files);
	if (one->limit || one->thread)
		fact_set(&conn->facts, FACT_LIMIT, one->limit);
}

static void take_sightings(struct snapshot *snap,
			   const struct sightings *seen)
{
	size_t i;

	for (i = 0; i < seen->nr; i++) {
		const struct sighting *one = &seen->list[i];
		struct connection *conn;

		conn = snapshot_connection(snap, one->number);
		if (!conn)
			continue;
		if (one->server) {
			take_server(snap, conn, one);
		} else {
			snap->evidence = true;
			if (conn->control != CONTROL_READ)
				conn->thread = one->pid;
		}
	}
}

/*
 * A connection has an end when nobody has its /dev/fuse open. There is none of a
 * virtiofs, whose mount is no FUSE mount of ours.
 */
static void judge_life(struct connection *conn, const struct sightings *seen)
{
	bool mounted = sightings_mounted(seen, conn->number);

	if (!seen->complete) {
		conn->unsure = !conn->nr_servers;
		return;
	}
	conn->detached = !mounted && !conn->mount &&
			 conn->control != CONTROL_NONE;
	conn->dead = mounted && !conn->nr_servers;
}

static void find_owner(struct connection *conn)
{
	pid_t pid = conn->thread;

	/* Without a thread it is the owner of the fusectl directory */
	if (!pid && !conn->uid_known)
		pid = connection_server(conn);
	if (pid && process_uid(pid, &conn->uid))
		conn->uid_known = true;
}

static bool all_readable(const struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->nr; i++)
		if (snap->conns[i].control != CONTROL_READ)
			return false;
	return snap->controls;
}

/*
 * A directory that lacks our files is that of a kernel without them, or it is
 * being removed: then others have them, or it is gone a moment later.
 */
static void judge_lacking(struct snapshot *snap)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	bool waited = false;
	size_t i;

	for (i = 0; i < snap->nr; i++) {
		struct connection *conn = &snap->conns[i];

		if (conn->control != CONTROL_LACKING)
			continue;
		if (snap->evidence) {
			conn->gone = true;
			continue;
		}
		if (!waited)
			nanosleep(&moment, NULL);
		waited = true;
		control_read(conn);
	}
}

static void read_controls(struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->nr; i++) {
		control_read(&snap->conns[i]);
		if (snap->conns[i].control == CONTROL_READ)
			snap->evidence = true;
	}
	judge_lacking(snap);
}

static bool is_there(struct connection *conn, void *data)
{
	(void)data;
	return !conn->gone;
}

void snapshot_find(struct snapshot *snap, bool servers)
{
	struct sightings seen = { };
	size_t i;

	memset(snap, 0, sizeof(*snap));
	find_controls(snap);
	snap->mounts = mounts_load();
	find_mounts(snap);
	sort_unique(snap);
	read_controls(snap);
	if (servers || !all_readable(snap)) {
		processes_scan(&seen);
		find_sighted(snap, &seen);
		take_sightings(snap, &seen);
	}
	assign_mounts(snap);
	for (i = 0; i < snap->nr; i++) {
		struct connection *conn = &snap->conns[i];

		judge_life(conn, &seen);
		find_owner(conn);
		if (conn->thread && conn->control != CONTROL_READ)
			thread_read_limit(conn);
	}
	sightings_free(&seen);
	snapshot_select(snap, is_there, NULL);
}

static const char *problem(const struct connection *conn, int error)
{
	if (error == -EPROTO)
		return "cannot understand backing_files";
	if (error != -EACCES && error != -EPERM)
		return word_intern(strerror(-error));
	switch (conn->control) {
	case CONTROL_NONE:
		return "not permitted without fusectl; mount it on "
			CONTROL_ROOT " or ask root";
	case CONTROL_LACKING:
		return "this kernel has no backing_files in fusectl; ask root";
	default:
		return "not permitted; ask the mount's owner or root";
	}
}

static void read_table(struct connection *conn, struct libmnt_table *mounts,
		       const struct filter *filter)
{
	int error = -EACCES;

	if (conn->control == CONTROL_READ)
		error = control_read_table(conn, filter);
	/* Root knows the rest from /proc */
	if (conn->control != CONTROL_READ && conn->thread && !conn->gone)
		error = thread_read_table(conn, mounts, filter);
	if (conn->control == CONTROL_NONE && conn->thread && error == -ENOENT)
		conn->gone = true;
	/* Whoever sees no thread sees that there is nothing to read */
	if (conn->control == CONTROL_NONE && connection_unused(conn))
		error = 0;
	if (error && !conn->gone)
		conn->problem = problem(conn, error);
}

void snapshot_read_tables(struct snapshot *snap, const struct filter *filter)
{
	size_t i;

	for (i = 0; i < snap->nr; i++)
		read_table(&snap->conns[i], snap->mounts, filter);
	snapshot_select(snap, is_there, NULL);
}

void snapshot_select(struct snapshot *snap,
		     bool (*keep)(struct connection *conn, void *data),
		     void *data)
{
	size_t i, nr = 0;

	for (i = 0; i < snap->nr; i++)
		if (keep(&snap->conns[i], data))
			snap->conns[nr++] = snap->conns[i];
		else
			connection_free(&snap->conns[i]);
	snap->nr = nr;
}

bool snapshot_lacks_feature(const struct snapshot *snap,
			    const struct connection **example)
{
	size_t i;

	if (snap->evidence)
		return false;
	for (i = 0; i < snap->nr; i++) {
		*example = &snap->conns[i];
		if ((*example)->control == CONTROL_LACKING ||
		    (*example)->unaware)
			return true;
	}
	return false;
}

void snapshot_free(struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->nr; i++)
		connection_free(&snap->conns[i]);
	free(snap->conns);
	mnt_unref_table(snap->mounts);
	memset(snap, 0, sizeof(*snap));
}
