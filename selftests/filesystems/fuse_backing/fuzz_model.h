/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a mount's table of backing files must look like, for the fuzzer.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdbool.h>

#include <linux/types.h>

#define MODEL_IDS	512	/* more than any limit that the fuzzer sets */

/* Access modes of a registered descriptor, or of its server to a file. */
#define MODEL_READ	1
#define MODEL_WRITE	2
#define MODEL_APPEND	4	/* a descriptor with O_APPEND; a file with +a */

struct backing_files;

struct model_mapping {
	bool in_table;
	bool closed;		/* the id is not good for opens any more */
	__u8 file;		/* which backing file it is */
	__u8 mode;		/* of the descriptor */
	__u32 users;		/* open FUSE files */
	__u32 pins;		/* names whose inodes keep it: was mmapped */
	__u32 removed_at;	/* value of handed_out then */
};

struct model {
	struct model_mapping map[MODEL_IDS];
	unsigned int count;
	unsigned int handed_out;
	unsigned int next;	/* ids from here on were never used */
	unsigned int limit;	/* RLIMIT_NOFILE of the thread */
	bool aborted;
	bool settling;		/* a worker may still be taking files out */
};

void model_init(struct model *m, unsigned int limit);

/* Is @id good for an open? */
bool model_live(const struct model *m, int id);

/* The result of registering a file that is fit: 0 (an id), or -errno. */
int model_register_result(const struct model *m);

/* NULL, or what is wrong with the @id that the kernel gave. */
const char *model_registered(struct model *m, int id, __u8 file, __u8 mode);

void model_close(struct model *m, int id);
void model_open(struct model *m, int id);
void model_release(struct model *m, int id);
void model_pin(struct model *m, int id, unsigned int name);
void model_evict(struct model *m, unsigned int name);
void model_abort(struct model *m);

/* NULL, or what is wrong with what the control filesystem lists. */
const char *model_differs(const struct model *m,
			  const struct backing_files *files);

/*
 * What an open with these flags comes to, as far as modes and permissions go,
 * if @rights are what the server may do with the file: 0 or -errno.
 */
int model_permission(const struct model_mapping *map, __u8 rights, int flags,
		     bool *append_only);

#endif /* FUZZ_MODEL_H */
