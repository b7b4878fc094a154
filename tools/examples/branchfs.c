// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that the kernel has for a branch. See branchfs.h.
 *
 * What is only in LOWER is copied up before it is changed. The node that it was is that
 * no more then: the answer is ESTALE, and the kernel looks the name up again.
 *
 * One request at a time: few come here, and what they change is in two places.
 */

#define FUSE_USE_VERSION 317

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "branchfs.h"
#include "copyup.h"
#include "nodes.h"
#include "spine.h"

/* Nobody but us changes what is ours; seconds */
#define TIMEOUT		3600
/* Until who has a file open that was copied up sees the same as everybody else */
#define LOWER_TIMEOUT	1

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fusebacking_policy *policy;

void branchfs_init(struct fusebacking_policy *of)
{
	policy = of;
	/* the kernel has applied the client's */
	umask(0);
}

/* Calls that take a name don't take an O_PATH descriptor */
struct path {
	char text[32];
};

static struct path path_of(const struct node *node)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", node_fd(node));
	return path;
}

/* Nodes */

static void forgotten(struct node *node)
{
	if (node_is_dir(node))
		spine_forget(node);
	else if (S_ISREG(node->type))
		fusebacking_node_forget(policy, &node->backing);
}

static void forget(struct node *node, uint64_t count)
{
	node_put(node, count, forgotten);
}

static int stat_node(const struct node *node, struct stat *st)
{
	if (node_is_dir(node))
		return branch_stat_dir(&node->dir, st);
	return branch_stat_file(node_fd(node), node_is_upper(node), st);
}

static bool is_passed(const struct node *dir)
{
	return dir->kind != NODE_SERVED;
}

/* None with these descriptors, for the reason that errno says */
static struct node *no_node(const struct branch_dir *dir)
{
	const int reason = errno;

	close(dir->lower);
	close(dir->upper);
	errno = reason;
	return NULL;
}

/* A directory that wasn't known; what the kernel found by itself has nothing attached */
static struct node *new_dir(struct node *parent, const char *name,
			    const struct branch_name *found)
{
	const bool has_lower = !found->is_upper || found->is_merged;
	const struct branch_dir dir = {
		.lower = has_lower ? branch_open_dir(parent->dir.lower, name) : -1,
		.upper = found->is_upper ? branch_open_dir(parent->dir.upper, name) : -1,
	};
	struct node *node = NULL;

	if ((!has_lower || dir.lower >= 0) && (!found->is_upper || dir.upper >= 0))
		node = node_new(parent, name, S_IFDIR, &dir);
	if (!node)
		return no_node(&dir);
	if (!found->is_upper && is_passed(parent))
		node->kind = NODE_BELOW;
	else
		spine_attach(node, FUSE_BACKING_ATTACH_PENDING);
	return node;
}

static struct node *find_dir(struct node *parent, const char *name,
			     const struct branch_name *found)
{
	struct node *old = node_find(parent, name), *node;

	if (old && node_is_dir(old) && !old->outgrown)
		return old;
	if (old)
		node_unname(old);
	node = new_dir(parent, name, found);
	if (node && old && node_is_dir(old))
		node_replace(old, node);
	return node;
}

static void is_file(struct node *node, int fd)
{
	if (S_ISREG(node->type))
		fusebacking_node_init(&node->backing, node_id(node), node->generation, fd);
}

/*
 * Good for reading and nothing else, whatever this process could do: nothing is written
 * to LOWER. The kernel has it already if it found it by itself.
 */
static struct node *find_lower(struct node *parent, const char *name, mode_t type)
{
	struct node *node = node_find(parent, name);
	struct branch_dir file = { .lower = -1, .upper = -1 };

