// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what userspace sees beyond the thread's file table.
 *
 * In /proc/PID/fdinfo of /dev/fuse, and in the connection's directory of the
 * control filesystem: backing_thread, backing_limit, and backing_files with a
 * line for each mapping.
 */

#include "dev.h"
#include "fuse_i.h"
#include "backing_bpf.h"
#include "backing_conn.h"
#include "backing_list.h"
#include "backing_mapping.h"
#include "backing_table.h"
#include "backing_usage.h"

#include <linux/fuse_backing.h>
#include <linux/fs.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

/* What a path must not contain raw: it is the last of blank separated fields */
#define ESCAPED	"\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017" \
		"\020\021\022\023\024\025\026\027\030\031\032\033\034\035\036\037" \
		" \\\177"

/**
 * fuse_backing_show_fdinfo - /proc/PID/fdinfo of a /dev/fuse descriptor
 * @m: where to print
 * @fc: its connection
 *
 * Prints the pid of the connection's kernel thread as the reader's pid namespace
 * knows it, 0 if it doesn't or there is none, and how many files the thread's table
 * holds and may hold; and the BPF program that decides what is passed through, if there
 * is one.
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_show_fdinfo(struct seq_file *m, struct fuse_conn *fc)
{
	struct fuse_backing_status status;

	fuse_backing_status(fc, proc_pid_ns(file_inode(m->file)->i_sb),
			    &status);
	seq_printf(m, "backing_thread:\t%d\n", status.pid);
	seq_printf(m, "backing_files:\t%u %u\n", status.count, status.limit);
	fuse_filter_show(fc, m);
}

/* One number of the connection; nothing once it is unmounted */
static int show_number(struct file *file, char __user *buf, size_t len,
		       loff_t *ppos,
		       unsigned int (*number)(const struct fuse_backing_status *))
{
	struct fuse_backing_status status;
	struct fuse_conn *fc;
	char text[16];
	int size;

	fc = fuse_ctl_file_conn_get(file);
	if (!fc)
		return 0;
	fuse_backing_status(fc, task_active_pid_ns(current), &status);
	fuse_conn_put(fc);

	size = scnprintf(text, sizeof(text), "%u\n", number(&status));
	return simple_read_from_buffer(buf, len, ppos, text, size);
}

static unsigned int thread_of(const struct fuse_backing_status *status)
{
	return status->pid;
}

static unsigned int limit_of(const struct fuse_backing_status *status)
{
	return status->limit;
}

static ssize_t thread_read(struct file *file, char __user *buf, size_t len,
			   loff_t *ppos)
{
	return show_number(file, buf, len, ppos, thread_of);
}

static ssize_t limit_read(struct file *file, char __user *buf, size_t len,
			  loff_t *ppos)
{
	return show_number(file, buf, len, ppos, limit_of);
}

/* The mappings of a connection, one after the other */
struct files_walk {
	struct file *file;
	struct fuse_backing_table *table;
	unsigned int id;
};

/* Returns whether the connection is still mounted */
static bool walk_start(struct files_walk *walk)
{
	struct fuse_conn *fc = fuse_ctl_file_conn_get(walk->file);

	walk->table = NULL;
	if (!fc)
		return false;
	/* the table's end waits for our reference, that of @fc for nobody */
	walk->table = fuse_backing_table_get(fc);
	fuse_conn_put(fc);
	return true;
}

/* The position is the id of the mapping to show, 0 that of the header */
static void *walk_find(struct files_walk *walk, loff_t *pos)
{
	if (!walk->table)
		return NULL;
	walk->id = fuse_backing_next(walk->table, *pos);
	if (!walk->id)
		return NULL;
	*pos = walk->id;
	return walk;
}

static void *files_start(struct seq_file *m, loff_t *pos)
{
	struct files_walk *walk = m->private;

	if (!walk_start(walk))
		return NULL;
	if (*pos == 0)
		return SEQ_START_TOKEN;
	return walk_find(walk, pos);
}

static void *files_next(struct seq_file *m, void *shown, loff_t *pos)
{
	++*pos;
	return walk_find(m->private, pos);
}

static void files_stop(struct seq_file *m, void *shown)
{
	struct files_walk *walk = m->private;

	if (walk->table)
		fuse_backing_table_put(walk->table);
}

static const char *access_of(const struct file *file)
{
	switch (file->f_mode & (FMODE_READ | FMODE_WRITE)) {
	case FMODE_READ:
		return "r";
	case FMODE_WRITE:
		return "w";
	case FMODE_READ | FMODE_WRITE:
		return "rw";
	}
	return "-";
}

