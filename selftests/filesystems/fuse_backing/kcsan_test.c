// SPDX-License-Identifier: GPL-2.0
/*
 * The control of all that runs in the kernel that looks for data races.
 *
 * Proves: two threads that change a word without order are reported there, by name;
 * two that do it by atomic operations aren't.
 *
 * Privilege: root, and a kernel with KCSAN that takes the modules in test_modules.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "test_module.h"
#include "wait_until.h"

#define MODULE	"data_race"
#define REPORT	"BUG: KCSAN: data-race in data_race_step"

FIXTURE(kcsan) {
	int log;
	bool reported;
};

FIXTURE_VARIANT(kcsan) {
	const char *parameters;
	bool is_race;
};

FIXTURE_VARIANT_ADD(kcsan, race) {
	.parameters = "",
	.is_race = true,
};

FIXTURE_VARIANT_ADD(kcsan, ordered) {
	.parameters = "ordered=1",
	.is_race = false,
};

FIXTURE_SETUP(kcsan)
{
	int err;

	if (access("/sys/kernel/debug/kcsan", F_OK) < 0)
		SKIP(return, "needs KCSAN");
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	ASSERT_LE(0, lseek(self->log, 0, SEEK_END));
	err = test_module_load(MODULE, variant->parameters);
	if (err == -EOPNOTSUPP)
		SKIP(return, "needs a module for this kernel");
	ASSERT_EQ(0, err);
}

FIXTURE_TEARDOWN(kcsan)
{
	test_module_unload(MODULE);
	close(self->log);
}

/* In what the log has by now; each read(2) is a line */
static bool is_reported(FIXTURE_DATA(kcsan) * self)
{
	char line[8192];
	ssize_t n;

	while ((n = read(self->log, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (strstr(line, REPORT))
			self->reported = true;
	}
	return self->reported;
}

static int running(void)
{
	FILE *file = fopen("/sys/module/" MODULE "/parameters/running", "re");
	int count = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &count) != 1)
		count = -1;
	fclose(file);
	return count;
}

TEST_F(kcsan, reports)
{
	ASSERT_TRUE(wait_until(is_reported(self) || !running()));
	EXPECT_EQ(variant->is_race, is_reported(self));
}

TEST_HARNESS_MAIN
