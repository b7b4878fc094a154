/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one call of a function costs, in units of now().
 *
 * Under QEMU -icount a nanosecond is an instruction, so the answer is a count
 * and the same in every run, but for timer ticks and work that the kernel put
 * off: batches that these fall into cost more, and the cheapest batch is the
 * cost of the call itself.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "record.h"

struct sample {
	double min;
	double median;
};

struct call {
	void (*run)(void *arg);
	void *arg;
	/* between batches, and not measured: undo what they left; may be NULL */
	void (*tidy)(void *arg);
	/* at most so many in a batch, 0 for the default */
	unsigned int batch;
};

double now(void);

/* Quick runs have fewer batches. */
void sample_be_quick(void);
unsigned int sample_batches(void);

void sample_call(struct sample *sample, const struct call *call);

/* @values is sorted. */
void sample_values(struct sample *sample, double *values, unsigned int count);

void record_sample(const struct record *rec, const char *metric,
		   const struct sample *sample);

#endif /* SAMPLE_H */
