// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: extents, the ranges of backing files that are the bytes of
 * a FUSE inode.
 *
 * A map is what one ioctl said, and never changes.  What is attached to an inode,
 * and what its open files have, is a struct fuse_extents, which refers to the
 * latest map: so that open files see that it is replaced.
 *
 * References: a map has one of its struct fuse_extents and one for each I/O, and
 * keeps the mappings that it names and the table.  A struct fuse_extents has one
 * of the attachment, one of each open file, and one of each map that was replaced in
 * it and is still in use.
 *
 * Memory: a map is as large as whoever makes it likes, and with it the array of its
 * mappings.  If both are more than a page, they are charged to RLIMIT_MEMLOCK of their
 * user until the map is freed, because they can't be reclaimed as long as the attachment
 * waits, or a client has the inode open.  Others are charged as long as they wait for a
 * node that may never come, and go with their inode then.
 *
 * What lies behind the end of the file when it becomes longer is the server's from
 * then on: fuse_extents::end.
 *
 * Locking: fuse_extents::lock protects fuse_extents::map and ::end.  It is taken
 * inside of fuse_attachments::lock and of fuse_inode::lock, and that of a mapping's
 * users inside of it.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_extents.h"
#include "backing_mapping.h"
#include "backing_memlock.h"
#include "backing_reject.h"
#include "backing_table.h"
#include "backing_usage.h"

#include <linux/fuse_backing.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait_bit.h>

#define EXTENT_FLAGS	(FUSE_BACKING_EXTENT_HOLE | FUSE_BACKING_EXTENT_WRITE)

/* In place of the number of a backing file */
#define NO_FILE		U16_MAX

/* @end and @pos are bytes in the FUSE file, @backing_pos in the backing file */
struct extent {
	loff_t pos;
	loff_t end;
	loff_t backing_pos;
	u16 file;
	bool writable;
};

/* A mapping that extents are in, and what is in use of it */
struct extent_file {
	struct fuse_backing *fb;
	struct fuse_backing_use use;
	u32 extents;
	u64 bytes;
};

struct fuse_extents_map {
	refcount_t count;
	/* the mappings know of their user */
	bool used;
	/* where another one took its place, with a reference; or %NULL */
	struct fuse_extents *replaced_in;
	struct fuse_backing_table *table;
	struct kthread_files_work dead;
	u64 nodeid;
	u32 generation;
	struct extent_file *files;
	unsigned int nr_files;
	unsigned int nr;
	struct fuse_charge charge;
	union {
		/* as they were given, for fill_map() to make the others of */
		DECLARE_FLEX_ARRAY(struct fuse_backing_extent, in);
		DECLARE_FLEX_ARRAY(struct extent, extent);
	};
};

/* The one takes the place of the other */
static_assert(sizeof(struct extent) <= sizeof(struct fuse_backing_extent));
/* An allocation of that size is rounded up to the next power of two */
static_assert(offsetof(struct fuse_extents_map, in) +
	      FUSE_BACKING_EXTENTS_MAX * sizeof(struct fuse_backing_extent) <=
	      SZ_2M);

struct fuse_extents {
	refcount_t count;
	/* how many maps were replaced and are still in use */
	atomic_t replaced;
	/* protects all below */
	spinlock_t lock;
	struct fuse_extents_map *map;
	/* as far as it is good */
	loff_t end;
};

static void unuse_files(struct fuse_extents_map *map)
{
	unsigned int i;

	for (i = 0; map->used && i < map->nr_files; i++)
		fuse_backing_unuse(map->files[i].fb, &map->files[i].use);
	map->used = false;
}

static void use_files(struct fuse_extents_map *map,
		      enum fuse_backing_use_kind kind)
{
	struct extent_file *file;
	unsigned int i;

	unuse_files(map);
	for (i = 0; i < map->nr_files; i++) {
		file = &map->files[i];
		file->use.generation = map->generation;
		fuse_backing_use(file->fb, &file->use, kind, map->nodeid);
	}
	map->used = true;
}

