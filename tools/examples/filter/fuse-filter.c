// SPDX-License-Identifier: GPL-2.0
/*
 * fuse-filter: have a BPF program decide what a FUSE mount passes through
 *
 *	fuse-filter MOUNTPOINT pattern.bpf.o PATTERN
 *	fuse-filter MOUNTPOINT uid.bpf.o UID=pass|hide|server[:ID]...
 *	fuse-filter MOUNTPOINT PROGRAM
 *
 * Any program will do whose map is called filter. It decides until this is ended. Needs
 * CAP_SYS_ADMIN, CAP_BPF and CAP_PERFMON; a server sets fuse_fd to its /dev/fuse instead of
 * connection, and does without the first.
 */

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/types.h>

#define NAME	64

/* As the programs have them; functions are libbpf's business */
struct fuse_backing_bpf_ops {
	void *functions[3];
	__u32 fuse_fd;
	__u32 connection;
	__u32 flags;
	char name[16];
	__u64 serial;
};

struct pattern {
	char text[NAME];
	__u32 before;
	__u32 after;
	__u32 star;
};

struct policy {
	__u32 verdict;
	__s32 id;
};

static struct bpf_map *map_of(struct bpf_object *object, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	if (!map)
		errx(1, "the program has no %s", name);
	return map;
}

static void put(struct bpf_map *map, const void *key, const void *value, size_t size)
{
	int error = bpf_map__update_elem(map, key, sizeof(__u32), value, size, 0);

	if (error)
		errx(1, "%s: %s", bpf_map__name(map), strerror(-error));
}

static void set_pattern(struct bpf_map *map, const char *text)
{
	const char *star = strchr(text, '*');
	struct pattern pattern = { .star = !!star };
	__u32 zero = 0;

	if (strlen(text) >= NAME || (star && strchr(star + 1, '*')))
		errx(2, "%s: one star, and less than %d bytes", text, NAME);
	pattern.before = star ? (size_t)(star - text) : strlen(text);
	pattern.after = star ? strlen(star + 1) : 0;
	memcpy(pattern.text, text, pattern.before);
	if (star)
		memcpy(pattern.text + pattern.before, star + 1, pattern.after);
	put(map, &zero, &pattern, sizeof(pattern));
}

static void set_user(struct bpf_map *map, const char *text)
{
	static const char * const verdicts[] = { "pass", "hide", "server" };
	struct policy policy = {};
	char verdict[8];
	__u32 uid;
	int n = sscanf(text, "%u=%7[a-z]:%d", &uid, verdict, &policy.id);

	if (n < 2)
		errx(2, "%s: not UID=VERDICT", text);
	while (policy.verdict < 3 && strcmp(verdict, verdicts[policy.verdict]))
		policy.verdict++;
	if (policy.verdict == 3)
		errx(2, "%s: pass, hide or server", verdict);
	put(map, &uid, &policy, sizeof(policy));
}

static void set_up(struct bpf_object *object, char *argv[])
{
	if (*argv && bpf_object__find_map_by_name(object, "pattern")) {
		set_pattern(map_of(object, "pattern"), argv[0]);
		return;
	}
	for (; *argv; argv++)
		set_user(map_of(object, "uids"), *argv);
}

int main(int argc, char *argv[])
{
	struct fuse_backing_bpf_ops *ops;
	struct bpf_object *object;
	struct bpf_link *link;
	struct bpf_map *map;
	struct stat st;
	size_t size;

	if (argc < 3)
		errx(2, "usage: fuse-filter MOUNTPOINT PROGRAM [ARGUMENT]...");
	if (stat(argv[1], &st))
		err(1, "%s", argv[1]);
	object = bpf_object__open_file(argv[2], NULL);
	if (!object)
		err(1, "%s", argv[2]);
	map = map_of(object, "filter");
	ops = bpf_map__initial_value(map, &size);
	if (!ops || size < sizeof(*ops))
		errx(1, "%s: made for another kernel", argv[2]);
	ops->connection = minor(st.st_dev);
	if (bpf_object__load(object))
		err(1, "%s: not loaded", argv[2]);
	set_up(object, argv + 3);
	link = bpf_map__attach_struct_ops(map);
	if (!link)
		err(1, "%s: not attached to %s", argv[2], argv[1]);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
