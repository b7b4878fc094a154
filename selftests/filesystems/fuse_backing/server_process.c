// SPDX-License-Identifier: GPL-2.0
/*
 * The process that answers a mount's requests. See server_process.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backing_ioctl.h"
#include "creds.h"
#include "fuse_uring.h"
#include "server_process.h"
#include "server_ring.h"
#include "wait_until.h"

#define MAX_WRITE	(128 * 1024)
#define REQUEST_SIZE	(MAX_WRITE + 4096)
#define SERVER_DEV	3	/* /dev/fuse in the server process */

/* What the server process knows beside the shared memory. */
struct server {
	int dev;
	struct server_ring *ring;	/* or NULL */
	const char *backing;
	struct fuse_server_opts opts;
	struct fuse_server_shared *sh;
	const struct fuse_in_header *in;
	bool by_ring;			/* how it came */
	char request[REQUEST_SIZE];
	char reply[REQUEST_SIZE];
};

/* Replies; errors are negative, as they are on the wire. */

static void reply_raw(struct server *s, __u64 unique, int error,
		      const void *data, size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len,
		.error = error,
		.unique = unique,
	};
	struct iovec iov[2] = {
		{ &out, sizeof(out) },
		{ (void *)data, len },
	};

	if (server_ring_reply(s->ring, &out, data))
		return;
	/*
	 * ENOENT says that the request was interrupted or aborted, ENODEV
	 * that the mount is gone: nobody is left to hear about either.
	 */
	if (writev(s->dev, iov, len ? 2 : 1) < 0 &&
	    errno != ENOENT && errno != ENODEV)
		perror("# fuse_server: reply");
}

static void reply_error(struct server *s, int error)
{
	reply_raw(s, s->in->unique, error, NULL, 0);
}

static void reply_data(struct server *s, const void *data, size_t len)
{
	reply_raw(s, s->in->unique, 0, data, len);
}

static struct fuse_server_held *hold(struct server *s)
{
	struct fuse_server_held *held = &s->sh->held[s->sh->held_count];

	if (s->sh->held_count == FUSE_SERVER_HELD)
		return NULL;
	held->unique = s->in->unique;
	held->len = 0;
	return held;
}

/* The reply to what changed something: what is in it is as of now */
static void reply_change(struct server *s, const void *data, size_t len)
{
	struct fuse_server_held *held = s->sh->hold_changes ? hold(s) : NULL;

	if (!held) {
		reply_data(s, data, len);
		return;
	}
	memcpy(held->reply, data, len);
	held->len = len;
	s->sh->held_count++;
}

/* Files and attributes */

static struct fuse_server_file *file_of_node(struct server *s, __u64 node)
{
	return server_shared_at(s->sh, node);
}

static __u64 node_of_file(struct server *s, const struct fuse_server_file *file)
{
	return server_shared_node(s->sh, file);
}

static void path_of(struct server *s, const struct fuse_server_file *file,
		    char *path)
{
	snprintf(path, PATH_MAX, "%s/%s", s->backing, file->name);
}

static void attr_from_stat(struct fuse_attr *attr, const struct stat *st)
{
	attr->size = st->st_size;
	attr->blocks = st->st_blocks;
	attr->atime = st->st_atim.tv_sec;
	attr->atimensec = st->st_atim.tv_nsec;
	attr->mtime = st->st_mtim.tv_sec;
	attr->mtimensec = st->st_mtim.tv_nsec;
	attr->ctime = st->st_ctim.tv_sec;
	attr->ctimensec = st->st_ctim.tv_nsec;
	attr->mode = st->st_mode;
	attr->nlink = st->st_nlink;
	attr->uid = st->st_uid;
	attr->gid = st->st_gid;
	attr->blksize = st->st_blksize;
}

static int attr_of_node(struct server *s, __u64 node,
			struct fuse_attr *attr)
{
	struct fuse_server_file *file = file_of_node(s, node);
	char path[PATH_MAX];
	struct stat st;

	memset(attr, 0, sizeof(*attr));
	attr->ino = node;
	if (node == FUSE_ROOT_ID) {
		attr->mode = S_IFDIR | 0755;
		attr->nlink = 2;
		return 0;
	}
	if (!file)
		return -ENOENT;
	path_of(s, file, path);
	if (lstat(path, &st) < 0)
		return -errno;
	attr_from_stat(attr, &st);
	if (s->sh->deep)
		attr->ino = st.st_ino;
	if (file->invent) {
		attr->uid = file->invented_uid;
		if (file->invented_mode)
			attr->mode = S_IFREG | file->invented_mode;
	}
	return 0;
}

