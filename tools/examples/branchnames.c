// SPDX-License-Identifier: GPL-2.0
/*
 * Names in a branch: requests that look them up, and that make, remove and rename what
 * they stand for. See branchfs.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "branchfs.h"
#include "change.h"
#include "copyup.h"
#include "files.h"
#include "found.h"
#include "spine.h"

static void reply_entry(fuse_req_t req, struct node *parent, const char *name)
{
	struct fuse_entry_param entry;
	int err = found_look_up(parent, name, &entry);

	if (err == -ENOENT && !found_is_passed(parent)) {
		/* that there is none is remembered */
		entry.entry_timeout = BRANCHFS_TIMEOUT;
		fuse_reply_entry(req, &entry);
	} else if (err) {
		fuse_reply_err(req, -err);
	} else if (fuse_reply_entry(req, &entry) < 0) {
		found_forget(node_of(entry.ino), 1);
	}
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	pthread_mutex_lock(&branchfs.lock);
	reply_entry(req, node_dir(parent), name);
	pthread_mutex_unlock(&branchfs.lock);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	pthread_mutex_lock(&branchfs.lock);
	found_forget(node_of(ino), count);
	pthread_mutex_unlock(&branchfs.lock);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	pthread_mutex_lock(&branchfs.lock);
	for (size_t i = 0; i < count; i++)
		found_forget(node_of(forgets[i].ino), forgets[i].nlookup);
	pthread_mutex_unlock(&branchfs.lock);
	fuse_reply_none(req);
}

/* What is made */

