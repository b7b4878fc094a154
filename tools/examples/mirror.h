/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A mirror of a directory, as any server on libfuse's low-level API makes one: nodes,
 * names, attributes and lists of names. What is done with open files is the server's:
 * open, create, read, write and release; a file's handle is a descriptor.
 */
#ifndef MIRROR_H
#define MIRROR_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <fuse_backing_lowlevel.h>

/*
 * A file of the directory that the kernel knows. Its address is the node id, but for the
 * root.
 *
 * The descriptor keeps device and inode number from being used again while the
 * node is there. Its address may be used again, with another generation.
 */
struct mirror_node {
	struct mirror_node *next;	/* in its bucket */
	int fd;				/* with O_PATH */
	dev_t dev;
	ino_t ino;
	uint64_t generation;
	uint64_t lookups;		/* that the kernel hasn't forgotten */
	struct fusebacking_node backing;
	int dir_id;			/* of a directory that was registered */
};

struct mirror_hooks {
	/*
	 * A regular file, before the first reply that names it. @is_found: as the answer
	 * to LOOKUP and the like, not in a listing or together with an open.
	 */
	void (*made)(struct mirror_node *node, bool is_found);
	/* Any node, before it goes */
	void (*forgotten)(struct mirror_node *node);
	/*
	 * A directory, before the first reply that names it, and each time it is opened
	 * here; the root, before its attributes are told. May be NULL.
	 */
	void (*directory)(struct mirror_node *node);
};

/*
 * Mirror @source, with names and attributes that are good for @timeout seconds, and names
 * that aren't there for @negative_timeout: 0 or -errno.
 */
int mirror_open(const char *source, double timeout, double negative_timeout,
		const struct mirror_hooks *hooks);

/* To be copied, and completed */
extern const struct fuse_lowlevel_ops mirror_operations;

struct mirror_node *mirror_node(fuse_ino_t ino);
fuse_ino_t mirror_id(const struct mirror_node *node);

/* A name for the file of a node, whatever became of its own */
struct mirror_path {
	char text[32];
};

struct mirror_path mirror_path(const struct mirror_node *node);

/* One more lookup of what has this name: 0 or an errno */
int mirror_look_up(fuse_ino_t parent, const char *name,
		   struct fuse_entry_param *entry);
void mirror_forget(fuse_ino_t ino, uint64_t count);

#endif /* MIRROR_H */