static int entry_of(struct server *s, const struct fuse_server_file *file,
		    struct fuse_entry_out *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->nodeid = node_of_file(s, file);
	entry->generation = file->generation;
	entry->entry_valid = s->sh->entry_valid;
	entry->attr_valid = s->sh->attr_valid;
	return attr_of_node(s, entry->nodeid, &entry->attr);
}

/* Requests: one function each, in the order of a file's life. */

static void start_ring(struct server *s)
{
	int err = server_ring_start(s->ring);

	if (err)
		fprintf(stderr, "# fuse_server: ring: %s\n", strerror(-err));
	s->sh->over_ring = !err;
}

static void do_init(struct server *s, const struct fuse_init_in *in)
{
	__u64 offered = in->flags | (__u64)in->flags2 << 32;
	__u64 want = FUSE_INIT_EXT | FUSE_BIG_WRITES | FUSE_MAX_PAGES |
			FUSE_PARALLEL_DIROPS | s->opts.init_flags;
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = MAX_WRITE,
		.max_pages = MAX_WRITE / 4096,
		.time_gran = 1,
	};

	if (!s->opts.no_passthrough)
		want |= FUSE_PASSTHROUGH;
	if (s->ring)
		want |= FUSE_OVER_IO_URING;
	want &= offered;
	out.flags = want;
	out.flags2 = want >> 32;
	if (want & FUSE_PASSTHROUGH)
		out.max_stack_depth = s->opts.max_stack_depth ?: 1;
	reply_data(s, &out, sizeof(out));
	if (want & FUSE_OVER_IO_URING)
		start_ring(s);
	s->sh->passthrough = want & FUSE_PASSTHROUGH;
	s->sh->offered = offered;
	s->sh->ready = true;
}

/* The kernel is to know how to open the node before it knows the node. */
static void attach_before(struct server *s, struct fuse_server_file *file)
{
	__u64 node = node_of_file(s, file);
	char path[PATH_MAX];
	int id, err;

	path_of(s, file, path);
	id = fuse_backing_open_once(s->dev, path, O_RDWR);
	err = fuse_attach_backing(s->dev, node, file->generation, id,
				  file->attach | FUSE_BACKING_ATTACH_PENDING);
	/* it is attached already as long as the node is known */
	if (err && err != -EEXIST && !s->opts.may_be_refused)
		fprintf(stderr, "# fuse_server: attach %s, id %d: %s\n", path,
			id, strerror(-err));
}

/* By the path from the root, which is made known if there is such a file */
static struct fuse_server_file *find_deep(struct server *s, const char *name)
{
	const struct fuse_server_file *dir = file_of_node(s, s->in->nodeid);
	struct fuse_server_file *file;
	char path[PATH_MAX], below[FUSE_SERVER_NAME + 1];
	struct stat st;

	snprintf(below, sizeof(below), "%s%s%s", dir ? dir->name : "",
		 dir ? "/" : "", name);
	snprintf(path, sizeof(path), "%s/%s", s->backing, below);
	file = server_shared_find(s->sh, below);
	return file || lstat(path, &st) < 0 ? file :
					      server_shared_add(s->sh, below);
}

static void do_lookup(struct server *s, const char *name)
{
	struct fuse_server_file *file = s->sh->deep ? find_deep(s, name) :
					server_shared_find(s->sh, name);
	struct fuse_entry_out entry;
	int err = -ENOENT;

	if (file)
		err = entry_of(s, file, &entry);
	if (!err && file->attach)
		attach_before(s, file);
	if (err)
		reply_error(s, err);
	else
		reply_data(s, &entry, sizeof(entry));
}

/* A handle that we never gave means an operation on a file we never opened. */
static void note_fh(struct server *s, __u64 fh)
{
	struct fuse_server_file *file = file_of_node(s, s->in->nodeid);

	if (!fh || fh > s->sh->next_fh) {
		s->sh->bad_fh++;
		s->sh->bad_op = s->in->opcode;
	}
	if (file)
		file->seen_fh = fh;
}

