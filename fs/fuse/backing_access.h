/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what may be done with them.
 */

#ifndef _FS_FUSE_BACKING_ACCESS_H
#define _FS_FUSE_BACKING_ACCESS_H

#include "backing_types.h"
#include <linux/fs.h>
#include <linux/fuse_backing.h>

#include "backing_reject.h"

struct dentry;
struct file;
struct fuse_conn;
struct fuse_file;
struct inode;
struct vm_area_struct;

int fuse_backing_may_call(struct fuse_conn *fc, int backing_id);
int fuse_backing_may_register(struct fuse_conn *fc, const struct file *file,
			      bool dir);
int fuse_backing_is_of_kind(const struct fuse_backing *fb, bool dir);
bool fuse_backing_is_brokered(struct fuse_conn *fc);
bool fuse_backing_is_noexec(const struct file *file);
int fuse_backing_may_open(struct fuse_backing *fb, struct file *file);
int fuse_backing_may_list(struct fuse_backing *fb, const struct dentry *dentry);
int fuse_backing_may_use(struct fuse_conn *fc, const struct fuse_backing *fb,
			 const struct file *backing);
int fuse_backing_open_flags(const struct fuse_backing *fb, const struct inode *backing,
			    int flags);
int fuse_backing_may_write(struct fuse_file *ff, bool append);
int fuse_backing_may_allocate(struct fuse_file *ff, int mode);
int fuse_backing_may_mmap(struct fuse_file *ff, struct vm_area_struct *vma);
int fuse_backing_check_extent(const struct file *file, bool write,
			      enum fuse_backing_reason *reason);
int fuse_backing_may_attach(struct fuse_conn *fc, int id, u32 flags);
int fuse_backing_may_answer(const struct fuse_backing *fb, u64 ops);
int fuse_backing_may_pass_names(struct fuse_conn *fc, int id, u32 flags);
int fuse_backing_may_attach_to(struct fuse_conn *fc, const struct inode *inode,
			       int id, bool dir);
int fuse_backing_check_writable(const struct fuse_backing *fb, struct inode *backing);
int fuse_backing_check_mount(const struct fuse_backing *fb, const struct inode *backing,
			     int mask);
int fuse_backing_may_exec(struct fuse_conn *fc, bool noexec);
int fuse_backing_may_write_extent(struct fuse_conn *fc,
				  const struct fuse_backing *fb);
int fuse_backing_may_mmap_pages(struct fuse_conn *fc, struct vm_area_struct *vma,
				bool noexec);

/**
 * fuse_backing_modes - what a FUSE file is being opened for
 * @file: the FUSE file
 *
 * Context: any.
 * Return: FUSE_BACKING_READ and _WRITE.
 */
static inline u32 fuse_backing_modes(const struct file *file)
{
	/* an access mode of 3 is open for nothing, and needs both */
	int wanted = ACC_MODE(file->f_flags);

	return (wanted & MAY_READ ? FUSE_BACKING_READ : 0) |
	       (wanted & MAY_WRITE ? FUSE_BACKING_WRITE : 0);
}

#endif /* _FS_FUSE_BACKING_ACCESS_H */
