/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kselftest_harness.h, with time limits for a machine as slow as this one.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include "kselftest_harness.h"

#include "patience.h"

/* Called once, by the harness's main(): all tests are known by then */
static inline void harness_be_patient(void)
{
	struct __fixture_metadata *fixture;
	struct __test_metadata *test;

	for (fixture = __fixture_list; fixture; fixture = fixture->next)
		for (test = fixture->tests; test; test = test->next)
			test->timeout *= patience();
}

#define test_harness_run(argc, argv)				\
	(harness_be_patient(), test_harness_run(argc, argv))

#endif /* HARNESS_H */