static int attr_out(struct server *s, struct fuse_attr_out *out)
{
	*out = (struct fuse_attr_out) { .attr_valid = s->sh->attr_valid };
	return attr_of_node(s, s->in->nodeid, &out->attr);
}

static void reply_attr(struct server *s)
{
	struct fuse_attr_out out;
	int err = attr_out(s, &out);

	if (err)
		reply_error(s, err);
	else
		reply_data(s, &out, sizeof(out));
}

static void do_getattr(struct server *s, const struct fuse_getattr_in *in)
{
	if (in->getattr_flags & FUSE_GETATTR_FH)
		note_fh(s, in->fh);
	reply_attr(s);
}

static void do_statx(struct server *s, const struct fuse_statx_in *in)
{
	if (in->getattr_flags & FUSE_GETATTR_FH)
		note_fh(s, in->fh);
	reply_error(s, -ENOSYS);
}

static void set_time(struct timespec *ts, bool set, bool now, __u64 sec,
		     __u32 nsec)
{
	ts->tv_sec = sec;
	ts->tv_nsec = now ? UTIME_NOW : set ? nsec : UTIME_OMIT;
}

static int setattr_mode(struct fuse_server_file *file, const char *path,
			__u32 mode)
{
	if (file->invent && file->invented_mode) {
		file->invented_mode = mode & 07777;
		return 0;
	}
	return chmod(path, mode & 07777) < 0 ? -errno : 0;
}

static int setattr_path(struct fuse_server_file *file, const char *path,
			const struct fuse_setattr_in *in)
{
	struct timespec ts[2];
	int err = 0;

	if (in->valid & FATTR_SIZE && truncate(path, in->size) < 0)
		return -errno;
	if (in->valid & FATTR_MODE)
		err = setattr_mode(file, path, in->mode);
	if (err)
		return err;
	if (in->valid & (FATTR_UID | FATTR_GID) &&
	    chown(path, in->valid & FATTR_UID ? in->uid : (uid_t)-1,
		  in->valid & FATTR_GID ? in->gid : (gid_t)-1) < 0)
		return -errno;
	set_time(&ts[0], in->valid & FATTR_ATIME, in->valid & FATTR_ATIME_NOW,
		 in->atime, in->atimensec);
	set_time(&ts[1], in->valid & FATTR_MTIME, in->valid & FATTR_MTIME_NOW,
		 in->mtime, in->mtimensec);
	if (utimensat(AT_FDCWD, path, ts, 0) < 0)
		return -errno;
	return 0;
}

static void do_setattr(struct server *s, const struct fuse_setattr_in *in)
{
	struct fuse_server_file *file = file_of_node(s, s->in->nodeid);
	struct fuse_attr_out out;
	char path[PATH_MAX];
	int err = -ENOENT;

	if (in->valid & FATTR_FH)
		note_fh(s, in->fh);
	if (file) {
		path_of(s, file, path);
		err = setattr_path(file, path, in) ?: attr_out(s, &out);
	}
	if (err)
		reply_error(s, err);
	else
		reply_change(s, &out, sizeof(out));
}

/* The other name is for the backing file only: lookups don't find it. */
static void do_link(struct server *s, const struct fuse_link_in *in)
{
	struct fuse_server_file *file = file_of_node(s, in->oldnodeid);
	const char *name = (const char *)(in + 1);
	char path[PATH_MAX], other[PATH_MAX];
	struct fuse_entry_out entry;
	int err = -ENOENT;

	if (file) {
		path_of(s, file, path);
		snprintf(other, PATH_MAX, "%s/%s", s->backing, name);
		err = link(path, other) < 0 ? -errno :
					      entry_of(s, file, &entry);
	}
	if (err)
		reply_error(s, err);
	else
		reply_change(s, &entry, sizeof(entry));
}

/* What passthrough_hp does: one id for all opens of a file. */
static void auto_register(struct server *s, struct fuse_server_file *file)
{
	char path[PATH_MAX];
	int id;

	if (!file->auto_users++) {
		path_of(s, file, path);
		id = fuse_backing_open_path(s->dev, path, O_RDWR);
		if (id < 0)
			fprintf(stderr, "# fuse_server: register %s: %s\n",
				path, strerror(-id));
		file->auto_id = id;
	}
	if (file->auto_id > 0) {
		file->backing_id = file->auto_id;
		file->open_flags |= FOPEN_PASSTHROUGH;
	}
}

