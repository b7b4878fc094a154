// SPDX-License-Identifier: GPL-2.0
#include "units.h"

#include "xalloc.h"

/*
 * One decimal, rounded, and none if it is zero. What rounds up to 1024 is one
 * of the next unit.
 */
char *human_bytes(uint64_t bytes)
{
	static const char letters[] = "BKMGTPE";
	unsigned int unit = 0;
	uint64_t whole, tenths;

	while (unit + 2 < sizeof(letters) && bytes >> (10 * unit) >= 1024)
		unit++;
	whole = bytes >> (10 * unit);
	tenths = 0;
	if (unit) {
		/* Of ten bits of the fraction; what is below doesn't round */
		uint64_t rest = bytes >> (10 * (unit - 1)) & 1023;

		tenths = (rest * 10 + 512) / 1024;
	}
	if (tenths == 10) {
		tenths = 0;
		whole++;
	}
	if (whole == 1024 && unit + 2 < sizeof(letters)) {
		whole = 1;
		unit++;
	}
	if (tenths)
		return xasprintf("%llu.%llu%c", (unsigned long long)whole,
				 (unsigned long long)tenths, letters[unit]);
	return xasprintf("%llu%c", (unsigned long long)whole, letters[unit]);
}
