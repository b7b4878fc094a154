// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what is mapped.
 *
 * A vma has the backing file, and not the FUSE file that it was mapped through, which
 * may be closed.  The mapping of the backing id stays in use until the last reference on
 * that backing file is gone: munmap(2) and exit(2), but also who dumps core or handles a
 * fault may have it.
 *
 * Where the backing filesystem is a stacked one, the vma has a file below the backing file.
 * Either has an owner, which keeps the FUSE inode: the path that the user opened isn't ours
 * if our mount is below another one.
 *
 * Locking: fuse_inode::lock protects the list of what is mapped; file::f_lock isn't taken
 * inside of it.
 */

#include "fuse_i.h"
#include "backing_io.h"
#include "backing_mapping.h"
#include "backing_mmap.h"
#include "backing_usage.h"

#include <linux/backing-file-owner.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

/* So many are looked at, whether they still are mapped, before others get the lock */
#define LOOKED_AT_ONCE	64

/**
 * struct fuse_backing_mapped - a backing file of a FUSE inode that is mapped
 * @owner: of the file that the vmas have
 * @use: the user of the mapping
 * @fb: the mapping, with a reference
 * @fi: the FUSE inode
 * @pt: of the FUSE file that has the backing file; %NULL if it has given that up, or if
 *	@stacked, or before it is mapped
 * @link: in fuse_inode_backing::mapped, or nowhere if it isn't mapped for now
 * @round: that fuse_inode_backing::round in which nobody was found to store to it, or 0
 * @stacked: what the vmas have isn't the backing file, but one below it
 */
struct fuse_backing_mapped {
	struct backing_file_owner owner;
	struct fuse_backing_use use;
	struct fuse_backing *fb;
	struct fuse_inode *fi;
	const struct fuse_passthrough *pt;
	struct list_head link;
	u32 round;
	bool stacked;
};

static void enter_inode_locked(struct fuse_backing_mapped *mapped)
{
	if (!list_empty(&mapped->link))
		return;
	/* before those of this round */
	mapped->round = 0;
	list_add(&mapped->link, &mapped->fi->backing.mapped);
}

static void leave_inode(struct fuse_backing_mapped *mapped)
{
	struct fuse_inode *fi = mapped->fi;

	spin_lock(&fi->lock);
	list_del_init(&mapped->link);
	spin_unlock(&fi->lock);
	fuse_backing_unuse(mapped->fb, &mapped->use);
}

/*
 * Nobody has the file any more.  Where closing files can take for ever, that is for the
 * thread to do, for which whoever unmounts waits.
 */
static void released(struct backing_file_owner *owner)
{
	struct fuse_backing_mapped *mapped =
		container_of(owner, struct fuse_backing_mapped, owner);

	leave_inode(mapped);
	if (mapped->fb->by_thread)
		fuse_backing_put_deferred(mapped->fb);
	else
		fuse_backing_put(mapped->fb);
	kfree(mapped);
}

/* Nobody takes the backing file away from a file that has another reference on it */
static bool keep_file(struct fuse_backing_mapped *mapped,
		      const struct fuse_passthrough *pt, struct fuse_inode *fi)
{
	bool may;

	spin_lock(&fi->lock);
	may = !fuse_backing_is_too_old(fi, pt);
	if (may)
		get_file(pt->file);
	if (may && mapped)
		enter_inode_locked(mapped);
	/* it may have been found unmapped, and the new one may be one too many */
	if (may && pt->mapped)
		enter_inode_locked(pt->mapped);
	spin_unlock(&fi->lock);
	return may;
}

static struct fuse_backing_mapped *make_mapped(const struct file *file)
{
	const struct fuse_passthrough *pt = fuse_passthrough_of(file);
	struct fuse_backing_mapped *mapped;

	mapped = kzalloc_obj(*mapped, GFP_KERNEL_ACCOUNT);
	if (!mapped)
		return NULL;
	mapped->owner.key = pt->fb;
	mapped->owner.path = file->f_path;
	mapped->owner.released = released;
	mapped->fb = pt->fb;
	mapped->fi = get_fuse_inode(file_inode(file));
	INIT_LIST_HEAD(&mapped->link);
	return mapped;
}

/**
 * fuse_backing_map_start - a backing file is about to be mapped
 * @file: a FUSE file between fuse_backing_io_start() and _end()
 * @mapped: set for fuse_backing_map_end(); %NULL if it is known to be mapped
 * @taken: set to whether the backing file was taken away
 *
 * Context: process context; may sleep.
 * Return: 0; -ENOMEM.  Unless @taken is set, fuse_backing_map_end() must be called after
 *	the former, until which the backing file can't be taken away.
 */
int fuse_backing_map_start(struct file *file,
			   struct fuse_backing_mapped **mapped, bool *taken)
{
	struct fuse_inode *fi = get_fuse_inode(file_inode(file));
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	*mapped = NULL;
	if (!READ_ONCE(pt->mapped)) {
		*mapped = make_mapped(file);
		if (!*mapped)
			return -ENOMEM;
	}
	*taken = !keep_file(*mapped, pt, fi);
	if (*taken) {
		kfree(*mapped);
	} else if (*mapped) {
		refcount_inc(&pt->fb->count);
		fuse_backing_use(pt->fb, &(*mapped)->use, FUSE_BACKING_MMAP,
				 fi->nodeid);
	}
	return 0;
}

/* Not mapped after all, or known already; the caller keeps the backing file */
static void forget(struct fuse_backing_mapped *mapped)
{
	leave_inode(mapped);
	fuse_backing_put(mapped->fb);
	kfree(mapped);
}

