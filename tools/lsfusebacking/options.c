// SPDX-License-Identifier: GPL-2.0
#include "options.h"

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query.h"
#include "root.h"
#include "status.h"

#define VERSION "1.0"

#define DEFAULT_INTERVAL 2
#define LONGEST_INTERVAL 1e6

enum {
	OPTION_SUMMARY = 256,
	OPTION_HOLDERS,
	OPTION_SYSROOT,
	OPTION_OUTPUT_ALL,
	OPTION_COLOR,
	OPTION_RECORD,
};

static const struct option long_options[] = {
	{ "ascii", no_argument, NULL, 'i' },
	{ "bytes", no_argument, NULL, 'b' },
	{ "color", optional_argument, NULL, OPTION_COLOR },
	{ "filter", required_argument, NULL, 'Q' },
	{ "help", no_argument, NULL, 'h' },
	{ "holders", required_argument, NULL, OPTION_HOLDERS },
	{ "json", no_argument, NULL, 'J' },
	{ "list-columns", no_argument, NULL, 'H' },
	{ "noheadings", no_argument, NULL, 'n' },
	{ "notruncate", no_argument, NULL, 'u' },
	{ "output", required_argument, NULL, 'o' },
	{ "output-all", no_argument, NULL, OPTION_OUTPUT_ALL },
	{ "pairs", no_argument, NULL, 'P' },
	{ "pid", required_argument, NULL, 'p' },
	{ "raw", no_argument, NULL, 'r' },
	{ "record", required_argument, NULL, OPTION_RECORD },
	{ "shell", no_argument, NULL, 'y' },
	{ "sort", required_argument, NULL, 'x' },
	{ "summary", no_argument, NULL, OPTION_SUMMARY },
	{ "sysroot", required_argument, NULL, OPTION_SYSROOT },
	{ "tree", no_argument, NULL, 'T' },
	{ "version", no_argument, NULL, 'V' },
	{ "watch", optional_argument, NULL, 'w' },
	{ }
};

static const char usage_text[] =
	"\n"
	"Usage:\n"
	" lsfusebacking [options] [<mount> ...]\n"
	"\n"
	"List the backing files of FUSE mounts.\n"
	"\n"
	"A <mount> is a mount point or a file below it, a device number such as 0:45,\n"
	"the name of its thread such as fuse/0:45, or a number as in\n"
	"/sys/fs/fuse/connections.\n"
	"\n"
	"Options:\n"
	" -T, --tree             list files under their mount\n"
	"     --summary          list mounts, one line each\n"
	" -p, --pid <pid(s)>     list only mounts of these threads or servers\n"
	"     --holders <path>   list only mappings of this file, below this directory,\n"
	"                          or on this filesystem (mount point or block device)\n"
	" -Q, --filter <expr>    apply display filter\n"
	" -w, --watch[=<secs>]   refresh every 2 or <secs> seconds, with rates\n"
	"\n"
	" -J, --json             use JSON output format\n"
	" -P, --pairs            use key=\"value\" output format\n"
	" -b, --bytes            print sizes in bytes rather than for people\n"
	" -i, --ascii            use ascii characters only\n"
	" -n, --noheadings       don't print headings\n"
	" -o, --output <list>    output columns, +<list> adds to the default\n"
	"     --output-all       output all columns\n"
	" -r, --raw              use raw output format\n"
	" -u, --notruncate       don't truncate text in columns\n"
	" -x, --sort <column>    sort output by <column>\n"
	" -y, --shell            use column names to be usable as shell variables\n"
	"     --color[=<when>]   colorize output (auto, always or never)\n"
	"\n"
	"     --sysroot <dir>    use specified directory as system root\n"
	"     --record <file>    write what --sysroot needs of this system, a tar file\n"
	"\n"
	" -H, --list-columns     list the available columns\n"
	" -h, --help             display this help\n"
	" -V, --version          display version\n"
	"\n"
	"For more details see lsfusebacking(8).\n";

static const enum column list_default[] = {
	COL_TARGET, COL_SERVER, COL_COMMAND, COL_USER, COL_ID, COL_USES,
	COL_SIZE, COL_READ, COL_WRITTEN, COL_READ_RATE, COL_WRITTEN_RATE,
	COL_STATE, COL_DELETED, COL_ERROR, COL_NAME,
};

static const enum column tree_default[] = {
	COL_NAME, COL_USER, COL_SERVER, COL_COMMAND, COL_ID, COL_USES,
	COL_SIZE, COL_READ, COL_WRITTEN, COL_READ_RATE, COL_WRITTEN_RATE,
	COL_STATE, COL_DELETED, COL_ERROR,
};

static const enum column summary_default[] = {
	COL_TARGET, COL_CONN, COL_USER, COL_PID, COL_SERVER, COL_COMMAND,
	COL_FILES, COL_LIMIT, COL_SIZE, COL_READ, COL_WRITTEN, COL_READ_RATE,
	COL_WRITTEN_RATE, COL_STATE, COL_ERROR,
};

/*
 * Rates need time, and a screen has no room for sums beside them. People see in NAME
 * what programs need columns for.
 */
static bool is_default(const struct options *options, enum column column)
{
	switch (column) {
	case COL_READ_RATE:
	case COL_WRITTEN_RATE:
		return options->watch;
	case COL_READ:
	case COL_WRITTEN:
		return !options->watch;
	case COL_DELETED:
	case COL_ERROR:
		return options->json || options->raw || options->pairs;
	default:
		return true;
	}
}