/* What is made by root is the client's; of a directory with a group, that one's */
static int give_to_client(fuse_req_t req, int dir, const char *name)
{
	const struct fuse_ctx *client = fuse_req_ctx(req);
	struct stat st;
	gid_t gid = client->gid;

	if (geteuid())
		return 0;
	if (fstat(dir, &st) < 0)
		return -errno;
	if (st.st_mode & S_ISGID)
		gid = -1;
	return fchownat(dir, name, client->uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* What there is of a new file, or whatever it is */
struct new {
	mode_t mode;
	dev_t rdev;
	const char *target;	/* of a symbolic link */
	int source;		/* of a hard link */
	int flags;		/* of a file that is to be opened */
	int *fd;		/* the descriptor goes here */
};

static int make_at(int dir, const char *name, const struct new *new)
{
	char source[32];
	int res;

	if (new->fd) {
		res = openat(dir, name, new->flags | O_CREAT | O_EXCL, new->mode & 07777);
		*new->fd = res;
	} else if (new->source >= 0) {
		snprintf(source, sizeof(source), "/proc/self/fd/%d", new->source);
		res = linkat(AT_FDCWD, source, dir, name, AT_SYMLINK_FOLLOW);
	} else if (new->target) {
		res = symlinkat(new->target, dir, name);
	} else if (S_ISDIR(new->mode)) {
		res = mkdirat(dir, name, new->mode & 07777);
	} else {
		res = mknodat(dir, name, new->mode, new->rdev);
	}
	return res < 0 ? -errno : 0;
}

static int make_name(fuse_req_t req, struct node *parent, const char *name,
		     const struct new *new)
{
	struct branch_name found;
	int err;

	if (branch_is_reserved(name))
		return -EPERM;
	err = branch_find(&parent->dir, name, &found);
	if (!err)
		return -EEXIST;
	if (err == -ENOENT)
		err = spine_need_upper(parent);
	if (!err)
		err = make_at(parent->dir.upper, name, new);
	if (err)
		return err;
	if (new->source < 0)
		err = give_to_client(req, parent->dir.upper, name);
	if (!err)
		err = branch_cover(&parent->dir, name);
	if (err)
		unlinkat(parent->dir.upper, name, S_ISDIR(new->mode) ? AT_REMOVEDIR : 0);
	spine_changed(parent);
	return err;
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name,
		 const struct new *new)
{
	struct node *dir;
	int err;

	pthread_mutex_lock(&branchfs.lock);
	dir = node_dir(parent);
	err = make_name(req, dir, name, new);
	if (err)
		fuse_reply_err(req, -err);
	else
		reply_entry(req, dir, name);
	pthread_mutex_unlock(&branchfs.lock);
}

static void do_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev)
{
	make(req, parent, name, &(struct new){ .mode = mode, .rdev = rdev, .source = -1 });
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make(req, parent, name, &(struct new){ .mode = S_IFDIR | mode, .source = -1 });
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	make(req, parent, name, &(struct new){ .target = target, .source = -1 });
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct node *node = node_of(ino);
	int err;

	pthread_mutex_lock(&branchfs.lock);
	err = change_need_upper(node);
	pthread_mutex_unlock(&branchfs.lock);
	if (err)
		fuse_reply_err(req, -err);
	else
		make(req, parent, name, &(struct new){ .source = node->dir.upper });
}

/*
 * Make a file, and open it: who makes it may write to it, whatever its mode. Returns a
 * descriptor, -1 if it is there already, or -errno.
 */
static int create_name(fuse_req_t req, struct node *parent, const char *name, mode_t mode,
		       const struct fuse_file_info *fi)
{
	int fd = -1;
	const struct new new = {
		.mode = mode,
		.source = -1,
		.flags = file_flags(fi),
		.fd = &fd,
	};
	int err = make_name(req, parent, name, &new);

	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err == -EEXIST && !(fi->flags & O_EXCL) ? -1 : err;
}

/* A lookup, and an open file: 0 or -errno */
static int create(fuse_req_t req, struct node *parent, const char *name, mode_t mode,
		  struct fuse_entry_param *entry, struct fuse_file_info *fi)
{
	int err, fd = create_name(req, parent, name, mode, fi);

	if (fd < -1)
		return fd;
	err = found_look_up(parent, name, entry);
	if (!err && fd < 0) {
		/* somebody else was faster */
		fd = file_open(node_of(entry->ino), fi);
		err = fd < 0 ? fd : 0;
	}
	if (!err)
		err = -file_start(node_of(entry->ino), fi, fd);
	if (!err)
		return 0;
	if (fd >= 0)
		close(fd);
	if (entry->ino)
		found_forget(node_of(entry->ino), 1);
	return err;
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param entry = {};
	int err;

	pthread_mutex_lock(&branchfs.lock);
	err = create(req, node_dir(parent), name, mode, &entry, fi);
	if (err) {
		fuse_reply_err(req, -err);
	} else if (fuse_reply_create(req, &entry, fi) < 0) {
		file_cancel(node_of(entry.ino), fi);
		found_forget(node_of(entry.ino), 1);
	}
	pthread_mutex_unlock(&branchfs.lock);
}

/* Removing */

static int check_empty(struct node *parent, const char *name,
		       const struct branch_name *found)
{
	struct branch_dir dir;
	int err = branch_open(&parent->dir, name, found, &dir);

	if (err)
		return err;
	err = branch_is_empty(&dir);
	branch_close(&dir);
	return err;
}

/* UPPER's goes, which is hidden; whoever has it open keeps it */
static int drop_upper(struct node *parent, const char *name,
		      const struct branch_name *found)
{
	struct node *node = node_find(parent, name);
	int err = 0;

	if (found->is_upper && S_ISDIR(found->st.st_mode))
		err = branch_drop_dir(&parent->dir, name);
	else if (found->is_upper && unlinkat(parent->dir.upper, name, 0) < 0)
		err = -errno;
	if (!err && node)
		node_unname(node);
	return err;
}

static int remove_name(struct node *parent, const char *name, bool is_dir)
{
	struct branch_name found;
	int err;

	if (branch_is_reserved(name))
		return -EPERM;
	err = branch_find(&parent->dir, name, &found);
	if (!err && S_ISDIR(found.st.st_mode) != is_dir)
		err = is_dir ? -ENOTDIR : -EISDIR;
	if (!err && is_dir)
		err = check_empty(parent, name, &found);
	if (!err)
		err = spine_need_upper(parent);
	/* UPPER's name is before this, as long as it is there */
	if (!err)
		err = branch_hide(&parent->dir, name);
	if (!err)
		err = drop_upper(parent, name, &found);
	if (!err)
		spine_changed(parent);
	return err;
}

static void remove_and_reply(fuse_req_t req, fuse_ino_t parent, const char *name,
			     bool is_dir)
{
	int err;

	pthread_mutex_lock(&branchfs.lock);
	err = remove_name(node_dir(parent), name, is_dir);
	pthread_mutex_unlock(&branchfs.lock);
	fuse_reply_err(req, -err);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_and_reply(req, parent, name, false);
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_and_reply(req, parent, name, true);
}

/* Renaming */

/*
 * What is renamed is in UPPER: a directory with names of LOWER's can't be. LOWER's is
 * hidden before anything becomes of what it is to take the place of, as that may fail.
 */
static int prepare_source(struct node *from, const char *name,
			  const struct branch_name *found)
{
	int err = 0;

	if (S_ISDIR(found->st.st_mode) && (!found->is_upper || found->is_merged))
		return -EXDEV;
	if (!found->is_upper)
		err = change_copy_up(from, name);
	return err ?: branch_hide(&from->dir, name);
}

/* What it takes the place of */
static int prepare_target(struct node *to, const char *name, unsigned int flags)
{
	struct branch_name found;
	int err = branch_find(&to->dir, name, &found);

	if (err)
		return err == -ENOENT ? 0 : err;
	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!S_ISDIR(found.st.st_mode))
		return 0;
	err = check_empty(to, name, &found);
	if (!err && found.is_upper)
		err = branch_hide(&to->dir, name);
	return err ?: drop_upper(to, name, &found);
}

