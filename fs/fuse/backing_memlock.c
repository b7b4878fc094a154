// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: memory of the kernel's that a server fills counts as locked.
 *
 * What takes more than a page is charged to RLIMIT_MEMLOCK of the user who calls, as
 * memory that he locks is, because it can't be reclaimed either.
 */

#include "backing_memlock.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

/**
 * fuse_charge - charge memory to the user who calls
 * @size: in bytes; up to a page is nobody's
 * @charge: filled in if this succeeds, for fuse_uncharge()
 *
 * Context: process context.
 * Return: 0, or -ENOBUFS if RLIMIT_MEMLOCK is reached.
 */
int fuse_charge(size_t size, struct fuse_charge *charge)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();
	unsigned long pages;
	long old;

	*charge = (struct fuse_charge) {};
	if (size <= PAGE_SIZE || ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK))
		return 0;
	pages = DIV_ROUND_UP(kmalloc_size_roundup(size), PAGE_SIZE);
	old = atomic_long_read(&user->locked_vm);
	do {
		if (old + pages > limit)
			return -ENOBUFS;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &old, old + pages));
	*charge = (struct fuse_charge) { .pages = pages, .user = get_uid(user) };
	return 0;
}

/**
 * fuse_uncharge - the memory is free again
 * @charge: what fuse_charge() filled in
 *
 * Context: any but NMI.
 */
void fuse_uncharge(const struct fuse_charge *charge)
{
	if (!charge->user)
		return;
	atomic_long_sub(charge->pages, &charge->user->locked_vm);
	free_uid(charge->user);
}
