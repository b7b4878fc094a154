/* SPDX-License-Identifier: GPL-2.0 */
/*
 * I/O of clients on files that are ranges of backing files.
 */
#ifndef FUZZ_EXTENTS_IO_H
#define FUZZ_EXTENTS_IO_H

struct client;

/* A read, and something or other. */
void extents_client_read(struct client *c);
void extents_client_io(struct client *c);

#endif /* FUZZ_EXTENTS_IO_H */
