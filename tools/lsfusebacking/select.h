/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which connections are asked for.
 */
#ifndef LSFUSEBACKING_SELECT_H
#define LSFUSEBACKING_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;

struct wish {
	const char *text;
	bool is_pid;
	uint64_t pid;
	unsigned int conn;	/* what it means in the snapshot at hand */
	bool found;
	bool told;		/* that it is a file on the mount */
};

struct selection {
	struct wish *wishes;
	size_t nr;
	bool mounts, pids;	/* there are some of these */
};

/*
 * A mount point or what lies on it, a device number, a thread's name, or the number
 * of a connection
 */
void selection_add_mount(struct selection *selection, const char *text);

/* Pids with commas or blanks between them; ends the program if they are none */
void selection_add_pids(struct selection *selection, const char *list);

/*
 * Leave in @snap what is asked for: one of the mounts, if there are any, and
 * one of the pids.
 */
void selection_apply(struct selection *selection, struct snapshot *snap);

/* Complain about what wasn't found; returns the status to exit with */
int selection_status(const struct selection *selection, bool watching);

void selection_free(struct selection *selection);

#endif
