/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A FUSE connection: its mount, its thread, its servers and its backing files.
 */
#ifndef LSFUSEBACKING_CONNECTION_H
#define LSFUSEBACKING_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Numbers that are known of a mapping, or in sum of a connection */
enum fact {
	FACT_ID,
	FACT_OPENS,
	FACT_MMAPS,
	FACT_ATTACHED,
	FACT_PENDING,
	FACT_USES,
	FACT_EXTENTS,
	FACT_EXTENT_BYTES,
	FACT_INO,
	FACT_SIZE,
	FACT_READ,
	FACT_WRITTEN,
	FACT_READ_RATE,
	FACT_WRITTEN_RATE,
	FACT_DELETED,
	FACT_MORE_NODES,
	/* of a connection only */
	FACT_FILES,
	FACT_LIMIT,
	NR_FACTS,
	NO_FACT = NR_FACTS
};

struct facts {
	unsigned int known;		/* bits, by enum fact */
	uint64_t value[NR_FACTS];
};

static inline bool fact_known(const struct facts *facts, enum fact fact)
{
	return facts->known & 1U << fact;
}

static inline void fact_set(struct facts *facts, enum fact fact,
			    uint64_t value)
{
	facts->known |= 1U << fact;
	facts->value[fact] = value;
}

struct mapping {
	struct facts facts;
	unsigned int dev_major, dev_minor;
	bool dev_known;
	/* Words of the kernel, NULL if unknown; not to be freed */
	const char *mode, *access, *state;
	/* Comma separated, NULL if there are none */
	char *nodes;
	/* Without " (deleted)" if FACT_DELETED; NULL if unknown */
	char *name;
	/* Why this can't be read, NULL if it can; not to be freed */
	const char *problem;
};

/* What /sys/fs/fuse/connections/N let us see */
enum control {
	CONTROL_NONE,		/* no such directory */
	CONTROL_READ,
	CONTROL_DENIED,
	CONTROL_LACKING,	/* this kernel has no backing_* files */
};

struct libmnt_fs;

struct connection {
	unsigned int number;		/* as fusectl names it */
	struct libmnt_fs *mount;	/* NULL: not in our mount namespace */
	enum control control;
	bool gone;
	bool named;			/* the caller asked for it */
	bool unaware;			/* a server's fdinfo has no backing_* */
	bool dead;			/* no process serves it any more */
	bool detached;			/* mounted nowhere, and still in use */
	bool unsure;			/* which of these isn't ours to see */
	pid_t thread;			/* 0: none, or not visible */
	pid_t *servers;
	size_t nr_servers;
	uid_t uid;
	bool uid_known;
	char *filter;			/* NULL: none, or unknown */
	struct facts facts;
	struct mapping *maps;		/* by id */
	size_t nr_maps;
	const char *problem;		/* why maps can't be read */
	const char *doubt;		/* why one that isn't in maps may be wanted */
};

/* The kernel's number for a device, which names the connection */
unsigned int connection_number(unsigned int major, unsigned int minor);

/* The number from MAJOR:MINOR, if the kernel may have such a device */
bool connection_parse(const char *device, unsigned int *number);

/* The same from fuse/MAJOR:MINOR, as its thread is called */
bool connection_parse_thread(const char *comm, unsigned int *number);
unsigned int connection_major(const struct connection *conn);
unsigned int connection_minor(const struct connection *conn);

void connection_add_server(struct connection *conn, pid_t pid);
pid_t connection_server(const struct connection *conn);
bool connection_has_pid(const struct connection *conn, pid_t pid);

/* Add to the sums what has one */
void connection_count(struct connection *conn, const struct facts *facts);

/* Takes what @map points to */
void connection_add(struct connection *conn, const struct mapping *map);
void connection_sort(struct connection *conn);

/* Nobody has registered a file on it yet, as far as one can know */
bool connection_unused(const struct connection *conn);

/* There is something that we can't read; about others nobody is told */
bool connection_unread(const struct connection *conn);

void connection_free(struct connection *conn);
void mapping_free(struct mapping *map);

#endif
