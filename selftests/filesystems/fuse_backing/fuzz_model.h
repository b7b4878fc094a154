/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a mount's table of backing files must look like, for the fuzzer.
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

struct backing_files;

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

/* What is the matter with a backing file when somebody names extents of it. */
struct model_file {
	__u64 size;
	bool append_only;	/* with chattr +a */
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

void model_init(struct model *m, unsigned int limit);

/* Is @id good for an open, or to be attached? */
bool model_live(const struct model *m, int id);

/* The result of registering a file that is fit: 0 (an id), or -errno. */
int model_register_result(const struct model *m);

/* NULL, or what is wrong with the @id that the kernel gave. */
const char *model_registered(struct model *m, int id,
			     const struct model_mapping *map);

void model_close(struct model *m, int id);
void model_close_all(struct model *m);

/* The kernel got to know the inode of @name. */
void model_look_up(struct model *m, unsigned int name);

/* An open FUSE file of @name; a reply that named @id, after all it led to. */
void model_open(struct model *m, int id, unsigned int name);
void model_release(struct model *m, int id, unsigned int name);
void model_claim(struct model *m, int id);

/* An open file of @name is mapped for the first time, on @id; and is gone. */
void model_pin(struct model *m, int id, unsigned int name);
void model_unpin(struct model *m, int id, unsigned int name);
void model_evict(struct model *m, unsigned int name);
void model_abort(struct model *m);

/* What becomes of these: 0 or -errno. */
int model_attach(struct model *m, const struct fuse_backing_attach *args);
int model_detach(struct model *m, const struct fuse_backing_detach *args);

/* @extent is what args->extents points to, @file says what is registered. */
int model_set_extents(struct model *m, const struct fuse_backing_extents *args,
		      const struct fuse_backing_extent *extent,
		      const struct model_file *file);

/*
 * The extents that an open of @name may use without the server, or NULL; may the
 * inode have such a file beside those that are open, or one without passthrough;
 * and an open file of @name that has them.
 */
struct model_set *model_extents(const struct model *m, unsigned int name,
				int flags);
bool model_fits_extents(const struct model *m, unsigned int name);
void model_open_extents(struct model *m, struct model_set *set,
			unsigned int name);
void model_release_extents(struct model *m, struct model_set *set,
			   unsigned int name);

/* What the node's size is now: if it became longer, extents end at the old one. */
void model_see_size(struct model_set *set, __u64 size);

/* The extent that @pos is in, or NULL; *len is set to how far that is true. */
const struct fuse_backing_extent *
model_find_extent(const struct model_set *set, __u64 pos, __u64 *len);

/*
 * The id that an open of @name may use without the server, 0 if there is none;
 * and may the inode have such a file beside those that are open?
 */
int model_attached(const struct model *m, unsigned int name, int flags);
bool model_fits(const struct model *m, unsigned int name, int id);

/* NULL, or what is wrong with what the control filesystem lists. */
const char *model_differs(const struct model *m,
			  const struct backing_files *files);

/*
 * The same for what FUSE_DEV_IOC_BACKING_LIST lists: this is to be the entry
 * with the least id from @start on.
 */
const char *model_entry_differs(const struct model *m, __u32 start,
				const struct fuse_backing_entry *entry);

/* The least id from @start on that is to be listed; 0 if there is none. */
__u32 model_next(const struct model *m, __u32 start);

/*
 * What an open with these flags comes to, as far as modes and permissions go,
 * if @rights are what the server may do with the file: 0 or -errno.
 */
int model_permission(const struct model_mapping *map, __u8 rights, int flags,
		     bool *append_only);

#endif /* FUZZ_MODEL_H */
