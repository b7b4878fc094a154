// SPDX-License-Identifier: GPL-2.0
/*
 * The node that a name stands for. See found.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "branchfs.h"
#include "found.h"
#include "spine.h"

/* Until who has a file open that was copied up sees the same as everybody else; seconds */
#define LOWER_TIMEOUT	1

static void forgotten(struct node *node)
{
	if (node_is_dir(node))
		spine_forget(node);
	else if (S_ISREG(node->type))
		fusebacking_node_forget(branchfs.policy, &node->backing);
}

void found_forget(struct node *node, uint64_t count)
{
	node_put(node, count, forgotten);
}

int found_stat(const struct node *node, struct stat *st)
{
	if (node_is_dir(node))
		return branch_stat_dir(&node->dir, st);
	return branch_stat_file(node_fd(node), node_is_upper(node), st);
}

bool found_is_passed(const struct node *dir)
{
	return dir->kind != NODE_SERVED;
}

/* None with these descriptors, for the reason that errno says */
static struct node *no_node(const struct branch_dir *dir)
{
	const int reason = errno;

	branch_close(dir);
	errno = reason;
	return NULL;
}

/* A directory that wasn't known; what the kernel found by itself has nothing attached */
static struct node *new_dir(struct node *parent, const char *name,
			    const struct branch_name *found)
{
	struct branch_dir dir;
	struct node *node;
	int err = branch_open(&parent->dir, name, found, &dir);

	if (err) {
		errno = -err;
		return NULL;
	}
	node = node_new(parent, name, S_IFDIR, &dir);
	if (!node)
		return no_node(&dir);
	if (!found->is_upper && found_is_passed(parent))
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
	/* who may not read it may see what it is; any other failure is for now */
	if (!S_ISREG(type) || (file.lower < 0 && errno == EACCES))
		file.lower = openat(parent->dir.lower, name,
				    O_PATH | O_NOFOLLOW | O_CLOEXEC);
	node = file.lower < 0 ? NULL : node_new(parent, name, type, &file);
	if (!node)
		return no_node(&file);
	is_file(node, file.lower);
	if (S_ISREG(type) && !found_is_passed(parent) && !(fcntl(file.lower, F_GETFL) & O_PATH))
		fusebacking_node_found(branchfs.policy, &node->backing);
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
		fusebacking_node_found(branchfs.policy, &node->backing);
	return node;
}

/* How long a name is what it is; one of LOWER's is looked at by the kernel each time */
static double lifetime(const struct node *parent, const struct node *node)
{
	if (node_is_dir(node))
		return node->kind == NODE_BELOW ? SPINE_TIMEOUT : BRANCHFS_TIMEOUT;
	if (node_is_upper(node))
		return BRANCHFS_TIMEOUT;
	return found_is_passed(parent) ? 0 : LOWER_TIMEOUT;
}

int found_look_up(struct node *parent, const char *name, struct fuse_entry_param *entry)
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
	entry->attr_timeout = BRANCHFS_TIMEOUT;
	entry->entry_timeout = lifetime(parent, node);
	return 0;
}
