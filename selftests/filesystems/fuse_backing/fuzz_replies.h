/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzzer's server answers when it is asked to open a file.
 */
#ifndef FUZZ_REPLIES_H
#define FUZZ_REPLIES_H

#include <linux/fuse.h>
#include <linux/types.h>

struct fuse_server_file;
struct fuzz_mount;

/* What FUSE allows together with FOPEN_PASSTHROUGH. */
#define GOOD_FLAGS	(FOPEN_PASSTHROUGH | FOPEN_DIRECT_IO | FOPEN_NOFLUSH | \
			 FOPEN_PARALLEL_DIRECT_WRITES)

struct reply {
	int error;
	int id;
	__u32 flags;
};

struct reply random_reply(const struct fuzz_mount *mount, int name);
void set_reply(struct fuse_server_file *file, const struct reply *r);

#endif /* FUZZ_REPLIES_H */
