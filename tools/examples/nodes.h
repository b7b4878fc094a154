/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel knows of a branch. A node is a name in a directory; but a file of
 * UPPER is one whatever names it has.
 *
 * A node that is replaced stays until the kernel forgets it, and has no name any more.
 * All of it is protected by the caller's lock.
 */
#ifndef NODES_H
#define NODES_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <fuse_backing_lowlevel.h>

#include "branch.h"

/* Who looks names up in a directory */
enum node_kind {
	NODE_SERVED,		/* this server */
	NODE_TREE,		/* the kernel, by LOWER's that is attached to it */
	NODE_BELOW,		/* the kernel, by one that is attached above */
};

struct node {
	struct node *next;		/* in its bucket */
	struct node *parent;		/* with a reference */
	char *name;			/* NULL if it has none: a file of UPPER, or gone */
	struct node *successor;		/* with a reference: it has the name now */
	dev_t dev;			/* of a file of UPPER */
	ino_t ino;
	uint64_t references;		/* lookups, children, predecessors */
	uint64_t generation;
	mode_t type;
	/* of a directory; a file has one of the two */
	struct branch_dir dir;
	enum node_kind kind;
	int dir_id;			/* what is attached, or 0 */
	bool outgrown;			/* the next lookup is to find another node */
	struct fusebacking_node backing;
};

/* The node of @root, whose descriptors it takes over; called once */
void nodes_init(const struct branch_dir *root);

struct node *node_of(fuse_ino_t ino);
fuse_ino_t node_id(const struct node *node);
/* The directory that a request is about, which may have been replaced */
struct node *node_dir(fuse_ino_t ino);

bool node_is_dir(const struct node *node);
bool node_is_upper(const struct node *node);
/* The one descriptor of a file; of a directory, UPPER's if there is one */
int node_fd(const struct node *node);

/* A name for that: calls that take one don't take a descriptor with O_PATH */
struct node_path {
	char text[32];
};

struct node_path node_path(const struct node *node);

struct node *node_find(struct node *parent, const char *name);
struct node *node_find_upper(dev_t dev, ino_t ino);
/*
 * New ones, without a reference: NULL if there is no memory, and then descriptors are the
 * caller's still.
 */
struct node *node_new(struct node *parent, const char *name, mode_t type,
		      const struct branch_dir *dir);
struct node *node_new_upper(const struct stat *st, int fd);

/* Its name is another's, or nobody's */
void node_unname(struct node *node);
/* -ENOMEM leaves it as it was */
int node_rename(struct node *node, struct node *parent, const char *name);
/* @to has the name, and all that is in the directory @node, from now on */
void node_replace(struct node *node, struct node *to);

void node_get(struct node *node);
/* @forgotten is called for each node that nobody refers to any more, and then it goes */
void node_put(struct node *node, uint64_t count, void (*forgotten)(struct node *node));

#endif /* NODES_H */