/* The memory of a map, and what was charged for it */
static void map_release(struct fuse_extents_map *map)
{
	fuse_uncharge(&map->charge);
	kfree(map->files);
	kvfree(map);
}

/* @map has no references left; @defer: backing files are to be closed by the thread */
static void map_free(struct fuse_extents_map *map, bool defer)
{
	struct fuse_backing_table *table = map->table;
	struct extent_file *file;
	unsigned int i;

	if (map->replaced_in)
		fuse_extents_put(map->replaced_in, defer);
	unuse_files(map);
	for (i = 0; i < map->nr_files; i++) {
		file = &map->files[i];
		fuse_backing_count_extents(file->fb, -(long)file->extents,
					   -(s64)file->bytes);
		if (defer)
			fuse_backing_put_deferred(file->fb);
		else
			fuse_backing_put(file->fb);
	}
	map_release(map);
	fuse_backing_table_put(table);
}

/* Returns whether it was the last reference */
static bool map_put(struct fuse_extents_map *map)
{
	struct fuse_extents *extents;

	if (!refcount_dec_and_test(&map->count))
		return false;
	/* until map_free() */
	extents = map->replaced_in;
	if (extents && atomic_dec_and_test(&extents->replaced))
		wake_up_var(&extents->replaced);
	return true;
}

static void reap(struct kthread_files_work *dead)
{
	map_free(container_of(dead, struct fuse_extents_map, dead), false);
}

/* What ends I/O may be an interrupt, where nothing can be freed */
static void end_use(struct fuse_extents_map *map)
{
	if (map_put(map))
		kthread_files_queue(map->table->files, &map->dead, reap);
}

static bool is_extent_valid(const struct fuse_backing_extent *in, loff_t min)
{
	bool hole = in->flags & FUSE_BACKING_EXTENT_HOLE;

	if ((in->flags & ~EXTENT_FLAGS) || in->flags == EXTENT_FLAGS)
		return false;
	if (!in->length || in->length > MAX_LFS_FILESIZE ||
	    in->offset < min || in->offset > MAX_LFS_FILESIZE - in->length)
		return false;
	if (hole)
		return !in->backing_id && !in->backing_offset;
	return in->backing_id > 0;
}

static struct extent_file *find_file(struct fuse_extents_map *map, int id)
{
	unsigned int i;

	/* most often the one before, or the only one */
	for (i = map->nr_files; i-- > 0;)
		if (map->files[i].fb->id == id)
			return &map->files[i];
	return NULL;
}

/* Have another mapping, by its id; on failure, @map remains as it was */
static struct extent_file *add_file(struct fuse_conn *fc,
				    struct fuse_extents_map *map, int id)
{
	struct extent_file *file;
	struct fuse_backing *fb;

	if (map->nr_files == FUSE_BACKING_EXTENTS_FILES) {
		fuse_backing_reject(fc, id, -E2BIG, FUSE_BACKING_EXTENT);
		return ERR_PTR(-E2BIG);
	}
	file = krealloc_array(map->files, map->nr_files + 1, sizeof(*file),
			      GFP_KERNEL_ACCOUNT);
	if (!file)
		return ERR_PTR(-ENOMEM);
	map->files = file;

	fb = fuse_backing_lookup(fc, id);
	if (!fb) {
		fuse_backing_reject(fc, id, -ENOENT, FUSE_BACKING_UNKNOWN_ID);
		return ERR_PTR(-ENOENT);
	}
	if (fuse_backing_start_use(fb, true)) {
		fuse_backing_put(fb);
		return ERR_PTR(-ENOMEM);
	}
	file += map->nr_files++;
	*file = (struct extent_file) { .fb = fb };
	return file;
}

