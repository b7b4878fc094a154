// SPDX-License-Identifier: GPL-2.0
/*
 * What is in an archive, and where. See index.h.
 *
 * libarchive doesn't say where the bytes of a member are in the archive. But it
 * reads one that is in memory without copying it: for bytes that are stored as
 * they are, it returns a pointer into that memory. So the archive is mapped, and
 * each pointer tells the offset of the bytes from there to the end of its block,
 * without looking at any of them. A pointer to elsewhere says that the member is
 * compressed, or put together in some other way.
 */

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc.h"
#include "extents.h"
#include "index.h"
#include "tree.h"

struct index {
	struct archive *archive;
	struct tree *tree;
	struct extents *extents;
	const char *memory;
	size_t size;
	const char *path;
	uint32_t member;
	bool owners;		/* the archive says who they are */
};

/* A name in a directory; of no length: the root */
struct place {
	uint32_t parent;
	const char *name;
	size_t len;
};

static void skip(const char *path, const char *why)
{
	warnx("%s: left out: %s", path, why);
}

struct archive *index_reader(void)
{
	struct archive *archive = archive_read_new();

	if (archive && !archive_read_support_format_tar(archive) &&
	    !archive_read_support_format_zip_seekable(archive) &&
	    /* that would read everything */
	    !archive_read_set_format_option(archive, "zip", "ignorecrc32", "1"))
		return archive;
	archive_read_free(archive);
	return NULL;
}

/* Places */

/* A directory that has no member of its own, or not yet */
static uint32_t make_directory(struct tree *tree, const struct place *place)
{
	struct node node = *tree_node(tree, TREE_ROOT);
	uint32_t number;

	node.mode = S_IFDIR | 0755;
	node.links = 0;
	node.names = 0;
	number = tree_add_node(tree, &node);
	tree_add_name(tree, place->parent, place->name, place->len, number);
	return number;
}

/* The directory of this name, or 0 */
static uint32_t enter(struct tree *tree, const struct place *place)
{
	uint32_t name, node;

	name = tree_find(tree, place->parent, place->name, place->len);
	if (!name)
		return make_directory(tree, place);
	node = tree->names[name].node;
	return S_ISDIR(tree_node(tree, node)->mode) ? node : 0;
}

/* Returns what is wrong with the path */
static const char *find_place(struct tree *tree, const char *path,
			      struct place *place)
{
	const char *part;
	size_t len;

	*place = (struct place){ .parent = TREE_ROOT };
	while (*path) {
		part = path;
		len = strcspn(path, "/");
		path += len;
		path += strspn(path, "/");
		if (!len || (len == 1 && *part == '.'))
			continue;
		if (len == 2 && !memcmp(part, "..", 2))
			return "it is above the archive";
		if (len > NAME_MAX)
			return "its name is too long";
		if (place->len)
			place->parent = enter(tree, place);
		if (!place->parent)
			return "it is below what is no directory";
		place->name = part;
		place->len = len;
	}
	return NULL;
}

/* The last member of a name counts, as when they are unpacked one by one */
static const char *put(struct tree *tree, const struct place *place,
		       uint32_t node)
{
	uint32_t name = tree_find(tree, place->parent, place->name, place->len);
	const struct node *old;

	if (!name) {
		tree_add_name(tree, place->parent, place->name, place->len,
			      node);
		return NULL;
	}
	old = tree_node(tree, tree->names[name].node);
	if (S_ISDIR(old->mode))
		return "a directory of this name is there";
	tree_change_name(tree, name, node);
	return NULL;
}

/* Members */

/* False if some of its bytes aren't in the archive as they are */
static bool find_extents(struct index *index, struct node *node)
{
	const void *block;
	size_t size;
	la_int64_t offset;
	int res;

	while (!(res = archive_read_data_block(index->archive, &block, &size,
					       &offset))) {
		const uintptr_t where = (uintptr_t)block -
					(uintptr_t)index->memory;
		const struct extent extent = { offset, size, where };

		if (!size)
			continue;
		if (where >= index->size || size > index->size - where ||
		    offset < 0 || (uint64_t)offset > node->size ||
		    size > node->size - offset ||
		    !extents_add(index->extents, node->extent, &extent))
			return false;
	}
	return res == ARCHIVE_EOF;
}