	if (node && !node_is_dir(node))
		return node;
	if (node)
		node_unname(node);
	if (S_ISREG(type))
		file.lower = openat(parent->dir.lower, name,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (file.lower < 0)
		file.lower = openat(parent->dir.lower, name,
				    O_PATH | O_NOFOLLOW | O_CLOEXEC);
	node = file.lower < 0 ? NULL : node_new(parent, name, type, &file);
	if (!node)
		return no_node(&file);
	is_file(node, file.lower);
	if (S_ISREG(type) && !is_passed(parent) && !(fcntl(file.lower, F_GETFL) & O_PATH))
		fusebacking_node_found(policy, &node->backing);
	return node;
}

static struct node *find_upper(struct node *parent, const char *name,
			       const struct stat *st)
{
	struct node *node = node_find_upper(st->st_dev, st->st_ino);
	int fd;

	if (node)
		return node;
	fd = openat(parent->dir.upper, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	node = fd < 0 ? NULL : node_new_upper(st, fd);
	if (!node)
		return no_node(&(struct branch_dir){ .lower = fd, .upper = -1 });
	is_file(node, fd);
	if (S_ISREG(node->type))
		fusebacking_node_found(policy, &node->backing);
	return node;
}

/* How long a name is what it is; one of LOWER's is looked at by the kernel each time */
static double lifetime(const struct node *parent, const struct node *node)
{
	if (node_is_dir(node))
		return node->kind == NODE_BELOW ? SPINE_TIMEOUT : TIMEOUT;
	if (node_is_upper(node))
		return TIMEOUT;
	return is_passed(parent) ? 0 : LOWER_TIMEOUT;
}

/* One more lookup: 0 or -errno */
static int look_up(struct node *parent, const char *name, struct fuse_entry_param *entry)
{
	struct branch_name found;
	struct node *node;
	int err;

	memset(entry, 0, sizeof(*entry));
	err = branch_find(&parent->dir, name, &found);
	if (err)
		return err;
	errno = ENOMEM;
	if (S_ISDIR(found.st.st_mode))
		node = find_dir(parent, name, &found);
	else if (found.is_upper)
		node = find_upper(parent, name, &found.st);
	else
		node = find_lower(parent, name, found.st.st_mode);
	if (!node)
		return -errno;
	node_get(node);
	entry->ino = node_id(node);
	entry->generation = node->generation;
	entry->attr = found.st;
	entry->attr_timeout = TIMEOUT;
	entry->entry_timeout = lifetime(parent, node);
	return 0;
}

static void reply_entry(fuse_req_t req, struct node *parent, const char *name)
{
	struct fuse_entry_param entry;
	int err = look_up(parent, name, &entry);

	if (err == -ENOENT && !is_passed(parent)) {
		/* that there is none is remembered */
		entry.entry_timeout = TIMEOUT;
		fuse_reply_entry(req, &entry);
	} else if (err) {
		fuse_reply_err(req, -err);
	} else if (fuse_reply_entry(req, &entry) < 0) {
		forget(node_of(entry.ino), 1);
	}
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	pthread_mutex_lock(&lock);
	reply_entry(req, node_dir(parent), name);
	pthread_mutex_unlock(&lock);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	pthread_mutex_lock(&lock);
	forget(node_of(ino), count);
	pthread_mutex_unlock(&lock);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++)
		forget(node_of(forgets[i].ino), forgets[i].nlookup);
	pthread_mutex_unlock(&lock);
	fuse_reply_none(req);
}

/* Changes */

/* A file of LOWER is to be changed: always an error, ESTALE if it can be now */
static int copy_up_node(struct node *node)
{
	struct node *parent = node->parent;
	int err;

	/* done, and somebody has it open still */
	if (!node->name)
		return -ESTALE;
	if (branch_is_reserved(node->name))
		return -EPERM;
	err = spine_need_upper(parent);
	if (!err)
		err = copy_up(parent->dir.lower, parent->dir.upper, node->name);
	if (err)
		return err;
	node_unname(node);
	spine_changed(parent);
	return -ESTALE;
}

/* Attributes of a directory are LOWER's as long as names in it are passed through */
static int own_dir(struct node *dir)
{
	int err = spine_need_upper(dir);

	if (!err && dir->dir.lower >= 0)
		err = branch_make_own(dir->dir.upper);
	return err;
}

/* After that, and what was to be done with it, which went as @err says */
static int owned_dir(struct node *dir, int err)
{
	const bool is_below = dir->kind == NODE_BELOW;

	spine_serve(dir);
	return err ?: is_below ? -ESTALE : 0;
}

static int need_upper(struct node *node)
{
	if (node_is_dir(node))
		return own_dir(node);
	return node_is_upper(node) ? 0 : copy_up_node(node);
}

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

/* A name of UPPER's that was made: LOWER's isn't seen any more. Of a directory, nothing */
static int cover(struct node *parent, const char *name)
{
	mode_t type;
	int dir, err = 0;

	if (branch_has_lower(&parent->dir, name, &type) && S_ISDIR(type)) {
		dir = branch_open_dir(parent->dir.upper, name);
		if (dir >= 0)
			err = branch_make_opaque(dir);
		close(dir);
	}
	return err ?: branch_unhide(&parent->dir, name);
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
		err = cover(parent, name);
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

	pthread_mutex_lock(&lock);
	dir = node_dir(parent);
	err = make_name(req, dir, name, new);
	if (err)
		fuse_reply_err(req, -err);
	else
		reply_entry(req, dir, name);
	pthread_mutex_unlock(&lock);
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

	pthread_mutex_lock(&lock);
	err = need_upper(node);
	pthread_mutex_unlock(&lock);
	if (err)
		fuse_reply_err(req, -err);
	else
		make(req, parent, name, &(struct new){ .source = node->dir.upper });
}

/* Removing */

/* The directory of this name; -1 for what there isn't, to be closed with close_dir() */
static struct branch_dir open_dir(struct node *parent, const char *name,
				  const struct branch_name *found)
{
	return (struct branch_dir){
		.lower = !found->is_upper || found->is_merged ?
			 branch_open_dir(parent->dir.lower, name) : -1,
		.upper = found->is_upper ? branch_open_dir(parent->dir.upper, name) : -1,
	};
}

static void close_dir(const struct branch_dir *dir)
{
	close(dir->lower);
	close(dir->upper);
}

/* A directory is empty, and UPPER's could be removed */
static int clear_dir(struct node *parent, const char *name,
		     const struct branch_name *found)
{
	const struct branch_dir dir = open_dir(parent, name, found);
	int err = branch_clear(&dir);

	close_dir(&dir);
	return err;
}

/* UPPER's goes; whoever has it open keeps it */
static int drop_upper(struct node *parent, const char *name,
		      const struct branch_name *found)
{
	const bool is_dir = S_ISDIR(found->st.st_mode);
	struct node *node = node_find(parent, name);

	if (found->is_upper &&
	    unlinkat(parent->dir.upper, name, is_dir ? AT_REMOVEDIR : 0) < 0)
		return -errno;
	if (node)
		node_unname(node);
	return 0;
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
		err = clear_dir(parent, name, &found);
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

	pthread_mutex_lock(&lock);
	err = remove_name(node_dir(parent), name, is_dir);
	pthread_mutex_unlock(&lock);
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

/* What is renamed is in UPPER: a directory with names of LOWER's can't be */
static int prepare_source(struct node *from, const char *name,
			  const struct branch_name *found)
{
	if (S_ISDIR(found->st.st_mode))
		return found->is_upper && !found->is_merged ? 0 : -EXDEV;
	if (found->is_upper)
		return 0;
	return copy_up(from->dir.lower, from->dir.upper, name);
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
	if (S_ISDIR(found.st.st_mode))
		err = clear_dir(to, name, &found) ?: drop_upper(to, name, &found);
	return err;
}

static int rename_upper(struct node *from, const char *name, struct node *to,
			const char *new_name)
{
	struct node *target = node_find(to, new_name), *node = node_find(from, name);
	int err;

	err = branch_hide(&from->dir, name);
	if (err)
		return err;
	if (renameat(from->dir.upper, name, to->dir.upper, new_name) < 0)
		return -errno;
	if (target)
		node_unname(target);
	/* of a file, it is one of LOWER's */
	if (node && node_is_dir(node))
		err = node_rename(node, to, new_name);
	else if (node)
		node_unname(node);
	return cover(to, new_name) ?: err;
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

	pthread_mutex_lock(&lock);
	err = rename_name(node_dir(parent), name, node_dir(new_parent), new_name, flags);
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, -err);
}

/* Attributes */

static void reply_attr(fuse_req_t req, const struct node *node)
{
	struct stat st;
	int err = stat_node(node, &st);

	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &st, TIMEOUT);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	pthread_mutex_lock(&lock);
	reply_attr(req, node_of(ino));
	pthread_mutex_unlock(&lock);
}

