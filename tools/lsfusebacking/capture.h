/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tar file of what --sysroot needs of a system (--record): files of FUSE
 * connections, of their threads and of their servers, and the mounts.
 */
#ifndef LSFUSEBACKING_CAPTURE_H
#define LSFUSEBACKING_CAPTURE_H

struct snapshot;

/*
 * Returns the status to exit with, EXIT_TROUBLE if something couldn't be read, which
 * is told; ends the program if there is no file at all.
 */
int capture(const char *file, struct snapshot *snap);

#endif