static void auto_close(struct server *s, struct fuse_server_file *file)
{
	if (!file->auto_users || --file->auto_users)
		return;
	fuse_backing_close(s->dev, file->auto_id);
	file->auto_id = 0;
	file->backing_id = 0;
}

/* An id for this reply only; the kernel closes it. */
static void register_per_open(struct server *s, struct fuse_server_file *file)
{
	char path[PATH_MAX];

	path_of(s, file, path);
	file->backing_id = fuse_backing_open_once(s->dev, path, O_RDWR);
	file->open_flags |= FOPEN_PASSTHROUGH;
	if (file->backing_id < 0 && !s->opts.may_be_refused)
		fprintf(stderr, "# fuse_server: register %s: %s\n", path,
			strerror(-file->backing_id));
}

static void fill_open(struct server *s, struct fuse_server_file *file,
		      struct fuse_open_out *out)
{
	memset(out, 0, sizeof(*out));
	if (s->opts.auto_register)
		auto_register(s, file);
	if (file->per_open)
		register_per_open(s, file);
	out->fh = ++s->sh->next_fh;
	out->open_flags = file->open_flags;
	out->backing_id = file->backing_id;
}

static void note_open(struct server *s, struct fuse_server_file *file,
		      __u32 flags)
{
	file->seen_flags = flags;
	file->seen_uid = s->in->uid;
	file->seen_gid = s->in->gid;
	file->opens++;
}

static void hold_open(struct server *s, struct fuse_server_file *file)
{
	struct fuse_server_held *held = hold(s);

	if (!held) {
		reply_error(s, -ENFILE);
		return;
	}
	held->file = file - s->sh->file;
	s->sh->held_count++;
}

static void do_open(struct server *s, const struct fuse_open_in *in)
{
	struct fuse_server_file *file = file_of_node(s, s->in->nodeid);
	struct fuse_open_out out;

	if (!file) {
		reply_error(s, -ENOENT);
		return;
	}
	note_open(s, file, in->flags);
	if (file->open_error) {
		reply_error(s, -file->open_error);
	} else if (file->hold_open) {
		hold_open(s, file);
	} else {
		fill_open(s, file, &out);
		reply_data(s, &out, sizeof(out));
	}
}

static void take_away(struct server *s)
{
	if (!s->sh->revoke_node)
		return;
	s->sh->revoke_error =
		-fuse_detach_backing(s->dev, s->sh->revoke_node, 0,
				     FUSE_BACKING_DETACH_REVOKE);
	s->sh->revoke_node = 0;
}

/* Late replies: those of opens with what the knobs say by now. */
static void release_held(struct server *s)
{
	struct fuse_server_held *held;
	struct fuse_open_out out;

	take_away(s);
	for (__u32 i = 0; i < s->sh->held_count; i++) {
		held = &s->sh->held[i];
		if (held->len) {
			reply_raw(s, held->unique, 0, held->reply, held->len);
			continue;
		}
		fill_open(s, &s->sh->file[held->file], &out);
		reply_raw(s, held->unique, 0, &out, sizeof(out));
	}
	s->sh->held_count = 0;
	s->sh->release_held = false;
}

