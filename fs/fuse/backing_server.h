/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what is to be known of the connection's other end.
 */

#ifndef _FS_FUSE_BACKING_SERVER_H
#define _FS_FUSE_BACKING_SERVER_H

#include "dev.h"
#include "fuse_dev_i.h"
#include "fuse_i.h"

/**
 * fuse_backing_has_server - is a connection not aborted
 * @fc: the connection
 *
 * fuse_backing_abort() comes after it was, and takes the same lock as who publishes
 * what it must find.
 *
 * Context: any.
 * Return: whether there is still a server; there may be none at once.
 */
static inline bool fuse_backing_has_server(const struct fuse_conn *fc)
{
	return READ_ONCE(fc->chan->connected);
}

/**
 * fuse_backing_has_init - is what a server says in its INIT reply known
 * @fc: the connection
 *
 * Context: any.
 * Return: whether it is, and then it stays as it is.
 */
static inline bool fuse_backing_has_init(const struct fuse_conn *fc)
{
	/* pairs with smp_store_release() in fuse_chan_set_initialized() */
	return smp_load_acquire(&fc->chan->initialized);
}

/**
 * fuse_backing_forget - the server is to forget a node that it named for us
 * @fc: the connection
 * @link: from fuse_alloc_forget(), taken over
 * @nodeid: the node
 *
 * Context: any.
 */
static inline void fuse_backing_forget(struct fuse_conn *fc,
				       struct fuse_forget_link *link, u64 nodeid)
{
	fuse_chan_queue_forget(fc->chan, link, nodeid, 1);
}

/**
 * fuse_backing_lookup_init - a request for a name
 * @fc: the connection
 * @args: the request
 * @nodeid: of the directory
 * @name: the name, to be kept until the request is done
 * @out: where the answer goes
 *
 * Context: any.
 */
static inline void fuse_backing_lookup_init(struct fuse_conn *fc,
					    struct fuse_args *args, u64 nodeid,
					    const struct qstr *name,
					    struct fuse_entry_out *out)
{
	fuse_lookup_init(args, nodeid, name, out);
}

/**
 * fuse_backing_entry_made - a dentry has its inode without the server
 * @entry: the FUSE dentry
 *
 * Context: any.
 */
static inline void fuse_backing_entry_made(struct dentry *entry)
{
	struct fuse_conn *fc = get_fuse_conn_super(entry->d_sb);

	/* else it is older than what the server may have said */
	fuse_dentry_set_epoch(entry, atomic_read(&fc->epoch));
}

/**
 * fuse_backing_conn_of - the connection of an open file
 * @file: any
 *
 * Context: process context.
 * Return: the connection, which is there as long as the file; %NULL if the file isn't
 *	/dev/fuse, or nothing was mounted with it.
 */
static inline struct fuse_conn *fuse_backing_conn_of(struct file *file)
{
	struct fuse_dev *fud;

	if (file->f_op != &fuse_dev_operations)
		return NULL;
	fud = __fuse_get_dev(file);
	return fud ? fud->chan->conn : NULL;
}

#endif /* _FS_FUSE_BACKING_SERVER_H */
