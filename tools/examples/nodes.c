// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel knows of a branch. See nodes.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nodes.h"

#define BUCKETS	65536

static struct nodes {
	struct node root;
	struct node *bucket[BUCKETS];
	uint64_t generation;
} nodes;

void nodes_init(const struct branch_dir *root)
{
	nodes.root.dir = *root;
	nodes.root.type = S_IFDIR;
	nodes.root.references = 1;
}

struct node *node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &nodes.root : (struct node *)(uintptr_t)ino;
}

fuse_ino_t node_id(const struct node *node)
{
	return node == &nodes.root ? FUSE_ROOT_ID : (uintptr_t)node;
}

struct node *node_dir(fuse_ino_t ino)
{
	struct node *node = node_of(ino);

	while (node->successor)
		node = node->successor;
	return node;
}

bool node_is_dir(const struct node *node)
{
	return S_ISDIR(node->type);
}

bool node_is_upper(const struct node *node)
{
	return node->dir.upper >= 0;
}

int node_fd(const struct node *node)
{
	return node_is_upper(node) ? node->dir.upper : node->dir.lower;
}

struct node_path node_path(const struct node *node)
{
	struct node_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", node_fd(node));
	return path;
}

static struct node **bucket_of(uint64_t a, uint64_t b, const char *name)
{
	uint64_t hash = (a ^ b * 31) * 0x9e3779b97f4a7c15ull;

	for (; name && *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ull;
	return &nodes.bucket[(hash ^ hash >> 32) % BUCKETS];
}

static struct node **bucket_of_name(const struct node *parent, const char *name)
{
	return bucket_of((uintptr_t)parent, 0, name);
}

static struct node **bucket_of_node(const struct node *node)
{
	return node->name ? bucket_of_name(node->parent, node->name) :
			    bucket_of(node->dev, node->ino, NULL);
}

struct node *node_find(struct node *parent, const char *name)
{
	struct node *node = *bucket_of_name(parent, name);

	while (node && (!node->name || node->parent != parent || strcmp(node->name, name)))
		node = node->next;
	return node;
}

struct node *node_find_upper(dev_t dev, ino_t ino)
{
	struct node *node = *bucket_of(dev, ino, NULL);

	while (node && (node->name || node->dev != dev || node->ino != ino))
		node = node->next;
	return node;
}

static void hash(struct node *node)
{
	struct node **bucket = bucket_of_node(node);

	node->next = *bucket;
	*bucket = node;
}

static void unhash(struct node *node)
{
	struct node **link = bucket_of_node(node);

	while (*link && *link != node)
		link = &(*link)->next;
	if (*link)
		*link = node->next;
}

void node_get(struct node *node)
{
	node->references++;
}

static struct node *make(mode_t type, const struct branch_dir *dir)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->type = type & S_IFMT;
	node->dir = *dir;
	node->generation = ++nodes.generation;
	return node;
}

struct node *node_new(struct node *parent, const char *name, mode_t type,
		      const struct branch_dir *dir)
{
	struct node *node = make(type, dir);

	if (!node)
		return NULL;
	node->name = strdup(name);
	if (!node->name) {
		free(node);
		return NULL;
	}
	node->parent = parent;
	node_get(parent);
	hash(node);
	return node;
}

struct node *node_new_upper(const struct stat *st, int fd)
{
	const struct branch_dir dir = { .lower = -1, .upper = fd };
	struct node *node = make(st->st_mode, &dir);

	if (!node)
		return NULL;
	node->dev = st->st_dev;
	node->ino = st->st_ino;
	hash(node);
	return node;
}

void node_unname(struct node *node)
{
	if (!node->name)
		return;
	unhash(node);
	free(node->name);
	node->name = NULL;
}

int node_rename(struct node *node, struct node *parent, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	node_unname(node);
	node->name = copy;
	node_get(parent);
	/* it has children, or is known: the root is the last that goes */
	node->parent->references--;
	node->parent = parent;
	hash(node);
	return 0;
}

/* There are few of these, so all are looked at */
static void move_children(struct node *from, struct node *to)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct node **link = &nodes.bucket[i], *node, *moved = NULL;

		while ((node = *link)) {
			if (!node->name || node->parent != from) {
				link = &node->next;
				continue;
			}
			*link = node->next;
			node->next = moved;
			moved = node;
		}
		while ((node = moved)) {
			moved = node->next;
			node->parent = to;
			from->references--;
			to->references++;
			hash(node);
		}
	}
}

void node_replace(struct node *node, struct node *to)
{
	node->successor = to;
	node_get(to);
	move_children(node, to);
}

void node_put(struct node *node, uint64_t count, void (*forgotten)(struct node *node))
{
	struct node *next[2];

	if (!node || node == &nodes.root)
		return;
	node->references -= count;
	if (node->references)
		return;
	unhash(node);
	forgotten(node);
	next[0] = node->parent;
	next[1] = node->successor;
	if (node->dir.lower >= 0)
		close(node->dir.lower);
	if (node->dir.upper >= 0)
		close(node->dir.upper);
	free(node->name);
	free(node);
	node_put(next[0], 1, forgotten);
	node_put(next[1], 1, forgotten);
}
