/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: filesystems of theirs that are frozen.
 */

#ifndef _FS_FUSE_BACKING_FREEZE_H
#define _FS_FUSE_BACKING_FREEZE_H

#include <linux/compiler.h>
#include <linux/fs.h>

int fuse_backing_wait_for_thaw(struct super_block *sb);

/**
 * fuse_backing_start_fs - the filesystem of a backing file is about to change
 * @backing: the backing file, a regular one
 * @nowait: don't wait
 *
 * In place of file_start_write(), see backing_freeze.c.
 *
 * Context: process context; may sleep unless @nowait is set, killable.
 * Return: 0, and file_end_write() must be called; -EAGAIN or -EINTR if it is frozen.
 */
static inline int fuse_backing_start_fs(struct file *backing, bool nowait)
{
	struct super_block *sb = file_inode(backing)->i_sb;

	if (likely(sb_start_write_trylock(sb)))
		return 0;
	return nowait ? -EAGAIN : fuse_backing_wait_for_thaw(sb);
}

#endif /* _FS_FUSE_BACKING_FREEZE_H */
