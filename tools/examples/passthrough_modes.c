// SPDX-License-Identifier: GPL-2.0
/*
 * passthrough_modes: mirror a directory, with each way of passing files through
 *
 *	passthrough_modes [OPTION]... SOURCE MOUNTPOINT
 *
 *	-o mode=none	each read and write is a request
 *	-o mode=id	one backing id for all opens of a file, until its last
 *			release; all that Linux 6.12 has
 *	-o mode=open	each open has an id of its own, that nobody closes
 *	-o mode=inode	the backing file is attached to the inode: open, read,
 *			write and close ask nobody (the default)
 *	-o timeout=N	seconds for which names and attributes are cached (1);
 *			more if nobody else changes SOURCE
 *	-f, -d, -s	foreground, with a log of the requests, with one thread
 *
 * Where the kernel can't do a mode, the next lower one is taken.
 *
 * No privilege is needed. What is made belongs to the user who runs this, and
 * open files of many inodes need a large `ulimit -Hn`.
 *
 * What is about passthrough is in the first half of this file, see "Modes"; the
 * other, and session.c, is what any server on libfuse's low-level API does.
 */

#define FUSE_USE_VERSION 317

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "session.h"

#define BUCKETS	65536

enum mode { MODE_NONE, MODE_ID, MODE_OPEN, MODE_INODE, MODES };

static const char *const mode_names[MODES] = { "none", "id", "open", "inode" };

/*
 * A file of SOURCE that the kernel knows. Its address is the node id.
 *
 * The descriptor keeps device and inode number from being used again while the
 * node is there. Its address may be used again, with another generation.
 */
struct node {
	struct node *next;	/* in its bucket */
	int fd;			/* with O_PATH */
	dev_t dev;
	ino_t ino;
	uint64_t generation;
	uint64_t lookups;	/* that the kernel hasn't forgotten */

	unsigned int opens;	/* replies to OPEN and CREATE, not yet released */
	bool plain;		/* those are not passed through */
	int id;			/* mode=id: of all of them */
	bool attached;		/* mode=inode: it was, once */
};

/* @lock protects all that changes: hash, generation, nodes and mode */
static struct server {
	pthread_mutex_t lock;
	struct fuse_session *session;
	struct node root;
	struct node *bucket[BUCKETS];
	uint64_t generation;
	enum mode mode;
	char *mode_name;
	double timeout;
} server = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.mode = MODE_INODE,
	.timeout = 1,
};

static struct node *node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &server.root :
				     (struct node *)(uintptr_t)ino;
}

static fuse_ino_t id_of(const struct node *node)
{
	return (uintptr_t)node;
}

/* Modes */

/* What the kernel can't do; the lock is held, or nobody else is there */
static void fall_back(enum mode to, const char *why)
{
	fuse_log(FUSE_LOG_WARNING, "passthrough_modes: %s: mode=%s\n", why,
		 mode_names[to]);
	server.mode = to;
}

/*
 * Registration works only after the reply to INIT. So a kernel without a mode
 * is noticed when that is used for the first time.
 */
static bool is_unsupported(int err)
{
	if (err == -ENOTTY && server.mode == MODE_INODE)
		fall_back(MODE_OPEN, "the kernel attaches nothing to inodes");
	else if (err == -EINVAL && server.mode >= MODE_OPEN)
		fall_back(MODE_ID, "the kernel has no ids that close themselves");
	else if (err == -EPERM && server.mode != MODE_NONE)
		fall_back(MODE_NONE, "the kernel permits no passthrough");
	else
		return false;
	return true;
}

/*
 * Attach a regular file to its inode, at best before the kernel knows that. The
 * descriptor may be one with O_PATH: at each open, the kernel looks whether the
 * server itself could open the file like that. Nothing of the backing file is
 * open for writing then as long as no client does that, which would keep others
 * from executing it.
 *
 * When it fails, or the inode was forgotten meanwhile and takes the attachment
 * along, the server is asked to open the file, and tries again.
 */
static void attach_locked(struct node *node)
{
	int err;

	err = backing_attach(server.session, id_of(node), node->generation,
			     node->fd);
	if (is_unsupported(err))
		return;
	/* files that are open hold it back; it is attached after those */
	if (!err || err == -EEXIST)
		node->attached = true;
}

static void attach_new_locked(struct node *node, mode_t type)
{
	if (server.mode == MODE_INODE && S_ISREG(type))
		attach_locked(node);
}

