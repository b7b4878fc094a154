/* SPDX-License-Identifier: GPL-2.0 */
/*
 * BPF programs that decide what is passed through, see filter.bpf.c.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>

#include <linux/types.h>

#include "filter_bpf.h"

struct fuse_server;

struct bpf_link;
struct bpf_map;
struct bpf_object;

struct filter {
	struct bpf_object *object;
	struct bpf_map *map;
	struct bpf_link *link;
	struct filter_state *state;
};

/* Whose it is to be, and how; those that are 0 are as in filter.bpf.c */
struct filter_opts {
	__u32 fuse_fd;
	__u32 connection;
	__u32 flags;
};

/*
 * All of these return 0 or -errno. What is loaded lets everything pass, and is nobody's
 * before its map is filled: when it is attached for the first time, or by filter_fill().
 * Whatever becomes of it, it is closed in the end.
 */
int filter_load(struct filter *filter, const char *ops, const struct filter_opts *opts);
int filter_fill(struct filter *filter);
int filter_attach(struct filter *filter);
int filter_detach(struct filter *filter);
void filter_close(struct filter *filter);

/* Load and attach */
int filter_start(struct filter *filter, const char *ops, const struct filter_opts *opts);

/* Another one in place of what is attached, which has the link then */
int filter_replace(struct filter *filter, struct filter *by);

/*
 * Load one program for two connections, each with a map of its own. @filter has the state of
 * both, and is closed last.
 */
int filter_load_twins(struct filter *filter, const struct filter_opts *opts,
		      struct filter *twin, const struct filter_opts *others);

/* Load something of filter_bad.bpf.c, for the connection of @fuse_fd */
int filter_load_bad(const char *program, int fuse_fd);

/*
 * What loading is without CAP_SYS_ADMIN: 0; or -EINVAL where fuse is a module, of which the
 * types are found by nobody else.
 */
int filter_load_by_lesser(void);

/* The id of what is attached, as fdinfo of /dev/fuse says; 0 if everything is the
 * server's, -ENOENT if there is nothing
 */
int filter_shown(int fuse_fd, char *name, int size);
__u32 filter_id(const struct filter *filter);

/* Does that say which map it is? Linux 6.12 keeps it to itself, and says 0. */
bool filter_id_is_told(void);

/* How often the server is asked when a file is opened, or -errno */
int filter_asks(const struct fuse_server *srv, const char *name);

#endif /* FILTER_H */
