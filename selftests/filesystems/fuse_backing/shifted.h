/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backing directory seen through an idmapped mount, which shows other owners than its
 * files have.
 */
#ifndef SHIFTED_H
#define SHIFTED_H

/* Shown as owner of what is 0's; so are the others that there are, ten thousand */
#define SHIFTED	70000

/* Mount it at SCRATCH_OTHER: 0 or -errno. */
int shifted_mount(void);

#endif /* SHIFTED_H */
