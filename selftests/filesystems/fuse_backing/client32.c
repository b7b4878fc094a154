// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of /dev/fuse on backing files, from a program of 32 bits.
 *
 *	client32 DEV CALL [ARGUMENT...]
 *
 * makes one call on the descriptor DEV, with the structures that a compiler for 32 bits
 * makes of the header, and prints what it returned: a number, 0, or -errno and the word
 * that FUSE_DEV_IOC_BACKING_REFUSAL has for it. What calls there are is in the table at
 * the end; arguments are numbers, but for names and paths. "list" prints the bytes of all
 * entries instead, in hexadecimal.
 *
 * Instead of a libc, which may not be there for 32 bits, it has that of the kernel's
 * source.
 */

#include <nolibc.h>

#include <linux/fuse_backing.h>

#define ROOM		2	/* entries of a list, so that it takes several calls */
#define EXTENTS		4
#define RULES		512	/* bytes */

#ifdef __LP64__
#error "this is to be a program of 32 bits"
#endif

#define ADDRESS(pointer)	((__u64)(unsigned long)(pointer))

static __u64 number(const char *text)
{
	return strtoull(text, NULL, 0);
}

static int open_file(int dev, char **arg)
{
	struct fuse_backing_map map = {
		.fd = open(arg[0], number(arg[1])),
		.flags = number(arg[2]),
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_OPEN, &map);
}

static int close_id(int dev, char **arg)
{
	__u32 id = number(arg[0]);

	return ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE, &id);
}

static int close_all(int dev, char **arg)
{
	struct fuse_backing_close_all args = { .flags = number(arg[0]) };

	return ioctl(dev, FUSE_DEV_IOC_BACKING_CLOSE_ALL, &args);
}

static int attach(int dev, char **arg)
{
	struct fuse_backing_attach args = {
		.nodeid = number(arg[0]),
		.generation = number(arg[1]),
		.backing_id = number(arg[2]),
		.flags = number(arg[3]),
		.ops = number(arg[4]),
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_ATTACH, &args);
}

static int attach_tree(int dev, char **arg)
{
	struct fuse_backing_tree args = {
		.nodeid = number(arg[0]),
		.generation = number(arg[1]),
		.backing_id = number(arg[2]),
		.flags = number(arg[3]),
		.ops = number(arg[4]),
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_TREE, &args);
}

static int detach(int dev, char **arg)
{
	struct fuse_backing_detach args = {
		.nodeid = number(arg[0]),
		.generation = number(arg[1]),
		.flags = number(arg[2]),
	};

	return ioctl(dev, FUSE_DEV_IOC_BACKING_DETACH, &args);
}

static int set_extents(int dev, char **arg)
{
	struct fuse_backing_extent extent[EXTENTS] = {};
	struct fuse_backing_extents args = {
		.nodeid = number(arg[0]),
		.flags = number(arg[1]),
		/* added: where a program of 32 bits has nothing */
		.extents = ADDRESS(extent) + number(arg[2]),
	};

	for (arg += 3; arg[0] && args.count < EXTENTS; arg += 4)
		extent[args.count++] = (struct fuse_backing_extent) {
			.offset = number(arg[0]),
			.length = number(arg[1]),
			.backing_offset = number(arg[2]),
			.backing_id = number(arg[3]),
		};
	return ioctl(dev, FUSE_DEV_IOC_BACKING_EXTENTS, &args);
}

static int set_rules(int dev, char **arg)
{
	static char text[RULES];
	struct fuse_backing_rules args = {
		.nodeid = number(arg[0]),
		.rules = ADDRESS(text),
		.otherwise = number(arg[1]),
	};

	for (arg += 2; arg[0]; arg += 2) {
		struct fuse_backing_rule *rule = (void *)(text + args.size);

		rule->verdict = number(arg[0]);
		rule->namelen = strlen(arg[1]);
		memcpy(rule->name, arg[1], rule->namelen);
		args.size += (sizeof(*rule) + rule->namelen + 7) & ~7;
	}
	return ioctl(dev, FUSE_DEV_IOC_BACKING_RULES, &args);
}

static void print_bytes(const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *byte = bytes;

	while (size--) {
		putchar(digits[*byte >> 4]);
		putchar(digits[*byte++ & 15]);
	}
}

static int list(int dev, char **arg)
{
	struct fuse_backing_entry entry[ROOM];
	struct fuse_backing_list args = { .entries = ADDRESS(entry) };
	int err;

	(void)arg;
	do {
		args.count = ROOM;
		err = ioctl(dev, FUSE_DEV_IOC_BACKING_LIST, &args);
		if (err < 0)
			return err;
		print_bytes(entry, args.count * sizeof(*entry));
	} while (args.start);
	return 0;
}

static const struct {
	const char *name;
	int (*call)(int dev, char **arg);
	int least;		/* arguments */
} calls[] = {
	{ "open", open_file, 3 },	/* PATH FLAGS MAP_FLAGS */
	{ "close", close_id, 1 },	/* ID */
	{ "close_all", close_all, 1 },	/* FLAGS */
	{ "attach", attach, 5 },	/* NODE GENERATION ID FLAGS OPS */
	{ "tree", attach_tree, 5 },	/* the same */
	{ "detach", detach, 3 },	/* NODE GENERATION FLAGS */
	/* NODE FLAGS ADDED [OFFSET LENGTH BACKING_OFFSET ID]... */
	{ "extents", set_extents, 3 },
	{ "rules", set_rules, 2 },	/* NODE OTHERWISE [VERDICT NAME]... */
	{ "list", list, 0 },
	{}
};

/* None of errors that are no refusals */
static const char *reason_of(int dev, __u32 error)
{
	static struct fuse_backing_refusal refusal;

	if (ioctl(dev, FUSE_DEV_IOC_BACKING_REFUSAL, &refusal) < 0)
		return "nothing";
	return refusal.error == error ? refusal.reason : "";
}

int main(int argc, char **argv)
{
	const int dev = argc < 3 ? -1 : (int)number(argv[1]);
	int i, result, error;

	for (i = 0; calls[i].name; i++)
		if (argc >= 3 + calls[i].least && !strcmp(calls[i].name, argv[2]))
			break;
	if (!calls[i].name) {
		fprintf(stderr, "usage: client32 DEV CALL [ARGUMENT...]\n");
		return 2;
	}
	result = calls[i].call(dev, argv + 3);
	error = errno;
	if (result < 0)
		printf("-%d %s", error, reason_of(dev, error));
	else if (calls[i].call != list)
		printf("%d", result);
	return 0;
}
