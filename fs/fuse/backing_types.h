/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what our own files share.
 *
 * A verb means one thing everywhere:
 *
 * lookup: find a mapping by its id, and get a reference
 * claim: get the reference of an id that belongs to one open, and close the id
 * use, unuse: a mapping has a user more, or less, for all to see
 * attach, detach: an inode gets, or loses, what it is opened on without the server
 * enter, leave: an open FUSE file begins, or ceases, to be passed through
 * take: get out of a list, a tree or an inode what then is the caller's to free
 * retire: let go of what nobody is to use any more, once nobody does
 * revoke: take the backing file away from open FUSE files
 * put: drop a reference; the last one frees
 */

#ifndef _FS_FUSE_BACKING_TYPES_H
#define _FS_FUSE_BACKING_TYPES_H

#include <linux/kthread_files.h>
#include <linux/list.h>
#include <linux/rbtree_types.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct cred;
struct file;
struct fuse_backing_mapped;
struct fuse_backing_table;
struct fuse_backing_usage;
struct fuse_conn;
struct fuse_extents;
struct fuse_file;
struct fuse_tree;

/**
 * struct fuse_backing_place - where the mapping of a file is found while it has one
 * @lock: protects @fb
 * @fb: the mapping, without a reference; or %NULL
 */
struct fuse_backing_place {
	/* protects what comes next */
	spinlock_t lock;
	struct fuse_backing *fb;
};

/**
 * struct fuse_backing - a mapping: a backing file under its id
 * @count: one for the id until it is closed, one for each open FUSE file, one
 *	for each file of those that was mmapped and may still be, one for each
 *	attachment
 * @id: backing id, also the number of the file in the table of the thread
 * @closed: the id is not to be used for new opens; protected by the lock of
 *	the thread's table
 * @brokered: good for what the registered descriptor was opened for only, because who
 *	registered it has more power than the owner of the connection
 * @as_opened: good for that only because the server says so
 * @per_open: the id belongs to the first reply that names it
 * @per_inode: it is, or was, attached to an inode
 * @block: extents of inodes are, or were, in it
 * @by_thread: closing files of it may wait for somebody's server: the thread does
 * @copies: pages of the file are not to be spliced, but copied
 * @file: the registered file; the thread's table holds the reference, for as
 *	long as the mapping has one
 * @cred: credentials of the registration
 * @dead: without references, instead of these two: for the thread to free
 * @table: where the file is; the mapping holds a reference
 * @usage: who uses it, %NULL if it was never used
 *
 * There may be a million of them: what only those have that are used is in @usage.
 */
struct fuse_backing {
	refcount_t count;
	int id;
	bool closed;
	bool brokered;
	bool as_opened;
	bool per_open;
	bool per_inode;
	bool block;
	bool by_thread;
	bool copies;
	union {
		struct {
			struct file *file;
			const struct cred *cred;
		};
		struct kthread_files_work dead;
	};
	struct fuse_backing_table *table;
	struct fuse_backing_usage *usage;
};

/**
 * enum fuse_backing_use_kind - what uses a mapping
 * @FUSE_BACKING_FILE: an open FUSE file
 * @FUSE_BACKING_MMAP: a backing file that was mmapped, and that somebody still has
 * @FUSE_BACKING_ATTACH: an inode that it is attached to
 * @FUSE_BACKING_PENDING: an attachment that waits for its inode
 * @FUSE_BACKING_USES: how many kinds there are
 */
enum fuse_backing_use_kind {
	FUSE_BACKING_FILE,
	FUSE_BACKING_MMAP,
	FUSE_BACKING_ATTACH,
	FUSE_BACKING_PENDING,
	FUSE_BACKING_USES,
};

/**
 * struct fuse_backing_use - a user of a mapping, one for each reference
 * @link: in one of the mapping's lists of users
 * @nodeid: of the FUSE inode
 * @generation: of the FUSE inode, if it is an attachment; set by its owner
 * @kind: what it is
 */
struct fuse_backing_use {
	struct list_head link;
	u64 nodeid;
	u32 generation;
	enum fuse_backing_use_kind kind;
};

