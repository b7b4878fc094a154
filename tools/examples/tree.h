/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The directory tree of an archive, kept small: nodes, and names that lead to them.
 *
 * Nodes and names are numbers, from 1 up; 0 is none.
 */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define TREE_ROOT	1	/* as FUSE has it */

/* A file, directory, symbolic link or device */
struct node {
	uint64_t size;
	uint64_t lookups;	/* what the kernel hasn't forgotten */
	int64_t mtime;
	uint32_t mtime_nsec;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t links;
	uint32_t member;	/* which one of the archive, counted from 0 */
	union {
		struct {
			uint32_t extent;	/* the first one */
			uint32_t extents;
		};
		struct {
			uint32_t names;		/* the first one in a directory */
			uint32_t last_name;
		};
		uint32_t target;		/* a text, of a symbolic link */
		uint32_t rdev;
	};
	bool packed;	/* its bytes aren't in the archive as they are */
	bool attached;	/* the kernel was told where they are */
};

struct name {
	uint32_t text;
	uint32_t parent;
	uint32_t node;
	uint32_t next;	/* in its directory */
};

struct tree {
	struct node *nodes;
	struct name *names;
	uint32_t *hash;		/* of names; a power of two, half empty */
	char *texts;
	uint32_t node_count;
	uint32_t name_count;
	uint32_t hash_size;
	uint32_t text_size;
	uint32_t text_room;
};

/* A tree with a root, which has these attributes. */
void tree_init(struct tree *tree, const struct node *root);

struct node *tree_node(const struct tree *tree, uint32_t node);
uint32_t tree_add_node(struct tree *tree, const struct node *node);

const char *tree_text(const struct tree *tree, uint32_t text);
uint32_t tree_add_text(struct tree *tree, const char *text, size_t len);

/* A name in a directory, or 0. */
uint32_t tree_find(const struct tree *tree, uint32_t parent, const char *text,
		   size_t len);

/* Which must not be there yet. Counts the links of the node and of its parent. */
void tree_add_name(struct tree *tree, uint32_t parent, const char *text,
		   size_t len, uint32_t node);

/* Have a name that is there lead to another node. */
void tree_change_name(struct tree *tree, uint32_t name, uint32_t node);

#endif /* TREE_H */
