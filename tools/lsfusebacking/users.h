/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of users.
 */
#ifndef LSFUSEBACKING_USERS_H
#define LSFUSEBACKING_USERS_H

#include <sys/types.h>

/* The name, or the number if it has none; valid until users_free() */
const char *user_name(uid_t uid);
void users_free(void);

#endif
