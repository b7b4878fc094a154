// SPDX-License-Identifier: GPL-2.0
/*
 * lsfusebacking - list the backing files of FUSE mounts
 */

#include <err.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture.h"
#include "connection.h"
#include "control.h"
#include "holders.h"
#include "options.h"
#include "root.h"
#include "snapshot.h"
#include "status.h"
#include "table.h"
#include "users.h"
#include "watch.h"
#include "words.h"

/* Theirs says which program decides; whether one serves a mount is a part of its STATE */
static bool needs_servers(const struct options *options)
{
	const struct columns *columns = &options->columns;

	return options->selection.pids || options->filter || options->sorted ||
	       columns_have(columns, COL_SERVER) ||
	       columns_have(columns, COL_COMMAND) ||
	       columns_have(columns, COL_FILTER) ||
	       ((options->tree || options->summary) &&
		columns_have(columns, COL_STATE));
}

static void require_feature(const struct snapshot *snap)
{
	const struct connection *example;

	if (!snapshot_lacks_feature(snap, &example))
		return;
	errx(EXIT_TROUBLE,
	     "cannot list FUSE backing files: this kernel keeps no table of them (connection %u has none); boot one that does",
	     example->number);
}

static bool is_directory(const char *path)
{
	DIR *dir = root_opendir("%s", path);

	if (dir)
		closedir(dir);
	return dir;
}

/* Without fusectl much is unknown; that matters where there is something. */
static void warn_without_fusectl(const struct snapshot *snap)
{
	bool sysfs = is_directory(CONTROL_ROOT);
	size_t i;

	if (snap->controls)
		return;
	for (i = 0; i < snap->nr; i++)
		if (!connection_unused(&snap->conns[i]))
			break;
	if (i == snap->nr)
		return;
	warnx("cannot show states, uses and counters: %s is not mounted; mount -t %s",
	      sysfs ? "fusectl" : "sysfs",
	      sysfs ? "fusectl none " CONTROL_ROOT : "sysfs none /sys");
}

/* Take a snapshot of what is asked for, without its tables */
static int find(struct snapshot *snap, struct options *options, bool first)
{
	snapshot_find(snap, needs_servers(options));
	selection_apply(&options->selection, snap);
	if (!first)
		return EXIT_FOUND;
	require_feature(snap);
	warn_without_fusectl(snap);
	return selection_status(&options->selection, options->watch);
}

static void read_tables(struct snapshot *snap, const struct options *options,
			struct holders *holders)
{
	struct filter filter = {
		/* Rates are differences of mappings: those of others go away */
		.sums_only = options->summary && !options->watch,
	};

	if (options->holders) {
		holders_init(holders, options->holders, snap->mounts);
		filter.holders = holders;
	}
	snapshot_read_tables(snap, &filter);
}

/* Whoever names a mount wants to know if it can't be read. */
static bool named_unread(const struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->nr; i++)
		if (snap->conns[i].named && snap->conns[i].problem)
			return true;
	return false;
}

static bool any_unread(const struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->nr; i++)
		if (connection_unread(&snap->conns[i]))
			return true;
	return false;
}

static bool any_mapping(const struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->nr; i++)
		if (snap->conns[i].nr_maps)
			return true;
	return false;
}

/* Of tables and of mappings that can't be read; false if there are none */
static bool tell_doubts(const struct snapshot *snap)
{
	bool told = false;
	size_t i;

	for (i = 0; i < snap->nr; i++) {
		const struct connection *conn = &snap->conns[i];
		const char *doubt = connection_unread(conn) ? conn->problem :
							      conn->doubt;

		if (!doubt)
			continue;
		warnx("connection %u may hold it too: %s", conn->number, doubt);
		told = true;
	}
	return told;
}

/*
 * Somebody who asks what keeps a filesystem busy isn't done when no mapping does: a
 * server has descriptors like any other process.
 */
static int no_holders(const struct options *options,
		      const struct holders *holders)
{
	if (!holders->exists) {
		warnx("%s: no such file, and no mapping has that path",
		      options->holders);
		return EXIT_TROUBLE;
	}
	warnx("no mapping of %s; open files, also those of servers, are for fuser -vm",
	      options->holders);
	return EXIT_NONE;
}

/* What to exit with when @lines were listed of what there is */
static int listed_status(const struct snapshot *snap,
			 const struct options *options,
			 const struct holders *holders, size_t lines)
{
	if (options->holders) {
		bool doubts = tell_doubts(snap);

		if (lines)
			return EXIT_FOUND;
		return doubts ? EXIT_TROUBLE : no_holders(options, holders);
	}
	if (named_unread(snap))
		return EXIT_TROUBLE;
	if (options->summary || !any_unread(snap))
		return lines ? EXIT_FOUND : EXIT_NONE;
	return any_mapping(snap) && lines ? EXIT_FOUND : EXIT_TROUBLE;
}

static void flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		err(EXIT_TROUBLE, "cannot write");
}

static int list_once(struct snapshot *snap, struct options *options)
{
	struct holders holders = { };
	int status = find(snap, options, true);
	size_t lines;

	read_tables(snap, options, &holders);
	lines = table_print(snap, options);
	flush();
	if (status == EXIT_FOUND)
		status = listed_status(snap, options, &holders, lines);
	holders_free(&holders);
	return status;
}

static void refresh(struct snapshot *snap, struct options *options)
{
	struct holders holders = { };

	read_tables(snap, options, &holders);
	holders_free(&holders);
}

static void show(const struct snapshot *snap, const struct options *options,
		 bool first)
{
	watch_separate(first);
	table_print(snap, options);
	flush();
}

/* The status tells what was found at the beginning. */
static int watch(struct snapshot *snap, struct options *options)
{
	struct snapshot before;
	double then, now;
	int status;

	watch_start();
	status = find(snap, options, true);
	if (status == EXIT_NONE_FOUND)
		return status;
	refresh(snap, options);
	then = watch_clock();
	show(snap, options, true);
	while (watch_wait(options->interval)) {
		before = *snap;
		find(snap, options, false);
		refresh(snap, options);
		now = watch_clock();
		watch_rates(snap, &before, now - then);
		show(snap, options, false);
		snapshot_free(&before);
		then = now;
	}
	return status;
}

int main(int argc, char **argv)
{
	struct options options = { };
	struct snapshot snap;
	int status;

	/* Numbers are for programs too, so only names are of the locale */
	setlocale(LC_CTYPE, "");
	options_parse(&options, argc, argv);
	if (options.record)
		status = capture(options.record, &snap);
	else if (options.watch)
		status = watch(&snap, &options);
	else
		status = list_once(&snap, &options);
	snapshot_free(&snap);
	options_free(&options);
	users_free();
	words_free();
	return status;
}
