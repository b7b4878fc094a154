/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of what a branch is about to change: with owner, mode, times, holes and extended
 * attributes. One that fails leaves nothing.
 */
#ifndef COPYUP_H
#define COPYUP_H

/* Copy what has this name, of a directory nothing that is in there: 0 or -errno */
int copy_up(int from_dir, int to_dir, const char *name);

#endif /* COPYUP_H */
