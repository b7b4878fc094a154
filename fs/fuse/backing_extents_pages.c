// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: pages of an inode that has extents.
 *
 * A backing file must not become the file of a mapping: mremap(2) and
 * remap_file_pages(2) would reach all of it, and its last page shows what is behind
 * an extent.  So mmap(2) and execve(2) get pages of the FUSE inode, which are
 * filled from the extents.  They are never dirty: what is written goes to the
 * backing files, and the pages are forgotten.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_extents.h"
#include "backing_extents_io.h"
#include "backing_io.h"
#include "backing_reject.h"
#include "backing_revoke.h"
#include "backing_trace.h"

#include <linux/bvec.h>
#include <linux/cred.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uio.h>

static int map_pages(struct file *file, struct vm_area_struct *vma)
{
	const struct fuse_passthrough *pt = fuse_passthrough_of(file);
	bool noexec = fuse_extents_any_file(pt->extents, fuse_backing_is_noexec);

	return fuse_backing_may_mmap_pages(pt->ff->fm->fc, vma, noexec) ?:
	       generic_file_mmap(file, vma);
}

/**
 * fuse_extents_mmap - map a file that has extents
 * @file: the FUSE file
 * @vma: where to
 *
 * Context: process context with mmap_lock held for writing; may sleep.
 * Return: 0; -ENODEV for a shared mapping that can be written to; -EPERM if it is
 *	to be executed from a mount that forbids it; as any file that lost its backing
 *	file if the extents were taken away.
 */
int fuse_extents_mmap(struct file *file, struct vm_area_struct *vma)
{
	bool taken = true;
	int err = 0;

	if (fuse_backing_io_start(file)) {
		/*
		 * What is mapped is found by the inode when the extents are to be
		 * taken away; if that is between here and there, pages are the
		 * server's.
		 */
		taken = fuse_backing_is_revoked(fuse_passthrough_of(file));
		if (!taken) {
			err = map_pages(file, vma);
			fuse_backing_trace(fuse_passthrough_mmap,
					   file_inode(file), 0, vma, err);
		}
		fuse_backing_io_end(file);
	}
	return taken ? fuse_backing_revoked_mmap(file, vma) : err;
}

/* A page of the backing file, with a reference */
static struct folio *get_page_of(const struct fuse_range *range, size_t len)
{
	struct file *backing = range->file;
	struct address_space *mapping = backing->f_mapping;
	pgoff_t index = range->pos >> PAGE_SHIFT;
	struct folio *folio;

	scoped_with_creds(range->fb->cred) {
		folio = filemap_get_folio(mapping, index);
		if (!IS_ERR(folio))
			folio_put(folio);
		else
			page_cache_sync_readahead(mapping, &backing->f_ra,
						  backing, index,
						  (len >> PAGE_SHIFT) + 1);
		return read_mapping_folio(mapping, index, backing);
	}
}

/* Copy what is in one page of the backing file */
static ssize_t copy_page_of(const struct file *file, struct folio *to,
			    size_t offset, size_t len,
			    const struct fuse_range *range)
{
	const struct fuse_file *ff = file->private_data;
	loff_t left = i_size_read(file_inode(range->file)) - range->pos;
	struct folio *folio;
	void *from;

	if (left <= 0)
		return fuse_backing_reject(ff->fm->fc, range->fb->id, -EIO,
					   FUSE_BACKING_SHORT_FILE);
	len = min3((u64)len, (u64)left,
		   (u64)PAGE_SIZE - offset_in_page(range->pos));
	folio = get_page_of(range, len);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	from = kmap_local_folio(folio, offset_in_folio(folio, range->pos));
	memcpy_to_folio(to, offset, from, len);
	kunmap_local(from);
	folio_put(folio);
	return len;
}

/* Read what there is, from wherever */
static ssize_t read_into(struct file *file, struct folio *folio, size_t offset,
			 size_t len)
{
	struct iov_iter iter;
	struct bio_vec bvec;
	struct kiocb iocb;

	bvec_set_folio(&bvec, folio, len, offset);
	iov_iter_bvec(&iter, ITER_DEST, &bvec, 1, len);
	init_sync_kiocb(&iocb, file);
	/* whatever the file was opened with, this is the cache */
	iocb.ki_flags = 0;
	iocb.ki_pos = folio_pos(folio) + offset;
	return fuse_extents_read(&iocb, &iter);
}

