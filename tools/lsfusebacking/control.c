// SPDX-License-Identifier: GPL-2.0
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "connection.h"
#include "record.h"
#include "root.h"

/* A number in a file of the directory; returns 0 or a negative errno */
static int read_number(const struct connection *conn, const char *name,
		       uint64_t *number)
{
	char *line = root_line(CONTROL_ROOT "/%u/%s", conn->number, name);
	bool parsed;

	if (!line)
		return -errno;
	parsed = parse_number(line, number);
	free(line);
	return parsed ? 0 : -EPROTO;
}

static bool directory_exists(struct connection *conn)
{
	char path[PATH_MAX];
	struct stat st;

	root_path(path, CONTROL_ROOT "/%u", conn->number);
	if (stat(path, &st) < 0)
		return false;
	conn->uid = st.st_uid;
	conn->uid_known = true;
	return true;
}

/* If the connection ends after a file was opened, the file is empty. */
static bool is_missing(int error)
{
	return error == -ENOENT || error == -ENODATA || error == -ENODEV;
}

void control_read(struct connection *conn)
{
	uint64_t thread, limit;
	int error;

	conn->control = CONTROL_NONE;
	if (!directory_exists(conn))
		return;
	error = read_number(conn, "backing_thread", &thread);
	if (is_missing(error)) {
		conn->gone = error != -ENOENT || !directory_exists(conn);
		conn->control = conn->gone ? CONTROL_NONE : CONTROL_LACKING;
		return;
	}
	if (error) {
		conn->control = CONTROL_DENIED;
		return;
	}
	conn->control = CONTROL_READ;
	conn->thread = thread;
	/* 0 with a thread is a limit, without one it says that there is none */
	if (!read_number(conn, "backing_limit", &limit) && (limit || thread))
		fact_set(&conn->facts, FACT_LIMIT, limit);
}

int control_read_table(struct connection *conn, const struct filter *filter)
{
	FILE *file;
	int error;

	file = root_open(CONTROL_ROOT "/%u/backing_files", conn->number);
	error = file ? records_read(file, conn, filter) : -errno;
	if (file)
		fclose(file);
	/* There was a backing_thread, so the kernel doesn't lack this one */
	if (is_missing(error)) {
		conn->gone = true;
		error = 0;
	}
	return error;
}