static void add_defaults(struct options *options)
{
	const enum column *columns = list_default;
	size_t nr = sizeof(list_default) / sizeof(*list_default);
	size_t i;

	if (options->tree) {
		columns = tree_default;
		nr = sizeof(tree_default) / sizeof(*tree_default);
	} else if (options->summary) {
		columns = summary_default;
		nr = sizeof(summary_default) / sizeof(*summary_default);
	}
	for (i = 0; i < nr; i++)
		if (is_default(options, columns[i]))
			columns_add(&options->columns, columns[i]);
}

static void add_all(struct options *options)
{
	enum column column;

	for (column = 0; column < NR_COLUMNS; column++)
		columns_add(&options->columns, column);
}

static void set_columns(struct options *options, const char *output)
{
	if (options->all_columns) {
		add_all(options);
		return;
	}
	if (!output || *output == '+')
		add_defaults(options);
	if (output)
		columns_parse(&options->columns, output + (*output == '+'));
}

static double parse_interval(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds > 0) ||
	    seconds > LONGEST_INTERVAL)
		errx(EXIT_TROUBLE,
		     "cannot refresh every '%s' seconds; give a positive number",
		     text);
	return seconds;
}

static void set_root(const char *dir)
{
	if (root_set(dir) < 0)
		err(EXIT_TROUBLE, "cannot use %s as the system's root", dir);
}

static void refuse_both(bool one, bool other, const char *names)
{
	if (one && other)
		errx(EXIT_TROUBLE, "%s are mutually exclusive; use one of them",
		     names);
}

/* A tree is drawn, and neither form has anything to draw with. */
static void check_formats(const struct options *options)
{
	refuse_both(options->json, options->raw, "--json and --raw");
	refuse_both(options->json, options->pairs, "--json and --pairs");
	refuse_both(options->raw, options->pairs, "--raw and --pairs");
	refuse_both(options->tree, options->raw, "--tree and --raw");
	refuse_both(options->tree, options->pairs, "--tree and --pairs");
}

static void check(const struct options *options, const char *output)
{
	check_formats(options);
	refuse_both(options->tree, options->summary, "--tree and --summary");
	refuse_both(options->holders, options->summary,
		    "--holders and --summary");
	refuse_both(options->all_columns, output, "--output and --output-all");
	/* Before anything is looked for */
	if (options->filter)
		query_free(query_new(options->filter));
}

static void end_output(void)
{
	if (fflush(stdout))
		err(EXIT_TROUBLE, "cannot write");
	exit(EXIT_FOUND);
}

static void say_and_exit(int option)
{
	if (option == 'V')
		puts("lsfusebacking " VERSION);
	else
		fputs(usage_text, stdout);
	end_output();
}

static bool *find_switch(struct options *options, int option)
{
	switch (option) {
	case 'b':
		return &options->bytes;
	case 'H':
		return &options->list_columns;
	case 'i':
		return &options->ascii;
	case 'J':
		return &options->json;
	case 'n':
		return &options->noheadings;
	case 'P':
		return &options->pairs;
	case 'r':
		return &options->raw;
	case 'T':
		return &options->tree;
	case 'u':
		return &options->notruncate;
	case 'y':
		return &options->shellvar;
	case OPTION_OUTPUT_ALL:
		return &options->all_columns;
	case OPTION_SUMMARY:
		return &options->summary;
	}
	return NULL;
}

static void set_switch(struct options *options, int option)
{
	bool *which = find_switch(options, option);

	if (!which) {
		fputs("Try 'lsfusebacking --help' for more information.\n",
		      stderr);
		exit(EXIT_TROUBLE);
	}
	*which = true;
}

static void set_watch(struct options *options, const char *interval)
{
	options->watch = true;
	options->interval = interval ? parse_interval(interval) :
		DEFAULT_INTERVAL;
}

static void set_sort(struct options *options, const char *name)
{
	options->sorted = true;
	options->sort = column_find(name, strlen(name));
}

/* One with an argument that says what to list, or whose */
static bool set_selection(struct options *options, int option)
{
	switch (option) {
	case 'p':
		selection_add_pids(&options->selection, optarg);
		return true;
	case 'Q':
		options->filter = optarg;
		return true;
	case OPTION_HOLDERS:
		options->holders = optarg;
		return true;
	case OPTION_SYSROOT:
		set_root(optarg);
		return true;
	}
	return false;
}

static void set_option(struct options *options, int option)
{
	switch (option) {
	case 'h':
	case 'V':
		say_and_exit(option);
		break;
	case 'w':
		set_watch(options, optarg);
		break;
	case 'x':
		set_sort(options, optarg);
		break;
	case OPTION_COLOR:
		options->color_mode = color_mode_parse(optarg);
		break;
	case OPTION_RECORD:
		options->record = optarg;
		break;
	default:
		if (!set_selection(options, option))
			set_switch(options, option);
	}
}

void options_parse(struct options *options, int argc, char **argv)
{
	const char *output = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "bHhiJno:Pp:Q:rTuVw::x:y",
				     long_options, NULL)) != -1) {
		if (option == 'o')
			output = optarg;
		else
			set_option(options, option);
	}
	for (; optind < argc; optind++)
		selection_add_mount(&options->selection, argv[optind]);
	check(options, output);
	if (options->list_columns) {
		columns_print(options->json);
		end_output();
	}
	set_columns(options, output);
	options->colors = colors_init(options->color_mode);
}

void options_free(struct options *options)
{
	free(options->columns.list);
	selection_free(&options->selection);
}
