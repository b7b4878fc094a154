// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: filesystems of theirs that are frozen.
 *
 * Who writes to a backing file holds the lock of the FUSE inode, and that of the pipe if
 * it splices.  Who splices to the backing file by its own path waits for a pipe, and keeps
 * the backing filesystem from being frozen meanwhile, for which whoever freezes it waits,
 * and for that everybody who writes.  If all of them waited for good, so would the machine.
 * So nobody waits for a thaw here but until killed, as for a server.
 *
 * What is below an overlayfs is overlayfs's to wait for.
 */

#include "fuse_i.h"
#include "backing_freeze.h"

#include <linux/sched/signal.h>
#include <linux/wait_bit.h>

/**
 * fuse_backing_wait_for_thaw - wait until a filesystem may be written to
 * @sb: its superblock
 *
 * Context: process context; may sleep, killable.
 * Return: 0 as sb_start_write(), or -EINTR.
 */
int fuse_backing_wait_for_thaw(struct super_block *sb)
{
	while (!sb_start_write_trylock(sb)) {
		if (wait_var_event_killable(&sb->s_writers.frozen,
					    READ_ONCE(sb->s_writers.frozen) ==
					    SB_UNFROZEN))
			return -EINTR;
		/* who thaws says so, and lets go of the lock a moment later */
		schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}