/**
 * struct fuse_passthrough - what an open FUSE file in passthrough mode has
 * @ff: the file's data
 * @fb: the mapping, with a reference; before the backing file is open, and instead of
 *	it if it can't be, a reply may have claimed it; %NULL with @extents
 * @file: the backing file; %NULL with @extents
 * @extents: what the file has been given instead, with a reference
 * @tree: of a directory that has one attached, with a reference
 * @link: in fuse_inode_backing::open or ::revoked
 * @use: as a user of @fb
 * @mapped: the backing file was mmapped, and is what the vma got; set once
 * @local: opened without the server, or 0; see backing_handle.c
 * @io: I/O in flight; negative if the backing file, or the extents, were taken away
 * @append_only: only appending is allowed to the backing file
 * @stored_to: it was mmapped to be written to, and may be so once more
 *
 * Once the file is open, fuse_inode::lock is held to change @fb, @file, @extents and @tree:
 * they are all %NULL after they were taken away.  Who counts as in flight keeps them.
 */
struct fuse_passthrough {
	struct fuse_file *ff;
	struct fuse_backing *fb;
	struct file *file;
	struct fuse_extents *extents;
	struct fuse_tree *tree;
	struct list_head link;
	struct fuse_backing_use use;
	struct fuse_backing_mapped *mapped;
	unsigned long local;
	atomic_t io;
	bool append_only;
	bool stored_to;
};

/**
 * enum fuse_backing_closed_by - what closed an id
 * @FUSE_BACKING_CLOSED_BY_ID: FUSE_DEV_IOC_BACKING_CLOSE
 * @FUSE_BACKING_CLOSED_BY_CLAIM: the one open, or the attachment, it was for
 * @FUSE_BACKING_CLOSED_WITH_ALL: FUSE_DEV_IOC_BACKING_CLOSE_ALL, or the end of
 *	the server
 */
enum fuse_backing_closed_by {
	FUSE_BACKING_CLOSED_BY_ID,
	FUSE_BACKING_CLOSED_BY_CLAIM,
	FUSE_BACKING_CLOSED_WITH_ALL,
};

/**
 * enum fuse_filter_asked - what a BPF program is asked
 * @FUSE_FILTER_LOOKUP: about a name
 * @FUSE_FILTER_DIRENT: about a name in a listing
 * @FUSE_FILTER_OPEN: about an open
 */
enum fuse_filter_asked {
	FUSE_FILTER_LOOKUP,
	FUSE_FILTER_DIRENT,
	FUSE_FILTER_OPEN,
};

/**
 * struct fuse_backing_users - the users of a mapping in numbers
 * @count: how many of each kind
 * @read: bytes read through the mapping, those of mmap excepted
 * @written: bytes written through it, the same
 * @extents: extents of FUSE inodes that are in it
 * @extent_bytes: bytes in those
 * @nr_nodes: number of node ids in @node
 * @more_nodes: there may be more than those
 * @node: node ids of FUSE inodes that use the mapping
 */
struct fuse_backing_users {
	unsigned int count[FUSE_BACKING_USES];
	u64 read;
	u64 written;
	u64 extents;
	u64 extent_bytes;
	unsigned int nr_nodes;
	bool more_nodes;
	u64 node[16];
};

/**
 * struct fuse_attachments - what is attached to inodes through a table
 * @fc: the connection, which is there as long as the table
 * @lock: protects all below
 * @pending: attachments that wait for their inode, by node id and generation
 * @pending_list: the same, the latest last
 * @nr_pending: how many those are
 * @serial: number of the latest of all of these
 * @attached: attachments of inodes
 * @closed: the connection was aborted
 */
struct fuse_attachments {
	const struct fuse_conn *fc;
	/* protects all below */
	spinlock_t lock;
	struct rb_root pending;
	struct list_head pending_list;
	atomic_t nr_pending;
	u64 serial;
	struct list_head attached;
	bool closed;
};

#endif /* _FS_FUSE_BACKING_TYPES_H */
