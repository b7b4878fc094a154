/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * A /dev/fuse that is made up: ioctl(2) of the test program, for descriptor DEVICE.
 *
 * The kernel's types are made up, too: open(2) of what is in /sys/kernel/btf.
 *
 * It does what kernels do with ids and attachments, notices what would be a mistake of
 * the library, and fails on purpose.
 */
#ifndef TESTS_DEVICE_H
#define TESTS_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#define DEVICE	1000

enum kernel {
	KERNEL_OLD,		/* of before 6.9 */
	KERNEL_WITHOUT,		/* FUSE_PASSTHROUGH isn't set */
	KERNEL_UPSTREAM,
	KERNEL_ONCE,		/* ids for one open, and nothing else of ours */
	KERNEL_TABLE,
	KERNEL_TREES,		/* and directories, and ops */
	KERNEL_RULES,		/* and rules of names below a tree */
	KERNEL_FILTER,		/* and BPF programs that choose files */
	KERNEL_FILTER_MODULE,	/* the same, FUSE being a module */
	KERNELS
};

extern const char *const kernel_names[KERNELS];

/* Nothing is registered, nor refused; the mount has default_permissions, and no limit */
void device_reset(enum kernel kernel);
/* What follows is -EPERM, or not */
void device_permit(bool permitted);
/* The mount's owner has less power than who attaches: some ops are -EPERM */
void device_broker(bool brokered);
/* Nothing can be attached to this node, which is known and no regular file */
void device_irregular(uint64_t nodeid);
void device_check_opens(bool checked);
void device_limit(int ids);
/* So many bytes are before the type of BPF programs in each file; -1: there are none */
void device_types(int before);

/* Call number @number from now on, 0 being the next, fails; none if it is negative */
void device_fail(int number, int error);
/* One of so many calls, by chance, fails with any error */
void device_fail_some(int one_of);
/* How many calls there were since device_reset() */
int device_calls(void);

/* A reply names this id: did the kernel take it? */
bool device_reply(int id);
/* That open file is released; the kernel forgets a node */
void device_forget(uint64_t nodeid);

/* FUSE_BACKING_MAP_* of an id that is there, or -1 */
int device_map_flags(int id);
/* FUSE_BACKING_* of an attachment that is there, or 0; and its ops */
unsigned int device_attached(uint64_t nodeid);
uint64_t device_ops(uint64_t nodeid);
/* How many rules there are of names in it, or -1 */
int device_rules(uint64_t nodeid);
/* Ids that nobody closed, attachments that nobody took away */
int device_ids(void);
int device_attachments(void);
/* Calls that no library should make: ids that aren't there are closed, and the like */
int device_mistakes(void);

#endif /* TESTS_DEVICE_H */