/* Of a file without owners nobody hears: one such keeps its mapping for good */
static bool own_untold(struct fuse_backing_mapped *mapped)
{
	struct fuse_inode *fi = mapped->fi;
	bool first;

	spin_lock(&fi->lock);
	first = !fi->backing.untold;
	fi->backing.untold = true;
	mapped->stacked = true;
	spin_unlock(&fi->lock);
	return first;
}

/* Returns false if the file has an owner of ours */
static bool own(struct fuse_backing_mapped *mapped, struct fuse_passthrough *pt,
		struct file *vm_file)
{
	struct fuse_inode *fi = mapped->fi;

	if (!(vm_file->f_mode & FMODE_BACKING))
		return own_untold(mapped);
	if (!backing_file_add_owner(vm_file, &mapped->owner))
		return false;
	spin_lock(&fi->lock);
	mapped->stacked = vm_file != pt->file;
	if (!mapped->stacked) {
		mapped->pt = pt;
		WRITE_ONCE(pt->mapped, mapped);
	}
	spin_unlock(&fi->lock);
	return true;
}

/**
 * fuse_backing_map_end - a backing file is mapped
 * @mapped: from fuse_backing_map_start()
 * @file: the FUSE file
 * @vm_file: what the vma has; %NULL if it couldn't be mapped
 *
 * Context: process context.
 */
void fuse_backing_map_end(struct fuse_backing_mapped *mapped, struct file *file,
			  struct file *vm_file)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	if (mapped && !(vm_file && own(mapped, pt, vm_file)))
		forget(mapped);
	/* not the last one */
	fput(pt->file);
}

/*
 * Has nobody but the FUSE file the backing file any more?  Of files that are not the
 * backing files themselves, that can't be told.
 */
static bool is_unmapped(const struct fuse_backing_mapped *mapped)
{
	return mapped->pt && file_count(mapped->pt->file) == 1;
}

/**
 * fuse_backing_unmap - a FUSE file is giving up its backing file
 * @pt: of the FUSE file
 *
 * If that isn't mapped, it is closed next, which may take a while.
 *
 * Context: fuse_inode::lock is held.
 */
void fuse_backing_unmap(struct fuse_passthrough *pt)
{
	struct fuse_backing_mapped *mapped = pt->mapped;

	if (!mapped)
		return;
	if (is_unmapped(mapped))
		list_del_init(&mapped->link);
	mapped->pt = NULL;
}

/* Returns -EAGAIN if there are more to look at */
static int is_any_file_mapped(struct fuse_inode *fi)
{
	struct fuse_backing_mapped *mapped;
	unsigned int i;

	for (i = 0; i < LOOKED_AT_ONCE; i++) {
		mapped = list_first_entry_or_null(&fi->backing.mapped,
						  struct fuse_backing_mapped,
						  link);
		if (!mapped || !is_unmapped(mapped))
			return !!mapped;
		/* until it is mapped again */
		list_del_init(&mapped->link);
	}
	return -EAGAIN;
}

/**
 * fuse_inode_backing_is_mapped - may somebody have an inode's backing file mapped
 * @fi: the FUSE inode
 *
 * Or, where it has extents, pages of the inode itself.
 *
 * Context: fuse_inode::lock and address_space::i_mmap_rwsem of the inode are held.
 * Return: 1 if it is so, and what is mapped may still be used without asking; 0 if not;
 *	-EAGAIN if that isn't known before others had the locks.
 */
int fuse_inode_backing_is_mapped(struct fuse_inode *fi)
{
	lockdep_assert_held(&fi->lock);

	return is_any_file_mapped(fi) ?:
	       fi->backing.inode == &fi->inode &&
	       mapping_mapped(fi->inode.i_mapping);
}

/**
 * fuse_inode_backing_is_stored_to - may somebody store to an inode's backing file
 * @fi: the FUSE inode
 *
 * By a mapping, made in whatever way.
 *
 * Context: fuse_inode::lock is held.
 * Return: whether one is there, or some are yet to be looked at, by who asks next; always
 *	if what is mapped is below a backing file.
 */
bool fuse_inode_backing_is_stored_to(struct fuse_inode *fi)
{
	struct list_head *all = &fi->backing.mapped;
	struct fuse_backing_mapped *mapped;
	unsigned int i;

	lockdep_assert_held(&fi->lock);

	for (i = 0; i < LOOKED_AT_ONCE; i++) {
		mapped = list_first_entry_or_null(all, struct fuse_backing_mapped, link);
		if (!mapped || mapped->round == fi->backing.round)
			return false;
		/* each stat(2) asks: this one stays the first */
		if (mapped->stacked ||
		    mapping_writably_mapped(mapped->fb->file->f_mapping))
			return true;
		mapped->round = fi->backing.round;
		list_move_tail(&mapped->link, all);
	}
	return true;
}

/**
 * fuse_inode_backing_evict_mapped - an inode goes
 * @fi: the FUSE inode, which nobody else uses
 *
 * Only what nobody hears of can still be mapped.
 *
 * Context: may be memory reclaim: backing files are closed by the thread.
 */
void fuse_inode_backing_evict_mapped(struct fuse_inode *fi)
{
	struct fuse_backing_mapped *mapped, *next;

	list_for_each_entry_safe(mapped, next, &fi->backing.mapped, link) {
		leave_inode(mapped);
		fuse_backing_put_deferred(mapped->fb);
		kfree(mapped);
	}
}
