/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The switch that gives a system the old rule back: no backing files without
 * CAP_SYS_ADMIN.
 */
#ifndef MODULE_PARAM_H
#define MODULE_PARAM_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

/* 0 or -errno. It is the system's: no assertion between off and on. */
static inline int switch_passthrough(bool on)
{
	int fd = open("/sys/module/fuse/parameters/unprivileged_passthrough",
		      O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, on ? "Y" : "N", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

#endif /* MODULE_PARAM_H */
