// SPDX-License-Identifier: GPL-2.0
/*
 * What a mount's table of backing files must look like. See fuzz_model.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "backing_files.h"
#include "fuzz_model.h"

/* An id that was closed stays unused while fewer were handed out since. */
#define REUSE_DISTANCE	255

void model_init(struct model *m, unsigned int limit)
{
	memset(m, 0, sizeof(*m));
	m->next = 1;
	m->limit = limit;
}

bool model_live(const struct model *m, int id)
{
	return id > 0 && id < MODEL_IDS && m->map[id].in_table &&
	       !m->map[id].closed;
}

int model_register_result(const struct model *m)
{
	if (m->aborted)
		return -ENOTCONN;
	return m->count + 1 >= m->limit ? -EMFILE : 0;
}

const char *model_registered(struct model *m, int id,
			     const struct model_mapping *new)
{
	struct model_mapping *map = &m->map[id];

	if (id <= 0 || id >= MODEL_IDS)
		return "id out of range";
	if ((unsigned int)id >= m->limit)
		return "id beyond the limit";
	if (map->in_table)
		return "id is in use";
	if ((unsigned int)id > m->next)
		return "id left out others that were never used";
	if ((unsigned int)id < m->next && m->next < m->limit &&
	    m->handed_out - map->removed_at < REUSE_DISTANCE)
		return "id was used a moment ago";
	if ((unsigned int)id == m->next)
		m->next++;
	m->handed_out++;
	m->count++;
	*map = *new;
	map->in_table = true;
	return NULL;
}

/* Extents */

static bool set_has(const struct model_set *set, int id)
{
	return set->ids[id / 64] >> id % 64 & 1;
}

static void set_add(struct model_set *set,
		    const struct fuse_backing_extent *extent)
{
	int id = extent->backing_id;

	set->extent[set->count++] = *extent;
	if (id)
		set->ids[id / 64] |= 1ULL << id % 64;
}

static unsigned int count_sets(const struct model *m, int id,
			       enum model_set_kind kind)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < m->sets; i++)
		count += m->set[i].kind == kind && set_has(&m->set[i], id);
	return count;
}

static void count_extents(const struct model *m, int id,
			  unsigned long long *extents,
			  unsigned long long *bytes)
{
	const struct model_set *set;

	*extents = 0;
	*bytes = 0;
	for (set = m->set; set < m->set + m->sets; set++) {
		if (!set->kind || !set_has(set, id))
			continue;
		for (__u32 i = 0; i < set->count; i++) {
			if (set->extent[i].backing_id != id)
				continue;
			++*extents;
			*bytes += set->extent[i].length;
		}
	}
}

/* Inodes that @id is attached to, and attachments of it that wait */

static unsigned int count_attached(const struct model *m, int id)
{
	unsigned int count = count_sets(m, id, MODEL_SET_ATTACHED);

	for (int i = 0; i < MODEL_NODES; i++)
		count += m->node[i].attached == id;
	return count;
}

static unsigned int count_pending(const struct model *m, int id)
{
	unsigned int count = count_sets(m, id, MODEL_SET_PENDING);

	for (unsigned int i = 0; i < m->pendings; i++)
		count += m->pending[i].id == id;
	return count;
}

static bool is_used(const struct model *m, int id)
{
	const struct model_mapping *map = &m->map[id];

	return map->users || map->pins || count_attached(m, id) ||
	       count_pending(m, id) || count_sets(m, id, MODEL_SET_DETACHED);
}

static void remove_unused(struct model *m, int id)
{
	struct model_mapping *map = &m->map[id];

	if (!map->in_table || !map->closed || is_used(m, id))
		return;
	map->in_table = false;
	map->removed_at = m->handed_out;
	m->count--;
}