static int create_backing(struct server *s, struct fuse_server_file *file,
			  const struct fuse_create_in *in)
{
	char path[PATH_MAX];
	int fd;

	path_of(s, file, path);
	fd = open(path, O_CREAT | O_CLOEXEC | (in->flags & O_EXCL),
		  in->mode & ~in->umask & 07777);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void do_create(struct server *s, const struct fuse_create_in *in)
{
	const char *arg = (const char *)(in + 1);
	/* TMPFILE comes with a name that can't be one. */
	const char *name = strcmp(arg, "/") ? arg : FUSE_SERVER_TMPFILE;
	struct fuse_server_file *file = server_shared_find(s->sh, name);
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	int err = -ENOSPC;

	if (s->sh->no_create) {
		reply_error(s, -ENOSYS);
		return;
	}
	if (!file)
		file = server_shared_add(s->sh, name);
	if (file)
		err = create_backing(s, file, in);
	if (!err)
		err = entry_of(s, file, &out.entry);
	if (err) {
		reply_error(s, err);
		return;
	}
	if (file->attach)
		attach_before(s, file);
	note_open(s, file, in->flags);
	fill_open(s, file, &out.open);
	if (file->bad_node)
		out.entry.nodeid = 0;
	reply_data(s, &out, sizeof(out));
}

static void do_read(struct server *s, const struct fuse_read_in *in)
{
	struct fuse_server_file *file = file_of_node(s, s->in->nodeid);
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	note_fh(s, in->fh);
	if (!file || in->size > sizeof(s->reply)) {
		reply_error(s, -EINVAL);
		return;
	}
	path_of(s, file, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = pread(fd, s->reply, in->size, in->offset);
	if (n < 0)
		reply_error(s, -errno);
	else
		reply_data(s, s->reply, n);
	if (fd >= 0)
		close(fd);
}

static void do_write(struct server *s, const struct fuse_write_in *in)
{
	struct fuse_server_file *file = file_of_node(s, s->in->nodeid);
	struct fuse_write_out out = {};
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	note_fh(s, in->fh);
	if (!file) {
		reply_error(s, -EINVAL);
		return;
	}
	path_of(s, file, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		n = pwrite(fd, in + 1, in->size, in->offset);
	out.size = n;
	if (n < 0)
		reply_error(s, -errno);
	else
		reply_data(s, &out, sizeof(out));
	if (fd >= 0)
		close(fd);
}

static void do_fallocate(struct server *s, const struct fuse_fallocate_in *in)
{
	struct fuse_server_file *file = file_of_node(s, s->in->nodeid);
	char path[PATH_MAX];
	int fd = -1, err = 0;

	note_fh(s, in->fh);
	if (!s->sh->fallocates) {
		reply_error(s, -ENOSYS);
		return;
	}
	if (file) {
		path_of(s, file, path);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (fd < 0 || fallocate(fd, in->mode, in->offset, in->length) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	reply_error(s, err);
}

static void do_lseek(struct server *s, const struct fuse_lseek_in *in)
{
	struct fuse_server_file *file = file_of_node(s, s->in->nodeid);
	struct fuse_lseek_out out = {};
	char path[PATH_MAX];
	off_t to = -1;
	int fd = -1;

	note_fh(s, in->fh);
	if (file) {
		path_of(s, file, path);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd >= 0)
		to = lseek(fd, in->offset, in->whence);
	out.offset = to;
	if (to < 0)
		reply_error(s, -errno);
	else
		reply_data(s, &out, sizeof(out));
	if (fd >= 0)
		close(fd);
}

/* Nobody else ever holds a lock. */
static void do_getlk(struct server *s, const struct fuse_lk_in *in)
{
	struct fuse_lk_out out = { .lk = in->lk };

	note_fh(s, in->fh);
	out.lk.type = F_UNLCK;
	reply_data(s, &out, sizeof(out));
}

/* What is answered to an ioctl tells that it was understood. */
static void do_ioctl(struct server *s, const struct fuse_ioctl_in *in)
{
	struct fuse_ioctl_out out = { .result = FUSE_SERVER_IOCTL };

	note_fh(s, in->fh);
	/* those that want data are the kernel's own */
	if (in->out_size)
		reply_error(s, -ENOTTY);
	else
		reply_data(s, &out, sizeof(out));
}

/* Requests that need nothing but a handle that we gave. */
static void do_with_fh(struct server *s, __u64 fh, int error)
{
	note_fh(s, fh);
	reply_error(s, error);
}

static void do_flush(struct server *s, const struct fuse_flush_in *in)
{
	s->sh->flush_owner = in->lock_owner;
	do_with_fh(s, in->fh, -s->sh->flush_error);
}

static void do_setlk(struct server *s, const struct fuse_lk_in *in)
{
	s->sh->lock_owner = in->owner;
	do_with_fh(s, in->fh, 0);
}

static void do_release(struct server *s, const struct fuse_release_in *in)
{
	struct fuse_server_file *file = file_of_node(s, s->in->nodeid);

	note_fh(s, in->fh);
	if (file) {
		if (s->opts.auto_register)
			auto_close(s, file);
		file->releases++;
	}
	reply_error(s, 0);
}

static void do_forget(struct server *s, __u64 node)
{
	struct fuse_server_file *file = file_of_node(s, node);

	if (file)
		file->forgets++;
}

static void do_batch_forget(struct server *s,
			    const struct fuse_batch_forget_in *in)
{
	const struct fuse_forget_one *one = (const void *)(in + 1);

	for (__u32 i = 0; i < in->count; i++)
		do_forget(s, one[i].nodeid);
}

static void do_opendir(struct server *s)
{
	struct fuse_open_out out = {
		.fh = ++s->sh->next_fh,
		.open_flags = s->sh->dir_flags,
	};

	reply_data(s, &out, sizeof(out));
}

/* An entry at @len in the reply: how long that is then, the same if it doesn't fit */
static size_t add_entry(struct server *s, const struct fuse_read_in *in,
			const struct fuse_dirent *entry, const char *name,
			size_t len)
{
	size_t size = FUSE_DIRENT_SIZE(entry);
	struct fuse_dirent *dent = (void *)s->reply + len;

	if (len + size > in->size)
		return len;
	memset(dent, 0, size);
	*dent = *entry;
	memcpy((char *)dent + FUSE_NAME_OFFSET, name, entry->namelen);
	return len + size;
}

static size_t add_long_name(struct server *s, const struct fuse_read_in *in,
			    size_t len)
{
	const struct fuse_dirent entry = {
		.ino = FUSE_SERVER_FILES,
		.off = FUSE_SERVER_FILES + 1,
		.namelen = s->sh->long_name,
		.type = S_IFREG >> 12,
	};
	static char name[PATH_MAX];

	memset(name, 'n', entry.namelen);
	return add_entry(s, in, &entry, name, len);
}

static size_t add_file(struct server *s, const struct fuse_read_in *in, __u64 i,
		       size_t len)
{
	const struct fuse_server_file *file = &s->sh->file[i];
	const struct fuse_dirent entry = {
		.ino = node_of_file(s, file),
		.off = i + 1,
		.namelen = strlen(file->name),
		.type = S_IFREG >> 12,
	};

	return add_entry(s, in, &entry, file->name, len);
}

static void do_readdir(struct server *s, const struct fuse_read_in *in)
{
	bool all = true;
	size_t len = 0;

	for (__u64 i = in->offset; i < FUSE_SERVER_FILES && all; i++) {
		size_t before = len;

		/* what is below a directory isn't listed */
		if (!s->sh->file[i].in_use || strchr(s->sh->file[i].name, '/'))
			continue;
		len = add_file(s, in, i, len);
		all = len > before;
	}
	if (all && s->sh->long_name && in->offset <= FUSE_SERVER_FILES)
		len = add_long_name(s, in, len);
	reply_data(s, s->reply, len);
}

static void do_statfs(struct server *s)
{
	struct fuse_statfs_out out = {
		.st = { .bsize = 4096, .frsize = 4096, .namelen = 255 },
	};

	reply_data(s, &out, sizeof(out));
}

static void handle(struct server *s)
{
	const void *arg = s->in + 1;

	if (s->in->opcode < FUSE_SERVER_OPS) {
		s->sh->ops[s->in->opcode]++;
		if (s->by_ring)
			s->sh->ring_ops[s->in->opcode]++;
	}
	if (!s->in->nodeid && s->in->opcode != FUSE_INIT &&
	    s->in->opcode != FUSE_DESTROY && s->in->opcode != FUSE_BATCH_FORGET &&
	    s->in->opcode != FUSE_INTERRUPT)
		s->sh->no_node++;

	switch (s->in->opcode) {
	case FUSE_INIT:
		return do_init(s, arg);
	case FUSE_LOOKUP:
		return do_lookup(s, arg);
	case FUSE_GETATTR:
		return do_getattr(s, arg);
	case FUSE_STATX:
		return do_statx(s, arg);
	case FUSE_SETATTR:
		if (s->sh->mute_setattr)
			return;
		return do_setattr(s, arg);
	case FUSE_LINK:
		return do_link(s, arg);
	case FUSE_RENAME:
		return reply_error(s, s->sh->has_renamed ? 0 : -ENOSYS);
	case FUSE_OPEN:
		return do_open(s, arg);
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		return do_create(s, arg);
	case FUSE_READ:
		return do_read(s, arg);
	case FUSE_WRITE:
		return do_write(s, arg);
	case FUSE_GETXATTR:
		return reply_error(s, -s->sh->getxattr_error);
	case FUSE_FLUSH:
		return do_flush(s, arg);
	case FUSE_FSYNC:
		return do_with_fh(s, ((struct fuse_fsync_in *)arg)->fh,
				  -s->sh->fsync_error);
	case FUSE_SETLK:
	case FUSE_SETLKW:
		return do_setlk(s, arg);
	case FUSE_GETLK:
		return do_getlk(s, arg);
	case FUSE_FALLOCATE:
		return do_fallocate(s, arg);
	case FUSE_LSEEK:
		return do_lseek(s, arg);
	case FUSE_IOCTL:
		return do_ioctl(s, arg);
	case FUSE_POLL:
		return do_with_fh(s, ((struct fuse_poll_in *)arg)->fh, -ENOSYS);
	case FUSE_COPY_FILE_RANGE:
		return do_with_fh(s,
				  ((struct fuse_copy_file_range_in *)arg)->fh_in,
				  -ENOSYS);
	case FUSE_RELEASE:
		return do_release(s, arg);
	case FUSE_FORGET:
		return do_forget(s, s->in->nodeid);
	case FUSE_BATCH_FORGET:
		return do_batch_forget(s, arg);
	case FUSE_OPENDIR:
		return do_opendir(s);
	case FUSE_READDIR:
		return do_readdir(s, arg);
	case FUSE_RELEASEDIR:
	case FUSE_DESTROY:
		return reply_error(s, 0);
	case FUSE_STATFS:
		return do_statfs(s);
	case FUSE_INTERRUPT:
		return;
	default:
		return reply_error(s, -ENOSYS);
	}
}

/* The process */

static void wait_for_request(struct server *s)
{
	struct pollfd pfd[] = {
		{ .fd = s->dev, .events = POLLIN },
		{ .fd = server_ring_fd(s->ring), .events = POLLIN },
	};

	/* without a ring and what is held, read(2) waits */
	while (s->ring || s->sh->held_count) {
		if (s->sh->release_held)
			release_held(s);
		else if (poll(pfd, 2, s->sh->held_count ? 10 : -1))
			return;
	}
}

static ssize_t receive(struct server *s)
{
	ssize_t n = server_ring_receive(s->ring, s->request);

	s->by_ring = n > 0;
	return n ?: read(s->dev, s->request, sizeof(s->request));
}

static void serve(struct server *s)
{
	ssize_t n;

	for (;;) {
		wait_for_request(s);
		n = receive(s);
		if (n < 0 && (errno == EINTR || errno == EAGAIN ||
			      errno == ENOENT))
			continue;
		if (n < (ssize_t)sizeof(*s->in))
			return;
		s->in = (const void *)s->request;
		handle(s);
	}
}

/*
 * The descriptors of the test must not be open in here too: a file of the
 * backing filesystem would pin it, and a file of this mount would wait for
 * ourselves.
 */
static void close_inherited(int dev)
{
	if (dev != SERVER_DEV && dup2(dev, SERVER_DEV) < 0)
		_exit(1);
	syscall(SYS_close_range, SERVER_DEV + 1, ~0U, 0);
	if (chdir("/") < 0)
		_exit(1);
}

static void be_server(int dev, const char *backing,
		      const struct fuse_server_opts *opts,
		      struct fuse_server_shared *sh)
{
	const struct creds who = { .uid = opts->uid, .gid = opts->uid };
	static struct server server;

	if (opts->uid && creds_set(&who))
		_exit(1);
	/* A change of credentials clears this one. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "fuse_server");
	close_inherited(dev);
	server.dev = SERVER_DEV;
	server.backing = backing;
	server.opts = *opts;
	server.sh = sh;
	if (opts->ring_depth)
		server.ring = server_ring_new(SERVER_DEV, opts->ring_depth,
					      MAX_WRITE);
	/* who comes after another waits for its end, as long as it takes */
	while (sh->ready && !sh->restarted)
		usleep(WAIT_STEP_US);
	serve(&server);
	_exit(0);
}

pid_t server_process_start(int dev, const char *backing,
			   const struct fuse_server_opts *opts,
			   struct fuse_server_shared *sh)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		be_server(dev, backing, opts, sh);
	return pid;
}
