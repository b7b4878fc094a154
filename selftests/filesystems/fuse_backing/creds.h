/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Becoming somebody else, with and without CAP_SYS_ADMIN.
 */
#ifndef CREDS_H
#define CREDS_H

#include <stdbool.h>
#include <sys/types.h>

/* Another user with CAP_SYS_ADMIN and no other capability. */
int creds_become(uid_t uid, gid_t gid);

/* Raise or lower CAP_SYS_ADMIN; it stays permitted. */
int creds_sys_admin(bool on);

/* No capabilities, and no way back. */
int creds_drop_all(void);

/* fuse_backing_open_path() in a process of user @uid with CAP_SYS_ADMIN. */
int creds_register_as(uid_t uid, gid_t gid, int dev, const char *path,
		      int flags);

#endif /* CREDS_H */
