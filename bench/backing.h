/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The filesystem that the backing files are on.
 */
#ifndef BACKING_H
#define BACKING_H

#define BACKING_DIR	"/tmp/backing"
#define BACKING_FILE	(1024 * 1024)	/* size of "data" and "other" */

/* tmpfs or ext4, mounted and filled, until backing_umount(). */
void backing_mount(const char *fs);
void backing_umount(void);

#endif /* BACKING_H */