/* What @set had is not used by it any more. */
static void remove_extents(struct model *m, struct model_set *set)
{
	__u32 count = set->count;

	set->count = 0;
	memset(set->ids, 0, sizeof(set->ids));
	for (__u32 i = 0; i < count; i++)
		if (set->extent[i].backing_id)
			remove_unused(m, set->extent[i].backing_id);
}

static struct model_set *add_set(struct model *m, enum model_set_kind kind,
				 __u64 node)
{
	struct model_set *set = m->set;

	while (set->kind)
		set++;
	if (set == m->set + m->sets)
		m->sets++;
	*set = (struct model_set) { .kind = kind, .node = node };
	return set;
}

static void remove_closed_set(struct model *m, struct model_set *set)
{
	if (set->kind != MODEL_SET_DETACHED || set->opens)
		return;
	set->kind = MODEL_SET_UNUSED;
	remove_extents(m, set);
}

/* Neither attached nor waiting any more: open files keep it */
static void drop_set(struct model *m, struct model_set *set)
{
	if (!set)
		return;
	set->kind = MODEL_SET_DETACHED;
	remove_closed_set(m, set);
}

static void fill_set(struct model *m, struct model_set *set,
		     const struct fuse_backing_extents *args,
		     const struct fuse_backing_extent *extent)
{
	remove_extents(m, set);
	set->modes = args->flags & (MODEL_READ | MODEL_WRITE);
	set->filled = false;
	set->end = LLONG_MAX;
	set->unsure = false;
	for (__u32 i = 0; i < args->count; i++)
		set_add(set, &extent[i]);
}

static struct model_pending *find_pending(struct model *m, __u64 node,
					  __u32 generation)
{
	for (unsigned int i = 0; i < m->pendings; i++)
		if (m->pending[i].node == node &&
		    m->pending[i].generation == generation)
			return &m->pending[i];
	return NULL;
}

static void remove_pending(struct model *m, struct model_pending *pending)
{
	*pending = m->pending[--m->pendings];
}

static bool is_pending_of(const struct model_pending *pending, int id)
{
	return pending->set ? set_has(pending->set, id) : pending->id == id;
}

static void drop_pending_of(struct model *m, int id)
{
	struct model_set *set;

	for (unsigned int i = m->pendings; i--; ) {
		if (!is_pending_of(&m->pending[i], id))
			continue;
		set = m->pending[i].set;
		remove_pending(m, &m->pending[i]);
		drop_set(m, set);
	}
}

void model_close(struct model *m, int id)
{
	m->map[id].closed = true;
	drop_pending_of(m, id);
	remove_unused(m, id);
}

void model_close_all(struct model *m)
{
	m->pendings = 0;
	for (int i = 0; i < MODEL_NODES; i++) {
		m->node[i].attached = 0;
		m->node[i].set = NULL;
	}
	for (unsigned int i = 0; i < m->sets; i++)
		if (m->set[i].kind)
			drop_set(m, &m->set[i]);
	for (int id = 1; id < MODEL_IDS; id++) {
		m->map[id].closed = true;
		remove_unused(m, id);
	}
}

void model_look_up(struct model *m, unsigned int name)
{
	struct model_pending *pending =
		find_pending(m, MODEL_FIRST_NODE + name, 0);

	m->node[name].known = true;
	if (!pending)
		return;
	m->node[name].attached = pending->id;
	m->node[name].modes = pending->modes;
	m->node[name].set = pending->set;
	if (pending->set)
		pending->set->kind = MODEL_SET_ATTACHED;
	remove_pending(m, pending);
}

void model_open(struct model *m, int id, unsigned int name)
{
	m->map[id].users++;
	m->map[id].users_of[name]++;
	m->node[name].opens++;
	m->node[name].file = m->map[id].file;
}

void model_release(struct model *m, int id, unsigned int name)
{
	m->map[id].users--;
	m->map[id].users_of[name]--;
	m->node[name].opens--;
	remove_unused(m, id);
}

