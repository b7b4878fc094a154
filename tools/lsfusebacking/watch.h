/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Refreshing (--watch).
 */
#ifndef LSFUSEBACKING_WATCH_H
#define LSFUSEBACKING_WATCH_H

#include <stdbool.h>

struct snapshot;

/* Whoever watches ends by SIGINT or SIGTERM */
void watch_start(void);

/* False if it is time to end */
bool watch_wait(double seconds);

/* What comes before all refreshes but the first */
void watch_separate(bool first);

double watch_clock(void);

/* Set the rates of @now, that is @seconds after @before */
void watch_rates(struct snapshot *now, const struct snapshot *before,
		 double seconds);

#endif
