/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Delegations, which whoever changes a file, or what is in a directory, waits for.
 */
#ifndef DELEGATION_H
#define DELEGATION_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include <linux/types.h>

#ifndef F_SETDELEG
#define F_SETDELEG	(1024 + 16)

struct delegation {
	__u32 d_flags;
	__u16 d_type;
	__u16 __pad;
};
#endif

/*
 * Get one of what @fd has open for reading, and keep it when it is asked for, until it is
 * taken away or @fd closed: 0 or -errno.
 */
static inline int delegation_keep(int fd)
{
	struct delegation delegation = { .d_type = F_RDLCK };

	signal(SIGIO, SIG_IGN);
	return fcntl(fd, F_SETDELEG, &delegation) < 0 ? -errno : 0;
}

#endif /* DELEGATION_H */