void model_open_extents(struct model *m, struct model_set *set,
			unsigned int name)
{
	if (!m->node[name].opens)
		set->filled = false;
	set->opens++;
	m->node[name].opens++;
	m->node[name].file = MODEL_OWN_EXTENTS;
}

void model_release_extents(struct model *m, struct model_set *set,
			   unsigned int name)
{
	set->opens--;
	m->node[name].opens--;
	remove_closed_set(m, set);
}

void model_claim(struct model *m, int id)
{
	if (!model_live(m, id) || !m->map[id].per_open)
		return;
	m->map[id].closed = true;
	remove_unused(m, id);
}

void model_pin(struct model *m, int id, unsigned int name)
{
	m->map[id].pins++;
	m->map[id].pins_of[name]++;
}

void model_unpin(struct model *m, int id, unsigned int name)
{
	m->map[id].pins--;
	m->map[id].pins_of[name]--;
	remove_unused(m, id);
	/* the thread gives it up */
	m->settling = true;
}

void model_evict(struct model *m, unsigned int name)
{
	struct model_node *node = &m->node[name];
	int attached = node->attached;

	if (node->set) {
		drop_set(m, node->set);
		m->settling = true;
	}
	*node = (struct model_node) { .cached = node->cached };
	if (attached) {
		remove_unused(m, attached);
		m->settling = true;
	}
}

void model_abort(struct model *m)
{
	model_close_all(m);
	m->aborted = true;
	m->settling = true;
}

/* What is attached */

static bool is_attach_valid(const struct fuse_backing_attach *args)
{
	const __u32 modes = FUSE_BACKING_READ | FUSE_BACKING_WRITE;

	return args->nodeid && args->backing_id > 0 && args->flags & modes &&
	       !(args->flags & ~(modes | FUSE_BACKING_ATTACH_PENDING |
				 FUSE_BACKING_ATTACH_UNCHECKED)) &&
	       !args->reserved[0] && !args->reserved[1];
}

/* Only half of a generation ever gets to the kernel. */
static struct model_node *find_node(struct model *m, __u64 node,
				    __u64 generation)
{
	if (node < MODEL_FIRST_NODE || node >= MODEL_FIRST_NODE + MODEL_NODES ||
	    (__u32)generation || !m->node[node - MODEL_FIRST_NODE].known)
		return NULL;
	return &m->node[node - MODEL_FIRST_NODE];
}

static int attach_known(struct model *m, struct model_node *node,
			const struct fuse_backing_attach *args)
{
	if (node->cached)
		return -ETXTBSY;
	if (node->attached || node->set)
		return -EEXIST;
	if (node->opens && node->file != m->map[args->backing_id].file)
		return -EBUSY;
	node->attached = args->backing_id;
	node->modes = args->flags & (MODEL_READ | MODEL_WRITE);
	return 0;
}

static int attach_later(struct model *m, const struct fuse_backing_attach *args)
{
	if (!(args->flags & FUSE_BACKING_ATTACH_PENDING))
		return -ENOENT;
	if (find_pending(m, args->nodeid, args->generation))
		return -EEXIST;
	if (m->pendings >= m->limit)
		return -EMFILE;
	m->pending[m->pendings++] = (struct model_pending) {
		.node = args->nodeid,
		.generation = args->generation,
		.id = args->backing_id,
		.modes = args->flags & (MODEL_READ | MODEL_WRITE),
	};
	return 0;
}

static int attach(struct model *m, const struct fuse_backing_attach *args)
{
	struct model_node *node = find_node(m, args->nodeid, args->generation);

	if (args->nodeid == FUSE_ROOT_ID && !(__u32)args->generation)
		return -EISDIR;
	return node ? attach_known(m, node, args) : attach_later(m, args);
}

