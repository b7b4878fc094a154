// SPDX-License-Identifier: GPL-2.0
/*
 * How much faster two processes are than one. See parallel.h.
 */

#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "operations.h"
#include "parallel.h"

#define SPAN_NS		40e6
#define SPANS		4	/* of one process and of two, by turns */
#define ROUND		16	/* operations between two looks at the clock */
#define PROCESSES	2
#define REPEATS		4
#define REPEATS_QUICK	2

/* Two processes with descriptors of their own, on the same file or not, or with one */
static const struct workload {
	const char *name;
	const char *operation;
	const char *files[PROCESSES];
	bool inherited;	/* open before they are made */
} workloads[] = {
	{ "read, same file", "read", { "data", "data" } },
	{ "read, two files", "read", { "data", "other" } },
	{ "write, same file", "write", { "data", "data" } },
	{ "write, two files", "write", { "data", "other" } },
	{ "read, one descriptor", "read", { "data", "data" }, true },
	{ "write, one descriptor", "write", { "data", "data" }, true },
};

struct shared {
	bool go;
	unsigned int ready;
	unsigned long done[PROCESSES];
};

static struct shared *shared;

/* The server goes where it likes */
static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set));
}

static void open_file(const struct workload *load, enum way way, int process,
		      struct target *t)
{
	struct operation op = *operation_find(load->operation);

	op.file = load->files[process];
	target_open(t, &op, way, 4096);
}

/* @t is open if it is inherited */
static void work(const struct workload *load, enum way way, int process,
		 struct target *t)
{
	const struct operation *op = operation_find(load->operation);
	unsigned long done = 0;
	double end;

	stay_on(process);
	if (!load->inherited)
		open_file(load, way, process, t);
	op->run(t);
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&shared->go, __ATOMIC_SEQ_CST))
		;
	for (end = now() + SPAN_NS; now() < end; done += ROUND)
		for (int i = 0; i < ROUND; i++)
			op->run(t);
	shared->done[process] = done;
	_exit(0);
}

/* Operations that @processes got done together */
static double rate(const struct workload *load, enum way way, int processes)
{
	pid_t pids[PROCESSES];
	struct target t;
	double sum = 0;
	int status;

	shared->go = false;
	shared->ready = 0;
	if (load->inherited)
		open_file(load, way, 0, &t);
	for (int i = 0; i < processes; i++) {
		pids[i] = fork();
		must(pids[i] >= 0);
		if (!pids[i])
			work(load, way, i, &t);
	}
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) <
	       (unsigned int)processes)
		usleep(1000);
	__atomic_store_n(&shared->go, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < processes; i++) {
		must(waitpid(pids[i], &status, 0) == pids[i] && !status);
		sum += shared->done[i];
	}
	if (load->inherited)
		target_close(&t);
	return sum;
}

static void measure(const char *fs, const struct workload *load, enum way way)
{
	const struct record rec = { fs, way_names[way], load->name, 4096 };
	double one = 0, two = 0;

	for (int i = 0; i < SPANS; i++) {
		one += rate(load, way, 1);
		two += rate(load, way, 2);
	}
	record(&rec, "speedup", two / one);
}

void parallel_measure(const char *fs, bool quick, bool reverse)
{
	int repeats = quick ? REPEATS_QUICK : REPEATS;
	struct fuse_server srv;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED);
	mount_start(&srv);
	mount_register(&srv);
	for (int i = 0; i < repeats; i++)
		for (size_t j = 0; j < sizeof(workloads) / sizeof(*workloads);
		     j++) {
			measure(fs, &workloads[j],
				reverse ? PASSTHROUGH : DIRECT);
			measure(fs, &workloads[j],
				reverse ? DIRECT : PASSTHROUGH);
		}
	mount_stop(&srv);
	munmap(shared, sizeof(*shared));
}