/* An extent that is in a backing file */
static int fill_extent(struct fuse_conn *fc, struct fuse_extents_map *map,
		       struct extent *extent,
		       const struct fuse_backing_extent *in)
{
	enum fuse_backing_reason reason;
	struct extent_file *file;
	loff_t size;
	int err;

	file = find_file(map, in->backing_id) ?:
	       add_file(fc, map, in->backing_id);
	if (IS_ERR(file))
		return PTR_ERR(file);

	err = fuse_backing_check_extent(file->fb->file, extent->writable,
					&reason);
	if (err)
		return fuse_backing_reject(fc, in->backing_id, err, reason);
	size = i_size_read(file_inode(file->fb->file));
	if (in->length > size || in->backing_offset > size - in->length)
		return fuse_backing_reject(fc, in->backing_id, -ERANGE,
					   FUSE_BACKING_EXTENT);
	extent->backing_pos = in->backing_offset;
	extent->file = file - map->files;
	file->extents++;
	file->bytes += in->length;
	return 0;
}

/* Take over what userspace says the extents are */
static int fill_map(struct fuse_conn *fc, struct fuse_extents_map *map)
{
	struct fuse_backing_extent in;
	struct extent *extent;
	loff_t min = 0;
	unsigned int i;
	int err;

	for (i = 0; i < map->nr; i++) {
		in = map->in[i];
		if (!is_extent_valid(&in, min))
			return fuse_backing_reject(fc, in.backing_id, -EINVAL,
						   FUSE_BACKING_EXTENT);
		extent = &map->extent[i];
		*extent = (struct extent) {
			.pos = in.offset,
			.end = in.offset + in.length,
			.file = NO_FILE,
			.writable = in.flags & FUSE_BACKING_EXTENT_WRITE,
		};
		if (!(in.flags & FUSE_BACKING_EXTENT_HOLE)) {
			err = fill_extent(fc, map, extent, &in);
			if (err)
				return err;
		}
		min = extent->end;
		cond_resched();
	}
	return 0;
}

static void count_extents(struct fuse_extents_map *map)
{
	unsigned int i;

	for (i = 0; i < map->nr_files; i++) {
		WRITE_ONCE(map->files[i].fb->block, true);
		fuse_backing_count_extents(map->files[i].fb,
					   map->files[i].extents,
					   map->files[i].bytes);
	}
}

static size_t map_size(unsigned int nr)
{
	return struct_size_t(struct fuse_extents_map, in, nr);
}

static size_t files_size(const struct fuse_extents_map *map)
{
	return array_size(map->nr_files, sizeof(map->files[0]));
}

/* Is it charged as long as it waits only? */
static bool is_small(const struct fuse_extents_map *map)
{
	return map_size(map->nr) + files_size(map) <= PAGE_SIZE;
}

/* What map_alloc() hasn't charged, or as much as there is a limit for */
static int charge_rest(struct fuse_conn *fc, struct fuse_extents_map *map)
{
	size_t size = map_size(map->nr);
	int err = 0;

	if (size <= PAGE_SIZE)
		err = fuse_charge(fc, size, &map->charge);
	return err ?: fuse_charge(fc, files_size(map), &map->charge);
}

static struct fuse_extents_map *
map_alloc(struct fuse_conn *fc, const struct fuse_backing_extents *args)
{
	size_t size = map_size(args->count);
	struct fuse_extents_map *map;
	struct fuse_charge charge = {};
	int err = 0;

	if (size > PAGE_SIZE)
		err = fuse_charge(fc, size, &charge);
	if (err)
		return ERR_PTR(err);
	/* too much for the caller's memory cgroup is its error, and nobody's end */
	map = kvmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL |
			     __GFP_NOWARN);
	if (!map) {
		fuse_uncharge(&charge);
		return ERR_PTR(-ENOMEM);
	}
	*map = (struct fuse_extents_map) {
		.count = REFCOUNT_INIT(1),
		.nodeid = args->nodeid,
		.generation = args->generation,
		.nr = args->count,
		.charge = charge,
	};
	return map;
}

