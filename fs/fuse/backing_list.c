// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what a server finds, and how it starts afresh.
 *
 * Mappings are the connection's, not the server's: whoever keeps /dev/fuse open
 * keeps them.  A server that takes over lists them, and goes on with them or
 * closes them.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_conn.h"
#include "backing_list.h"
#include "backing_mapping.h"
#include "backing_reject.h"
#include "backing_table.h"
#include "backing_usage.h"

#include <linux/fs.h>
#include <linux/uaccess.h>

/**
 * fuse_backing_mode - how a backing file was mapped
 * @fb: a mapping that the caller holds a reference on, or is visiting
 * @file: the registered file
 *
 * Context: any.
 * Return: the mode.
 */
enum fuse_backing_mode fuse_backing_mode(const struct fuse_backing *fb,
					 const struct file *file)
{
	if (d_is_dir(file->f_path.dentry))
		return FUSE_BACKING_MODE_TREE;
	if (READ_ONCE(fb->block))
		return FUSE_BACKING_MODE_BLOCK;
	if (READ_ONCE(fb->per_inode))
		return FUSE_BACKING_MODE_INODE;
	return fb->per_open ? FUSE_BACKING_MODE_OPEN : FUSE_BACKING_MODE_ID;
}

/**
 * fuse_backing_state - what may become of a mapping
 * @fb: a mapping that the caller holds a reference on, or is visiting
 * @users: its users
 *
 * Context: any.
 * Return: the state of a moment.
 */
enum fuse_backing_state
fuse_backing_state(const struct fuse_backing *fb,
		   const struct fuse_backing_users *users)
{
	bool closed = READ_ONCE(fb->closed);

	if (users->count[FUSE_BACKING_ATTACH])
		return FUSE_BACKING_STATE_LIVE;
	if (users->count[FUSE_BACKING_PENDING])
		return FUSE_BACKING_STATE_PENDING;
	/* an id that belongs to one open waits for it, then lives with it */
	if (fb->per_open && !READ_ONCE(fb->per_inode))
		return closed ? FUSE_BACKING_STATE_LIVE :
				FUSE_BACKING_STATE_PENDING;
	return closed ? FUSE_BACKING_STATE_CLOSING : FUSE_BACKING_STATE_LIVE;
}

static void fill_users(struct fuse_backing_entry *entry,
		       struct fuse_backing *fb)
{
	struct fuse_backing_users users;

	fuse_backing_get_users(fb, &users);
	entry->state = fuse_backing_state(fb, &users);
	entry->files = users.count[FUSE_BACKING_FILE];
	entry->mmaps = users.count[FUSE_BACKING_MMAP];
	entry->attached = users.count[FUSE_BACKING_ATTACH];
	entry->pending = users.count[FUSE_BACKING_PENDING];
	entry->extents = users.extents;
	entry->extent_bytes = users.extent_bytes;
	entry->nr_nodes = min_t(u32, users.nr_nodes, FUSE_BACKING_ENTRY_NODES);
	memcpy(entry->nodeid, users.node,
	       entry->nr_nodes * sizeof(entry->nodeid[0]));
	if (users.more_nodes || users.nr_nodes > entry->nr_nodes)
		entry->flags |= FUSE_BACKING_ENTRY_MORE_NODES;
}

static void fill_file(struct fuse_backing_entry *entry,
		      const struct file *file)
{
	const struct inode *inode = file_inode(file);

	if (file->f_mode & FMODE_READ)
		entry->access |= FUSE_BACKING_READ;
	if (file->f_mode & FMODE_WRITE)
		entry->access |= FUSE_BACKING_WRITE;
	entry->dev_major = MAJOR(inode->i_sb->s_dev);
	entry->dev_minor = MINOR(inode->i_sb->s_dev);
	entry->ino = inode->i_ino;
}

static void fill_entry(struct file *file, void *data, void *arg)
{
	struct fuse_backing_entry *entry = arg;
	struct fuse_backing *fb = data;

	*entry = (struct fuse_backing_entry) {
		.id = fb->id,
		.mode = fuse_backing_mode(fb, file),
	};
	fill_users(entry, fb);
	fill_file(entry, file);
}

/*
 * Find the mapping with the least id from *@id on, and fill in @entry: not if it
 * is gone meanwhile.  The table is not held while memory of the caller's is
 * accessed, which may take forever: its end would wait.
 */
static bool next_entry(struct fuse_conn *fc, u32 *id,
		       struct fuse_backing_entry *entry, bool *filled)
{
	struct fuse_backing_table *table = fuse_backing_table_get(fc);

	*id = table ? fuse_backing_next(table, *id) : 0;
	*filled = *id && fuse_backing_visit(table, *id, fill_entry, entry);
	if (table)
		fuse_backing_table_put(table);
	return *id;
}

/* Fills in @list what there is room for */
static int list_table(struct fuse_conn *fc, struct fuse_backing_list *list)
{
	struct fuse_backing_entry __user *to = u64_to_user_ptr(list->entries);
	struct fuse_backing_entry entry;
	u32 room = list->count;
	bool filled;

	list->count = 0;
	while (next_entry(fc, &list->start, &entry, &filled)) {
		if (list->count == room)
			return 0;
		if (filled) {
			if (copy_to_user(to + list->count, &entry,
					 sizeof(entry)))
				return -EFAULT;
			list->count++;
		}
		list->start++;
		cond_resched();
	}
	return 0;
}

/**
 * fuse_backing_ioctl_list - FUSE_DEV_IOC_BACKING_LIST: list mappings
 * @fc: the connection
 * @list: where to start and where to; says afterwards where to go on
 *
 * Context: process context without locks; may sleep.
 * Return: 0; -EPERM as for fuse_backing_open(), -EINVAL, -EFAULT.
 */
int fuse_backing_ioctl_list(struct fuse_conn *fc, struct fuse_backing_list *list)
{
	int err;

	err = fuse_backing_may_call(fc, 0);
	if (err)
		return err;
	if (list->reserved[0] || list->reserved[1])
		return fuse_backing_reject(fc, 0, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);
	return list_table(fc, list);
}

/**
 * fuse_backing_ioctl_close_all - FUSE_DEV_IOC_BACKING_CLOSE_ALL: close all ids
 * @fc: the connection
 * @args: flags and padding must be 0
 *
 * Context: process context without locks; may sleep, killable.
 * Return: 0; -EPERM as for fuse_backing_open(), -EINVAL; -EINTR, and what is left can
 *	be closed by another call.
 */
int fuse_backing_ioctl_close_all(struct fuse_conn *fc,
				 const struct fuse_backing_close_all *args)
{
	struct fuse_backing_table *table;
	int err;

	err = fuse_backing_may_call(fc, 0);
	if (err)
		return err;
	if (args->flags || args->padding)
		return fuse_backing_reject(fc, 0, -EINVAL,
					   FUSE_BACKING_BAD_ARGUMENT);

	table = fuse_backing_table_get(fc);
	if (table) {
		err = fuse_backing_close_table(table);
		fuse_backing_table_put(table);
	}
	return err;
}
