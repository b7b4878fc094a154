/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a mount's table of backing files must look like, for the fuzzer.
 *
 * Functions on it are in fuzz_model_*.h, one subject each.
 *
 * A server's names are numbered from 0 on; the node id of the first is
 * MODEL_FIRST_NODE, and all have generation 0.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdbool.h>

#include <linux/types.h>

#include <linux/fuse_backing.h>

#define MODEL_IDS	512	/* more than any limit that the fuzzer sets */
#define MODEL_NODES	16
#define MODEL_FIRST_NODE 2
#define MODEL_EXTENTS	72	/* more than files that they may be in */
#define MODEL_SETS	640	/* attached, waiting, or open and detached */

/* In place of a backing file, where a node is open on its extents. */
#define MODEL_OWN_EXTENTS 255

/* Access modes of a registered descriptor, or of its server to a file. */
#define MODEL_READ	FUSE_BACKING_READ
#define MODEL_WRITE	FUSE_BACKING_WRITE
#define MODEL_APPEND	4	/* a descriptor with O_APPEND; a file with +a */

struct model_mapping {
	bool in_table;
	bool closed;		/* the id is not good for opens any more */
	bool per_open;		/* the first reply that names it closes it */
	bool as_opened;		/* what the server may do counts for nothing */
	bool per_inode;		/* somebody attached it, or tried to */
	bool block;		/* extents of it were good for a node */
	__u8 file;		/* which backing file it is */
	__u8 mode;		/* of the descriptor */
	__u32 users;		/* open FUSE files */
	__u32 users_of[MODEL_NODES];
	__u32 pins;		/* files that were mmapped, and are open or mapped */
	__u32 pins_of[MODEL_NODES];
	__u32 removed_at;	/* value of handed_out then */
};

enum model_set_kind {
	MODEL_SET_UNUSED,
	MODEL_SET_PENDING,
	MODEL_SET_ATTACHED,
	MODEL_SET_DETACHED,	/* but open */
};

/* The extents of a node. */
struct model_set {
	enum model_set_kind kind;
	__u64 node;
	__u8 modes;		/* that the node may be opened for */
	__u32 opens;
	bool filled;		/* pages, which may be older than the files */
	bool size_known;	/* what the inode's size was when last seen */
	__u64 size;
	__u64 end;		/* what is behind it is the server's */
	bool unsure;		/* of that */
	__u32 count;
	struct fuse_backing_extent extent[MODEL_EXTENTS];
	__u64 ids[MODEL_IDS / 64];	/* bits of those in there */
};

/* A FUSE inode that a name has, or could have. */
struct model_node {
	bool known;		/* to the kernel */
	bool cached;		/* open in cached mode, all the time */
	__u32 maps;		/* of a backing file, or of extents */
	int attached;		/* an id, or 0 */
	__u8 modes;		/* that it may be opened for */
	struct model_set *set;	/* attached instead of an id, or NULL */
	__u32 opens;		/* in passthrough mode */
	__u8 file;		/* of which file then, or MODEL_OWN_EXTENTS */
	__u32 revocations;
};

/* An attachment that waits. */
struct model_pending {
	__u64 node;
	__u32 generation;
	int id;
	__u8 modes;
	struct model_set *set;	/* instead of id and modes, or NULL */
};

struct model {
	struct model_mapping map[MODEL_IDS];
	struct model_node node[MODEL_NODES];
	struct model_pending pending[MODEL_IDS];
	unsigned int pendings;
	struct model_set set[MODEL_SETS];
	unsigned int sets;	/* none from here on was ever used */
	unsigned int count;
	unsigned int handed_out;
	unsigned int next;	/* ids from here on were never used */
	unsigned int limit;	/* RLIMIT_NOFILE of the thread */
	bool aborted;
	bool settling;		/* a worker may still be taking files out */
};

#endif /* FUZZ_MODEL_H */
