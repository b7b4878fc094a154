/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's opens of files: by the server, or without it.
 */
#ifndef FUZZ_OPENS_H
#define FUZZ_OPENS_H

#include <stdbool.h>

struct client;
struct fuzz_mount;
struct reply;

void op_open(struct fuzz_mount *mount);

int random_open_flags(int name);

/*
 * Does the kernel open @name by itself? *result is set to what comes of that.
 */
bool is_local_open(const struct fuzz_mount *mount, int name, int flags,
		   int *result, bool *append_only);

/*
 * An open of the server's ended as @got: is that right? Who has it, if it is,
 * or NULL.
 */
struct client *judge_open(struct fuzz_mount *mount, int name, int flags,
			  const struct reply *r, int got);

/* Does it read what it is to? */
void check_client(struct client *c);

#endif /* FUZZ_OPENS_H */
