/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What BPF programs that decide what FUSE passes through need of the kernel: types are
 * found by name in those of the kernel that a program is loaded into.
 */
#ifndef FUSE_FILTER_BPF_H
#define FUSE_FILTER_BPF_H

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define FUSE_FILTER_NAME	64

enum {
	PASS,
	HIDE,
	SERVER,
};

struct fuse_backing_bpf_entry {
	__u64 nodeid;
	__u64 ino;
	__u32 type;
	__u32 open_flags;
	const void *opaque;
} __attribute__((preserve_access_index));

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

#define PER_CALLER	0x1
#define STICKY		0x2

int bpf_fuse_name(struct fuse_backing_bpf_entry *entry, char *buf, __u32 buf__sz) __ksym;
int bpf_fuse_use(struct fuse_backing_bpf_entry *entry, int backing_id) __ksym;

#endif /* FUSE_FILTER_BPF_H */
