/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE over io_uring, as linux/fuse.h has it: headers before Linux 6.14 don't,
 * and a kernel that old doesn't offer it, which is what programs go by.
 */
#ifndef FUSE_URING_H
#define FUSE_URING_H

#include <linux/fuse.h>

#ifndef FUSE_OVER_IO_URING

#define FUSE_OVER_IO_URING		((uint64_t)1 << 41)	/* of INIT */
#define FUSE_URING_IN_OUT_HEADER_SZ	128
#define FUSE_URING_OP_IN_OUT_SZ		128

struct fuse_uring_ent_in_out {
	uint64_t flags;
	uint64_t commit_id;
	uint32_t payload_sz;
	uint32_t padding;
	uint64_t reserved;
};

struct fuse_uring_req_header {
	char in_out[FUSE_URING_IN_OUT_HEADER_SZ];
	char op_in[FUSE_URING_OP_IN_OUT_SZ];
	struct fuse_uring_ent_in_out ring_ent_in_out;
};

enum fuse_uring_cmd {
	FUSE_IO_URING_CMD_INVALID = 0,
	FUSE_IO_URING_CMD_REGISTER = 1,
	FUSE_IO_URING_CMD_COMMIT_AND_FETCH = 2,
};

struct fuse_uring_cmd_req {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t qid;
	uint8_t padding[6];
};

#endif /* FUSE_OVER_IO_URING */

#endif /* FUSE_URING_H */
