// SPDX-License-Identifier: GPL-2.0
#include "connection.h"

#include <stdlib.h>
#include <string.h>

#include "root.h"
#include "xalloc.h"

/* Of the kernel's device numbers */
#define MAJOR_BITS 12
#define MINOR_BITS 20

#define THREAD_PREFIX "fuse/"

unsigned int connection_number(unsigned int major, unsigned int minor)
{
	return major << MINOR_BITS | minor;
}

bool connection_parse(const char *device, unsigned int *number)
{
	unsigned int major, minor;

	if (!parse_device(device, &major, &minor) ||
	    major >> MAJOR_BITS || minor >> MINOR_BITS)
		return false;
	*number = connection_number(major, minor);
	return true;
}

bool connection_parse_thread(const char *comm, unsigned int *number)
{
	size_t length = strlen(THREAD_PREFIX);

	return !strncmp(comm, THREAD_PREFIX, length) &&
	       connection_parse(comm + length, number);
}

unsigned int connection_major(const struct connection *conn)
{
	return conn->number >> MINOR_BITS;
}

unsigned int connection_minor(const struct connection *conn)
{
	return conn->number & ((1U << MINOR_BITS) - 1);
}

static bool is_server(const struct connection *conn, pid_t pid)
{
	size_t i;

	for (i = 0; i < conn->nr_servers; i++)
		if (conn->servers[i] == pid)
			return true;
	return false;
}

/* The descriptors of a process come one after the other. */
void connection_add_server(struct connection *conn, pid_t pid)
{
	if (conn->nr_servers && conn->servers[conn->nr_servers - 1] == pid)
		return;
	conn->servers = xgrow(conn->servers, conn->nr_servers, sizeof(pid));
	conn->servers[conn->nr_servers++] = pid;
}

/* Whoever has the lowest pid: children inherit /dev/fuse. */
pid_t connection_server(const struct connection *conn)
{
	pid_t lowest = 0;
	size_t i;

	for (i = 0; i < conn->nr_servers; i++)
		if (!lowest || conn->servers[i] < lowest)
			lowest = conn->servers[i];
	return lowest;
}

bool connection_has_pid(const struct connection *conn, pid_t pid)
{
	return (conn->thread && conn->thread == pid) || is_server(conn, pid);
}

void connection_count(struct connection *conn, const struct facts *facts)
{
	static const enum fact summed[] = {
		FACT_OPENS, FACT_MMAPS, FACT_ATTACHED, FACT_PENDING, FACT_USES,
		FACT_EXTENTS, FACT_EXTENT_BYTES, FACT_SIZE, FACT_READ,
		FACT_WRITTEN, FACT_READ_RATE, FACT_WRITTEN_RATE,
	};
	struct facts *sum = &conn->facts;
	size_t i;

	for (i = 0; i < sizeof(summed) / sizeof(*summed); i++)
		if (fact_known(facts, summed[i]))
			fact_set(sum, summed[i], sum->value[summed[i]] +
				 facts->value[summed[i]]);
}

void connection_add(struct connection *conn, const struct mapping *map)
{
	conn->maps = xgrow(conn->maps, conn->nr_maps, sizeof(*map));
	conn->maps[conn->nr_maps++] = *map;
}

static int by_id(const void *a, const void *b)
{
	uint64_t one = ((const struct mapping *)a)->facts.value[FACT_ID];
	uint64_t other = ((const struct mapping *)b)->facts.value[FACT_ID];

	return (one > other) - (one < other);
}

void connection_sort(struct connection *conn)
{
	if (conn->nr_maps)
		qsort(conn->maps, conn->nr_maps, sizeof(*conn->maps), by_id);
}

bool connection_unused(const struct connection *conn)
{
	const struct facts *facts = &conn->facts;

	if (conn->thread || (fact_known(facts, FACT_LIMIT) &&
			     facts->value[FACT_LIMIT]))
		return false;
	return !fact_known(facts, FACT_FILES) || !facts->value[FACT_FILES];
}

bool connection_unread(const struct connection *conn)
{
	return conn->problem && (conn->named || !connection_unused(conn));
}

void mapping_free(struct mapping *map)
{
	free(map->nodes);
	free(map->name);
}

void connection_free(struct connection *conn)
{
	size_t i;

	for (i = 0; i < conn->nr_maps; i++)
		mapping_free(&conn->maps[i]);
	free(conn->maps);
	free(conn->servers);
	free(conn->filter);
}
