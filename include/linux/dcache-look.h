/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Looking into the dcache in RCU mode.
 */

#ifndef _LINUX_DCACHE_LOOK_H
#define _LINUX_DCACHE_LOOK_H

struct dentry;
struct qstr;

struct dentry *__d_lookup_rcu(const struct dentry *parent, const struct qstr *name,
			      unsigned int *seq);

#endif /* _LINUX_DCACHE_LOOK_H */