static int set_owner(const struct node *node, const struct stat *st, int which)
{
	const uid_t uid = which & FUSE_SET_ATTR_UID ? st->st_uid : (uid_t)-1;
	const gid_t gid = which & FUSE_SET_ATTR_GID ? st->st_gid : (gid_t)-1;

	return fchownat(node->dir.upper, "", uid, gid,
			AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static struct timespec time_to_set(struct timespec value, bool set, bool now)
{
	if (!set || now)
		value.tv_nsec = now ? UTIME_NOW : UTIME_OMIT;
	return value;
}

static int set_times(const struct node *node, const struct stat *st, int which)
{
	const struct timespec times[] = {
		time_to_set(st->st_atim, which & FUSE_SET_ATTR_ATIME,
			    which & FUSE_SET_ATTR_ATIME_NOW),
		time_to_set(st->st_mtim, which & FUSE_SET_ATTR_MTIME,
			    which & FUSE_SET_ATTR_MTIME_NOW),
	};

	return utimensat(AT_FDCWD, path_of(node).text, times, 0);
}

/* Of what is in UPPER */
static int set_attr(const struct node *node, const struct stat *st, int which)
{
	const struct path path = path_of(node);

	if (which & FUSE_SET_ATTR_MODE && chmod(path.text, st->st_mode) < 0)
		return -errno;
	if (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    set_owner(node, st, which) < 0)
		return -errno;
	if (which & FUSE_SET_ATTR_SIZE && truncate(path.text, st->st_size) < 0)
		return -errno;
	if (which & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME) &&
	    set_times(node, st, which) < 0)
		return -errno;
	return 0;
}

static struct node *node_to_change(fuse_ino_t ino)
{
	struct node *node = node_of(ino);

	return node_is_dir(node) ? node_dir(ino) : node;
}

static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int which,
		       struct fuse_file_info *fi)
{
	struct node *node;
	int err;

