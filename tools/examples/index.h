/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in an archive, and where.
 */
#ifndef INDEX_H
#define INDEX_H

#include <stddef.h>

struct archive;
struct extents;
struct tree;

/* For archives of the kinds that can be indexed; NULL without memory. */
struct archive *index_reader(void);

/*
 * Fill a tree that has its root, and the extents of its files, from the archive
 * that is open as @fd; @path is for messages. Whoever is root gets the owners that
 * the archive says, anybody else owns it all.
 *
 * Ends the program if it is no archive, compressed, or damaged. What can't be in
 * a tree, as "../a", is left out with a warning.
 */
void index_archive(struct tree *tree, struct extents *extents, const char *path,
		   int fd, size_t size);

#endif /* INDEX_H */
