// SPDX-License-Identifier: GPL-2.0
/*
 * The directory tree of an archive. See tree.h.
 */

#include <string.h>

#include "alloc.h"
#include "tree.h"

#define HASH_MIN	1024

struct node *tree_node(const struct tree *tree, uint32_t node)
{
	return &tree->nodes[node];
}

uint32_t tree_add_node(struct tree *tree, const struct node *node)
{
	tree->nodes = grow(tree->nodes, tree->node_count, sizeof(*tree->nodes));
	tree->nodes[tree->node_count] = *node;
	return tree->node_count++;
}

const char *tree_text(const struct tree *tree, uint32_t text)
{
	return &tree->texts[text];
}

uint32_t tree_add_text(struct tree *tree, const char *text, size_t len)
{
	uint32_t at = tree->text_size;

	if (len >= UINT32_MAX / 2 - at)
		errx(EXIT_FAILURE, "too many names");
	while (tree->text_room - at <= len) {
		tree->text_room = tree->text_room ? 2 * tree->text_room : 4096;
		tree->texts = need(realloc(tree->texts, tree->text_room));
	}
	memcpy(&tree->texts[at], text, len);
	tree->texts[at + len] = '\0';
	tree->text_size += len + 1;
	return at;
}

/* FNV-1a */
static uint32_t hash_of(uint32_t parent, const char *text, size_t len)
{
	uint32_t hash = 2166136261u ^ parent * 2654435761u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash;
}

static bool is_name(const struct tree *tree, uint32_t name, uint32_t parent,
		    const char *text, size_t len)
{
	const char *known = tree_text(tree, tree->names[name].text);

	return tree->names[name].parent == parent &&
	       !strncmp(known, text, len) && !known[len];
}

/* Where a name is in the hash, or would be */
static uint32_t *slot_of(const struct tree *tree, uint32_t parent,
			 const char *text, size_t len)
{
	uint32_t i = hash_of(parent, text, len);

	for (;; i++) {
		uint32_t *slot = &tree->hash[i & (tree->hash_size - 1)];

		if (!*slot || is_name(tree, *slot, parent, text, len))
			return slot;
	}
}

uint32_t tree_find(const struct tree *tree, uint32_t parent, const char *text,
		   size_t len)
{
	return *slot_of(tree, parent, text, len);
}

static void make_hash(struct tree *tree, uint32_t size)
{
	free(tree->hash);
	tree->hash = need(calloc(size, sizeof(*tree->hash)));
	tree->hash_size = size;
	for (uint32_t i = 1; i < tree->name_count; i++) {
		const char *text = tree_text(tree, tree->names[i].text);

		*slot_of(tree, tree->names[i].parent, text, strlen(text)) = i;
	}
}

static void link_name(struct tree *tree, uint32_t name)
{
	struct node *parent = tree_node(tree, tree->names[name].parent);

	if (parent->names)
		tree->names[parent->last_name].next = name;
	else
		parent->names = name;
	parent->last_name = name;
}

/* A directory has a link from itself, and one from each within */
static void count_links(struct tree *tree, uint32_t parent, uint32_t node,
			int sign)
{
	tree_node(tree, node)->links += sign;
	if (S_ISDIR(tree_node(tree, node)->mode)) {
		tree_node(tree, node)->links += sign;
		tree_node(tree, parent)->links += sign;
	}
}

void tree_add_name(struct tree *tree, uint32_t parent, const char *text,
		   size_t len, uint32_t node)
{
	const struct name name = {
		.text = tree_add_text(tree, text, len),
		.parent = parent,
		.node = node,
	};

	tree->names = grow(tree->names, tree->name_count, sizeof(*tree->names));
	tree->names[tree->name_count] = name;
	if (tree->name_count >= tree->hash_size / 2)
		make_hash(tree, 2 * tree->hash_size);
	*slot_of(tree, parent, text, len) = tree->name_count;
	link_name(tree, tree->name_count++);
	count_links(tree, parent, node, 1);
}

void tree_change_name(struct tree *tree, uint32_t name, uint32_t node)
{
	const uint32_t parent = tree->names[name].parent;

	count_links(tree, parent, tree->names[name].node, -1);
	tree->names[name].node = node;
	count_links(tree, parent, node, 1);
}

void tree_init(struct tree *tree, const struct node *root)
{
	static const struct node none;
	static const struct name no_name;

	memset(tree, 0, sizeof(*tree));
	/* the numbers 0 */
	tree_add_text(tree, "", 0);
	tree_add_node(tree, &none);
	tree->names = grow(NULL, 0, sizeof(*tree->names));
	tree->names[tree->name_count++] = no_name;
	make_hash(tree, HASH_MIN);

	tree_add_node(tree, root);
	tree_node(tree, TREE_ROOT)->links = 2;
}