/* One that waits for an inode that the kernel never made would wait on */
static void detach_forgotten(const struct node *node)
{
	if (node->attached)
		backing_detach(server.session, id_of(node), node->generation);
}

/* An id for a reply about a file that is open as @fd: or 0, or -errno */
static int reply_id_locked(struct node *node, int fd)
{
	int id;

	switch (server.mode) {
	case MODE_ID:
		if (!node->id) {
			id = backing_open(server.session, fd);
			if (id < 0)
				return id;
			node->id = id;
		}
		return node->id;
	case MODE_OPEN:
	case MODE_INODE:
		return backing_open_once(server.session, fd);
	default:
		return 0;
	}
}

/*
 * All files of an inode that are open are passed through, or none is: the kernel
 * doesn't mix them. What it opened by itself counts too.
 */
static int pass_through_locked(struct node *node, struct fuse_file_info *fi)
{
	int id;

	if (node->opens && node->plain)
		return 0;
	do
		id = reply_id_locked(node, fi->fh);
	while (is_unsupported(id));

	if (id > 0)
		fi->backing_id = id;
	else if (id < 0 && (node->opens || node->attached))
		return -id;
	node->plain = id <= 0;
	return 0;
}

/* An open file, before the reply: 0 or an errno */
static int start_file(struct node *node, struct fuse_file_info *fi, int fd)
{
	int err;

	fi->fh = fd;
	pthread_mutex_lock(&server.lock);
	/* or the kernel would have opened it */
	if (server.mode == MODE_INODE)
		attach_locked(node);
	err = pass_through_locked(node, fi);
	if (!err)
		node->opens++;
	pthread_mutex_unlock(&server.lock);
	return err;
}

static void end_file(struct node *node, int fd)
{
	pthread_mutex_lock(&server.lock);
	if (!--node->opens && node->id) {
		backing_close(server.session, node->id);
		node->id = 0;
	}
	pthread_mutex_unlock(&server.lock);
	close(fd);
}

/* Nobody waits for the reply any more, so nobody took the id that was in it */
static void cancel_file(struct node *node, const struct fuse_file_info *fi)
{
	if (fi->backing_id && fi->backing_id != node->id)
		backing_close(server.session, fi->backing_id);
	end_file(node, fi->fh);
}

static void do_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	if (server.mode == MODE_NONE)
		return;
	if (!fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH)) {
		fall_back(MODE_NONE, "the kernel has no passthrough");
		return;
	}
	/* backing files may be on overlayfs */
	conn->max_backing_stack_depth = 1;
	/* the kernel opens the file by itself, and has us empty it */
	if (server.mode == MODE_INODE)
		fuse_unset_feature_flag(conn, FUSE_CAP_ATOMIC_O_TRUNC);
}

/* Nodes */

static struct node **bucket_of(dev_t dev, ino_t ino)
{
	return &server.bucket[(dev * 31 + ino) % BUCKETS];
}

static struct node *find_locked(const struct stat *st)
{
	struct node *node = *bucket_of(st->st_dev, st->st_ino);

	while (node && (node->dev != st->st_dev || node->ino != st->st_ino))
		node = node->next;
	return node;
}

/* Takes over the descriptor if it succeeds */
static struct node *make_locked(int fd, const struct stat *st)
{
	struct node **bucket = bucket_of(st->st_dev, st->st_ino);
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->fd = fd;
	node->dev = st->st_dev;
	node->ino = st->st_ino;
	node->generation = ++server.generation;
	node->next = *bucket;
	*bucket = node;
	return node;
}

static void forget(fuse_ino_t ino, uint64_t count)
{
	struct node *node = node_of(ino);
	struct node **link;

	if (node == &server.root)
		return;
	pthread_mutex_lock(&server.lock);
	node->lookups -= count;
	if (node->lookups) {
		pthread_mutex_unlock(&server.lock);
		return;
	}
	for (link = bucket_of(node->dev, node->ino); *link != node;)
		link = &(*link)->next;
	*link = node->next;
	pthread_mutex_unlock(&server.lock);

	detach_forgotten(node);
	close(node->fd);
	free(node);
}

static int stat_fd(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH) < 0 ? errno : 0;
}

/*
 * The node of an O_PATH descriptor, which is taken over; @attach it if the kernel
 * may not know it yet.
 */