/* The next bytes of a folio; 0 at the end of the file */
static ssize_t fill_some(struct file *file, struct folio *folio, size_t offset)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	loff_t pos = folio_pos(folio) + offset;
	loff_t left = i_size_read(file_inode(file)) - pos;
	struct fuse_range range;
	ssize_t ret;
	size_t len;

	if (left <= 0)
		return 0;
	fuse_extents_find(pt->extents, pos, &range);
	len = min3((u64)folio_size(folio) - offset, (u64)left, (u64)range.len);
	if (range.kind == FUSE_RANGE_FILE &&
	    fuse_extents_has_pages(range.file)) {
		ret = copy_page_of(file, folio, offset, len, &range);
		fuse_extents_range_put(&range);
		return ret;
	}
	fuse_extents_range_put(&range);
	return read_into(file, folio, offset, len);
}

/* Fill a folio that is locked; what is behind the end of the file is zero */
static int fill(struct file *file, struct folio *folio)
{
	size_t size = folio_size(folio), done = 0;
	ssize_t ret;

	do {
		ret = fill_some(file, folio, done);
		if (ret < 0)
			return ret;
		done += ret;
	} while (ret && done < size);
	/* the server may have less than it said, too */
	folio_zero_segment(folio, done, size);
	return 0;
}

/* Is a page to be filled by extents?  Then fuse_backing_io_end() must be called */
static bool start_fill(struct file *file)
{
	const struct fuse_passthrough *pt;

	pt = file ? fuse_passthrough_of(file) : NULL;
	return pt && READ_ONCE(pt->extents) && fuse_backing_io_start(file);
}

/* The extents were taken away while the file was mapped; or else the page is an error */
static void open_at_server(struct file *file)
{
	const struct fuse_passthrough *pt;

	pt = file ? fuse_passthrough_of(file) : NULL;
	if (pt && fuse_backing_is_revoked(pt))
		fuse_backing_need_handle(file);
}

/**
 * fuse_extents_read_folio - fill a page of an inode that has extents
 * @file: an open FUSE file, or %NULL
 * @folio: the page, locked
 * @err: set to the result, and the page is unlocked
 *
 * Context: process context; may hold mmap_lock; may ask the server for what is in
 *	no extent.
 * Return: false if the server is to be asked for all of it.
 */
bool fuse_extents_read_folio(struct file *file, struct folio *folio, int *err)
{
	if (!start_fill(file)) {
		open_at_server(file);
		return false;
	}
	*err = fill(file, folio);
	folio_end_read(folio, !*err);
	fuse_backing_io_end(file);
	return true;
}

/* Can a page be had without the server?  It is not to be asked in advance */
static bool is_covered(const struct readahead_control *rac, loff_t pos)
{
	const struct fuse_passthrough *pt = fuse_passthrough_of(rac->file);

	return fuse_extents_cover(pt->extents, pos,
				  min(pos + (loff_t)PAGE_SIZE,
				      i_size_read(rac->mapping->host)));
}

/**
 * fuse_extents_readahead - fill pages of an inode that has extents
 * @rac: the pages, and an open FUSE file
 *
 * As far as they are in extents; those that aren't are filled once they are needed.
 *
 * Context: process context; may hold mmap_lock; may sleep.
 * Return: false if the server is to be asked for all of it.
 */
bool fuse_extents_readahead(struct readahead_control *rac)
{
	loff_t pos = readahead_pos(rac);
	struct folio *folio;

	if (!start_fill(rac->file))
		return false;
	while (is_covered(rac, pos) && (folio = readahead_folio(rac))) {
		pos = folio_pos(folio) + folio_size(folio);
		folio_end_read(folio, !fill(rac->file, folio));
	}
	fuse_backing_io_end(rac->file);
	return true;
}
