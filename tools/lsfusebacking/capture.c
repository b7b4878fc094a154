// SPDX-License-Identifier: GPL-2.0
#include "capture.h"

#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connection.h"
#include "control.h"
#include "process.h"
#include "root.h"
#include "snapshot.h"
#include "status.h"
#include "users.h"
#include "xalloc.h"

/* Files of the kernel have no size that tar could believe: they are copied first. */
struct copy {
	char dir[PATH_MAX];
	bool lacking;		/* something couldn't be read */
};

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static void remove_copy(struct copy *copy)
{
	nftw(copy->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static noreturn void give_up(struct copy *copy, const char *what)
{
	int error = errno;

	remove_copy(copy);
	errno = error;
	err(EXIT_TROUBLE, "cannot record %s below %s", what, copy->dir);
}

static void start(struct copy *copy)
{
	const char *where = getenv("TMPDIR");

	snprintf(copy->dir, sizeof(copy->dir), "%s/lsfusebacking.XXXXXX",
		 where && *where ? where : "/tmp");
	if (!mkdtemp(copy->dir))
		err(EXIT_TROUBLE, "cannot make %s; set TMPDIR to a directory that is yours",
		    copy->dir);
}

/* The path in the copy, whose directories are made */
static char *target(struct copy *copy, const char *path)
{
	char *target = xasprintf("%s%s", copy->dir, path), *slash;

	for (slash = target + strlen(copy->dir) + 1;
	     (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(target, 0755) < 0 && errno != EEXIST)
			give_up(copy, path);
		*slash = '/';
	}
	return target;
}

static void copy_stream(struct copy *copy, FILE *from, const char *path)
{
	char *name = target(copy, path);
	FILE *to = fopen(name, "we");
	char buffer[65536];
	size_t length;

	if (!to)
		give_up(copy, path);
	while ((length = fread(buffer, 1, sizeof(buffer), from)))
		fwrite(buffer, 1, length, to);
	if (fclose(to))
		give_up(copy, path);
	free(name);
}

/* What is gone meanwhile is left out, as it is from a list. */
static void copy_file(struct copy *copy, const char *path)
{
	FILE *from = root_open("%s", path);

	if (from) {
		copy_stream(copy, from, path);
		fclose(from);
	} else if (errno == EACCES || errno == EPERM) {
		warn("cannot read %s, which is left out", path);
		copy->lacking = true;
	}
}

static void copy_link(struct copy *copy, const char *path)
{
	char real[PATH_MAX];
	char *text = root_readlink(root_path(real, "%s", path));
	char *name;

	if (!text)
		return;
	name = target(copy, path);
	if (symlink(text, name) < 0 && errno != EEXIST)
		give_up(copy, path);
	free(name);
	free(text);
}

/* A link whose text the kernel doesn't tell is a file in the copy, which is no link. */
static void copy_unreadable(struct copy *copy, const char *path)
{
	char *name = target(copy, path);
	FILE *file = fopen(name, "we");

	if (!file || fclose(file))
		give_up(copy, path);
	free(name);
}

static void copy_of_process(struct copy *copy, pid_t pid, const char *name)
{
	char *path = xasprintf("/proc/%d/%s", pid, name);

	copy_file(copy, path);
	free(path);
}

static void copy_descriptor(struct copy *copy, pid_t pid, uint64_t fd, bool all)
{
	unsigned long long n = fd;
	char *path = xasprintf("/proc/%d/fd/%llu", pid, n);
	char real[PATH_MAX];
	char *link = root_readlink(root_path(real, "%s", path));
	bool closed = !link && errno == ENOENT;

	if (all ? !closed : link && names_fuse_device(link)) {
		char *info = xasprintf("fdinfo/%llu", n);

		if (link)
			copy_link(copy, path);
		else
			copy_unreadable(copy, path);
		copy_of_process(copy, pid, info);
		free(info);
	}
	free(link);
	free(path);
}

/* Of a server its /dev/fuse alone: what else it has open is nobody's business. */
static void copy_process(struct copy *copy, pid_t pid, bool server)
{
	static const char *const names[] = { "comm", "stat", "status", "limits" };
	DIR *dir = root_opendir("/proc/%d/fd", pid);
	uint64_t fd;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		copy_of_process(copy, pid, names[i]);
	while (dir && root_next_number(dir, &fd))
		copy_descriptor(copy, pid, fd, !server);
	if (dir)
		closedir(dir);
}

/* The directory's owner is the mount's; only root can give a copy to somebody. */
static void copy_connection(struct copy *copy, const struct connection *conn)
{
	static const char *const names[] = {
		"waiting", "backing_thread", "backing_limit", "backing_files",
	};
	char *dir = xasprintf(CONTROL_ROOT "/%u/", conn->number), *made;
	size_t i;

	if (conn->control == CONTROL_NONE) {
		free(dir);
		return;
	}
	made = target(copy, dir);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *path = xasprintf("%s%s", dir, names[i]);

		copy_file(copy, path);
		free(path);
	}
	if (chown(made, conn->uid, -1) < 0 && !geteuid())
		give_up(copy, dir);
	free(made);
	free(dir);
}

static void copy_user(struct copy *copy, const struct connection *conn)
{
	char *name = target(copy, "/etc/passwd");
	FILE *file = fopen(name, "ae");

	if (!file)
		give_up(copy, "/etc/passwd");
	if (conn->uid_known)
		fprintf(file, "%s:x:%u:%u::/:/bin/sh\n", user_name(conn->uid),
			conn->uid, conn->uid);
	if (fclose(file))
		give_up(copy, "/etc/passwd");
	free(name);
}

/* That nobody else has to do with it is known where everything could be seen. */
static void copy_processes(struct copy *copy)
{
	struct sightings seen = { };
	size_t i;

	processes_scan(&seen);
	for (i = 0; i < seen.nr; i++)
		copy_process(copy, seen.list[i].pid, seen.list[i].server);
	if (seen.complete)
		copy_file(copy, "/proc/2/stat");
	for (i = 0; i < seen.nr_witnesses; i++) {
		char *space = xasprintf("/proc/%d/ns/mnt", seen.witnesses[i]);

		copy_link(copy, space);
		copy_of_process(copy, seen.witnesses[i], "mountinfo");
		free(space);
	}
	sightings_free(&seen);
}

/* Whatever its name: a colon means no other machine, and a dash no standard output */
static void make_tar(struct copy *copy, char *file)
{
	char *const argv[] = {
		"tar", "--create", "--force-local", "--numeric-owner",
		"--file", file, "--directory", copy->dir, "etc", "proc", "sys", NULL
	};
	int status;
	pid_t pid;

	errno = posix_spawnp(&pid, "tar", NULL, NULL, argv, environ);
	if (errno)
		give_up(copy, "with tar(1), which is needed,");
	if (waitpid(pid, &status, 0) < 0 || status) {
		remove_copy(copy);
		errx(EXIT_TROUBLE, "cannot write %s: tar failed", file);
	}
}

/* Where it isn't mounted there is a directory all the same */
static void copy_control_root(struct copy *copy)
{
	DIR *dir = root_opendir(CONTROL_ROOT);

	free(target(copy, dir ? CONTROL_ROOT "/" : "/sys/"));
	if (dir)
		closedir(dir);
}

int capture(const char *file, struct snapshot *snap)
{
	char *name = xasprintf("%s%s", *file == '-' ? "./" : "", file);
	struct copy copy = { };
	size_t i;

	snapshot_find(snap, true);
	start(&copy);
	copy_control_root(&copy);
	free(target(&copy, "/etc/"));
	copy_file(&copy, "/proc/self/mountinfo");
	for (i = 0; i < snap->nr; i++) {
		copy_connection(&copy, &snap->conns[i]);
		copy_user(&copy, &snap->conns[i]);
	}
	copy_processes(&copy);
	make_tar(&copy, name);
	remove_copy(&copy);
	free(name);
	return copy.lacking ? EXIT_TROUBLE : EXIT_FOUND;
}