static int enter(int fd, bool attach, struct fuse_entry_param *entry)
{
	struct node *node = NULL;
	bool is_new = false;
	int err;

	memset(entry, 0, sizeof(*entry));
	entry->attr_timeout = server.timeout;
	entry->entry_timeout = server.timeout;
	err = stat_fd(fd, &entry->attr);

	pthread_mutex_lock(&server.lock);
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
		entry->ino = id_of(node);
		entry->generation = node->generation;
		if (is_new && attach)
			attach_new_locked(node, entry->attr.st_mode);
	}
	pthread_mutex_unlock(&server.lock);

	if (err || !is_new)
		close(fd);
	return err;
}

static int look_up(fuse_ino_t parent, const char *name, bool attach,
		   struct fuse_entry_param *entry)
{
	int fd = openat(node_of(parent)->fd, name,
			O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? errno : enter(fd, attach, entry);
}

static void reply_entry(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry;
	int err = look_up(parent, name, true, &entry);

	if (err)
		fuse_reply_err(req, err);
	else if (fuse_reply_entry(req, &entry) < 0)
		forget(entry.ino, 1);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_entry(req, parent, name);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	forget(ino, count);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget(forgets[i].ino, forgets[i].nlookup);
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

/* For calls that don't take an O_PATH descriptor */
struct proc_path {
	char text[32];
};

static struct proc_path proc_path(int fd)
{
	struct proc_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	reply_made(req, mkdirat(node_of(parent)->fd, name, mode), parent, name);
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	reply_made(req, symlinkat(target, node_of(parent)->fd, name), parent,
		   name);
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		    const char *name)
{
	struct proc_path path = proc_path(node_of(ino)->fd);

	reply_made(req, linkat(AT_FDCWD, path.text, node_of(parent)->fd, name,
			       AT_SYMLINK_FOLLOW), parent, name);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_result(req, unlinkat(node_of(parent)->fd, name, 0));
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_result(req, unlinkat(node_of(parent)->fd, name, AT_REMOVEDIR));
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t new_parent, const char *new_name,
		      unsigned int flags)
{
	reply_result(req, renameat2(node_of(parent)->fd, name,
				    node_of(new_parent)->fd, new_name, flags));
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX + 1];
	ssize_t len = readlinkat(node_of(ino)->fd, "", target, PATH_MAX);

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
	int err = stat_fd(node_of(ino)->fd, &st);

	(void)fi;
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_attr(req, &st, server.timeout);
}

static int set_size(struct node *node, off_t size, struct fuse_file_info *fi)
{
	struct proc_path path = proc_path(node->fd);

	return fi ? ftruncate(fi->fh, size) : truncate(path.text, size);
}

static int set_owner(struct node *node, const struct stat *st, int which)
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

static int set_times(struct node *node, const struct stat *st, int which)
{
	const struct timespec times[] = {
		time_to_set(st->st_atim, which & FUSE_SET_ATTR_ATIME,
			    which & FUSE_SET_ATTR_ATIME_NOW),
		time_to_set(st->st_mtim, which & FUSE_SET_ATTR_MTIME,
			    which & FUSE_SET_ATTR_MTIME_NOW),
	};
	struct proc_path path = proc_path(node->fd);

	return utimensat(AT_FDCWD, path.text, times, 0);
}

static int set_attr(struct node *node, const struct stat *st, int which,
		    struct fuse_file_info *fi)
{
	struct proc_path path = proc_path(node->fd);

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
	int err = set_attr(node_of(ino), st, which, fi);

	if (err)
		fuse_reply_err(req, err);
	else
		do_getattr(req, ino, fi);
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (fstatvfs(node_of(ino)->fd, &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}

/* Files */

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param entry;
	int fd, err;

	fd = openat(node_of(parent)->fd, name,
		    (fi->flags | O_CREAT | O_CLOEXEC) & ~(O_NOFOLLOW | O_DIRECT),
		    mode);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	err = look_up(parent, name, false, &entry);
	if (err)
		goto out_close;
	err = start_file(node_of(entry.ino), fi, fd);
	if (err)
		goto out_forget;
	if (fuse_reply_create(req, &entry, fi) < 0) {
		cancel_file(node_of(entry.ino), fi);
		forget(entry.ino, 1);
	}
	return;

out_forget:
	forget(entry.ino, 1);
out_close:
	close(fd);
	fuse_reply_err(req, err);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	struct proc_path path = proc_path(node->fd);
	int fd, err;

	fd = open(path.text,
		  (fi->flags | O_CLOEXEC) & ~(O_NOFOLLOW | O_CREAT | O_DIRECT));
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	err = start_file(node, fi, fd);
	if (err) {
		close(fd);
		fuse_reply_err(req, err);
	} else if (fuse_reply_open(req, fi) < 0) {
		cancel_file(node, fi);
	}
}

static void do_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	end_file(node_of(ino), fi->fh);
	fuse_reply_err(req, 0);
}

static void do_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	reply_result(req, close(dup(fi->fh)));
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	(void)ino;
	reply_result(req, datasync ? fdatasync(fi->fh) : fsync(fi->fh));
}

