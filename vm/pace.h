/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How fast this guest is: a time limit is for a guest of pace 1, and is that
 * many times longer here.
 *
 * A guest is slow because its processors are emulated, because its kernel looks
 * for mistakes, or because the host has something else to do: all three make
 * the system calls below slower. Other programs in the guest don't, as only time
 * in which this thread runs is counted.
 */
#ifndef PACE_H
#define PACE_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PACE_ROUNDS	400
/* of the base kernel, emulated by a processor of 2023 that does nothing else */
#define PACE_ONE_US	100000
/* What a test does is not all system calls; and a hang must end some time */
#define PACE_MOST	12

static inline unsigned long pace_clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000UL + t.tv_nsec / 1000;
}

/* Some of what tests do: open, allocate, map, touch, compute. */
static inline void pace_round(void)
{
	unsigned int sum = 0;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char text[512];
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* each step is done, though nobody looks at the sum */
	for (unsigned int i = 0; i < 1000; i++)
		asm("" : "+r" (sum) : "r" (i));
	if (page != MAP_FAILED) {
		page[0] = read(fd, text, sizeof(text)) > 0;
		munmap(page, 4096);
	}
	close(fd);
}

/**
 * pace_measure - measure how many times slower than pace 1 this guest is
 *
 * Return: 1 to PACE_MOST, rounded up.
 */
static inline unsigned int pace_measure(void)
{
	unsigned long start = pace_clock_us(), us = 0;
	unsigned int left = PACE_ROUNDS;

	while (left-- && us < PACE_MOST * PACE_ONE_US) {
		pace_round();
		us = pace_clock_us() - start;
	}
	return us / PACE_ONE_US + (us < PACE_MOST * PACE_ONE_US);
}

#endif /* PACE_H */
