/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * Has this machine's kernel BPF programs that choose what FUSE files are opened on?
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>

/* No descriptor says so, but types of the kernel do; false without /sys. */
bool kernel_has_filters(void);

#endif /* FILTER_H */
