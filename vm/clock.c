// SPDX-License-Identifier: GPL-2.0
/*
 * Print how fast this machine's time stamp counter counts, in kHz.
 *
 * An emulated guest has the same counter.  It would measure it at boot by a timer that
 * is late on a busy machine, and keep time by that timer's interrupts if it can't.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <x86intrin.h>

#define TRIES		1000
#define NS_BETWEEN	100000000

struct moment {
	uint64_t cycles;
	uint64_t ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Both clocks at once: of many tries, the one that was interrupted least */
static struct moment look(void)
{
	struct moment best = {};
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc(), ns = now_ns(), took = __rdtsc() - before;

		if (took >= least)
			continue;
		least = took;
		best = (struct moment){ .cycles = before + took / 2, .ns = ns };
	}
	return best;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = NS_BETWEEN };
	struct moment first = look(), last;

	nanosleep(&pause, NULL);
	last = look();
	printf("%.0f\n", (last.cycles - first.cycles) * 1e6 / (last.ns - first.ns));
	return 0;
}
