// SPDX-License-Identifier: GPL-2.0
/*
 * What commands cost that work on a tree of files. See commands.h.
 *
 * Nothing is dropped from caches, so all ways find the programs and the backing
 * files in memory: those have run, and these are nowhere else. Should memory
 * have been short, waiting for the disk is not counted. A mount is new when the
 * first command meets it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "idle.h"
#include "program.h"
#include "sample.h"
#include "tree.h"

#define SOURCE	"tools/examples"
#define STATUS	"said=$(git status --porcelain) && test -z \"$said\""
#define COMPILE	"make -s -C " SOURCE " O=out CFLAGS=-O0 $TARGET"
#define CLEAN	"rm -r " SOURCE "/out"
#define CHECKOUT	"git checkout -q next"
#define IN_EACH_FIFTH	"for dir in [0-9]*[05]; do "
#define CHANGE_FIVE	"for f in $(ls $dir | head -n 5); do echo changed >$dir/$f; done; "
#define ADD_AND_REMOVE	"echo >$dir/new; rm $dir/$(ls $dir | sed -n 20p); "
/* Of 10,000 files, in their directories; made once, beside the tree */
#define ARCHIVE	BACKING_DIR "/files.tar"
#define ARCHIVED	"[0-9] [0-9][0-9]"
#define UNPACK	"mkdir new && tar -xf " ARCHIVE " -C new"
/* What has the time of its index git reads each time */
#define BACK	"git checkout -q main && sleep 2 && git status >/dev/null"
#define COMMITTER	"-c user.name=bench -c user.email=bench"

/* Lines for a shell in the tree's top directory */
static const struct command {
	const char *name;
	const char *text;
	const char *undo;	/* not measured; or NULL */
} commands[] = {
	{ "git status", STATUS },
	{ "git status, again", STATUS },
	{ "make", COMPILE, CLEAN },
	{ "git checkout", CHECKOUT, BACK },
	{ "untar", UNPACK, "rm -r new" },
};

#define COMMANDS	(sizeof(commands) / sizeof(*commands))

static bool wants_any(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (record_wants(commands[i].name))
			return true;
	return false;
}

static void run(enum way way, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && %s", tree_path(way), text);
	must(!system(line));
}

static void undo(enum way way, const struct command *command)
{
	if (command->undo)
		run(way, command->undo);
}

/* A commit that changes, adds and removes files in each fifth directory */
static void make_next(void)
{
	run(DIRECT, "git checkout -q -b next");
	run(DIRECT, IN_EACH_FIFTH CHANGE_FIVE ADD_AND_REMOVE "done");
	run(DIRECT, "git add .");
	run(DIRECT, "git " COMMITTER " -c gc.auto=0 commit -q -m next");
	run(DIRECT, BACK);
}

static void make_archive(void)
{
	run(DIRECT, "tar -cf " ARCHIVE " " ARCHIVED);
}

/* The files' bytes are all the same, so there is one object for them all */
static void make_repository(void)
{
	run(DIRECT, "mkdir -p tools include");
	run(DIRECT, "cp -r /repo/tools/examples tools/");
	run(DIRECT, "cp -r /repo/include/uapi include/");
	run(DIRECT, "cp -r /repo/lib .");
	/* or git must read what is no older than its index */
	sleep(2);
	run(DIRECT, "git -c init.defaultBranch=main init -q");
	run(DIRECT, "git add .");
	run(DIRECT, "git " COMMITTER " -c gc.auto=0 commit -q -m tree");
	make_next();
}

/* Each way finds the programs in memory */
static void warm_up(void)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!record_wants(commands[i].name))
			continue;
		run(DIRECT, commands[i].text);
		undo(DIRECT, &commands[i]);
	}
}

static void measure_instructions(const char *fs, enum way way,
				 unsigned int files)
{
	pid_t pid = tree_start(way, false);

	for (size_t i = 0; i < COMMANDS; i++) {
		const struct record rec = {
			fs, way_names[way], commands[i].name, files
		};
		struct idle idle;
		double start;

		if (!record_wants(commands[i].name))
			continue;
		idle_start(&idle);
		start = now();
		run(way, commands[i].text);
		record(&rec, "per command", now() - start - idle_time(&idle));
		idle_stop(&idle);
		undo(way, &commands[i]);
	}
	tree_stop(way, pid);
}

static void measure_requests(const char *fs, enum way way, unsigned int files)
{
	pid_t pid = tree_start(way, true);

	for (size_t i = 0; i < COMMANDS; i++) {
		const struct record rec = {
			fs, way_names[way], commands[i].name, files
		};
		unsigned int before = program_requests(NULL);

		if (!record_wants(commands[i].name))
			continue;
		run(way, commands[i].text);
		record(&rec, "requests per command",
		       program_requests(NULL) - before);
		undo(way, &commands[i]);
	}
	tree_stop(way, pid);
}

void commands_measure(const char *fs, unsigned int files, bool quick,
		      bool reverse)
{
	enum way way;

	if (!wants_any())
		return;
	must(!setenv("TARGET", quick ? "passthrough_modes" : "all", 1));
	make_repository();
	make_archive();
	warm_up();
	for (int i = 0; i < COMMAND_WAYS; i++) {
		way = reverse ? COMMAND_WAYS - 1 - i : i;
		if (!tree_has(way))
			continue;
		measure_instructions(fs, way, files);
		if (tree_is_served(way))
			measure_requests(fs, way, files);
	}
}
