/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The switch that gives a system the old rule back: no backing files without
 * CAP_SYS_ADMIN.
 */
#ifndef MODULE_PARAM_H
#define MODULE_PARAM_H

#include <stdbool.h>

#include "text_file.h"

/* 0 or -errno. It is the system's: no assertion between off and on. */
static inline int switch_passthrough(bool on)
{
	return text_file_write("/sys/module/fuse/parameters/unprivileged_passthrough",
			       on ? "Y" : "N");
}

#endif /* MODULE_PARAM_H */
