/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time limits for a machine as slow as this one: whoever runs the tests measures
 * how many times longer than said a limit has to be, and says so in PATIENCE.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdlib.h>

/* 1 where nobody says how fast this machine is */
static inline int patience(void)
{
	const char *text = getenv("PATIENCE");
	int times = text ? atoi(text) : 1;

	return times > 1 ? times : 1;
}

#endif /* PATIENCE_H */
