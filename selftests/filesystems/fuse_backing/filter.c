// SPDX-License-Identifier: GPL-2.0
/*
 * BPF programs that decide what is passed through. See filter.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "filter.h"
#include "fuse_server.h"
#include "helper.h"

static int log_to_none(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_DEBUG || !getenv("FILTER_LOG"))
		return 0;
	return vfprintf(stderr, format, args);
}

static int open_object(struct filter *filter, const char *file, const char *ops)
{
	char path[PATH_MAX];
	struct bpf_map *map;
	int err;

	libbpf_set_print(log_to_none);
	memset(filter, 0, sizeof(*filter));
	err = helper_path(file, path, sizeof(path));
	if (err)
		return err;
	filter->object = bpf_object__open_file(path, NULL);
	if (!filter->object)
		return -errno;
	bpf_object__for_each_map(map, filter->object)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS &&
		    strcmp(bpf_map__name(map), ops))
			bpf_map__set_autocreate(map, false);
	filter->map = bpf_object__find_map_by_name(filter->object, ops);
	return filter->map ? 0 : -ENOENT;
}

static int map_state(struct filter *filter)
{
	struct bpf_map *map = bpf_object__find_map_by_name(filter->object, "state");
	void *state = mmap(NULL, sizeof(*filter->state), PROT_READ | PROT_WRITE,
			   MAP_SHARED, bpf_map__fd(map), 0);

	if (state == MAP_FAILED)
		return -errno;
	filter->state = state;
	filter->state->id = -1;
	filter->state->uid_id = -1;
	return 0;
}

static int set_opts(struct filter *filter, const struct filter_opts *opts)
{
	size_t size;
	struct fuse_backing_bpf_ops *value = bpf_map__initial_value(filter->map, &size);

	if (!value || size < sizeof(*value))
		return -EINVAL;
	value->fuse_fd = opts->fuse_fd;
	value->connection = opts->connection;
	value->flags = opts->flags;
	return 0;
}

static int load_object(struct filter *filter, const struct filter_opts *opts)
{
	int err = set_opts(filter, opts);

	return err ?: bpf_object__load(filter->object);
}

int filter_load(struct filter *filter, const char *ops, const struct filter_opts *opts)
{
	int err = open_object(filter, "filter.bpf.o", ops);

	return err ?: load_object(filter, opts) ?: map_state(filter);
}

int filter_attach(struct filter *filter)
{
	filter->link = bpf_map__attach_struct_ops(filter->map);
	return filter->link ? 0 : -errno;
}

/* Where there is another it isn't attached, but it is filled */
int filter_fill(struct filter *filter)
{
	int err = filter_attach(filter);

	return err == -EBUSY ? 0 : err ?: filter_detach(filter);
}

int filter_detach(struct filter *filter)
{
	int err = filter->link ? bpf_link__destroy(filter->link) : 0;

	filter->link = NULL;
	return err;
}

void filter_close(struct filter *filter)
{
	filter_detach(filter);
	if (filter->state)
		munmap(filter->state, sizeof(*filter->state));
	bpf_object__close(filter->object);
	memset(filter, 0, sizeof(*filter));
}

int filter_start(struct filter *filter, const char *ops, const struct filter_opts *opts)
{
	int err = filter_load(filter, ops, opts);

	return err ?: filter_attach(filter);
}

int filter_replace(struct filter *filter, struct filter *by)
{
	int err = bpf_link__update_map(filter->link, by->map);

	if (err)
		return err;
	by->link = filter->link;
	filter->link = NULL;
	return 0;
}

int filter_load_twins(struct filter *filter, const struct filter_opts *opts,
		      struct filter *twin, const struct filter_opts *others)
{
	int err = open_object(filter, "filter.bpf.o", "opens");

	memset(twin, 0, sizeof(*twin));
	if (err)
		return err;
	twin->map = bpf_object__find_map_by_name(filter->object, "twins");
	err = bpf_map__set_autocreate(twin->map, true) ?: set_opts(twin, others);
	return err ?: load_object(filter, opts) ?: map_state(filter);
}

int filter_load_bad(const char *program, int fuse_fd)
{
	const struct filter_opts opts = { .fuse_fd = fuse_fd };
	struct filter filter;
	char ops[64];
	int err;

	snprintf(ops, sizeof(ops), "%s_ops", program);
	err = open_object(&filter, "filter_bad.bpf.o", ops);
	err = err ?: load_object(&filter, &opts);
	filter_close(&filter);
	return err;
}

int filter_load_by_lesser(void)
{
	return access("/sys/kernel/btf/fuse", F_OK) ? 0 : -EINVAL;
}

int filter_shown(int fuse_fd, char *name, int size)
{
	char path[64], line[128], found[64];
	int id = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fuse_fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "backing_filter: %d %63s", &id, found) == 2)
			snprintf(name, size, "%s", found);
	fclose(f);
	return id;
}

__u32 filter_id(const struct filter *filter)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_map_get_info_by_fd(bpf_map__fd(filter->map), &info, &len) ? 0 : info.id;
}

bool filter_id_is_told(void)
{
	return !system("grep -q ' bpf_struct_ops_id$' /proc/kallsyms");
}

int filter_asks(const struct fuse_server *srv, const char *name)
{
	__u32 before = fuse_server_ops(srv, FUSE_OPEN);
	int fd = fuse_server_open(srv, name, O_RDONLY);

	if (fd < 0)
		return fd;
	close(fd);
	return fuse_server_ops(srv, FUSE_OPEN) - before;
}
