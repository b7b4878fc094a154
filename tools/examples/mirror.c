// SPDX-License-Identifier: GPL-2.0
/*
 * A mirror of a directory, but for the bytes of its files. See mirror.h.
 */

#define FUSE_USE_VERSION 317

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mirror.h"

#define BUCKETS	65536

/* @lock protects all that changes: buckets, generation and lookups of nodes */
static struct mirror {
	pthread_mutex_t lock;
	struct mirror_node root;
	struct mirror_node *bucket[BUCKETS];
	uint64_t generation;
	double timeout;
	double negative_timeout;
	struct mirror_hooks hooks;
} mirror = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

int mirror_open(const char *source, double timeout, double negative_timeout,
		const struct mirror_hooks *hooks)
{
	/* the kernel has applied the client's */
	umask(0);
	mirror.timeout = timeout;
	mirror.negative_timeout = negative_timeout;
	mirror.hooks = *hooks;
	mirror.root.fd = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return mirror.root.fd < 0 ? -errno : 0;
}

struct mirror_node *mirror_node(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &mirror.root :
				     (struct mirror_node *)(uintptr_t)ino;
}

fuse_ino_t mirror_id(const struct mirror_node *node)
{
	return node == &mirror.root ? FUSE_ROOT_ID : (uintptr_t)node;
}

/* Nodes */

static struct mirror_node **bucket_of(dev_t dev, ino_t ino)
{
	return &mirror.bucket[(dev * 31 + ino) % BUCKETS];
}

static struct mirror_node *find_locked(const struct stat *st)
{
	struct mirror_node *node = *bucket_of(st->st_dev, st->st_ino);

	while (node && (node->dev != st->st_dev || node->ino != st->st_ino))
		node = node->next;
	return node;
}

/* Takes over the descriptor if it succeeds */
static struct mirror_node *make_locked(int fd, const struct stat *st)
{
	struct mirror_node **bucket = bucket_of(st->st_dev, st->st_ino);
	struct mirror_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->fd = fd;
	node->dev = st->st_dev;
	node->ino = st->st_ino;
	node->generation = ++mirror.generation;
	node->next = *bucket;
	*bucket = node;
	return node;
}

void mirror_forget(fuse_ino_t ino, uint64_t count)
{
	struct mirror_node *node = mirror_node(ino);
	struct mirror_node **link;

	if (node == &mirror.root)
		return;
	pthread_mutex_lock(&mirror.lock);
	node->lookups -= count;
	if (node->lookups) {
		pthread_mutex_unlock(&mirror.lock);
		return;
	}
	for (link = bucket_of(node->dev, node->ino); *link != node;)
		link = &(*link)->next;
	*link = node->next;
	pthread_mutex_unlock(&mirror.lock);

	mirror.hooks.forgotten(node);
	close(node->fd);
	free(node);
}

static int stat_fd(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH) < 0 ? errno : 0;
}

static void is_directory(struct mirror_node *node)
{
	if (mirror.hooks.directory)
		mirror.hooks.directory(node);
}

/*
 * The node of an O_PATH descriptor, which is taken over. @is_found: the reply is
 * the first that names it, and more than a line of a listing.
 */
static int enter(int fd, bool is_found, struct fuse_entry_param *entry)
{
	struct mirror_node *node = NULL;
	bool is_new = false;
	int err;

	memset(entry, 0, sizeof(*entry));
	entry->attr_timeout = mirror.timeout;
	entry->entry_timeout = mirror.timeout;
	err = stat_fd(fd, &entry->attr);

	pthread_mutex_lock(&mirror.lock);
	if (!err) {
		node = find_locked(&entry->attr);
		if (!node) {
			node = make_locked(fd, &entry->attr);
			is_new = true;
		}
		err = node ? 0 : ENOMEM;
	}
	if (!err) {
		node->lookups++;
		entry->ino = mirror_id(node);
		entry->generation = node->generation;
		if (is_new && S_ISREG(entry->attr.st_mode))
			mirror.hooks.made(node, is_found);
		else if (is_new && S_ISDIR(entry->attr.st_mode))
			is_directory(node);
	}
	pthread_mutex_unlock(&mirror.lock);

	if (err || !is_new)
		close(fd);
	return err;
}

