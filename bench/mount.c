// SPDX-License-Identifier: GPL-2.0
/*
 * A FUSE mount over the backing directory. See mount.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "backing_ioctl.h"
#include "mount.h"
#include "record.h"

#define MOUNT_DIR	"/tmp/fuse"

const char *const way_names[WAYS] = {
	"direct", "passthrough", "per open", "per inode", "answered", "server",
	"tree", "changes", "overlayfs", "branch", "changed", "asked", "by user",
	"by pattern",
};

static const char *const files[] = { "data", "other", "log" };

static void link_name(char *link, enum way way, const char *name)
{
	snprintf(link, FUSE_SERVER_NAME, "%s-%s", name, way_names[way]);
}

void mount_path(char path[PATH_MAX], enum way way, const char *name)
{
	char link[FUSE_SERVER_NAME];

	link_name(link, way, name);
	if (way == DIRECT)
		snprintf(path, PATH_MAX, "%s/%s", BACKING_DIR, name);
	else
		snprintf(path, PATH_MAX, "%s/%s", MOUNT_DIR, link);
}

struct fuse_server_file *mount_file(struct fuse_server *srv, enum way way,
				    const char *name)
{
	char link[FUSE_SERVER_NAME];

	link_name(link, way, name);
	for (int i = 0; i < FUSE_SERVER_FILES; i++)
		if (!strcmp(srv->sh->file[i].name, link))
			return &srv->sh->file[i];
	errno = ENOENT;
	die(link);
}

static void add_file(struct fuse_server *srv, enum way way, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX], link_to[FUSE_SERVER_NAME];

	link_name(link_to, way, name);
	snprintf(from, sizeof(from), "%s/%s", BACKING_DIR, name);
	snprintf(to, sizeof(to), "%s/%s", BACKING_DIR, link_to);
	must(!link(from, to) || errno == EEXIST);
	must(fuse_server_add(srv, link_to));
}

/* One id for each file, as most servers do it */
static void register_file(struct fuse_server *srv, const char *name)
{
	struct fuse_server_file *file = mount_file(srv, PASSTHROUGH, name);
	char path[PATH_MAX];

	mount_path(path, DIRECT, name);
	file->backing_id = check(fuse_backing_open_path(srv->fd, path, O_RDWR),
				 "register");
	file->open_flags = FOPEN_PASSTHROUGH;
}

void mount_start(struct fuse_server *srv)
{
	const struct fuse_server_opts opts = {
		.mountpoint = MOUNT_DIR,
		.backing = BACKING_DIR,
	};

	mkdir(MOUNT_DIR, 0755);
	check(fuse_server_start(srv, &opts), "FUSE mount");
	must(srv->sh->passthrough);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		for (enum way way = DIRECT + 1; way < FILE_WAYS; way++)
			add_file(srv, way, files[i]);
		mount_file(srv, SERVER, files[i])->open_flags = FOPEN_DIRECT_IO;
	}
}

void mount_register(struct fuse_server *srv)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		register_file(srv, files[i]);
}

static void attach_file(struct fuse_server *srv, enum way way, const char *name,
			int id, __u64 ops)
{
	struct fuse_server_file *file = mount_file(srv, way, name);

	must(!file->generation);
	check(fuse_backing_attach_ops(srv->fd, fuse_server_node(srv, file), id,
				      FUSE_BACKING_READ | FUSE_BACKING_WRITE |
				      FUSE_BACKING_ATTACH_PENDING, ops),
	      "attach");
}

bool mount_modes(struct fuse_server *srv)
{
	char path[PATH_MAX];
	int id;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		mount_path(path, DIRECT, files[i]);
		id = fuse_backing_open_once(srv->fd, path, O_RDWR);
		if (id == -EINVAL)
			return false;
		attach_file(srv, PER_INODE, files[i], check(id, "register once"), 0);
		id = fuse_backing_open_once(srv->fd, path, O_RDWR);
		attach_file(srv, ANSWERED, files[i], check(id, "register once"),
			    FUSE_BACKING_OPS_FILE);
		mount_file(srv, PER_OPEN, files[i])->per_open = true;
	}
	return true;
}

void mount_stop(struct fuse_server *srv)
{
	check(fuse_server_umount(srv), "umount");
	fuse_server_stop(srv);
}
