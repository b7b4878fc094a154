// SPDX-License-Identifier: LGPL-2.1
/*
 * Errors in words: all that can come have some, of one line.
 */

#include <errno.h>
#include <string.h>

#include "../fuse_backing.h"
#include "harness.h"

static bool is_a_line(const char *text)
{
	return text && strlen(text) > 5 && strlen(text) < 200 && !strchr(text, '\n');
}

static void each_errno(void)
{
	for (int err = 1; err < 200; err++) {
		context("errno %d", err);
		CHECK(is_a_line(fusebacking_strerror(-err, 0)));
	}
	CHECK(!strcmp(fusebacking_strerror(0, 0), "no error"));
	CHECK(strstr(fusebacking_strerror(-EMFILE, 0), "prlimit"));
	CHECK(is_a_line(fusebacking_strerror(-100000, -1)));
}

static void each_reason(void)
{
	int reason = 1;

	for (; fusebacking_reason_word(reason); reason++) {
		context("reason %d", reason);
		CHECK_EQUAL(fusebacking_reason(fusebacking_reason_word(reason)), reason);
		CHECK(is_a_line(fusebacking_strerror(-EPERM, reason)));
		CHECK(fusebacking_strerror(-EPERM, reason) !=
		      fusebacking_strerror(-EPERM, 0));
	}
	CHECK(reason > 30);
	CHECK(!fusebacking_reason_word(0));
	CHECK_EQUAL(fusebacking_reason("no such"), 0);
	/* ENOTDIR of a regular file is one, too */
	CHECK(strstr(fusebacking_strerror(-ENOTDIR, fusebacking_reason("file-type")),
		     "directory"));
	/* of a kernel that has more of them */
	CHECK(fusebacking_strerror(-EPERM, reason) == fusebacking_strerror(-EPERM, 0));
}

static void verdicts(void)
{
	CHECK_EQUAL(fusebacking_verdict(0), FUSEBACKING_FINE);
	CHECK_EQUAL(fusebacking_verdict(5), FUSEBACKING_FINE);
	CHECK_EQUAL(fusebacking_verdict(-EMFILE), FUSEBACKING_NOT_NOW);
	CHECK_EQUAL(fusebacking_verdict(-EAGAIN), FUSEBACKING_NOT_NOW);
	CHECK_EQUAL(fusebacking_verdict(-ENOMEM), FUSEBACKING_NOT_NOW);
	CHECK_EQUAL(fusebacking_verdict(-EBUSY), FUSEBACKING_NOT_NOW);
	CHECK_EQUAL(fusebacking_verdict(-ELOOP), FUSEBACKING_NOT_THIS);
	CHECK_EQUAL(fusebacking_verdict(-ENOTDIR), FUSEBACKING_NOT_THIS);
	CHECK_EQUAL(fusebacking_verdict(-EOPNOTSUPP), FUSEBACKING_NOT_THIS);
	CHECK_EQUAL(fusebacking_verdict(-EPERM), FUSEBACKING_NEVER);
	CHECK_EQUAL(fusebacking_verdict(-ENOTTY), FUSEBACKING_NEVER);
	CHECK_EQUAL(fusebacking_verdict(-EBADF), FUSEBACKING_MISTAKE);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(each_errno),
		TEST(each_reason),
		TEST(verdicts),
		{}
	};

	return run_tests(tests);
}
