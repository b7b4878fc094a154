/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: a BPF program decides what is passed through.
 *
 * To be included after fuse_i.h.
 */

#ifndef _FS_FUSE_BACKING_BPF_H
#define _FS_FUSE_BACKING_BPF_H

#include <linux/fuse_backing.h>
#include <linux/types.h>

struct file;
struct fuse_conn;
struct inode;
struct qstr;
struct seq_file;

/**
 * struct fuse_backing_bpf_entry - what a program is asked about
 * @nodeid: of the FUSE directory that the name is in, or of the inode that is opened; 0 if
 *	the server doesn't know it
 * @ino: number of the same, as stat(2) shows it
 * @type: of what a listing has under the name, DT_*; else DT_UNKNOWN
 * @open_flags: of who opens, O_*; else 0
 * @opaque: %NULL
 *
 * Programs read it, and ask bpf_fuse_name() for the name.
 *
 * If there were nothing but numbers in it, the verifier would let a program pass memory of
 * its own for one.  What has a pointer in it must be the kernel's.
 */
struct fuse_backing_bpf_entry {
	u64 nodeid;
	u64 ino;
	u32 type;
	u32 open_flags;
	const void *opaque;
};

/**
 * struct fuse_backing_bpf_ops - a program, and the connection that it is for
 * @lookup: what becomes of a name below a tree: enum fuse_backing_verdict
 * @dirent: the same, of a name in a listing; if there is none, @lookup is asked
 * @open: what becomes of opening a file for FUSE_BACKING_READ and _WRITE, where a file or
 *	extents are attached, or below a tree, or where the server's reply asks for it;
 *	bpf_fuse_use() says on which backing file
 * @fuse_fd: a descriptor of the connection's /dev/fuse, of who fills the map; 0 is none
 * @connection: instead, its number in the control filesystem; for CAP_SYS_ADMIN
 * @flags: FUSE_BACKING_FILTER_*
 * @name: for those who look who decides
 * @serial: the connection, of the kernel's own
 *
 * Any other verdict is FUSE_BACKING_SERVER.  What a program has no function for is passed
 * through.  They run in RCU mode, and can't sleep.
 */
struct fuse_backing_bpf_ops {
	int (*lookup)(struct fuse_backing_bpf_entry *entry);
	int (*dirent)(struct fuse_backing_bpf_entry *entry);
	int (*open)(struct fuse_backing_bpf_entry *entry, u32 modes);
	u32 fuse_fd;
	u32 connection;
	u32 flags;
	char name[16];
	u64 serial;
};

#ifdef CONFIG_FUSE_BACKING_BPF

enum fuse_backing_verdict fuse_filter_lookup(struct inode *dir, const struct qstr *name);
bool fuse_filter_lists(struct inode *dir, const struct qstr *name, unsigned int type);
bool fuse_filter_is_per_caller(const struct fuse_conn *fc);
bool fuse_filter_is_missing(const struct fuse_conn *fc);
bool fuse_filter_has_opens(const struct fuse_conn *fc);
enum fuse_backing_verdict fuse_filter_open(struct file *file, int *id);
void fuse_filter_show(struct fuse_conn *fc, struct seq_file *m);
void fuse_filter_end(struct fuse_conn *fc);

/**
 * fuse_is_filtered - does a program decide what is passed through
 * @fc: the connection
 *
 * Context: any.
 * Return: false for almost all.
 */
static inline bool fuse_is_filtered(const struct fuse_conn *fc)
{
	return unlikely(rcu_access_pointer(fc->backing_filter.ops));
}

#else

static inline enum fuse_backing_verdict fuse_filter_lookup(struct inode *dir,
							   const struct qstr *name)
{
	return FUSE_BACKING_PASS;
}

static inline bool fuse_filter_lists(struct inode *dir, const struct qstr *name,
				     unsigned int type)
{
	return true;
}

static inline bool fuse_filter_is_per_caller(const struct fuse_conn *fc)
{
	return false;
}

static inline bool fuse_filter_is_missing(const struct fuse_conn *fc)
{
	return false;
}

static inline bool fuse_filter_has_opens(const struct fuse_conn *fc)
{
	return false;
}

static inline enum fuse_backing_verdict fuse_filter_open(struct file *file, int *id)
{
	return FUSE_BACKING_PASS;
}

static inline void fuse_filter_show(struct fuse_conn *fc, struct seq_file *m)
{
}

static inline void fuse_filter_end(struct fuse_conn *fc)
{
}

static inline bool fuse_is_filtered(const struct fuse_conn *fc)
{
	return false;
}

#endif /* CONFIG_FUSE_BACKING_BPF */

#endif /* _FS_FUSE_BACKING_BPF_H */
