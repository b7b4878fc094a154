/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: who uses a mapping, and how much.
 */

#ifndef _FS_FUSE_BACKING_USAGE_H
#define _FS_FUSE_BACKING_USAGE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/percpu.h>

#include "backing_types.h"

/**
 * struct fuse_backing_bytes - what a processor read and wrote through a mapping
 * @read: bytes read
 * @written: bytes written
 */
struct fuse_backing_bytes {
	u64 read;
	u64 written;
};

/**
 * struct fuse_backing_usage - who uses a mapping, and how much
 * @lock: protects @count, the lists and the extents
 * @count: how many users there are of each kind
 * @pending: struct fuse_backing_use, of attachments that wait
 * @users: all others
 * @extents: how many extents are in it
 * @extent_bytes: and bytes in those
 * @bytes: read and written; %NULL if the mapping is for one open file, set once
 * @read: bytes that one read
 * @written: bytes that one wrote
 * @write_cred: the mapping's credentials without CAP_FSETID, for clients that lack it
 * @place: where the mapping is found, and is to be taken away when it goes; or %NULL
 */
struct fuse_backing_usage {
	/* protects what comes next, to extent_bytes */
	spinlock_t lock;
	unsigned int count[FUSE_BACKING_USES];
	struct list_head pending;
	struct list_head users;
	u64 extents;
	u64 extent_bytes;
	struct fuse_backing_bytes __percpu *bytes;
	atomic64_t read;
	atomic64_t written;
	const struct cred *write_cred;
	struct fuse_backing_place *place;
};

int fuse_backing_first_use(struct fuse_backing *fb, bool shared);
void fuse_backing_usage_free(struct fuse_backing *fb);
void fuse_backing_use(struct fuse_backing *fb, struct fuse_backing_use *use,
		      enum fuse_backing_use_kind kind, u64 nodeid);
void fuse_backing_unuse(struct fuse_backing *fb, struct fuse_backing_use *use);
const struct fuse_backing_use *
fuse_backing_first_pending(const struct fuse_backing *fb);
void fuse_backing_count_extents(struct fuse_backing *fb, long extents,
				s64 bytes);
void fuse_backing_get_users(struct fuse_backing *fb,
			    struct fuse_backing_users *users);

/**
 * fuse_backing_start_use - a mapping is about to have another user
 * @fb: a mapping that the caller holds a reference on
 * @shared: it may have more than one; always for a mapping whose id isn't for one open
 *
 * Context: process context; may sleep.
 * Return: as fuse_backing_first_use().
 */
static inline int fuse_backing_start_use(struct fuse_backing *fb, bool shared)
{
	const struct fuse_backing_usage *usage = READ_ONCE(fb->usage);

	if (usage && (!shared || READ_ONCE(usage->bytes)))
		return 0;
	return fuse_backing_first_use(fb, shared);
}

/**
 * fuse_backing_place - where a mapping is found
 * @fb: the mapping
 *
 * Context: any.
 * Return: where it is put while it has a reference, and until it is freed; or %NULL.
 */
static inline struct fuse_backing_place *fuse_backing_place(const struct fuse_backing *fb)
{
	const struct fuse_backing_usage *usage = READ_ONCE(fb->usage);

	return usage ? usage->place : NULL;
}

/**
 * fuse_backing_write_cred - whose credentials a client writes with
 * @fb: a mapping in use
 *
 * Context: any.
 * Return: for a client without CAP_FSETID, the mapping's credentials without it.
 */
static inline const struct cred *fuse_backing_write_cred(const struct fuse_backing *fb)
{
	return fb->usage->write_cred;
}

/**
 * fuse_backing_any_pending - does an attachment of a mapping wait
 * @fb: the mapping
 *
 * Context: process context with fuse_attachments::lock held, which keeps what is
 *	returned.
 * Return: as fuse_backing_first_pending().
 */
static inline const struct fuse_backing_use *
fuse_backing_any_pending(const struct fuse_backing *fb)
{
	return READ_ONCE(fb->usage) ? fuse_backing_first_pending(fb) : NULL;
}

/**
 * fuse_backing_count_read - count bytes read from the backing file
 * @fb: a mapping in use
 * @bytes: result of reading; errors count nothing
 *
 * Context: any; reads may complete in interrupts.
 */
static inline void fuse_backing_count_read(struct fuse_backing *fb, ssize_t bytes)
{
	struct fuse_backing_usage *usage = fb->usage;
	struct fuse_backing_bytes __percpu *shared = READ_ONCE(usage->bytes);

	if (bytes <= 0)
		return;
	if (shared)
		this_cpu_add(shared->read, bytes);
	else
		atomic64_add(bytes, &usage->read);
}

/**
 * fuse_backing_count_written - count bytes written to the backing file
 * @fb: a mapping in use
 * @bytes: result of writing; errors count nothing
 *
 * Context: any.
 */
static inline void fuse_backing_count_written(struct fuse_backing *fb, ssize_t bytes)
{
	struct fuse_backing_usage *usage = fb->usage;
	struct fuse_backing_bytes __percpu *shared = READ_ONCE(usage->bytes);

	if (bytes <= 0)
		return;
	if (shared)
		this_cpu_add(shared->written, bytes);
	else
		atomic64_add(bytes, &usage->written);
}

#endif /* _FS_FUSE_BACKING_USAGE_H */