int model_attach(struct model *m, const struct fuse_backing_attach *args)
{
	struct model_mapping *map;
	int err;

	if (!is_attach_valid(args))
		return -EINVAL;
	if (!(args->flags & FUSE_BACKING_ATTACH_UNCHECKED))
		return -EACCES;
	if (m->aborted)
		return -ENOTCONN;
	if (!model_live(m, args->backing_id))
		return -ENOENT;
	map = &m->map[args->backing_id];
	map->per_inode = true;
	err = attach(m, args);
	if (map->per_open)
		map->closed = true;
	remove_unused(m, args->backing_id);
	return err;
}

static bool is_hole(const struct fuse_backing_extent *extent)
{
	return extent->flags & FUSE_BACKING_EXTENT_HOLE;
}

static bool is_extent_valid(const struct fuse_backing_extent *extent, __u64 min)
{
	const __u64 largest = LLONG_MAX;

	if (extent->flags & ~(FUSE_BACKING_EXTENT_HOLE |
			      FUSE_BACKING_EXTENT_WRITE) ||
	    !extent->length || extent->length > largest ||
	    extent->offset < min || extent->offset > largest - extent->length)
		return false;
	if (is_hole(extent))
		return extent->flags == FUSE_BACKING_EXTENT_HOLE &&
		       !extent->backing_id && !extent->backing_offset;
	return extent->backing_id > 0;
}

/* The first extent of its backing file: may there be another one? */
static int check_id(const struct model *m, const struct model_set *before,
		    int id, unsigned int *ids)
{
	if (id < MODEL_IDS && set_has(before, id))
		return 0;
	if (*ids == FUSE_BACKING_EXTENTS_FILES)
		return -E2BIG;
	++*ids;
	return model_live(m, id) && !m->map[id].per_open ? 0 : -ENOENT;
}

static int check_backing(const struct model *m,
			 const struct fuse_backing_extent *extent,
			 const struct model_file *file)
{
	const struct model_mapping *map = &m->map[extent->backing_id];
	bool write = extent->flags & FUSE_BACKING_EXTENT_WRITE;

	if (!(map->mode & MODEL_READ) || (write && !(map->mode & MODEL_WRITE)))
		return -EBADF;
	file += map->file;
	if (write && (file->append_only || map->mode & MODEL_APPEND))
		return -EPERM;
	return extent->length > file->size ||
	       extent->backing_offset > file->size - extent->length ?
	       -ERANGE : 0;
}

static int check_extents(const struct model *m, __u32 count,
			 const struct fuse_backing_extent *extent,
			 const struct model_file *file)
{
	struct model_set before = {};
	unsigned int ids = 0;
	__u64 min = 0;
	int err = 0;

	for (__u32 i = 0; i < count && !err; i++, extent++) {
		if (!is_extent_valid(extent, min))
			return -EINVAL;
		if (!is_hole(extent))
			err = check_id(m, &before, extent->backing_id, &ids);
		if (!err && !is_hole(extent))
			err = check_backing(m, extent, file);
		min = extent->offset + extent->length;
		if (!err)
			set_add(&before, extent);
	}
	return err;
}

static void note_block(struct model *m, __u32 count,
		       const struct fuse_backing_extent *extent)
{
	for (__u32 i = 0; i < count; i++)
		m->map[extent[i].backing_id].block = true;
}

/* Where the extents go, or NULL and an errno in *err. */
static struct model_set *set_of_known(struct model *m, struct model_node *node,
				      __u64 nodeid, int *err)
{
	*err = 0;
	if (node->set)
		return node->set;
	if (node->cached)
		*err = -ETXTBSY;
	else if (node->attached)
		*err = -EEXIST;
	else if (node->opens)
		*err = -EBUSY;
	else
		node->set = add_set(m, MODEL_SET_ATTACHED, nodeid);
	return node->set;
}

