// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: which mappings an inode uses.
 *
 * All files of a FUSE inode that are open in passthrough mode have the same
 * backing inode, whatever their backing ids, so that they see the same data.
 */

#include "fuse_i.h"
#include "backing_extents.h"
#include "backing_io.h"

/**
 * fuse_inode_backing_init - a FUSE inode without backing files
 * @fi: the FUSE inode, new and zeroed
 *
 * Context: any.
 */
void fuse_inode_backing_init(struct fuse_inode *fi)
{
	INIT_LIST_HEAD(&fi->backing.open);
	INIT_LIST_HEAD(&fi->backing.mapped);
}

/**
 * fuse_inode_backing_made - a FUSE inode is of a regular file
 * @inode: the FUSE inode, which nobody else knows yet
 *
 * A write to a backing file is done with our inode locked, and that file may be on
 * another FUSE filesystem: to lockdep the same lock, without this.
 *
 * Context: any.
 */
void fuse_inode_backing_made(struct inode *inode)
{
	static struct lock_class_key keys[FILESYSTEM_MAX_STACK_DEPTH];
	int depth = inode->i_sb->s_stack_depth;

	if (depth)
		lockdep_set_class(&inode->i_rwsem, &keys[depth - 1]);
}

/* Those of an attachment, or what open files have kept of one: never of two */
static struct fuse_extents *find_extents(struct fuse_inode *fi)
{
	struct fuse_extents *extents = fuse_backing_attached_extents(fi);
	struct fuse_file *ff;

	if (extents)
		return extents;
	ff = list_first_entry_or_null(&fi->backing.open, struct fuse_file,
				      backing_link);
	return ff ? ff->extents : NULL;
}

/**
 * fuse_inode_backing_size - the size of a FUSE inode is about to change
 * @inode: the FUSE inode
 * @size: the new one
 *
 * If the file becomes longer, what is between the old end and what somebody wrote
 * reads as zeros, whatever the extents have there: the server knows.
 *
 * Context: fuse_inode::lock is held.
 */
void fuse_inode_backing_size(struct inode *inode, loff_t size)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_extents *extents;

	lockdep_assert_held(&fi->lock);
	if (size <= inode->i_size)
		return;
	extents = find_extents(fi);
	/* i_size_read() and what it lets find are ordered */
	if (extents)
		fuse_extents_cut(extents, inode->i_size);
}

/**
 * fuse_inode_backing_truncated - an open has truncated a FUSE inode at the server
 * @inode: the FUSE inode, whose size has been set to 0
 *
 * FUSE does that once the server has answered, and it may have been written to since.
 * What files are open on knows better.
 *
 * Context: process context with the FUSE inode locked exclusively; doesn't sleep.
 */
void fuse_inode_backing_truncated(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	if (fi->backing.files && fi->backing.inode != inode) {
		fi->attr_version =
			atomic64_inc_return(&get_fuse_conn(inode)->attr_version);
		i_size_write(inode, i_size_read(fi->backing.inode));
	}
	spin_unlock(&fi->lock);
}

/**
 * fuse_inode_backing_resized - the kernel has changed the size of the backing file
 * @inode: the FUSE inode, locked exclusively
 * @backing: of the backing file, whose size is to be ours; %NULL if that failed
 *
 * Attributes that were asked for before are not to be believed.
 *
 * Context: process context.
 */
void fuse_inode_backing_resized(struct inode *inode, struct inode *backing)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_conn *fc = get_fuse_conn(inode);

	spin_lock(&fi->lock);
	fi->attr_version = atomic64_inc_return(&fc->attr_version);
	if (backing) {
		fuse_inode_backing_size(inode, i_size_read(backing));
		i_size_write(inode, i_size_read(backing));
	}
	spin_unlock(&fi->lock);

	fuse_backing_invalidate(inode, FUSE_STATX_MODSIZE);
}

