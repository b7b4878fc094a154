/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's clients: files that are open, or mapped.
 */
#ifndef FUZZ_CLIENTS_H
#define FUZZ_CLIENTS_H

#include <stdbool.h>

struct client;
struct fuzz_mount;

/* NULL if there are as many as may be. */
struct client *free_client(void);

/* A file that was opened: on @id, or on the node's extents if that is 0. */
struct client *note_client(struct fuzz_mount *mount, int fd, int name,
			   int flags, int id);

bool may_read(const struct client *c);
bool may_write(const struct client *c);

/* Of what the kernel opened, and the server not yet. */
bool has_no_handle(const struct client *c);

/* Its I/O is the server's from now on, and its mapping not its own. */
void revoke_client(struct client *c);
void revoke_clients(struct fuzz_mount *mount, int name);

/* A mapping of extents keeps the file itself, not what is below. */
void client_close(struct client *c);

void client_mapped(struct client *c, void *map);
void client_unmap(struct client *c);

/* O_APPEND comes, or goes. */
void client_flags(struct client *c);

#endif /* FUZZ_CLIENTS_H */