static int rename_upper(struct node *from, const char *name, struct node *to,
			const char *new_name)
{
	struct node *target = node_find(to, new_name), *node = node_find(from, name);
	int err = 0;

	if (renameat(from->dir.upper, name, to->dir.upper, new_name) < 0)
		return -errno;
	if (target)
		node_unname(target);
	if (node && node_is_dir(node))
		err = node_rename(node, to, new_name);
	return branch_cover(&to->dir, new_name) ?: err;
}

static int rename_name(struct node *from, const char *name, struct node *to,
		       const char *new_name, unsigned int flags)
{
	struct branch_name found;
	int err;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (branch_is_reserved(name) || branch_is_reserved(new_name))
		return -EPERM;
	err = branch_find(&from->dir, name, &found);
	if (!err)
		err = spine_need_upper(from) ?: spine_need_upper(to);
	if (!err)
		err = prepare_source(from, name, &found) ?:
		      prepare_target(to, new_name, flags);
	if (!err)
		err = rename_upper(from, name, to, new_name);
	spine_changed(from);
	if (to != from)
		spine_changed(to);
	return err;
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
	int err;

	pthread_mutex_lock(&branchfs.lock);
	err = rename_name(node_dir(parent), name, node_dir(new_parent), new_name, flags);
	pthread_mutex_unlock(&branchfs.lock);
	fuse_reply_err(req, -err);
}

void branchfs_names(struct fuse_lowlevel_ops *operations)
{
	operations->lookup = do_lookup;
	operations->forget = do_forget;
	operations->forget_multi = do_forget_multi;
	operations->mknod = do_mknod;
	operations->mkdir = do_mkdir;
	operations->symlink = do_symlink;
	operations->link = do_link;
	operations->create = do_create;
	operations->unlink = do_unlink;
	operations->rmdir = do_rmdir;
	operations->rename = do_rename;
}