/**
 * fuse_extents_map_read - read what FUSE_DEV_IOC_BACKING_EXTENTS says
 * @fc: the connection
 * @args: with a valid count
 *
 * The caller must hold no table: its memory may take forever.
 *
 * Context: process context without locks; may sleep, killable.
 * Return: a map of unchecked extents, for fuse_extents_create() or
 *	fuse_extents_map_abandon(); or an ERR_PTR(): -EFAULT, -ENOMEM; -ENOBUFS if
 *	RLIMIT_MEMLOCK of the caller's user is reached.
 */
struct fuse_extents_map *
fuse_extents_map_read(struct fuse_conn *fc,
		      const struct fuse_backing_extents *args)
{
	struct fuse_extents_map *map = map_alloc(fc, args);

	if (IS_ERR(map))
		return map;
	if (!copy_from_user(map->in, u64_to_user_ptr(args->extents),
			    array_size(args->count, sizeof(map->in[0]))))
		return map;
	fuse_extents_map_abandon(map);
	return ERR_PTR(-EFAULT);
}

/**
 * fuse_extents_map_abandon - free what was to become the map of extents
 * @map: from fuse_extents_map_read()
 *
 * Context: process context without locks; may sleep.
 */
void fuse_extents_map_abandon(struct fuse_extents_map *map)
{
	struct fuse_backing_table *table = map->table;
	unsigned int i;

	for (i = 0; i < map->nr_files; i++)
		fuse_backing_put(map->files[i].fb);
	map_release(map);
	if (table)
		fuse_backing_table_put(table);
}

static int map_complete(struct fuse_conn *fc, struct fuse_extents_map *map)
{
	int err = -ENOTCONN;

	map->table = fuse_backing_table_get(fc);
	if (map->table)
		err = fill_map(fc, map);
	if (!err && !is_small(map))
		err = charge_rest(fc, map);
	if (!err)
		count_extents(map);
	return err;
}

/**
 * fuse_extents_create - what FUSE_DEV_IOC_BACKING_EXTENTS says
 * @fc: the connection
 * @map: from fuse_extents_map_read(), which is taken over in any case
 *
 * Context: process context without locks; may sleep.
 * Return: the extents with a reference; or an ERR_PTR(): -EINVAL, -ERANGE,
 *	-E2BIG, -EBADF, -EPERM, -ENOENT, -ENOTCONN, -ENOMEM; -ENOBUFS as
 *	fuse_extents_map_read().
 */
struct fuse_extents *fuse_extents_create(struct fuse_conn *fc,
					 struct fuse_extents_map *map)
{
	struct fuse_extents *extents;
	int err = -ENOMEM;

	extents = kmalloc_obj(*extents, GFP_KERNEL_ACCOUNT);
	if (extents)
		err = map_complete(fc, map);
	if (err) {
		kfree(extents);
		fuse_extents_map_abandon(map);
		return ERR_PTR(err);
	}
	refcount_set(&extents->count, 1);
	atomic_set(&extents->replaced, 0);
	spin_lock_init(&extents->lock);
	extents->map = map;
	extents->end = LLONG_MAX;
	return extents;
}

/**
 * fuse_extents_charge - charge extents that are to wait
 * @fc: the connection
 * @extents: the extents, of which nobody else knows
 *
 * Context: process context without spinlocks; may sleep.
 * Return: 0; -ENOMEM; -ENOBUFS if RLIMIT_MEMLOCK of the caller's user is reached.
 */
int fuse_extents_charge(struct fuse_conn *fc, struct fuse_extents *extents)
{
	return is_small(extents->map) ? charge_rest(fc, extents->map) : 0;
}

/**
 * fuse_extents_uncharge - extents don't wait any more
 * @extents: the extents
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_extents_uncharge(struct fuse_extents *extents)
{
	if (is_small(extents->map))
		fuse_uncharge(&extents->map->charge);
}

/**
 * fuse_extents_get - another reference on extents
 * @extents: the extents
 *
 * Context: any.
 * Return: @extents.
 */
struct fuse_extents *fuse_extents_get(struct fuse_extents *extents)
{
	refcount_inc(&extents->count);
	return extents;
}

