/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process that answers a mount's requests, by the bare /dev/fuse protocol.
 */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <sys/types.h>

#include "server_shared.h"

/*
 * Start one on @dev, /dev/fuse of a mount; its files are those of the directory
 * @backing. If another has answered INIT, it waits until @sh says that it is its
 * turn. It has the caller's mappings, but not its descriptors, and ends with the
 * mount and with the caller. Its pid, or -errno.
 */
pid_t server_process_start(int dev, const char *backing,
			   const struct fuse_server_opts *opts,
			   struct fuse_server_shared *sh);

#endif /* SERVER_PROCESS_H */
