/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What reading a member of an archive costs.
 *
 * Ways are the archive itself at the member's offset, the kernel's extents as
 * fuse-tarfs of tools/examples gives them, the same server without, and
 * archivemount.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include <stdbool.h>

/* Values for each read of a member: "per read" and "requests per read". */
void archive_measure(const char *fs, bool quick, bool reverse);

#endif /* ARCHIVE_H */