	(void)fi;
	pthread_mutex_lock(&lock);
	node = node_to_change(ino);
	err = need_upper(node);
	if (!err)
		err = set_attr(node, st, which);
	if (node_is_dir(node))
		err = owned_dir(node, err);
	if (err)
		fuse_reply_err(req, -err);
	else
		reply_attr(req, node);
	pthread_mutex_unlock(&lock);
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX + 1];
	ssize_t len = readlinkat(node_fd(node_of(ino)), "", target, PATH_MAX);

	if (len < 0) {
		fuse_reply_err(req, errno);
	} else {
		target[len] = '\0';
		fuse_reply_readlink(req, target);
	}
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	(void)ino;
	/* what there is room for is UPPER's */
	if (fstatvfs(node_of(FUSE_ROOT_ID)->dir.upper, &st) < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}

/* Of a directory, as long as it has nothing of its own, they are LOWER's */
static struct path xattr_path(struct node *node)
{
	struct path path = path_of(node);

	if (node_is_dir(node) && !branch_is_own(&node->dir))
		snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d",
			 node->dir.lower);
	return path;
}

static void reply_xattr(fuse_req_t req, const char *value, ssize_t len, size_t size)
{
	if (len < 0)
		fuse_reply_err(req, errno);
	else if (!size)
		fuse_reply_xattr(req, len);
	else
		fuse_reply_buf(req, value, len);
}

static void do_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char *value = malloc(size ?: 1);

	pthread_mutex_lock(&lock);
	errno = ENOMEM;
	reply_xattr(req, value, value ? getxattr(xattr_path(node_to_change(ino)).text,
						 name, value, size) : -1, size);
	pthread_mutex_unlock(&lock);
	free(value);
}

static void do_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char *names = malloc(size ?: 1);

	pthread_mutex_lock(&lock);
	errno = ENOMEM;
	reply_xattr(req, names, names ? listxattr(xattr_path(node_to_change(ino)).text,
						  names, size) : -1, size);
	pthread_mutex_unlock(&lock);
	free(names);
}

/* @value is NULL to remove it */
static int set_xattr(struct node *node, const char *name, const char *value, size_t size,
		     int flags)
{
	const char *path;
	struct path text;
	int err;

	err = need_upper(node);
	if (err)
		return err;
	text = path_of(node);
	path = text.text;
	if ((value ? setxattr(path, name, value, size, flags) :
		     removexattr(path, name)) < 0)
		err = -errno;
	return node_is_dir(node) ? owned_dir(node, err) : err;
}

static void do_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	int err;

	pthread_mutex_lock(&lock);
	err = set_xattr(node_to_change(ino), name, value, size, flags);
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, -err);
}

static void do_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	int err;

	pthread_mutex_lock(&lock);
	err = set_xattr(node_to_change(ino), name, NULL, 0, 0);
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, -err);
}

/* Files that the kernel doesn't open by itself */

/* 0 or an errno; the descriptor is the file's if it is 0 */
static int start_file(struct node *node, struct fuse_file_info *fi, int fd)
{
	fi->fh = fd;
	return fusebacking_open_file(policy, &node->backing, fd, fi);
}

static void cancel_file(struct node *node, const struct fuse_file_info *fi)
{
	fusebacking_cancel_file(policy, &node->backing, fi);
	close(fi->fh);
}

