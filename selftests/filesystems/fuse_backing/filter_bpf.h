/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What BPF programs of the tests, and the tests, share: the kernel's types as programs
 * see them, and memory in which a test says what a program answers, and reads what it
 * was asked.
 */
#ifndef FILTER_BPF_H
#define FILTER_BPF_H

#include <linux/types.h>

#define FILTER_NAME	32

/* Whose number what was asked is counted by */
enum filter_call {
	FILTER_LOOKUP,
	FILTER_DIRENT,
	FILTER_OPEN,
	FILTER_CALLS,
};

struct filter_state {
	/* Knobs */
	__s32 verdict;		/* of each function */
	__s32 id;		/* for bpf_fuse_use(), unless it is negative */
	__u32 uid;		/* of whom it is otherwise, unless it is 0 */
	__s32 uid_verdict;
	__s32 uid_id;
	char only[FILTER_NAME];	/* of what else it is FUSE_BACKING_PASS, unless empty */
	__u32 hold;		/* whoever asks waits in the program while it is set */

	/* Observations, of the last call but the counts */
	__u32 calls[FILTER_CALLS];
	__u32 held;
	__u32 let_go;		/* of those that were held */
	__u64 nodeid;
	__u64 ino;
	__u32 type;
	__u32 open_flags;
	__u32 modes;
	__s32 use_error;
	__s32 name_len;
	char name[FILTER_NAME];
	__s32 short_len;	/* of a name that was asked for with 4 bytes of room */
	char short_name[4];
};

/* As libbpf has it where it isn't the kernel's: functions are programs */
struct fuse_backing_bpf_entry;

struct fuse_backing_bpf_ops {
	int (*lookup)(struct fuse_backing_bpf_entry *entry);
	int (*dirent)(struct fuse_backing_bpf_entry *entry);
	int (*open)(struct fuse_backing_bpf_entry *entry, __u32 modes);
	__u32 fuse_fd;
	__u32 connection;
	__u32 flags;
	char name[16];
	__u64 serial;
};

#ifdef __bpf__

struct fuse_backing_bpf_entry {
	__u64 nodeid;
	__u64 ino;
	__u32 type;
	__u32 open_flags;
	const void *opaque;
} __attribute__((preserve_access_index));

int bpf_fuse_name(struct fuse_backing_bpf_entry *entry, char *buf, __u32 buf__sz) __ksym;
int bpf_fuse_use(struct fuse_backing_bpf_entry *entry, int backing_id) __ksym;

enum {
	FUSE_BACKING_PASS,
	FUSE_BACKING_HIDE,
	FUSE_BACKING_SERVER,
};

#endif /* __bpf__ */

#endif /* FILTER_BPF_H */
