// SPDX-License-Identifier: GPL-2.0
#include "cells.h"

#include <libmount.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "root.h"
#include "units.h"
#include "users.h"
#include "xalloc.h"

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static char *number(unsigned long long value)
{
	return xasprintf("%llu", value);
}

static char *device(unsigned int major, unsigned int minor)
{
	return xasprintf("%u:%u", major, minor);
}

static const char *problem(const struct row *row)
{
	return row->map ? row->map->problem : row->conn->problem;
}

static const char *target(const struct connection *conn)
{
	return conn->mount ? mnt_fs_get_target(conn->mount) : NULL;
}

static char *mount_text(const struct connection *conn, enum column column)
{
	if (!conn->mount)
		return NULL;
	switch (column) {
	case COL_SOURCE:
		return copy(mnt_fs_get_source(conn->mount));
	case COL_FSTYPE:
		return copy(mnt_fs_get_fstype(conn->mount));
	default:
		return copy(target(conn));
	}
}

static char *command(const struct connection *conn)
{
	pid_t pid = connection_server(conn);

	return pid ? root_line("/proc/%d/comm", pid) : NULL;
}

/* A mount is full when its thread takes no other file. NULL isn't known. */
static const char *mount_state(const struct connection *conn)
{
	const struct facts *facts = &conn->facts;

	if (conn->problem)
		return "unreadable";
	if (conn->detached)
		return "detached";
	if (conn->dead)
		return "dead";
	if (connection_unused(conn))
		return "unused";
	if (fact_known(facts, FACT_LIMIT) &&
	    facts->value[FACT_FILES] + 1 >= facts->value[FACT_LIMIT])
		return "full";
	return conn->unsure ? NULL : "live";
}

static const char *state(const struct row *row)
{
	if (!row->map)
		return mount_state(row->conn);
	return row->map->problem ? "unreadable" : row->map->state;
}

static char *mount_name(const struct connection *conn,
			const struct style *style)
{
	const char *path = target(conn);

	if (path || style->audience == FOR_PARSERS)
		return copy(path);
	return device(connection_major(conn), connection_minor(conn));
}

/* People see what is the matter where they look for the name. */
static char *name(const struct row *row, const struct style *style)
{
	const struct mapping *map = row->map;

	if (!map)
		return style->tree ? mount_name(row->conn, style) : NULL;
	if (map->problem)
		return style->audience == FOR_PARSERS ? NULL :
			xasprintf("(%s)", map->problem);
	if (map->name && style->audience == FOR_PEOPLE &&
	    map->facts.value[FACT_DELETED])
		return xasprintf("%s (deleted)", map->name);
	return copy(map->name);
}

/*
 * A parser gets an array. libsmartcols prints what it takes for a number as it
 * is, and has no arrays that all its versions agree on.
 */
static char *nodes(const struct mapping *map, const struct style *style)
{
	if (!map || !map->nodes)
		return NULL;
	if (style->audience == FOR_PARSERS)
		return xasprintf("[%s]", map->nodes);
	return xasprintf("%s%s", map->nodes,
			 map->facts.value[FACT_MORE_NODES] ? ",+" : "");
}

/* In a tree, people see what is the mount's beside the mount only. */
static bool is_repeated(const struct row *row, const struct style *style)
{
	return row->map && style->tree && style->audience == FOR_PEOPLE;
}

/* Of the mapping, or of the mount */
static const struct facts *facts_of(const struct row *row, enum fact fact)
{
	return row->map && fact < FACT_FILES ? &row->map->facts :
		&row->conn->facts;
}

static char *fact_text(const struct row *row, enum column column,
		       const struct style *style)
{
	const struct column_info *info = &infos[column];
	const struct facts *facts = facts_of(row, info->fact);

	if (facts == &row->conn->facts && is_repeated(row, style))
		return NULL;
	if (!fact_known(facts, info->fact))
		return NULL;
	if (info->bytes && !style->bytes)
		return human_bytes(facts->value[info->fact]);
	return number(facts->value[info->fact]);
}

static bool connection_value(const struct connection *conn,
			     enum column column, uint64_t *value)
{
	switch (column) {
	case COL_CONN:
		*value = conn->number;
		return true;
	case COL_PID:
		*value = conn->thread;
		return conn->thread;
	case COL_SERVER:
		*value = connection_server(conn);
		return *value;
	case COL_UID:
		*value = conn->uid;
		return conn->uid_known;
	default:
		return false;
	}
}

bool cell_number(const struct row *row, enum column column, uint64_t *value)
{
	enum fact fact = infos[column].fact;
	const struct facts *facts;

	if (fact == NO_FACT)
		return connection_value(row->conn, column, value);
	facts = facts_of(row, fact);
	*value = facts->value[fact];
	return fact_known(facts, fact);
}

static enum color state_color(const struct row *row)
{
	const char *text = state(row);

	if (!text)
		return NO_COLOR;
	if (!strcmp(text, "closing"))
		return COLOR_CLOSING;
	if (!strcmp(text, "dead"))
		return COLOR_DEAD;
	return strcmp(text, "detached") ? NO_COLOR : COLOR_DETACHED;
}

enum color cell_color(const struct row *row, enum column column)
{
	bool deleted = row->map && row->map->facts.value[FACT_DELETED];

	if (column == COL_STATE)
		return state_color(row);
	return column == COL_NAME && deleted ? COLOR_DELETED : NO_COLOR;
}

static char *mapping_text(const struct mapping *map, enum column column)
{
	if (!map)
		return NULL;
	switch (column) {
	case COL_MODE:
		return copy(map->mode);
	case COL_ACCESS:
		return copy(map->access);
	case COL_DEV:
		return map->dev_known ?
			device(map->dev_major, map->dev_minor) : NULL;
	default:
		return NULL;
	}
}

static char *connection_text(const struct connection *conn, enum column column)
{
	uint64_t value;

	switch (column) {
	case COL_MAJMIN:
		return device(connection_major(conn), connection_minor(conn));
	case COL_CONN:
	case COL_PID:
	case COL_SERVER:
	case COL_UID:
		return connection_value(conn, column, &value) ?
			number(value) : NULL;
	case COL_COMMAND:
		return command(conn);
	case COL_FILTER:
		return copy(conn->filter);
	case COL_USER:
		return conn->uid_known ? copy(user_name(conn->uid)) : NULL;
	default:
		return mount_text(conn, column);
	}
}

char *cell_text(const struct row *row, enum column column,
		const struct style *style)
{
	if (infos[column].fact != NO_FACT)
		return fact_text(row, column, style);
	switch (column) {
	case COL_NAME:
		return name(row, style);
	case COL_STATE:
		return copy(state(row));
	case COL_ERROR:
		return copy(problem(row));
	case COL_NODES:
		return nodes(row->map, style);
	case COL_MODE:
	case COL_ACCESS:
	case COL_DEV:
		return mapping_text(row->map, column);
	default:
		return is_repeated(row, style) ? NULL :
			connection_text(row->conn, column);
	}
}