/**
 * fuse_extents_put - drop a reference on extents
 * @extents: the extents
 * @defer: backing files are to be closed by the thread
 *
 * Context: process context without spinlocks.  Unless @defer, without locks; may sleep
 *	then, because the last reference may close backing files.
 */
void fuse_extents_put(struct fuse_extents *extents, bool defer)
{
	if (!refcount_dec_and_test(&extents->count))
		return;
	if (map_put(extents->map))
		map_free(extents->map, defer);
	kfree(extents);
}

/**
 * fuse_extents_swap - from now on, extents are others
 * @extents: the extents of an inode
 * @other: what they are to be, of which nobody else knows; gets what they were
 * @kind: what uses their mappings
 *
 * I/O may be using what they were until fuse_extents_retire() returns.
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_extents_swap(struct fuse_extents *extents, struct fuse_extents *other,
		       enum fuse_backing_use_kind kind)
{
	spin_lock(&extents->lock);
	swap(extents->map, other->map);
	extents->end = LLONG_MAX;
	spin_unlock(&extents->lock);
	/* @other has a reference, without which nobody looks at it */
	other->map->replaced_in = fuse_extents_get(extents);
	atomic_inc(&extents->replaced);
	use_files(extents->map, kind);
	unuse_files(other->map);
}

/**
 * fuse_extents_are_replaced - did others take their place
 * @extents: extents of which nobody else knows
 *
 * Context: any.
 * Return: whether they have what fuse_extents_swap() put there.
 */
bool fuse_extents_are_replaced(const struct fuse_extents *extents)
{
	return extents->map->replaced_in;
}

/**
 * fuse_extents_retire - wait until nothing uses extents that were replaced
 * @other: what fuse_extents_swap() put them in, of which nobody else knows; it is done
 *	with
 *
 * That is all that were replaced for this inode: who waited for the others may have been
 * interrupted.  Clients may make it wait for as long as they like: so any signal ends that.
 *
 * Context: process context without locks; may sleep, interruptible.
 * Return: 0 or -EINTR.
 */
int fuse_extents_retire(struct fuse_extents *other)
{
	struct fuse_extents *extents = fuse_extents_get(other->map->replaced_in);
	int err;

	fuse_extents_put(other, false);
	err = wait_var_event_interruptible(&extents->replaced,
					   !atomic_read(&extents->replaced));
	fuse_extents_put(extents, false);
	return err ? -EINTR : 0;
}

/**
 * fuse_extents_use - say what uses the mappings of extents
 * @extents: the extents
 * @kind: what it is from now on
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_extents_use(struct fuse_extents *extents,
		      enum fuse_backing_use_kind kind)
{
	use_files(extents->map, kind);
}

/**
 * fuse_extents_id - the backing id of a mapping of extents
 * @extents: the extents
 *
 * Context: process context with fuse_attachments::lock held.
 * Return: one of several, for the tracepoint; 0 if they are holes.
 */
int fuse_extents_id(const struct fuse_extents *extents)
{
	const struct fuse_extents_map *map = extents->map;

	return map->nr_files ? map->files[0].fb->id : 0;
}

/**
 * fuse_extents_are_closed - was the id of a mapping closed
 * @extents: the extents
 *
 * Context: process context with fuse_attachments::lock held.
 * Return: whether it was, of one at least.
 */
bool fuse_extents_are_closed(struct fuse_extents *extents)
{
	const struct fuse_extents_map *map = extents->map;
	unsigned int i;

	for (i = 0; i < map->nr_files; i++)
		if (READ_ONCE(map->files[i].fb->closed))
			return true;
	return false;
}

/**
 * fuse_extents_cut - what lies behind a position is the server's from now on
 * @extents: extents of an inode
 * @end: the position
 *
 * Context: any but interrupts.
 */
void fuse_extents_cut(struct fuse_extents *extents, loff_t end)
{
	spin_lock(&extents->lock);
	extents->end = min(extents->end, end);
	spin_unlock(&extents->lock);
}