static struct model_set *set_of_later(struct model *m,
				      const struct fuse_backing_extents *args,
				      int *err)
{
	struct model_pending *there =
		find_pending(m, args->nodeid, args->generation);

	*err = 0;
	if (!(args->flags & FUSE_BACKING_ATTACH_PENDING))
		*err = -ENOENT;
	else if (there && !there->set)
		*err = -EEXIST;
	else if (!there && m->pendings >= m->limit)
		*err = -EMFILE;
	if (*err)
		return NULL;
	if (there)
		return there->set;
	there = &m->pending[m->pendings++];
	*there = (struct model_pending) {
		.node = args->nodeid,
		.generation = args->generation,
		.set = add_set(m, MODEL_SET_PENDING, args->nodeid),
	};
	return there->set;
}

static int put_extents(struct model *m, const struct fuse_backing_extents *args,
		       const struct fuse_backing_extent *extent)
{
	struct model_node *node = find_node(m, args->nodeid, args->generation);
	struct model_set *set;
	int err;

	if (args->nodeid == FUSE_ROOT_ID && !(__u32)args->generation)
		return -EISDIR;
	set = node ? set_of_known(m, node, args->nodeid, &err) :
		     set_of_later(m, args, &err);
	if (set)
		fill_set(m, set, args, extent);
	return err;
}

static bool are_extents_valid(const struct fuse_backing_extents *args)
{
	const __u32 modes = FUSE_BACKING_READ | FUSE_BACKING_WRITE;

	return args->nodeid && args->count && args->flags & modes &&
	       !(args->flags & ~(modes | FUSE_BACKING_ATTACH_PENDING |
				 FUSE_BACKING_ATTACH_UNCHECKED)) &&
	       !args->reserved[0] && !args->reserved[1];
}

int model_set_extents(struct model *m, const struct fuse_backing_extents *args,
		      const struct fuse_backing_extent *extent,
		      const struct model_file *file)
{
	int err;

	if (args->count > FUSE_BACKING_EXTENTS_MAX)
		return -E2BIG;
	if (!are_extents_valid(args))
		return -EINVAL;
	if (!(args->flags & FUSE_BACKING_ATTACH_UNCHECKED))
		return -EACCES;
	if (args->extents != (unsigned long)extent)
		return -EFAULT;
	if (m->aborted)
		return -ENOTCONN;
	/* without a table there is nothing to look at */
	if (!m->handed_out)
		return -ENOENT;
	err = check_extents(m, args->count, extent, file);
	if (err)
		return err;
	note_block(m, args->count, extent);
	return put_extents(m, args, extent);
}

/* Returns whether there was something. */
static bool detach_pending(struct model *m, __u64 node, __u32 generation)
{
	struct model_pending *pending = find_pending(m, node, generation);
	struct model_set *set;
	int id;

	if (!pending)
		return false;
	id = pending->id;
	set = pending->set;
	remove_pending(m, pending);
	remove_unused(m, id);
	drop_set(m, set);
	return true;
}

static bool detach_node(struct model *m, struct model_node *node)
{
	struct model_set *set = node->set;
	int id = node->attached;

	if (!id && !set)
		return false;
	node->attached = 0;
	node->set = NULL;
	remove_unused(m, id);
	drop_set(m, set);
	return true;
}

int model_detach(struct model *m, const struct fuse_backing_detach *args)
{
	struct model_node *node = find_node(m, args->nodeid, args->generation);
	bool done;

	if (args->flags & ~FUSE_BACKING_DETACH_REVOKE || args->padding ||
	    args->reserved[0] || args->reserved[1])
		return -EINVAL;
	done = detach_pending(m, args->nodeid, args->generation);
	if (node && args->flags & FUSE_BACKING_DETACH_REVOKE) {
		if (node->maps)
			return -EBUSY;
		node->revocations++;
		done |= node->opens;
	}
	if (node)
		done |= detach_node(m, node);
	return done ? 0 : -ENOENT;
}

static bool wants(int flags, int mode)
{
	return (flags & O_ACCMODE) == mode || (flags & O_ACCMODE) == O_RDWR;
}

static bool is_good_for(__u8 modes, int flags)
{
	return (!wants(flags, O_RDONLY) || modes & MODEL_READ) &&
	       (!wants(flags, O_WRONLY) || modes & MODEL_WRITE);
}

