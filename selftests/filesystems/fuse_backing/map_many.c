// SPDX-License-Identifier: GPL-2.0
/*
 * A FUSE server with as many backing files as are asked for, for shell tests.
 *
 *	map_many MOUNTPOINT BACKING COUNT NAME...
 *
 * mounts at MOUNTPOINT, and registers COUNT times the files called NAME in the
 * directory BACKING, in turn, to be read and written. Then it says "ready", and
 * obeys lines of standard input, each with a line that is 0 or an error number:
 *
 *	open ID NAME	be a client that opens NAME through ID, and keeps it open
 *	plain NAME	the same without passthrough
 *	read BYTES	from the file that was opened last
 *	write BYTES	to it
 *	splice BYTES	from it
 *	map BYTES	of it, shared, and read them
 *	list		the mount, to which BACKING is attached, and keep it open
 *	close ID	BACKING_CLOSE
 *	release		close what was opened
 *
 * It stays until it is killed; nothing is unmounted then.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backing_ioctl.h"
#include "fuse_server.h"

#define CLIENTS	64

static struct fuse_server server;
static struct fuse_server_opts opts;
static int client[CLIENTS];
static int clients;

static int raise_limit(unsigned long count)
{
	struct rlimit limit = { count + 1024, count + 1024 };

	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int open_backing(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return fd;
}

/* As servers do: no descriptor of a backing file stays open. */
static int register_name(const char *dir, const char *name, int times)
{
	int fd = open_backing(dir, name), id = 0;

	for (; times && fd >= 0 && id >= 0; times--)
		id = fuse_backing_open(server.fd, fd);
	if (fd >= 0)
		close(fd);
	if (id < 0)
		fprintf(stderr, "register %s: %s\n", name, strerror(-id));
	return fd < 0 || id < 0 ? -1 : 0;
}

static int register_all(const char *dir, int count, char **names, int nr)
{
	for (int i = 0; i < nr; i++) {
		/* names too long to be opened are there to be listed only */
		if (i < FUSE_SERVER_FILES && strlen(names[i]) < FUSE_SERVER_NAME)
			fuse_server_add(&server, names[i]);
		if (register_name(dir, names[i], count / nr + (i < count % nr)))
			return -1;
	}
	return 0;
}

static int add_client(int fd)
{
	if (fd < 0)
		return fd;
	if (clients == CLIENTS) {
		close(fd);
		return -EMFILE;
	}
	client[clients++] = fd;
	return 0;
}

static int command_plain(const char *name)
{
	for (int i = 0; i < FUSE_SERVER_FILES; i++)
		if (!strcmp(server.sh->file[i].name, name))
			server.sh->file[i].open_flags = FOPEN_DIRECT_IO;
	return add_client(fuse_server_open(&server, name, O_RDWR));
}

static int command_transfer(int bytes, bool to)
{
	char *buf = calloc(1, bytes);
	ssize_t n = -1;

	if (buf && clients)
		n = to ? write(client[clients - 1], buf, bytes) :
			 read(client[clients - 1], buf, bytes);
	free(buf);
	return n == bytes ? 0 : -EIO;
}

static int command_splice(int bytes)
{
	int pipefd[2];
	ssize_t n;

	if (!clients || pipe(pipefd) < 0)
		return -EIO;
	n = splice(client[clients - 1], NULL, pipefd[1], NULL, bytes, 0);
	close(pipefd[0]);
	close(pipefd[1]);
	return n == bytes ? 0 : -EIO;
}

static int command_map(int bytes)
{
	void *map;
	int err;

	if (!clients)
		return -EIO;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		   client[clients - 1], 0);
	if (map == MAP_FAILED)
		return -errno;
	err = madvise(map, bytes, MADV_POPULATE_READ) < 0 ? -errno : 0;
	munmap(map, bytes);
	return err;
}

static int attach_root(void)
{
	static bool is_attached;
	int id;

	if (is_attached)
		return 0;
	id = fuse_backing_open_with(server.fd, opts.backing, O_RDONLY | O_DIRECTORY,
				    FUSE_BACKING_MAP_DIR);
	if (id < 0)
		return id;
	is_attached = true;
	return fuse_backing_attach_dir(server.fd, FUSE_ROOT_ID, id, 0,
				       FUSE_BACKING_OPS_LIST);
}

static int command_list(void)
{
	char entries[4096];
	int fd, err = attach_root();

	if (err)
		return err;
	fd = open(opts.mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (getdents64(fd, entries, sizeof(entries)) <= 0) {
		close(fd);
		return -EIO;
	}
	return add_client(fd);
}

static int command_release(void)
{
	while (clients)
		close(client[--clients]);
	return 0;
}

static int obey(char *line)
{
	char name[256];
	int number;

	if (sscanf(line, "open %d %255[^\n]", &number, name) == 2)
		return add_client(fuse_server_open_id(&server, name, O_RDWR,
						      number));
	if (sscanf(line, "plain %255[^\n]", name) == 1)
		return command_plain(name);
	if (sscanf(line, "read %d", &number) == 1)
		return command_transfer(number, false);
	if (sscanf(line, "write %d", &number) == 1)
		return command_transfer(number, true);
	if (sscanf(line, "splice %d", &number) == 1)
		return command_splice(number);
	if (sscanf(line, "map %d", &number) == 1)
		return command_map(number);
	if (sscanf(line, "close %d", &number) == 1)
		return fuse_backing_close(server.fd, number);
	if (!strcmp(line, "list\n"))
		return command_list();
	if (!strcmp(line, "release\n"))
		return command_release();
	return -EINVAL;
}

int main(int argc, char **argv)
{
	char line[512];
	int count, err;

	if (argc < 5)
		return 2;
	opts.mountpoint = argv[1];
	opts.backing = argv[2];
	count = atoi(argv[3]);
	err = raise_limit(count);
	if (!err)
		err = fuse_server_start(&server, &opts);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-err));
		return 1;
	}
	if (register_all(argv[2], count, argv + 4, argc - 4))
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		printf("%d\n", -obey(line));
	for (;;)
		pause();
}
