/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the processes of the stress test share.
 *
 * Several workers act at random on several mounts, each with a random sequence
 * and a log of its own; what they tell each other is in shared memory. An error
 * that nobody documented ends the run, and the logs are printed.
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/types.h>

#include "fuse_server.h"

#define STRESS_MOUNTS	3
#define STRESS_SERVERS	2	/* workers with /dev/fuse */
#define STRESS_CLIENTS	3	/* workers with files on the mounts */
#define STRESS_WORKERS	(STRESS_SERVERS + STRESS_CLIENTS + 1)
#define STRESS_SLOTS	16	/* ids to choose from, for each mount */
#define STRESS_LOG	24

/* Each file starts with its own number, which is never overwritten. */
#define STRESS_KEPT	4096
#define STRESS_SIZE	(4 * STRESS_KEPT)

/* Files of the backing filesystem, and names on each mount. */
enum stress_name {
	STRESS_OWN_FIRST,	/* each is one client's, who says what it opens */
	STRESS_OWN_LAST = STRESS_CLIENTS - 1,
	STRESS_BY_ID,		/* all clients', on whatever id comes along */
	STRESS_PER_OPEN,	/* each open with an id of its own */
	STRESS_ATTACHED,	/* attached before the server names it */
	STRESS_PLAIN,		/* not opened in passthrough mode by the server */
	STRESS_PARTS,		/* the one with extents */
	STRESS_MADE,		/* comes and goes */
	STRESS_NAMES
};

/* One action, and what it came to. */
struct stress_entry {
	const char *what;
	int mount;
	long arg;
	long result;
	bool done;
};

struct stress_worker {
	pid_t pid;
	__u64 random;
	unsigned long ops;
	bool paused;		/* waits for the end of the pause */
	struct stress_entry log[STRESS_LOG];
};

struct stress_mount {
	__u64 slot[STRESS_SLOTS];
	__u32 handed_out;	/* at least so many ids */
	pid_t thread;
	bool strict;		/* nobody changes the limit of the thread */
	bool over;		/* its end has begun */
};

struct stress {
	bool pause;
	bool stop;
	bool failed;
	struct stress_mount mount[STRESS_MOUNTS];
	struct stress_worker worker[STRESS_WORKERS];
};

/* A worker's view, in its own process. */
struct stress_self {
	struct stress *shared;
	struct stress_worker *worker;
	struct fuse_server *srv;	/* of the mounts */
};

/* One thing that a worker does, and how often. */
struct stress_action {
	const char *what;
	unsigned int weight;
	void (*act)(struct stress_self *self, int mount);
};

/* An id, the number of the file that it was made for, and when that was. */
struct stress_id {
	int id;			/* 0: none */
	int file;
	__u32 at;
};

const char *stress_name(enum stress_name name);

__u32 stress_random(struct stress_self *self);
__u32 stress_below(struct stress_self *self, __u32 n);
bool stress_chance(struct stress_self *self, __u32 percent);

/* What is about to be done; @arg is for the log. */
void stress_begin(struct stress_self *self, long arg);

/*
 * How it ended: negative errnos must be among these, 0 for none. Returns @result.
 */
long stress_ended(struct stress_self *self, long result, const int *allowed);
#define stress_end(self, result, allowed...) \
	stress_ended(self, result, (const int[]){ allowed, 0 })

/* Something is wrong. */
void stress_fail(struct stress_self *self, const char *what);

/* The logs of all workers, on standard error. */
void stress_print_logs(const struct stress *shared);

/* How many ids were handed out on a mount, at least or at most. */
__u32 stress_handed_out(const struct stress_self *self, int mount);

struct stress_id stress_get(struct stress_self *self, int mount,
			    unsigned int slot);

/* Put an id into a slot; what was there. */
struct stress_id stress_put(struct stress_self *self, int mount,
			    unsigned int slot, struct stress_id id);

/* Act at random until told to stop. */
void stress_work(struct stress_self *self, const struct stress_action *actions,
		 unsigned int nr);

/* The workers: these return when they are to stop. */
void stress_be_server(struct stress_self *self);
void stress_be_client(struct stress_self *self);
void stress_be_looker(struct stress_self *self);

#endif /* STRESS_H */
