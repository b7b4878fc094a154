// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: memory of the kernel's that a server fills counts as locked.
 *
 * It is charged to RLIMIT_MEMLOCK of the user who calls, as memory that he locks is,
 * because it can't be reclaimed either.  What is more than a page is so by itself.  The
 * rest is summed up for each user, of all his mounts together, so that many small things
 * count as a large one does; but for a little, which whoever has no limit to speak of may
 * have.
 *
 * Locking: payers_lock protects the tree of payers and what they have.  Nothing of ours is
 * taken inside of it.
 */

#include "backing_memlock.h"
#include "backing_reject.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

/* So many bytes of what is not more than a page are nobody's */
#define FREE_REST	(16 * PAGE_SIZE)

/* A user who was charged; the same for all of his charges */
struct fuse_payer {
	struct rb_node node;
	struct user_struct *user;
	unsigned long charges;
	/* bytes of what is not more than a page each */
	unsigned long rest;
};

static DEFINE_SPINLOCK(payers_lock);
static struct rb_root payers = RB_ROOT;

static struct fuse_payer *payer_of(const struct rb_node *node)
{
	return rb_entry(node, struct fuse_payer, node);
}

static int compare(struct rb_node *node, const struct rb_node *other)
{
	const struct user_struct *a = payer_of(node)->user;
	const struct user_struct *b = payer_of(other)->user;

	return a == b ? 0 : a < b ? -1 : 1;
}

static void free_payer(struct fuse_payer *payer)
{
	free_uid(payer->user);
	kfree(payer);
}

/* Who calls, with a reference; %NULL if there is no memory for it */
static struct fuse_payer *get_payer(void)
{
	struct fuse_payer *payer = kmalloc_obj(*payer, GFP_KERNEL_ACCOUNT);
	struct rb_node *there;

	if (!payer)
		return NULL;
	*payer = (struct fuse_payer) {
		.user = get_uid(current_user()),
		.charges = 1,
	};
	spin_lock_bh(&payers_lock);
	there = rb_find_add(&payer->node, &payers, compare);
	if (there)
		payer_of(there)->charges++;
	spin_unlock_bh(&payers_lock);
	if (!there)
		return payer;
	free_payer(payer);
	return payer_of(there);
}

static void put_payer(struct fuse_payer *payer)
{
	bool last;

	spin_lock_bh(&payers_lock);
	last = !--payer->charges;
	if (last)
		rb_erase(&payer->node, &payers);
	spin_unlock_bh(&payers_lock);
	if (last)
		free_payer(payer);
}

static unsigned long pages_of_rest(unsigned long rest)
{
	return rest > FREE_REST ? DIV_ROUND_UP(rest - FREE_REST, PAGE_SIZE) : 0;
}

static int lock_pages(struct user_struct *user, unsigned long pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long old = atomic_long_read(&user->locked_vm);

	if (!pages)
		return 0;
	do {
		if (old + pages > limit)
			return -ENOBUFS;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &old, old + pages));
	return 0;
}

static int add(struct fuse_payer *payer, u32 pages, u32 bytes)
{
	unsigned long rest;
	int err;

	spin_lock_bh(&payers_lock);
	rest = payer->rest + bytes;
	err = lock_pages(payer->user, pages + pages_of_rest(rest) -
				      pages_of_rest(payer->rest));
	if (!err)
		payer->rest = rest;
	spin_unlock_bh(&payers_lock);
	return err;
}

static void subtract(struct fuse_payer *payer, u32 pages, u32 bytes)
{
	unsigned long rest;

	spin_lock_bh(&payers_lock);
	rest = payer->rest - bytes;
	atomic_long_sub(pages + pages_of_rest(payer->rest) - pages_of_rest(rest),
			&payer->user->locked_vm);
	payer->rest = rest;
	spin_unlock_bh(&payers_lock);
}

/**
 * fuse_try_charge - charge an allocation to the user who calls
 * @size: in bytes
 * @charge: it is added to what this is of, which is the caller's, too; zeroes at first
 *
 * Nobody is charged who may lock as much memory as he likes.
 *
 * Context: process context without spinlocks; may sleep.
 * Return: 0; -ENOBUFS if RLIMIT_MEMLOCK is reached, or -ENOMEM, and @charge is what it was.
 */
int fuse_try_charge(size_t size, struct fuse_charge *charge)
{
	const size_t all = kmalloc_size_roundup(size);
	const u32 pages = size > PAGE_SIZE ? DIV_ROUND_UP(all, PAGE_SIZE) : 0;
	const u32 rest = pages ? 0 : all;
	struct fuse_payer *payer;
	int err;

	if (!all || ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK))
		return 0;
	payer = charge->payer ?: get_payer();
	if (!payer)
		return -ENOMEM;
	err = add(payer, pages, rest);
	if (!err) {
		charge->payer = payer;
		charge->pages += pages;
		charge->rest += rest;
	} else if (payer != charge->payer) {
		put_payer(payer);
	}
	return err;
}

/**
 * fuse_charge - the same, and say so if there is a limit
 * @fc: the connection
 * @size: in bytes
 * @charge: as for fuse_try_charge()
 *
 * Context: as fuse_try_charge().
 * Return: as fuse_try_charge().
 */
int fuse_charge(struct fuse_conn *fc, size_t size, struct fuse_charge *charge)
{
	int err = fuse_try_charge(size, charge);

	return err == -ENOBUFS ?
	       fuse_backing_reject(fc, 0, err, FUSE_BACKING_MEMLOCK) : err;
}

/**
 * fuse_uncharge - the memory is free again, or is nobody's any more
 * @charge: what fuse_charge() added to; zeroes afterwards
 *
 * Context: any but hard interrupts.
 */
void fuse_uncharge(struct fuse_charge *charge)
{
	struct fuse_payer *payer = charge->payer;

	if (!payer)
		return;
	subtract(payer, charge->pages, charge->rest);
	put_payer(payer);
	*charge = (struct fuse_charge) {};
}
