// SPDX-License-Identifier: GPL-2.0
/*
 * A crash doesn't tell a client's user where the server keeps its files.
 *
 * Proves: the note of mapped files in a core dump, and the line that a crash leaves
 * in the kernel's log, name the FUSE file that was mapped, and not the backing
 * file that the mapping has; files that aren't passed through are named as ever.
 *
 * Privilege: root; CAP_SYS_ADMIN in the initial user namespace. It sets
 * kernel.core_pattern for as long as it runs.
 */

#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"

#include "env.h"
#include "text_file.h"

#define PATTERN		"/proc/sys/kernel/core_pattern"
#define CORE		SCRATCH_ROOT "/core"
#define PRIVATE		"private-name"
#define PAGE		4096
#define LOG_SIZE	(1024 * 1024)

FIXTURE(core_dump) {
	struct env env;
	struct fuse_server *srv;
	int log;		/* what the kernel says from the start on */
	char pattern[128];	/* the system's own */
};

static int read_pattern(char *buf, size_t size)
{
	int fd = open(PATTERN, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, size - 1);

	close(fd);
	if (n <= 0)
		return -EOPNOTSUPP;
	buf[n] = 0;
	return 0;
}

FIXTURE_SETUP(core_dump)
{
	if (!env_start(_metadata, &self->env, SCRATCH_TMPFS))
		return;
	self->srv = &self->env.srv;
	ASSERT_EQ(0, scratch_file(PRIVATE, FILE_SIZE, 9));
	ASSERT_EQ(0, read_pattern(self->pattern, sizeof(self->pattern)));
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	ASSERT_LE(0, lseek(self->log, 0, SEEK_END));
	ASSERT_EQ(0, text_file_write(PATTERN, CORE));
}

FIXTURE_TEARDOWN(core_dump)
{
	if (self->pattern[0])
		EXPECT_EQ(0, text_file_write(PATTERN, self->pattern));
	close(self->log);
	env_teardown(&self->env);
}

/* Call what is in the file @fd, and must not be executed. */
static void crash(int fd)
{
	const struct rlimit rlimit = { RLIM_INFINITY, RLIM_INFINITY };
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	int (*call)(const char *s) = map;

	if (map == MAP_FAILED || setrlimit(RLIMIT_CORE, &rlimit) < 0)
		_exit(1);
	signal(SIGSEGV, SIG_DFL);
	_exit(call(""));
}

static int crash_in_child(int fd)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		crash(fd);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return -ECHILD;
	return WCOREDUMP(status) ? 0 : -ENOENT;
}

static void *map_core(size_t *size)
{
	int fd = open(CORE, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	*size = st.st_size;
	return map == MAP_FAILED ? NULL : map;
}

/*
 * The note of mapped files, which has their names: where, and how many bytes. Its
 * header is three words: length of its own name, that of the note, and the type.
 */
static const char *file_note(const char *core, size_t size, size_t *note_size)
{
	static const char name[] = "CORE";
	const __u32 type = NT_FILE;
	char head[sizeof(type) + sizeof(name)];
	const char *found;
	__u32 len;

	memcpy(head, &type, sizeof(type));
	memcpy(head + sizeof(type), name, sizeof(name));
	/* notes come before memory */
	found = memmem(core, size, head, sizeof(head));
	if (!found)
		return NULL;
	memcpy(&len, found - sizeof(len), sizeof(len));
	*note_size = len;
	return found + sizeof(head);
}

/* Does the core dump name a mapped file like this? -errno if there is none. */
static int core_names(const char *name)
{
	size_t size, note_size;
	char *core = map_core(&size);
	const char *note;
	int found;

	if (!core)
		return -errno;
	note = file_note(core, size, &note_size);
	found = note ? !!memmem(note, note_size, name, strlen(name)) : -ENODATA;
	munmap(core, size);
	return found;
}

/* What was said since the test began, or since the last call. */
static const char *read_log(int log)
{
	static char text[LOG_SIZE];
	size_t len = 0;
	ssize_t n;

	do {
		n = read(log, text + len, sizeof(text) - 1 - len);
		if (n > 0)
			len += n;
	} while (n > 0 || (n < 0 && errno == EPIPE));
	text[len] = 0;
	return text;
}

TEST_F(core_dump, of_a_passthrough_file)
{
	int id = env_register(&self->env, PRIVATE, O_RDONLY);
	int fd = fuse_server_open_id(self->srv, "a", O_RDONLY, id);
	const char *log;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, crash_in_child(fd));
	EXPECT_EQ(1, core_names(SCRATCH_FUSE "/a"));
	EXPECT_EQ(0, core_names(SCRATCH_BACKING));
	EXPECT_EQ(0, core_names(PRIVATE));
	/* the program itself */
	EXPECT_EQ(1, core_names("core_dump_test"));

	log = read_log(self->log);
	EXPECT_NE(NULL, strstr(log, "segfault"));
	EXPECT_NE(NULL, strstr(log, " in a["));
	EXPECT_EQ(NULL, strstr(log, PRIVATE));
	close(fd);
}

TEST_F(core_dump, of_the_backing_file)
{
	int fd = open(scratch_path(PRIVATE), O_RDONLY | O_CLOEXEC);
	const char *log;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, crash_in_child(fd));
	EXPECT_EQ(1, core_names(SCRATCH_BACKING "/" PRIVATE));
	log = read_log(self->log);
	EXPECT_NE(NULL, strstr(log, " in " PRIVATE "["));
	close(fd);
}

TEST_HARNESS_MAIN