int model_attached(const struct model *m, unsigned int name, int flags)
{
	const struct model_node *node = &m->node[name];

	if (node->cached || m->aborted || !is_good_for(node->modes, flags))
		return 0;
	return node->attached;
}

struct model_set *model_extents(const struct model *m, unsigned int name,
				int flags)
{
	const struct model_node *node = &m->node[name];

	if (node->cached || m->aborted || !node->set ||
	    !is_good_for(node->set->modes, flags))
		return NULL;
	return node->set;
}

bool model_fits(const struct model *m, unsigned int name, int id)
{
	return !m->node[name].opens || m->node[name].file == m->map[id].file;
}

bool model_fits_extents(const struct model *m, unsigned int name)
{
	return !m->node[name].opens || m->node[name].file == MODEL_OWN_EXTENTS;
}

void model_see_size(struct model_set *set, __u64 size)
{
	if (set->size_known && size > set->size && set->size < set->end)
		set->end = set->size;
	set->size_known = true;
	set->size = size;
}

const struct fuse_backing_extent *
model_find_extent(const struct model_set *set, __u64 pos, __u64 *len)
{
	const struct fuse_backing_extent *extent = set->extent;

	if (pos >= set->end) {
		*len = LLONG_MAX - pos;
		return NULL;
	}
	while (extent < set->extent + set->count &&
	       extent->offset + extent->length <= pos)
		extent++;
	if (extent == set->extent + set->count) {
		*len = LLONG_MAX - pos;
		return NULL;
	}
	if (extent->offset > pos) {
		*len = extent->offset - pos;
		return NULL;
	}
	*len = extent->offset + extent->length - pos;
	if (*len > set->end - pos)
		*len = set->end - pos;
	return extent;
}

/* What is listed */

static __u32 state_of(const struct model *m, int id)
{
	const struct model_mapping *map = &m->map[id];

	if (count_attached(m, id))
		return FUSE_BACKING_STATE_LIVE;
	if (count_pending(m, id))
		return FUSE_BACKING_STATE_PENDING;
	if (map->per_open && !map->per_inode)
		return map->closed ? FUSE_BACKING_STATE_LIVE :
				     FUSE_BACKING_STATE_PENDING;
	return map->closed ? FUSE_BACKING_STATE_CLOSING :
			     FUSE_BACKING_STATE_LIVE;
}

static __u32 mode_of(const struct model_mapping *map)
{
	if (map->block)
		return FUSE_BACKING_MODE_BLOCK;
	if (map->per_inode)
		return FUSE_BACKING_MODE_INODE;
	return map->per_open ? FUSE_BACKING_MODE_OPEN : FUSE_BACKING_MODE_ID;
}

/* Open files of a detached set count as one. */
static unsigned int count_files(const struct model *m, int id)
{
	return m->map[id].users + count_sets(m, id, MODEL_SET_DETACHED);
}

static const char *line_differs(const struct model *m,
				const struct backing_line *line)
{
	static const char * const modes[] = { "id", "open", "inode", "block" };
	static const char * const states[] = { "live", "closing", "pending" };
	static const char * const access[] = { "-", "r", "w", "rw" };
	const struct model_mapping *map = &m->map[line->id];
	unsigned long long extents, bytes;

	if (!map->in_table)
		return "an id that is not in the table";
	if (strcmp(line->mode, modes[mode_of(map)]))
		return "mode";
	if (strcmp(line->state, states[state_of(m, line->id)]))
		return "state";
	if (strcmp(line->access, access[map->mode & (MODEL_READ | MODEL_WRITE)]))
		return "access";
	if (line->files != count_files(m, line->id))
		return "files";
	if (line->mmaps != map->pins)
		return "mmaps";
	if (line->attached != count_attached(m, line->id))
		return "attached";
	if (line->pending != count_pending(m, line->id))
		return "pending";
	if (!strcmp(line->nodes, "-") == is_used(m, line->id))
		return "nodes";
	count_extents(m, line->id, &extents, &bytes);
	if (line->extents != extents)
		return "extents";
	if (line->extent_bytes != bytes)
		return "bytes in extents";
	return NULL;
}