static void add_data(struct index *index, struct node *node)
{
	node->extent = index->extents->count;
	if (find_extents(index, node))
		node->extents = index->extents->count - node->extent;
	else
		node->packed = true;
	index->extents->count = node->extent + node->extents;
}

static void set_attributes(const struct index *index, struct node *node,
			   struct archive_entry *entry)
{
	node->mode = (node->mode & S_IFMT) | archive_entry_perm(entry);
	node->mtime = archive_entry_mtime(entry);
	node->mtime_nsec = archive_entry_mtime_nsec(entry);
	if (index->owners) {
		node->uid = archive_entry_uid(entry);
		node->gid = archive_entry_gid(entry);
	}
}

/* It may be known already, by what is in it or from an earlier member */
static const char *add_directory(struct index *index, struct place *place,
				 struct archive_entry *entry)
{
	struct tree *tree = index->tree;
	uint32_t node = TREE_ROOT;

	if (place->len)
		node = enter(tree, place);
	if (!node)
		return "there is something else of this name";
	set_attributes(index, tree_node(tree, node), entry);
	return NULL;
}

static const char *add_link(struct index *index, const struct place *place,
			    const char *target)
{
	struct tree *tree = index->tree;
	struct place other;
	uint32_t name = 0;

	if (!target || find_place(tree, target, &other))
		return "what it is a link to";
	if (other.len)
		name = tree_find(tree, other.parent, other.name, other.len);
	if (!name || S_ISDIR(tree_node(tree, tree->names[name].node)->mode))
		return "what it is a link to isn't there";
	return put(tree, place, tree->names[name].node);
}

static const char *add_other(struct index *index, const struct place *place,
			     struct archive_entry *entry)
{
	struct tree *tree = index->tree;
	const char *target = archive_entry_symlink(entry);
	struct node node = {
		.mode = archive_entry_filetype(entry),
		.uid = tree_node(tree, TREE_ROOT)->uid,
		.gid = tree_node(tree, TREE_ROOT)->gid,
		.member = index->member,
	};

	set_attributes(index, &node, entry);
	switch (node.mode & S_IFMT) {
	case S_IFREG:
		node.size = archive_entry_size(entry);
		add_data(index, &node);
		break;
	case S_IFLNK:
		if (!target)
			return "a symbolic link to nothing";
		node.size = strlen(target);
		node.target = tree_add_text(tree, target, node.size);
		break;
	default:
		node.rdev = archive_entry_rdev(entry);
	}
	return put(tree, place, tree_add_node(tree, &node));
}

static const char *add_member(struct index *index, const char *path,
			      struct archive_entry *entry)
{
	bool is_directory = archive_entry_filetype(entry) == AE_IFDIR;
	struct place place;
	const char *wrong = find_place(index->tree, path, &place);

	if (wrong)
		return wrong;
	if (is_directory)
		return add_directory(index, &place, entry);
	if (!place.len)
		return "it has no name";
	if (archive_entry_hardlink(entry))
		return add_link(index, &place, archive_entry_hardlink(entry));
	return add_other(index, &place, entry);
}

static void add_members(struct index *index)
{
	struct archive_entry *entry;
	const char *path, *wrong;
	int res;

	for (;; index->member++) {
		res = archive_read_next_header(index->archive, &entry);
		if (res == ARCHIVE_EOF)
			return;
		if (res < ARCHIVE_WARN)
			errx(EXIT_FAILURE, "%s: %s", index->path,
			     archive_error_string(index->archive));
		/* names that are no UTF-8 are warned of: here, they are bytes */
		path = archive_entry_pathname(entry);
		wrong = path ? add_member(index, path, entry) :
			       "its name can't be told";
		if (wrong)
			skip(path ?: "a member", wrong);
	}
}

void index_archive(struct tree *tree, struct extents *extents, const char *path,
		   int fd, size_t size)
{
	struct index index = {
		.archive = need(index_reader()),
		.tree = tree,
		.extents = extents,
		.path = path,
		.size = size,
		.owners = !geteuid(),
	};
	void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		err(EXIT_FAILURE, "%s", path);
	index.memory = memory;
	if (archive_read_open_memory(index.archive, memory, size))
		errx(EXIT_FAILURE, "%s: %s", path,
		     archive_error_string(index.archive));
	add_members(&index);
	archive_read_free(index.archive);
	munmap(memory, size);
}
