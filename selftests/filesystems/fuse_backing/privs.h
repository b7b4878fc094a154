/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Privileges of a backing file that writes take away: what tests of them start
 * from.
 */
#ifndef PRIVS_H
#define PRIVS_H

#include <stdbool.h>

#include "env.h"

#define PRIVS_CAPABILITY	"security.capability"

/*
 * A server with one file, which it registered and passes through: the id, or
 * -errno; -EOPNOTSUPP without passthrough.
 */
int privs_serve(struct env *env, const char *name,
		const struct fuse_server_opts *opts);

/* Capabilities as setcap(8) writes them: CAP_CHOWN, permitted. 0 or -errno. */
int privs_give_caps(const char *path);
bool privs_has_caps(const char *path);

#endif /* PRIVS_H */
