// SPDX-License-Identifier: LGPL-2.1
/*
 * Tests of the library. See harness.h.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "device.h"
#include "harness.h"

/* More of one test would be the same again */
#define SHOWN	10

static int failures;
static char where[256];

void context(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(where, sizeof(where), format, args);
	va_end(args);
}

void check(bool condition, const char *text, const char *file, int line)
{
	if (condition || failures++ >= SHOWN)
		return;
	printf("  %s:%d: %s: %s is not so\n", file, line, where, text);
}

void check_equal(long long is, long long should_be, const char *text,
		 const char *file, int line)
{
	if (is == should_be || failures++ >= SHOWN)
		return;
	printf("  %s:%d: %s: %s is %lld, not %lld\n", file, line, where, text, is,
	       should_be);
}

int run_tests(const struct test *tests)
{
	int failed = 0;

	for (; tests->name; tests++) {
		failures = 0;
		where[0] = '\0';
		device_reset(KERNEL_TABLE);
		tests->run();
		printf("%s %s\n", failures ? "FAIL" : "PASS", tests->name);
		failed += !!failures;
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