static const char *mode_of(const struct fuse_backing *fb, const struct file *file)
{
	switch (fuse_backing_mode(fb, file)) {
	case FUSE_BACKING_MODE_ID:
		return "id";
	case FUSE_BACKING_MODE_OPEN:
		return "open";
	case FUSE_BACKING_MODE_INODE:
		return "inode";
	case FUSE_BACKING_MODE_BLOCK:
		return "block";
	case FUSE_BACKING_MODE_TREE:
		return "tree";
	}
	return "-";
}

static const char *state_of(const struct fuse_backing *fb,
			    const struct fuse_backing_users *users)
{
	switch (fuse_backing_state(fb, users)) {
	case FUSE_BACKING_STATE_LIVE:
		return "live";
	case FUSE_BACKING_STATE_CLOSING:
		return "closing";
	case FUSE_BACKING_STATE_PENDING:
		return "pending";
	}
	return "-";
}

static void show_counts(struct seq_file *m,
			const struct fuse_backing_users *users)
{
	seq_printf(m, "%u %u %u %u %llu %llu ", users->count[FUSE_BACKING_FILE],
		   users->count[FUSE_BACKING_MMAP],
		   users->count[FUSE_BACKING_ATTACH],
		   users->count[FUSE_BACKING_PENDING], users->extents,
		   users->extent_bytes);
}

static void show_nodes(struct seq_file *m,
		       const struct fuse_backing_users *users)
{
	unsigned int i;

	for (i = 0; i < users->nr_nodes; i++)
		seq_printf(m, "%s%llu", i ? "," : "", users->node[i]);
	if (!users->nr_nodes)
		seq_putc(m, '-');
	if (users->more_nodes)
		seq_puts(m, ",+");
	seq_putc(m, ' ');
}

static void show_mapping(struct file *file, void *data, void *arg)
{
	const struct inode *inode = file_inode(file);
	struct fuse_backing_users users;
	struct fuse_backing *fb = data;
	struct seq_file *m = arg;

	fuse_backing_get_users(fb, &users);
	seq_printf(m, "%d %s %s %s ", fb->id, mode_of(fb, file), access_of(file),
		   state_of(fb, &users));
	show_counts(m, &users);
	show_nodes(m, &users);
	seq_printf(m, "%u:%u %llu %lld %llu %llu %d ",
		   MAJOR(inode->i_sb->s_dev), MINOR(inode->i_sb->s_dev),
		   (u64)inode->i_ino, i_size_read(inode), users.read, users.written,
		   d_unlinked(file->f_path.dentry));
	seq_file_path(m, file, ESCAPED);
	seq_putc(m, '\n');
}

static int files_show(struct seq_file *m, void *shown)
{
	struct files_walk *walk = shown;

	if (shown == SEQ_START_TOKEN) {
		seq_puts(m, "backing_files 1 id mode access state files mmaps attached pending extents extent_bytes nodes dev ino size read written deleted path\n");
		return 0;
	}
	if (!fuse_backing_visit(walk->table, walk->id, show_mapping, m))
		return SEQ_SKIP;
	return 0;
}

static const struct seq_operations files_seq_ops = {
	.start	= files_start,
	.next	= files_next,
	.stop	= files_stop,
	.show	= files_show,
};

static int files_open(struct inode *inode, struct file *file)
{
	struct files_walk *walk;

	walk = __seq_open_private(file, &files_seq_ops, sizeof(*walk));
	if (!walk)
		return -ENOMEM;
	walk->file = file;
	return 0;
}

static const struct file_operations files_ops = {
	.open		= files_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= seq_release_private,
};

static const struct file_operations thread_ops = {
	.open = nonseekable_open,
	.read = thread_read,
};

static const struct file_operations limit_ops = {
	.open = nonseekable_open,
	.read = limit_read,
};

/**
 * fuse_backing_ctl_add - add a connection's files to the control filesystem
 * @parent: directory of the connection
 * @fc: the connection
 *
 * Only the owner of the mount, and root, can open them.
 *
 * Context: process context with fuse_mutex held; may sleep.
 * Return: whether there was memory for it.
 */
bool fuse_backing_ctl_add(struct dentry *parent, struct fuse_conn *fc)
{
	const umode_t mode = S_IFREG | 0400;

	return fuse_ctl_add_file(parent, fc, "backing_files", mode,
				 &files_ops) &&
	       fuse_ctl_add_file(parent, fc, "backing_limit", mode,
				 &limit_ops) &&
	       fuse_ctl_add_file(parent, fc, "backing_thread", mode,
				 &thread_ops);
}
