/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Becoming somebody else, with and without CAP_SYS_ADMIN.
 */
#ifndef CREDS_H
#define CREDS_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/capability.h>
#include <linux/types.h>

/* Who somebody is: no supplementary groups, and just these capabilities. */
struct creds {
	uid_t uid;
	gid_t gid;
	__u64 caps;
};

#define CREDS_CAP(cap)	(1ULL << (cap))

/* For good: needs root. */
int creds_set(const struct creds *who);

/* What @fn returns in a process of @who's, or -ECHILD. */
int creds_call(const struct creds *who, int (*fn)(void *arg), void *arg);

/*
 * Root of a user namespace of its own, which maps nobody but the user that
 * the process was, and a mount namespace that belongs to it. For good.
 */
int creds_enter_userns(void);

/* fuse_backing_open() of @fd in a process of @who's. */
int creds_register(const struct creds *who, int dev, int fd);

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
