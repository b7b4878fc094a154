// SPDX-License-Identifier: GPL-2.0
/*
 * What one call of a function costs. See sample.h.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sample.h"

#define WARM_UP		8
#define BATCH_MIN	4
#define BATCH_MAX	1000
#define BATCH_COST	1e6	/* about, well below the 4e6 between two ticks */
#define BATCHES_MIN	5
#define BATCHES_MAX	15
#define BATCHES_COST	(BATCHES_MAX * BATCH_COST)

static unsigned int batches_max = BATCHES_MAX;

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

void sample_be_quick(void)
{
	batches_max = BATCHES_MIN;
}

unsigned int sample_batches(void)
{
	return batches_max;
}

static unsigned int clamp(double value, unsigned int min, unsigned int max)
{
	return value < min ? min : value > max ? max : value;
}

static double time_batch(const struct call *call, unsigned int count)
{
	double start = now();

	for (unsigned int i = 0; i < count; i++)
		call->run(call->arg);
	return now() - start;
}

static double tidy_batch(const struct call *call, unsigned int count)
{
	double cost = time_batch(call, count);

	if (call->tidy)
		call->tidy(call->arg);
	return cost;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void sample_values(struct sample *sample, double *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), compare);
	sample->min = values[0];
	sample->median = values[count / 2];
}

static void do_nothing(void *arg)
{
	(void)arg;
}

/* What the loop and the clock cost, of a batch with @count calls */
static double overhead(unsigned int count)
{
	static const struct call nothing = { .run = do_nothing };
	double values[BATCHES_MIN];
	struct sample sample;

	for (unsigned int i = 0; i < BATCHES_MIN; i++)
		values[i] = time_batch(&nothing, count);
	sample_values(&sample, values, BATCHES_MIN);
	return sample.min;
}

void sample_call(struct sample *sample, const struct call *call)
{
	double cost = tidy_batch(call, WARM_UP) / WARM_UP;
	unsigned int count = clamp(BATCH_COST / cost, BATCH_MIN,
				   call->batch ?: BATCH_MAX);
	unsigned int batches = clamp(BATCHES_COST / (count * cost), BATCHES_MIN,
				     batches_max);
	double values[BATCHES_MAX];
	double empty = overhead(count);

	tidy_batch(call, count);
	for (unsigned int i = 0; i < batches; i++)
		values[i] = (tidy_batch(call, count) - empty) / count;
	sample_values(sample, values, batches);
}

void record_sample(const struct record *rec, const char *metric,
		   const struct sample *sample)
{
	char name[64];

	record(rec, metric, sample->min);
	snprintf(name, sizeof(name), "%s.median", metric);
	record(rec, name, sample->median);
}
