/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the exit status says: as grep's, and as findmnt's and lsblk's where
 * something was named that isn't there.
 */
#ifndef LSFUSEBACKING_STATUS_H
#define LSFUSEBACKING_STATUS_H

#define EXIT_FOUND 0
#define EXIT_NONE 1		/* there is nothing of what was asked for */
#define EXIT_TROUBLE 2		/* there may be some */
#define EXIT_NONE_FOUND 32	/* none of the mounts and processes named */
#define EXIT_SOME_FOUND 64	/* some of them only */

#endif
