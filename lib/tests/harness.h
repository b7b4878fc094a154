/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * Tests of the library: a line of PASS or FAIL for each.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(function)	{ #function, function }

/* For main() to return; tests end with {} */
int run_tests(const struct test *tests);

#define CHECK(condition) \
	check(condition, #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(is, should_be) \
	check_equal(is, should_be, #is, __FILE__, __LINE__)

/* Said in front of what fails from now on, if it isn't NULL */
void context(const char *format, ...);

void check(bool condition, const char *text, const char *file, int line);
void check_equal(long long is, long long should_be, const char *text,
		 const char *file, int line);

#endif /* HARNESS_H */
