/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads and servers of FUSE connections among the processes in /proc.
 */
#ifndef LSFUSEBACKING_PROCESS_H
#define LSFUSEBACKING_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process that has to do with a connection */
struct sighting {
	unsigned int number;	/* of the connection */
	pid_t pid;
	bool server;		/* else its thread */
	/* What a server's fdinfo says, if the kernel says it */
	bool aware;
	uint64_t thread, files, limit;
	char filter[32];
};

struct sightings {
	struct sighting *list;
	size_t nr;
	/* Connections that are mounted in any mount namespace */
	unsigned int *mounted;
	size_t nr_mounted;
	/* A process of each mount namespace */
	pid_t *witnesses;
	size_t nr_witnesses;
	/* Nothing was kept from us: who wasn't seen isn't there */
	bool complete;
};

/* Processes that can't be looked into are left out. */
void processes_scan(struct sightings *seen);
void sightings_free(struct sightings *seen);

bool sightings_mounted(const struct sightings *seen, unsigned int number);

/* A process that has it open may serve a mount; fdinfo decides */
bool names_fuse_device(const char *link);

/* Real uid of a process */
bool process_uid(pid_t pid, uid_t *uid);

#endif
