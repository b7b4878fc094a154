// SPDX-License-Identifier: GPL-2.0
#include "watch.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "snapshot.h"

/* Home, and erase from there to the end of the screen */
#define CLEAR "\033[H\033[2J"

static void ending_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
}

/* Signals are taken while we wait only: what is being printed gets finished. */
void watch_start(void)
{
	sigset_t signals;

	ending_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

bool watch_wait(double seconds)
{
	struct timespec time = { .tv_sec = seconds };
	sigset_t signals;

	time.tv_nsec = (seconds - time.tv_sec) * 1e9;
	ending_signals(&signals);
	return sigtimedwait(&signals, NULL, &time) < 0;
}

void watch_separate(bool first)
{
	if (isatty(STDOUT_FILENO))
		fputs(CLEAR, stdout);
	else if (!first)
		putchar('\n');
}

double watch_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static bool same_file(const struct mapping *one, const struct mapping *other)
{
	return one->dev_major == other->dev_major &&
	       one->dev_minor == other->dev_minor &&
	       one->facts.value[FACT_INO] == other->facts.value[FACT_INO];
}

static void set_rate(struct facts *now, const struct facts *before,
		     enum fact bytes, enum fact rate, double seconds)
{
	uint64_t from = before ? before->value[bytes] : 0;

	if (fact_known(now, bytes) && now->value[bytes] >= from)
		fact_set(now, rate, (now->value[bytes] - from) / seconds);
}

/* What was mapped since has moved all its bytes since. */
static void set_rates(struct mapping *now, const struct mapping *before,
		      double seconds)
{
	const struct facts *facts = NULL;

	if (before && same_file(now, before))
		facts = &before->facts;
	set_rate(&now->facts, facts, FACT_READ, FACT_READ_RATE, seconds);
	set_rate(&now->facts, facts, FACT_WRITTEN, FACT_WRITTEN_RATE, seconds);
}

static const unsigned int rate_facts =
	1U << FACT_READ_RATE | 1U << FACT_WRITTEN_RATE;

static void connection_rates(struct connection *now,
			     const struct connection *before, double seconds)
{
	const struct mapping *old = before->maps;
	const struct mapping *end = old + before->nr_maps;
	struct facts rates;
	size_t i;

	if (fact_known(&now->facts, FACT_READ)) {
		fact_set(&now->facts, FACT_READ_RATE, 0);
		fact_set(&now->facts, FACT_WRITTEN_RATE, 0);
	}
	/* Both are ordered by id */
	for (i = 0; i < now->nr_maps; i++) {
		struct mapping *map = &now->maps[i];
		uint64_t id = map->facts.value[FACT_ID];

		while (old < end && old->facts.value[FACT_ID] < id)
			old++;
		set_rates(map, old < end && old->facts.value[FACT_ID] == id ?
			  old : NULL, seconds);
		rates = map->facts;
		rates.known &= rate_facts;
		connection_count(now, &rates);
	}
}

void watch_rates(struct snapshot *now, const struct snapshot *before,
		 double seconds)
{
	size_t i;

	for (i = 0; i < now->nr; i++) {
		struct connection *old;

		old = snapshot_connection(before, now->conns[i].number);
		if (old && old->thread == now->conns[i].thread &&
		    !old->problem && seconds > 0)
			connection_rates(&now->conns[i], old, seconds);
	}
}