/* Not of files that are passed through */
static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos,
		    struct fuse_file_info *fi)
{
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);

	(void)ino;
	data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	data.buf[0].fd = fi->fh;
	data.buf[0].pos = pos;
	fuse_reply_data(req, &data, FUSE_BUF_SPLICE_MOVE);
}

static void do_write_buf(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_bufvec *from, off_t pos,
			 struct fuse_file_info *fi)
{
	struct fuse_bufvec to = FUSE_BUFVEC_INIT(fuse_buf_size(from));
	ssize_t res;

	(void)ino;
	to.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	to.buf[0].fd = fi->fh;
	to.buf[0].pos = pos;
	res = fuse_buf_copy(&to, from, 0);
	if (res < 0)
		fuse_reply_err(req, -res);
	else
		fuse_reply_write(req, res);
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
	int fd = openat(node_of(ino)->fd, ".", O_RDONLY | O_CLOEXEC);
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
 * they are attached when the first open asks for it.
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
		forget(param.ino, 1);
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

static const struct fuse_lowlevel_ops operations = {
	.init = do_init,
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
	.create = do_create,
	.open = do_open,
	.release = do_release,
	.flush = do_flush,
	.fsync = do_fsync,
	.read = do_read,
	.write_buf = do_write_buf,
	.opendir = do_opendir,
	.releasedir = do_releasedir,
	.readdir = do_readdir,
	.readdirplus = do_readdirplus,
};

/* Start and end */

static const struct fuse_opt options[] = {
	{ "mode=%s", offsetof(struct server, mode_name), 0 },
	{ "timeout=%lf", offsetof(struct server, timeout), 0 },
	FUSE_OPT_END
};

static enum mode mode_by_name(const char *name)
{
	for (enum mode mode = 0; mode < MODES; mode++)
		if (!strcmp(mode_names[mode], name))
			return mode;
	errx(EXIT_FAILURE, "mode is none, id, open or inode, not %s", name);
}

static void help(void)
{
	puts("usage: passthrough_modes [OPTION]... SOURCE MOUNTPOINT\n"
	     "\n"
	     "Mirror a directory, and have the kernel read and write its files.\n"
	     "\n"
	     "    -o mode=none           this process reads and writes\n"
	     "    -o mode=id             one backing id for all opens of a file\n"
	     "    -o mode=open           each open has an id of its own\n"
	     "    -o mode=inode          files are opened by the kernel, too (default)\n"
	     "    -o timeout=N           names and attributes are good for N seconds (1)");
	fuse_cmdline_help();
	fuse_lowlevel_help();
	exit(EXIT_SUCCESS);
}

static void parse(struct session *session)
{
	session_parse(session, &server, options);
	if (session->opts.show_help)
		help();
	if (session->opts.show_version) {
		fuse_lowlevel_version();
		exit(EXIT_SUCCESS);
	}
	if (!session->source || !session->opts.mountpoint)
		errx(EXIT_FAILURE, "which directory, and where? See --help");
	if (server.mode_name)
		server.mode = mode_by_name(server.mode_name);
	/* the kernel, not we, decides who may do what */
	fuse_opt_add_arg(&session->args, "-odefault_permissions");
}

int main(int argc, char **argv)
{
	struct session session = { .args = FUSE_ARGS_INIT(argc, argv) };

	parse(&session);
	/* a descriptor for each node */
	session_raise_limit();
	/* the kernel has applied the client's */
	umask(0);
	server.root.fd = open(session.source,
			      O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (server.root.fd < 0)
		err(EXIT_FAILURE, "%s", session.source);
	server.session = session_new(&session, &operations);
	return session_run(&session, NULL);
}
