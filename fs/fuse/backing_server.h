/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what is to be known of the connection's other end.
 */

#ifndef _FS_FUSE_BACKING_SERVER_H
#define _FS_FUSE_BACKING_SERVER_H

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

#endif /* _FS_FUSE_BACKING_SERVER_H */
