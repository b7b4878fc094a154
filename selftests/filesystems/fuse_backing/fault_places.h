/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A call that fails at each place where it can, one after the other.
 *
 * To be included after harness.h.
 */
#ifndef FAULT_PLACES_H
#define FAULT_PLACES_H

#include <errno.h>
#include <stdbool.h>

#include "fault.h"

#define FAULT_PLACES	2000	/* a call with more is one that never ends */

/*
 * What all of them get is the test's fixture; all but @call may be NULL. They
 * return 0 or -errno, @call what it likes.
 */
struct fault_call {
	int (*prepare)(void *fixture);
	long (*call)(void *fixture);
	/* after @call, whatever it returned; also the last, which does not fail */
	int (*undo)(void *fixture, long result);
	/* errnos that may be, beside those of memory */
	int also[2];
};

/* For a fixture's setup, which is to end if this says false. */
static inline bool fault_ready(struct __test_metadata *_metadata)
{
	int err = fault_setup();

	if (err == -EOPNOTSUPP)
		SKIP(return false, "no fault injection");
	ASSERT_EQ(0, err);
	return true;
}

/* No memory, or memory of the caller's that is not there */
static inline bool fault_allows(const struct fault_call *c, long result)
{
	return result >= 0 || result == -ENOMEM || result == -EFAULT ||
	       result == -c->also[0] || result == -c->also[1];
}

/*
 * @wrong is asked after each place whether all is as it must be, and says NULL or
 * what is wrong. @fault is of the task that does the work.
 */
static inline void fault_places(struct __test_metadata *_metadata, int fault,
				const struct fault_call *c, void *fixture,
				const char *(*wrong)(void *fixture))
{
	const char *what;
	bool struck = true;
	int nth = 0;
	long result;

	while (struck && nth < FAULT_PLACES) {
		nth++;
		if (c->prepare)
			ASSERT_EQ(0, c->prepare(fixture))
				TH_LOG("before place %d", nth);
		ASSERT_EQ(0, fault_arm(fault, nth));
		result = c->call(fixture);
		struck = fault_struck(fault);
		EXPECT_TRUE(fault_allows(c, result))
			TH_LOG("place %d: %ld", nth, result);
		if (c->undo)
			ASSERT_EQ(0, c->undo(fixture, result))
				TH_LOG("after place %d: %ld", nth, result);
		what = wrong(fixture);
		ASSERT_EQ(NULL, what)
			TH_LOG("after place %d: %ld, %s", nth, result, what);
	}
	EXPECT_FALSE(struck);
	EXPECT_LE(0, result);
	TH_LOG("%d places", nth - 1);
}

#endif /* FAULT_PLACES_H */