/**
 * fuse_inode_backing_start - a file of @fi is being opened in passthrough mode
 * @fi: the FUSE inode
 * @backing: inode of the backing file just opened
 * @extents: what the file was given instead, or %NULL
 *
 * Context: fi->lock is held.
 * Return: 0, and the caller must call fuse_inode_backing_end() before the
 *	backing file is put; -EBUSY if files of another backing inode are open, or
 *	@extents are not the inode's any more.
 */
int fuse_inode_backing_start(struct fuse_inode *fi, struct inode *backing,
			     const struct fuse_extents *extents)
{
	lockdep_assert_held(&fi->lock);

	if (fi->backing.files && fi->backing.inode != backing)
		return -EBUSY;
	/* detached since they were taken: no change of the size has cut them */
	if (extents && find_extents(fi) != extents)
		return -EBUSY;

	WRITE_ONCE(fi->backing.inode, backing);
	/* a cached open that waits for uncached I/O to end would wait for us */
	if (!fi->backing.files++ && wq_has_sleeper(&fi->direct_io_waitq))
		wake_up(&fi->direct_io_waitq);
	return 0;
}

/**
 * fuse_inode_backing_end - a file of @fi leaves passthrough mode
 * @fi: the FUSE inode
 *
 * Context: fi->lock is held.
 */
void fuse_inode_backing_end(struct fuse_inode *fi)
{
	lockdep_assert_held(&fi->lock);

	if (!--fi->backing.files)
		WRITE_ONCE(fi->backing.inode, NULL);
}

/**
 * fuse_inode_backing_store - a file is going to be mmapped to be written to
 * @ff: file data of the FUSE file
 * @fi: its inode
 *
 * Context: process context; doesn't sleep.
 */
void fuse_inode_backing_store(struct fuse_file *ff, struct fuse_inode *fi)
{
	spin_lock(&fi->lock);
	ff->backing_use.stored_to = true;
	WRITE_ONCE(fi->backing.stored_to, true);
	spin_unlock(&fi->lock);
}

/* A mapping that is being made isn't among those yet, but its file is open */
static bool is_open(const struct fuse_inode *fi)
{
	const struct fuse_file *ff;

	list_for_each_entry(ff, &fi->backing.open, backing_link)
		if (ff->backing_use.stored_to)
			return true;
	return false;
}

/*
 * Not to be believed now is what stores to a mapping change.  If there are none any
 * more it is so for the last time, and of what was asked for before, too.
 */
static void check_stores(struct fuse_inode *fi)
{
	struct fuse_conn *fc = get_fuse_conn(&fi->inode);

	spin_lock(&fi->lock);
	if (fi->backing.stored_to && !is_open(fi) &&
	    !fuse_inode_backing_is_stored_to(fi)) {
		WRITE_ONCE(fi->backing.stored_to, false);
		fi->attr_version = atomic64_inc_return(&fc->attr_version);
	}
	/* with the lock held: nobody is to find neither */
	fuse_backing_invalidate(&fi->inode,
				STATX_MTIME | STATX_CTIME | STATX_BLOCKS);
	spin_unlock(&fi->lock);
}

/**
 * fuse_inode_backing_inval_mask - attributes that have to be asked for
 * @fi: the FUSE inode
 *
 * A store to a shared mapping changes times and blocks of the backing file, and
 * neither FUSE nor the server hears of it.  So those aren't believed as long as there
 * is such a mapping, and once afterwards.
 *
 * Context: process context; doesn't sleep.
 * Return: fuse_inode::inval_mask.
 */
u32 fuse_inode_backing_inval_mask(struct fuse_inode *fi)
{
	if (unlikely(READ_ONCE(fi->backing.stored_to)))
		check_stores(fi);
	return READ_ONCE(fi->inval_mask);
}

/**
 * fuse_inode_backing_evict - give up the mappings of an inode
 * @fi: the FUSE inode, which nobody else uses
 *
 * Context: may be memory reclaim: backing files are closed by the thread.
 */
void fuse_inode_backing_evict(struct fuse_inode *fi)
{
	fuse_backing_evict_attached(fi);
	fuse_inode_backing_evict_mapped(fi);
}
