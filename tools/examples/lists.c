// SPDX-License-Identifier: GPL-2.0
/*
 * Directories that the kernel doesn't list by itself: as they were when they were opened.
 * See branchfs.h.
 */

#define FUSE_USE_VERSION 317

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "branch.h"
#include "branchfs.h"
#include "nodes.h"

static void do_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct branch_list *list = calloc(1, sizeof(*list));
	int err = -ENOMEM;

	pthread_mutex_lock(&branchfs.lock);
	if (list)
		err = branch_list_all(&node_dir(ino)->dir, list);
	pthread_mutex_unlock(&branchfs.lock);
	fi->fh = (uintptr_t)list;
	if (err) {
		free(list);
		fuse_reply_err(req, -err);
	} else if (fuse_reply_open(req, fi) < 0) {
		branch_list_free(list);
		free(list);
	}
}

/* Dots, and then what is in the list */
static struct branch_entry entry_at(const struct branch_list *list, fuse_ino_t ino,
				    off_t pos)
{
	if (pos >= 2)
		return list->entry[pos - 2];
	return (struct branch_entry){
		.name = pos ? ".." : ".",
		.type = DT_DIR,
		.ino = ino,
	};
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos,
		       struct fuse_file_info *fi)
{
	const struct branch_list *list = (const struct branch_list *)(uintptr_t)fi->fh;
	char *buf = malloc(size);
	size_t used = 0, len;

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (; pos < list->count + 2; pos++) {
		const struct branch_entry entry = entry_at(list, ino, pos);
		const struct stat st = {
			.st_ino = entry.ino,
			.st_mode = DTTOIF(entry.type),
		};

		len = fuse_add_direntry(req, buf + used, size - used, entry.name, &st,
					pos + 1);
		if (len > size - used)
			break;
		used += len;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void do_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct branch_list *list = (struct branch_list *)(uintptr_t)fi->fh;

	(void)ino;
	branch_list_free(list);
	free(list);
	fuse_reply_err(req, 0);
}

static void do_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
			struct fuse_file_info *fi)
{
	int fd = -1, err = 0;

	(void)datasync;
	(void)fi;
	pthread_mutex_lock(&branchfs.lock);
	if (node_dir(ino)->dir.upper >= 0) {
		fd = openat(node_dir(ino)->dir.upper, ".", O_RDONLY | O_CLOEXEC);
		err = fd < 0 ? errno : 0;
	}
	pthread_mutex_unlock(&branchfs.lock);
	if (fd >= 0) {
		err = fsync(fd) < 0 ? errno : 0;
		close(fd);
	}
	fuse_reply_err(req, err);
}

void branchfs_lists(struct fuse_lowlevel_ops *operations)
{
	operations->opendir = do_opendir;
	operations->readdir = do_readdir;
	operations->releasedir = do_releasedir;
	operations->fsyncdir = do_fsyncdir;
}