const char *model_differs(const struct model *m,
			  const struct backing_files *files)
{
	const char *wrong = NULL;

	if ((unsigned int)files->count != m->count)
		return "number of lines";
	if (!backing_files_ascend(files))
		return "order";
	for (int i = 0; i < files->count && !wrong; i++)
		wrong = files->line[i].id >= MODEL_IDS ? "id out of range" :
			line_differs(m, &files->line[i]);
	return wrong;
}

__u32 model_next(const struct model *m, __u32 start)
{
	for (__u32 id = start ?: 1; id < MODEL_IDS; id++)
		if (m->map[id].in_table)
			return id;
	return 0;
}

static bool uses_node(const struct model *m, int id, __u64 node)
{
	const struct model_mapping *map = &m->map[id];
	__u64 name = node - MODEL_FIRST_NODE;

	for (unsigned int i = 0; i < m->pendings; i++)
		if (m->pending[i].id == id && m->pending[i].node == node)
			return true;
	for (unsigned int i = 0; i < m->sets; i++)
		if (m->set[i].kind && m->set[i].node == node &&
		    set_has(&m->set[i], id))
			return true;
	return name < MODEL_NODES &&
	       (map->users_of[name] || map->pins_of[name] ||
		m->node[name].attached == id);
}

static bool nodes_differ(const struct model *m,
			 const struct fuse_backing_entry *entry)
{
	if (entry->nr_nodes > FUSE_BACKING_ENTRY_NODES ||
	    !entry->nr_nodes == is_used(m, entry->id) ||
	    entry->flags & ~FUSE_BACKING_ENTRY_MORE_NODES)
		return true;
	for (__u32 i = 0; i < entry->nr_nodes; i++)
		if (!uses_node(m, entry->id, entry->nodeid[i]))
			return true;
	return false;
}

const char *model_entry_differs(const struct model *m, __u32 start,
				const struct fuse_backing_entry *entry)
{
	__u32 id = model_next(m, start);
	const struct model_mapping *map = &m->map[id];
	unsigned long long extents, bytes;

	if (!id || (__u32)entry->id != id)
		return "id";
	if (entry->mode != mode_of(map))
		return "mode";
	if (entry->state != state_of(m, id))
		return "state";
	if (entry->access != (map->mode & (MODEL_READ | MODEL_WRITE)))
		return "access";
	if (entry->files != count_files(m, id))
		return "files";
	if (entry->mmaps != map->pins)
		return "mmaps";
	if (entry->attached != count_attached(m, id))
		return "attached";
	if (entry->pending != count_pending(m, id))
		return "pending";
	if (nodes_differ(m, entry))
		return "nodes";
	count_extents(m, id, &extents, &bytes);
	if (entry->extents != extents)
		return "extents";
	if (entry->extent_bytes != bytes)
		return "bytes in extents";
	return entry->reserved ? "reserved" : NULL;
}

int model_permission(const struct model_mapping *map, __u8 rights, int flags,
		     bool *append_only)
{
	*append_only = false;
	if (map->as_opened)
		rights &= MODEL_APPEND;
	if (wants(flags, O_RDONLY) && !((map->mode | rights) & MODEL_READ))
		return -EACCES;
	if (!wants(flags, O_WRONLY))
		return 0;
	if (!((map->mode | rights) & MODEL_WRITE))
		return -EACCES;
	*append_only = (rights & MODEL_APPEND) ||
		       (!(rights & MODEL_WRITE) && (map->mode & MODEL_APPEND));
	return *append_only && !(flags & O_APPEND) ? -EPERM : 0;
}