/* The map with a reference, and up to where it counts */
static struct fuse_extents_map *get_map(struct fuse_extents *extents,
					loff_t *end)
{
	struct fuse_extents_map *map;

	spin_lock(&extents->lock);
	map = extents->map;
	*end = extents->end;
	refcount_inc(&map->count);
	spin_unlock(&extents->lock);
	return map;
}

static bool is_hole(const struct extent *extent)
{
	return extent->file == NO_FILE;
}

/* The first extent that ends behind @pos, or the number of extents */
static unsigned int find_extent(const struct fuse_extents_map *map, loff_t pos)
{
	unsigned int low = 0, high = map->nr, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (map->extent[middle].end > pos)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Up to the next extent, the server has what there is */
static void server_range(const struct fuse_extents_map *map, unsigned int next,
			 loff_t pos, struct fuse_range *range)
{
	range->kind = FUSE_RANGE_SERVER;
	range->fb = NULL;
	range->writable = true;
	range->len = (next < map->nr ? map->extent[next].pos : LLONG_MAX) - pos;
}

static void extent_range(const struct fuse_extents_map *map,
			 const struct extent *extent, loff_t pos,
			 struct fuse_range *range)
{
	const struct extent_file *file;

	range->kind = FUSE_RANGE_HOLE;
	range->fb = NULL;
	range->writable = extent->writable;
	range->len = extent->end - pos;
	if (is_hole(extent))
		return;
	file = &map->files[extent->file];
	range->kind = FUSE_RANGE_FILE;
	range->fb = file->fb;
	range->file = file->fb->file;
	range->pos = extent->backing_pos + (pos - extent->pos);
}

/**
 * fuse_extents_find - what is at a position
 * @extents: extents of an open file
 * @pos: where in the FUSE file, less than the largest offset there is
 * @range: filled; to be given to fuse_extents_range_put()
 *
 * Context: any but interrupts.
 */
void fuse_extents_find(struct fuse_extents *extents, loff_t pos,
		       struct fuse_range *range)
{
	loff_t end;
	struct fuse_extents_map *map = get_map(extents, &end);
	unsigned int i = pos < end ? find_extent(map, pos) : map->nr;

	range->map = map;
	if (i < map->nr && map->extent[i].pos <= pos) {
		extent_range(map, &map->extent[i], pos, range);
		range->len = min(range->len, end - pos);
	} else {
		server_range(map, i, pos, range);
	}
}

/**
 * fuse_extents_range_get - keep a range for what goes on later
 * @range: from fuse_extents_find(), and not yet done with
 *
 * Context: any.
 */
void fuse_extents_range_get(const struct fuse_range *range)
{
	refcount_inc(&range->map->count);
}

/**
 * fuse_extents_range_put - done with a range
 * @range: from fuse_extents_find()
 *
 * Context: any.
 */
void fuse_extents_range_put(struct fuse_range *range)
{
	end_use(range->map);
}

/**
 * fuse_extents_next_data - find a hole, or the end of one
 * @extents: extents of an open file
 * @pos: where to start
 * @end: where to end
 * @hole: look for a hole
 *
 * What is in no extent is data, as far as the kernel knows.
 *
 * Context: process context; doesn't sleep.
 * Return: the first position from @pos on that is, or is not, in a hole; @end if
 *	there is none before.
 */
loff_t fuse_extents_next_data(struct fuse_extents *extents, loff_t pos,
			      loff_t end, bool hole)
{
	loff_t good;
	struct fuse_extents_map *map = get_map(extents, &good);
	unsigned int i = pos < good ? find_extent(map, pos) : map->nr;
	const struct extent *extent;

	for (; pos < end; i++) {
		extent = i < map->nr && map->extent[i].pos < good ?
			 &map->extent[i] : NULL;
		if (!extent || extent->pos > pos) {
			if (!hole)
				break;
			pos = extent ? extent->pos : end;
		}
		if (!extent || is_hole(extent) == hole)
			break;
		pos = min(extent->end, good);
	}
	end_use(map);
	return min(pos, end);
}

/**
 * fuse_extents_cover - is the server not needed for a part of a file
 * @extents: extents of an open file
 * @pos: where it starts
 * @end: where it ends
 *
 * Context: process context; doesn't sleep.
 * Return: whether all of it is in extents.
 */
bool fuse_extents_cover(struct fuse_extents *extents, loff_t pos, loff_t end)
{
	loff_t good;
	struct fuse_extents_map *map = get_map(extents, &good);
	unsigned int i;

	for (i = find_extent(map, pos); i < map->nr && pos < end; i++) {
		if (map->extent[i].pos > pos)
			break;
		pos = map->extent[i].end;
	}
	end_use(map);
	return min(pos, good) >= end;
}

/**
 * fuse_extents_any_file - does a backing file have a property
 * @extents: extents of an open file
 * @test: the property; must not sleep
 *
 * Context: any but interrupts.
 * Return: whether one of those that the extents are in has.
 */
bool fuse_extents_any_file(struct fuse_extents *extents,
			   bool (*test)(const struct file *file))
{
	loff_t end;
	struct fuse_extents_map *map = get_map(extents, &end);
	bool found = false;
	unsigned int i;

	for (i = 0; !found && i < map->nr_files; i++)
		found = test(map->files[i].fb->file);
	end_use(map);
	return found;
}

/* What may have been written of a backing file, through [start, end] of ours */
static bool written_range(const struct fuse_extents_map *map, unsigned int file,
			  loff_t start, loff_t end, loff_t *from, loff_t *to)
{
	const struct extent *extent;
	unsigned int i;

	*from = MAX_LFS_FILESIZE;
	*to = 0;
	for (i = find_extent(map, start); i < map->nr; i++) {
		extent = &map->extent[i];
		if (extent->pos > end)
			break;
		if (extent->file != file)
			continue;
		*from = min(*from, extent->backing_pos);
		*to = max(*to, extent->backing_pos + extent->end - extent->pos);
	}
	return *from < *to;
}

/**
 * fuse_extents_fsync - have what was written reach the disk
 * @extents: extents of an open file
 * @start: first byte in the FUSE file
 * @end: last byte
 * @datasync: data and what is needed to find it only
 *
 * Context: process context without locks; may sleep.
 * Return: 0, or the error of a backing filesystem.
 */
int fuse_extents_fsync(struct fuse_extents *extents, loff_t start, loff_t end,
		       int datasync)
{
	loff_t good, from, to;
	struct fuse_extents_map *map = get_map(extents, &good);
	int err = 0, ret;
	unsigned int i;

	for (i = 0; i < map->nr_files; i++) {
		/* what is on a filesystem that is only read needs no fsync */
		if (!map->files[i].fb->file->f_op->fsync ||
		    !written_range(map, i, start, end, &from, &to))
			continue;
		scoped_with_creds(map->files[i].fb->cred)
			ret = vfs_fsync_range(map->files[i].fb->file, from,
					      to - 1, datasync);
		err = err ?: ret;
		cond_resched();
	}
	end_use(map);
	return err;
}

/**
 * fuse_extents_flush - a file that can be written to is closed
 * @extents: extents of an open file
 *
 * Context: process context without locks; may sleep.
 * Return: 0, or the first error, as fuse_backing_flush_file().
 */
int fuse_extents_flush(struct fuse_extents *extents)
{
	loff_t end;
	struct fuse_extents_map *map = get_map(extents, &end);
	struct fuse_backing *fb;
	int err = 0, ret;
	unsigned int i;

	for (i = 0; i < map->nr_files; i++) {
		fb = map->files[i].fb;
		if (!(fb->file->f_mode & FMODE_WRITE))
			continue;
		ret = fuse_backing_flush_file(fb, fb->file);
		err = err ?: ret;
		cond_resched();
	}
	end_use(map);
	return err;
}