static int look_up(fuse_ino_t parent, const char *name, bool is_found,
		   struct fuse_entry_param *entry)
{
	int fd = openat(mirror_node(parent)->fd, name,
			O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? errno : enter(fd, is_found, entry);
}

int mirror_look_up(fuse_ino_t parent, const char *name,
		   struct fuse_entry_param *entry)
{
	return look_up(parent, name, false, entry);
}

static void reply_found(fuse_req_t req, int err, const struct fuse_entry_param *entry)
{
	if (err)
		fuse_reply_err(req, err);
	else if (fuse_reply_entry(req, entry) < 0)
		mirror_forget(entry->ino, 1);
}

static void reply_entry(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry;
	int err = look_up(parent, name, true, &entry);

	reply_found(req, err, &entry);
}

static void reply_missing(fuse_req_t req)
{
	const struct fuse_entry_param nothing = {
		.entry_timeout = mirror.negative_timeout,
	};

	fuse_reply_entry(req, &nothing);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry;
	int err = look_up(parent, name, true, &entry);

	if (err == ENOENT && mirror.negative_timeout > 0)
		reply_missing(req);
	else
		reply_found(req, err, &entry);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	mirror_forget(ino, count);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		mirror_forget(forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

/* Names */

static void reply_result(fuse_req_t req, int res)
{
	fuse_reply_err(req, res < 0 ? errno : 0);
}

static void reply_made(fuse_req_t req, int res, fuse_ino_t parent,
		       const char *name)
{
	if (res < 0)
		fuse_reply_err(req, errno);
	else
		reply_entry(req, parent, name);
}

/* Most calls that take a name don't take an O_PATH descriptor */
struct mirror_path mirror_path(const struct mirror_node *node)
{
	struct mirror_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", node->fd);
	return path;
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	reply_made(req, mkdirat(mirror_node(parent)->fd, name, mode), parent, name);
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	reply_made(req, symlinkat(target, mirror_node(parent)->fd, name), parent,
		   name);
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		    const char *name)
{
	struct mirror_path path = mirror_path(mirror_node(ino));

	reply_made(req, linkat(AT_FDCWD, path.text, mirror_node(parent)->fd, name,
			       AT_SYMLINK_FOLLOW), parent, name);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_result(req, unlinkat(mirror_node(parent)->fd, name, 0));
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_result(req, unlinkat(mirror_node(parent)->fd, name, AT_REMOVEDIR));
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t new_parent, const char *new_name,
		      unsigned int flags)
{
	reply_result(req, renameat2(mirror_node(parent)->fd, name,
				    mirror_node(new_parent)->fd, new_name, flags));
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX + 1];
	ssize_t len = readlinkat(mirror_node(ino)->fd, "", target, PATH_MAX);

	if (len < 0) {
		fuse_reply_err(req, errno);
	} else {
		target[len] = '\0';
		fuse_reply_readlink(req, target);
	}
}

/* Attributes; a file that the kernel opened by itself has no handle here */

static void do_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct stat st;
	int err = stat_fd(mirror_node(ino)->fd, &st);

	(void)fi;
	/* no reply names it, and this is the first that is about it */
	if (ino == FUSE_ROOT_ID)
		is_directory(&mirror.root);
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_attr(req, &st, mirror.timeout);
}

static int set_size(struct mirror_node *node, off_t size, struct fuse_file_info *fi)
{
	struct mirror_path path = mirror_path(node);

	return fi ? ftruncate(fi->fh, size) : truncate(path.text, size);
}

static int set_owner(struct mirror_node *node, const struct stat *st, int which)
{
	uid_t uid = which & FUSE_SET_ATTR_UID ? st->st_uid : (uid_t)-1;
	gid_t gid = which & FUSE_SET_ATTR_GID ? st->st_gid : (gid_t)-1;

	return fchownat(node->fd, "", uid, gid,
			AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static struct timespec time_to_set(struct timespec value, bool set, bool now)
{
	if (!set || now)
		value.tv_nsec = now ? UTIME_NOW : UTIME_OMIT;
	return value;
}

static int set_times(struct mirror_node *node, const struct stat *st, int which)
{
	const struct timespec times[] = {
		time_to_set(st->st_atim, which & FUSE_SET_ATTR_ATIME,
			    which & FUSE_SET_ATTR_ATIME_NOW),
		time_to_set(st->st_mtim, which & FUSE_SET_ATTR_MTIME,
			    which & FUSE_SET_ATTR_MTIME_NOW),
	};
	struct mirror_path path = mirror_path(node);

	return utimensat(AT_FDCWD, path.text, times, 0);
}

static int set_attr(struct mirror_node *node, const struct stat *st, int which,
		    struct fuse_file_info *fi)
{
	struct mirror_path path = mirror_path(node);

	if (which & FUSE_SET_ATTR_MODE && chmod(path.text, st->st_mode) < 0)
		return errno;
	if (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    set_owner(node, st, which) < 0)
		return errno;
	if (which & FUSE_SET_ATTR_SIZE && set_size(node, st->st_size, fi) < 0)
		return errno;
	if (which & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME) &&
	    set_times(node, st, which) < 0)
		return errno;
	return 0;
}

static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st,
		       int which, struct fuse_file_info *fi)
{
	int err = set_attr(mirror_node(ino), st, which, fi);

	if (err)
		fuse_reply_err(req, err);
	else
		do_getattr(req, ino, fi);
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (fstatvfs(mirror_node(ino)->fd, &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}

/* Directories */

struct directory {
	DIR *stream;
	struct dirent *entry;	/* read, and not yet in a reply */
	off_t pos;
};

static struct directory *directory_of(const struct fuse_file_info *fi)
{
	return (struct directory *)(uintptr_t)fi->fh;
}

static void do_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	int fd = openat(mirror_node(ino)->fd, ".", O_RDONLY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct directory *dir = stream ? calloc(1, sizeof(*dir)) : NULL;

	if (!dir) {
		fuse_reply_err(req, errno);
		if (stream)
			closedir(stream);
		else if (fd >= 0)
			close(fd);
		return;
	}
	dir->stream = stream;
	fi->fh = (uintptr_t)dir;
	is_directory(mirror_node(ino));
	if (fuse_reply_open(req, fi) < 0) {
		closedir(stream);
		free(dir);
	}
}

static void do_releasedir(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	struct directory *dir = directory_of(fi);

	(void)ino;
	closedir(dir->stream);
	free(dir);
	fuse_reply_err(req, 0);
}

/* The next entry, or NULL with errno, which is 0 at the end */
static struct dirent *peek(struct directory *dir, off_t pos)
{
	if (pos != dir->pos) {
		seekdir(dir->stream, pos);
		dir->entry = NULL;
		dir->pos = pos;
	}
	errno = 0;
	if (!dir->entry)
		dir->entry = readdir(dir->stream);
	return dir->entry;
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static size_t add_entry(fuse_req_t req, char *buf, size_t room,
			const struct dirent *entry)
{
	const struct stat st = {
		.st_ino = entry->d_ino,
		.st_mode = DTTOIF(entry->d_type),
	};

	return fuse_add_direntry(req, buf, room, entry->d_name, &st,
				 entry->d_off);
}

/*
 * With a lookup. Few of the files in a directory that is listed are opened, so
 * they are found when the first open asks for them.
 */
static size_t add_entry_plus(fuse_req_t req, fuse_ino_t parent, char *buf,
			     size_t room, const struct dirent *entry)
{
	struct fuse_entry_param param = {
		.attr.st_ino = entry->d_ino,
		.attr.st_mode = DTTOIF(entry->d_type),
	};
	size_t size;

	/* without a node, the kernel will look it up itself */
	if (!is_dot(entry->d_name) &&
	    look_up(parent, entry->d_name, false, &param))
		param.ino = 0;
	size = fuse_add_direntry_plus(req, buf, room, entry->d_name, &param,
				      entry->d_off);
	if (size > room && param.ino)
		mirror_forget(param.ino, 1);
	return size;
}

static void read_directory(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t pos, struct fuse_file_info *fi, bool plus)
{
	struct directory *dir = directory_of(fi);
	char *buf = malloc(size);
	struct dirent *entry;
	size_t used = 0, len;
	int err = buf ? 0 : ENOMEM;

	while (!err && (entry = peek(dir, pos))) {
		len = plus ? add_entry_plus(req, ino, buf + used, size - used,
					    entry) :
			     add_entry(req, buf + used, size - used, entry);
		if (len > size - used)
			break;
		used += len;
		pos = entry->d_off;
		dir->pos = pos;
		dir->entry = NULL;
	}
	/* what is in the buffer has been looked up, and must get there */
	if (!err && !used && !dir->entry)
		err = errno;
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_buf(req, buf, used);
	free(buf);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos,
		       struct fuse_file_info *fi)
{
	read_directory(req, ino, size, pos, fi, false);
}

static void do_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t pos, struct fuse_file_info *fi)
{
	read_directory(req, ino, size, pos, fi, true);
}

/* All but what is done with open files */
const struct fuse_lowlevel_ops mirror_operations = {
	.lookup = do_lookup,
	.forget = do_forget,
	.forget_multi = do_forget_multi,
	.mkdir = do_mkdir,
	.symlink = do_symlink,
	.link = do_link,
	.unlink = do_unlink,
	.rmdir = do_rmdir,
	.rename = do_rename,
	.readlink = do_readlink,
	.getattr = do_getattr,
	.setattr = do_setattr,
	.statfs = do_statfs,
	.opendir = do_opendir,
	.releasedir = do_releasedir,
	.readdir = do_readdir,
	.readdirplus = do_readdirplus,
};