static bool is_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/* What this process opens: names were followed, and direct I/O is the kernel's */
static int flags_of(const struct fuse_file_info *fi)
{
	return (fi->flags | O_CLOEXEC) & ~(O_NOFOLLOW | O_CREAT | O_EXCL | O_DIRECT);
}

/* A descriptor, or -errno */
static int open_node(struct node *node, const struct fuse_file_info *fi)
{
	int fd, err = is_writing(fi->flags) ? need_upper(node) : 0;

	if (err)
		return err;
	fd = open(path_of(node).text, flags_of(fi));
	return fd < 0 ? -errno : fd;
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	int fd, err;

	pthread_mutex_lock(&lock);
	fd = open_node(node, fi);
	err = fd < 0 ? -fd : start_file(node, fi, fd);
	if (err) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, err);
	} else if (fuse_reply_open(req, fi) < 0) {
		cancel_file(node, fi);
	}
	pthread_mutex_unlock(&lock);
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
		.flags = flags_of(fi),
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
	err = look_up(parent, name, entry);
	if (!err && fd < 0) {
		/* somebody else was faster */
		fd = open_node(node_of(entry->ino), fi);
		err = fd < 0 ? fd : 0;
	}
	if (!err)
		err = -start_file(node_of(entry->ino), fi, fd);
	if (!err)
		return 0;
	if (fd >= 0)
		close(fd);
	if (entry->ino)
		forget(node_of(entry->ino), 1);
	return err;
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct fuse_entry_param entry = {};
	int err;

	pthread_mutex_lock(&lock);
	err = create(req, node_dir(parent), name, mode, &entry, fi);
	if (err) {
		fuse_reply_err(req, -err);
	} else if (fuse_reply_create(req, &entry, fi) < 0) {
		cancel_file(node_of(entry.ino), fi);
		forget(node_of(entry.ino), 1);
	}
	pthread_mutex_unlock(&lock);
}

static void do_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fusebacking_node_release(policy, &node_of(ino)->backing);
	close(fi->fh);
	fuse_reply_err(req, 0);
}

static void do_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_err(req, close(dup(fi->fh)) < 0 ? errno : 0);
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_err(req, (datasync ? fdatasync(fi->fh) : fsync(fi->fh)) < 0 ? errno : 0);
}

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

static void do_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *from,
			 off_t pos, struct fuse_file_info *fi)
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

static void do_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset,
			 off_t length, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_err(req, fallocate(fi->fh, mode, offset, length) < 0 ? errno : 0);
}

static void do_lseek(fuse_req_t req, fuse_ino_t ino, off_t pos, int whence,
		     struct fuse_file_info *fi)
{
	off_t res = lseek(fi->fh, pos, whence);

	(void)ino;
	if (res < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_lseek(req, res);
}

/* Directories that the kernel doesn't list by itself: as they were when they were opened */

static void do_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct branch_list *list = calloc(1, sizeof(*list));
	int err = -ENOMEM;

	pthread_mutex_lock(&lock);
	if (list)
		err = branch_list_all(&node_dir(ino)->dir, list);
	pthread_mutex_unlock(&lock);
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
	pthread_mutex_lock(&lock);
	if (node_dir(ino)->dir.upper >= 0)
		fd = openat(node_dir(ino)->dir.upper, ".", O_RDONLY | O_CLOEXEC);
	pthread_mutex_unlock(&lock);
	if (fd >= 0 && fsync(fd) < 0)
		err = errno;
	close(fd);
	fuse_reply_err(req, err);
}

const struct fuse_lowlevel_ops branchfs_operations = {
	.lookup = do_lookup,
	.forget = do_forget,
	.forget_multi = do_forget_multi,
	.getattr = do_getattr,
	.setattr = do_setattr,
	.readlink = do_readlink,
	.mknod = do_mknod,
	.mkdir = do_mkdir,
	.symlink = do_symlink,
	.link = do_link,
	.unlink = do_unlink,
	.rmdir = do_rmdir,
	.rename = do_rename,
	.open = do_open,
	.create = do_create,
	.read = do_read,
	.write_buf = do_write_buf,
	.flush = do_flush,
	.release = do_release,
	.fsync = do_fsync,
	.fallocate = do_fallocate,
	.lseek = do_lseek,
	.opendir = do_opendir,
	.readdir = do_readdir,
	.releasedir = do_releasedir,
	.fsyncdir = do_fsyncdir,
	.statfs = do_statfs,
	.getxattr = do_getxattr,
	.listxattr = do_listxattr,
	.setxattr = do_setxattr,
	.removexattr = do_removexattr,
};
