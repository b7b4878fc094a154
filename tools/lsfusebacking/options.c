// SPDX-License-Identifier: GPL-2.0
#include "options.h"

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "root.h"

#define VERSION "1.0"

#define DEFAULT_INTERVAL 2
#define LONGEST_INTERVAL 1e6

enum {
	OPTION_SUMMARY = 256,
	OPTION_HOLDERS,
	OPTION_SYSROOT,
};

static const struct option long_options[] = {
	{ "bytes", no_argument, NULL, 'b' },
	{ "help", no_argument, NULL, 'h' },
	{ "holders", required_argument, NULL, OPTION_HOLDERS },
	{ "json", no_argument, NULL, 'J' },
	{ "list-columns", no_argument, NULL, 'H' },
	{ "noheadings", no_argument, NULL, 'n' },
	{ "notruncate", no_argument, NULL, 'u' },
	{ "output", required_argument, NULL, 'o' },
	{ "pid", required_argument, NULL, 'p' },
	{ "raw", no_argument, NULL, 'r' },
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
	" lsfusebacking [options] [<mount>...]\n"
	"\n"
	"List the backing files of FUSE mounts. A <mount> is a mount point, a device\n"
	"number such as 0:45, or a number as in /sys/fs/fuse/connections.\n"
	"\n"
	"Options:\n"
	" -T, --tree             files under their mount\n"
	"     --summary          one line for each mount\n"
	" -p, --pid <list>       only mounts of these threads or servers\n"
	"     --holders <path>   only mappings of this file, below this directory, or\n"
	"                          on this filesystem (mount point or block device)\n"
	" -w, --watch[=<secs>]   refresh every 2 or <secs> seconds, with rates\n"
	"\n"
	" -o, --output <list>    output columns, +<list> adds to the default\n"
	" -J, --json             use JSON output format\n"
	" -r, --raw              use raw output format\n"
	" -n, --noheadings       don't print headings\n"
	" -b, --bytes            print sizes in bytes\n"
	" -u, --notruncate       don't truncate text in columns\n"
	"     --sysroot <dir>    use this directory as the system's root\n"
	"\n"
	" -H, --list-columns     list the available columns\n"
	" -h, --help             display this help\n"
	" -V, --version          display version\n"
	"\n"
	"For more details see lsfusebacking(8).\n";

static const enum column list_default[] = {
	COL_TARGET, COL_PID, COL_SERVER, COL_USER, COL_ID, COL_MODE,
	COL_ACCESS, COL_USES, COL_SIZE, COL_READ, COL_WRITTEN, COL_READ_RATE,
	COL_WRITTEN_RATE, COL_STATE, COL_DELETED, COL_ERROR, COL_NAME,
};

static const enum column tree_default[] = {
	COL_NAME, COL_USER, COL_PID, COL_SERVER, COL_ID, COL_MODE, COL_ACCESS,
	COL_USES, COL_SIZE, COL_READ, COL_WRITTEN, COL_READ_RATE,
	COL_WRITTEN_RATE, COL_STATE, COL_DELETED, COL_ERROR,
};

static const enum column summary_default[] = {
	COL_TARGET, COL_CONN, COL_USER, COL_PID, COL_SERVER, COL_FILES,
	COL_LIMIT, COL_SIZE, COL_READ, COL_WRITTEN, COL_READ_RATE,
	COL_WRITTEN_RATE, COL_STATE, COL_ERROR,
};

/* Rates need time, and people see in NAME what programs need columns for. */
static bool is_default(const struct options *options, enum column column)
{
	switch (column) {
	case COL_READ_RATE:
	case COL_WRITTEN_RATE:
		return options->watch;
	case COL_DELETED:
	case COL_ERROR:
		return options->json || options->raw;
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

static void set_columns(struct options *options, const char *output)
{
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
		errx(EXIT_FAILURE,
		     "cannot refresh every '%s' seconds; give a positive number",
		     text);
	return seconds;
}

static void set_root(const char *dir)
{
	if (root_set(dir) < 0)
		err(EXIT_FAILURE, "cannot use %s as the system's root", dir);
}

static void refuse_both(bool one, bool other, const char *names)
{
	if (one && other)
		errx(EXIT_FAILURE, "%s are mutually exclusive; use one of them",
		     names);
}

static void check(const struct options *options)
{
	refuse_both(options->json, options->raw, "--json and --raw");
	refuse_both(options->tree, options->summary, "--tree and --summary");
	refuse_both(options->holders, options->summary,
		    "--holders and --summary");
}

static void say_and_exit(int option)
{
	if (option == 'H')
		columns_print();
	else if (option == 'V')
		puts("lsfusebacking " VERSION);
	else
		fputs(usage_text, stdout);
	if (fflush(stdout))
		err(EXIT_FAILURE, "cannot write");
	exit(EXIT_SUCCESS);
}

static void set_switch(struct options *options, int option)
{
	switch (option) {
	case 'b':
		options->bytes = true;
		break;
	case 'J':
		options->json = true;
		break;
	case 'n':
		options->noheadings = true;
		break;
	case 'r':
		options->raw = true;
		break;
	case 'T':
		options->tree = true;
		break;
	case 'u':
		options->notruncate = true;
		break;
	case OPTION_SUMMARY:
		options->summary = true;
		break;
	default:
		fputs("Try 'lsfusebacking --help' for more information.\n",
		      stderr);
		exit(EXIT_FAILURE);
	}
}

void options_parse(struct options *options, int argc, char **argv)
{
	const char *output = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "bHhJno:p:rTuVw::",
				     long_options, NULL)) != -1) {
		switch (option) {
		case 'H':
		case 'h':
		case 'V':
			say_and_exit(option);
			break;
		case 'o':
			output = optarg;
			break;
		case 'p':
			selection_add_pids(&options->selection, optarg);
			break;
		case 'w':
			options->watch = true;
			options->interval = optarg ? parse_interval(optarg) :
				DEFAULT_INTERVAL;
			break;
		case OPTION_HOLDERS:
			options->holders = optarg;
			break;
		case OPTION_SYSROOT:
			set_root(optarg);
			break;
		default:
			set_switch(options, option);
		}
	}
	for (; optind < argc; optind++)
		selection_add_mount(&options->selection, argv[optind]);
	check(options);
	set_columns(options, output);
}

void options_free(struct options *options)
{
	free(options->columns.list);
	selection_free(&options->selection);
}
