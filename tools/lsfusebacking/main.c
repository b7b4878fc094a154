// SPDX-License-Identifier: GPL-2.0
/*
 * lsfusebacking - list the backing files of FUSE mounts
 */

#include <err.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "connection.h"
#include "control.h"
#include "holders.h"
#include "options.h"
#include "root.h"
#include "snapshot.h"
#include "table.h"
#include "users.h"
#include "watch.h"
#include "words.h"

static bool needs_servers(const struct options *options)
{
	return options->selection.pids ||
	       columns_have(&options->columns, COL_SERVER) ||
	       columns_have(&options->columns, COL_COMMAND);
}

static void require_feature(const struct snapshot *snap)
{
	const struct connection *example;

	if (!snapshot_lacks_feature(snap, &example))
		return;
	errx(EXIT_FAILURE,
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
		return EXIT_SUCCESS;
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

/* An empty answer is failure; what we couldn't look into is told. */
static int holders_status(const struct snapshot *snap,
			  const struct options *options,
			  const struct holders *holders)
{
	bool found = false, hidden = false;
	size_t i;

	for (i = 0; i < snap->nr; i++) {
		const struct connection *conn = &snap->conns[i];

		found |= conn->nr_maps > 0;
		if (!connection_unread(conn))
			continue;
		hidden = true;
		warnx("connection %u may hold it too: %s", conn->number,
		      conn->problem);
	}
	if (!found && !hidden && !holders->exists)
		warnx("%s: no such file, and no mapping has that path",
		      options->holders);
	return found ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Whoever names a mount wants to know if it can't be read. */
static int named_status(const struct snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->nr; i++)
		if (snap->conns[i].named && snap->conns[i].problem)
			return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

static void flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		err(EXIT_FAILURE, "cannot write");
}

static int list_once(struct snapshot *snap, struct options *options)
{
	struct holders holders = { };
	int status = find(snap, options, true);

	read_tables(snap, options, &holders);
	table_print(snap, options);
	flush();
	if (status == EXIT_SUCCESS && options->holders)
		status = holders_status(snap, options, &holders);
	else if (status == EXIT_SUCCESS)
		status = named_status(snap);
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
	if (options.watch)
		status = watch(&snap, &options);
	else
		status = list_once(&snap, &options);
	snapshot_free(&snap);
	options_free(&options);
	users_free();
	words_free();
	return status;
}
