/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers of bytes for people.
 */
#ifndef LSFUSEBACKING_UNITS_H
#define LSFUSEBACKING_UNITS_H

#include <stdint.h>

/* 512B, 40K, 1.2M; the caller must free it */
char *human_bytes(uint64_t bytes);

#endif
