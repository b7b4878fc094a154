// SPDX-License-Identifier: LGPL-2.1
/*
 * A /dev/fuse that is made up. See tests/device.h.
 */

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../device.h"
#include "../fuse_backing.h"
#include "device.h"
#include "harness.h"

#define IDS		4096
#define ATTACHMENTS	1024
#define MAP_KNOWN	(FUSE_BACKING_MAP_AUTO_CLOSE | FUSE_BACKING_MAP_COPY_SPLICE | \
			 FUSE_BACKING_MAP_AS_OPENED)
/* A directory goes with neither */
#define MAP_OF_FILES	(FUSE_BACKING_MAP_AUTO_CLOSE | FUSE_BACKING_MAP_COPY_SPLICE)
#define MODES		(FUSE_BACKING_READ | FUSE_BACKING_WRITE)
/* What takes no more power than there is in a descriptor */
#define OPS_BROKERED	(FUSE_BACKING_OPS_ATTR | FUSE_BACKING_OPS_FSYNC)
#define OPS_TREE	(FUSE_BACKING_OPS_DIR | FUSE_BACKING_OPS_BELOW | \
			 FUSE_BACKING_OPS_CHANGE)

const char *const kernel_names[KERNELS] = {
	"old", "without", "upstream", "once", "table", "trees", "rules", "filter", "module"
};

/* What the thread was refused last, and why; and why this call is, if that is special */
static __thread int refused;
static __thread const char *refused_for;
static __thread const char *special;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct device {
	enum kernel kernel;
	bool permitted;
	bool checked;
	bool brokered;
	uint64_t irregular;
	int limit;
	int types_before;
	int fail_in;
	int fail_with;
	int one_of;
	unsigned int seed;
	int calls;
	int mistakes;
	int next;
	struct {
		bool live;
		unsigned int flags;
	} id[IDS];
	struct {
		uint64_t nodeid;
		unsigned int flags;
		uint64_t ops;
		int rules;
	} attached[ATTACHMENTS];
} device;

void device_reset(enum kernel kernel)
{
	memset(&device, 0, sizeof(device));
	refused = 0;
	device.kernel = kernel;
	device.permitted = true;
	device.checked = true;
	device.limit = IDS;
	device.types_before = 100;
	device.fail_in = -1;
	device.next = 1;
	device.seed = 1;
}

void device_permit(bool permitted)
{
	device.permitted = permitted;
}

void device_broker(bool brokered)
{
	device.brokered = brokered;
}

void device_irregular(uint64_t nodeid)
{
	device.irregular = nodeid;
}

void device_check_opens(bool checked)
{
	device.checked = checked;
}

void device_limit(int ids)
{
	device.limit = ids;
}

void device_types(int before)
{
	device.types_before = before;
}

void device_fail(int number, int error)
{
	device.fail_in = number;
	device.fail_with = error;
}

void device_fail_some(int one_of)
{
	device.one_of = one_of;
}

int device_calls(void)
{
	return device.calls;
}

static bool is_live(int id)
{
	return id > 0 && id < IDS && device.id[id].live;
}

static bool is_dir_id(int id)
{
	return device.id[id].flags & FUSE_BACKING_MAP_DIR;
}

static int ids(void)
{
	int sum = 0;

	for (int i = 0; i < IDS; i++)
		sum += device.id[i].live;
	return sum;
}

int device_ids(void)
{
	return ids();
}

int device_attachments(void)
{
	int sum = 0;

	for (int i = 0; i < ATTACHMENTS; i++)
		sum += device.attached[i].nodeid != 0;
	return sum;
}

int device_mistakes(void)
{
	return device.mistakes;
}

int device_map_flags(int id)
{
	return is_live(id) ? (int)device.id[id].flags : -1;
}

/* -1 for none; of node 0: a free one */
static int find(uint64_t nodeid)
{
	for (int i = 0; i < ATTACHMENTS; i++)
		if (device.attached[i].nodeid == nodeid)
			return i;
	return -1;
}

unsigned int device_attached(uint64_t nodeid)
{
	const int i = find(nodeid);

	return i < 0 ? 0 : device.attached[i].flags;
}

uint64_t device_ops(uint64_t nodeid)
{
	const int i = find(nodeid);

	return i < 0 ? 0 : device.attached[i].ops;
}

int device_rules(uint64_t nodeid)
{
	const int i = find(nodeid);

	return i < 0 ? -1 : device.attached[i].rules;
}

void device_forget(uint64_t nodeid)
{
	int i;

	pthread_mutex_lock(&lock);
	i = find(nodeid);
	if (i >= 0)
		device.attached[i].nodeid = 0;
	pthread_mutex_unlock(&lock);
}

static int reject(int err, const char *reason)
{
	special = reason;
	return err;
}

/* A call has failed */
static void remember(int err)
{
	if (!special && err != -EPERM && err != -EINVAL)
		return;
	refused = -err;
	refused_for = special ?: err == -EPERM ? "switched-off" : "bad-argument";
}

/* An id for one reply, or for one attachment, is closed by it */
static bool claim(int id)
{
	if (!is_live(id))
		return false;
	if (device.id[id].flags & FUSE_BACKING_MAP_AUTO_CLOSE)
		device.id[id].live = false;
	return true;
}

bool device_reply(int id)
{
	bool taken;

	pthread_mutex_lock(&lock);
	taken = claim(id);
	pthread_mutex_unlock(&lock);
	return taken;
}

static unsigned int known_flags(void)
{
	if (device.kernel >= KERNEL_TREES)
		return MAP_KNOWN | FUSE_BACKING_MAP_DIR;
	if (device.kernel == KERNEL_TABLE)
		return MAP_KNOWN;
	return device.kernel == KERNEL_ONCE ? FUSE_BACKING_MAP_AUTO_CLOSE : 0;
}

static bool is_map_valid(const struct fuse_backing_map *map)
{
	if (map->padding || map->flags & ~known_flags())
		return false;
	return !(map->flags & FUSE_BACKING_MAP_DIR) || !(map->flags & MAP_OF_FILES);
}

static int do_open(const struct fuse_backing_map *map)
{
	if (!device.permitted)
		return -EPERM;
	if (!is_map_valid(map))
		return -EINVAL;
	if (fcntl(map->fd, F_GETFD) < 0)
		return -EBADF;
	if (ids() >= device.limit)
		return -EMFILE;
	/* never the same again, so that what is closed twice is noticed */
	if (device.next == IDS)
		abort();
	device.id[device.next].live = true;
	device.id[device.next].flags = map->flags;
	return device.next++;
}

static int do_close(int id)
{
	if (!device.permitted)
		return -EPERM;
	if (id <= 0)
		return -EINVAL;
	if (!is_live(id)) {
		device.mistakes++;
		return reject(-ENOENT, "unknown-id");
	}
	device.id[id].live = false;
	return 0;
}

/* A kernel that knows nothing of ops wants 0 there */
static int check_ops(uint64_t ops, uint64_t known)
{
	if (device.kernel < KERNEL_TREES)
		return ops ? -EINVAL : 0;
	return ops & ~known ? -EOPNOTSUPP : 0;
}

/* What is wrong with an id that is claimed */
static int check_claimed(const struct fuse_backing_attach *arg, bool is_dir)
{
	if (is_dir != is_dir_id(arg->backing_id))
		return reject(is_dir ? -ENOTDIR : -EISDIR, "file-type");
	if (arg->ops & FUSE_BACKING_OPS_LOOKUP &&
	    device.id[arg->backing_id].flags & FUSE_BACKING_MAP_AS_OPENED)
		return reject(-EACCES, "permission");
	if (device.brokered && arg->ops & ~OPS_BROKERED)
		return reject(-EPERM, "brokered");
	if (arg->nodeid == device.irregular)
		return reject(-EINVAL, "file-type");
	return find(arg->nodeid) >= 0 ? reject(-EEXIST, "attached") : 0;
}

/* A file, or a directory, by arguments that were looked at */
static int attach(const struct fuse_backing_attach *arg, bool is_dir)
{
	int i, err;

	if (!device.checked && !(arg->flags & FUSE_BACKING_ATTACH_UNCHECKED))
		return reject(-EACCES, "unchecked");
	if (!claim(arg->backing_id)) {
		device.mistakes++;
		return reject(-ENOENT, "unknown-id");
	}
	err = check_claimed(arg, is_dir);
	if (err)
		return err;
	i = find(0);
	if (i < 0)
		abort();
	device.attached[i].nodeid = arg->nodeid;
	device.attached[i].flags = arg->flags;
	device.attached[i].ops = arg->ops;
	device.attached[i].rules = 0;
	return 0;
}

static int do_attach(const struct fuse_backing_attach *arg)
{
	int err;

	if (!device.permitted)
		return -EPERM;
	if (!arg->nodeid || arg->backing_id <= 0 || !(arg->flags & MODES) ||
	    arg->reserved)
		return -EINVAL;
	err = check_ops(arg->ops, FUSE_BACKING_OPS_FILE);
	return err ?: attach(arg, false);
}

static int do_tree(const struct fuse_backing_tree *tree)
{
	const struct fuse_backing_attach arg = {
		.nodeid = tree->nodeid,
		.backing_id = tree->backing_id,
		.flags = tree->flags,
		.ops = tree->ops,
	};
	int err;

	if (device.kernel < KERNEL_TREES)
		return -ENOTTY;
	if (!device.permitted)
		return -EPERM;
	if (!arg.nodeid || arg.backing_id <= 0 || !arg.ops ||
	    !(arg.flags & MODES) != !(arg.ops & FUSE_BACKING_OPS_OPEN))
		return -EINVAL;
	err = check_ops(arg.ops, OPS_TREE);
	return err ?: attach(&arg, true);
}

/* How long a rule is that the kernel takes, or 0 */
static size_t check_rule(const struct fuse_backing_rule *rule, size_t left)
{
	size_t size;

	if (left < sizeof(*rule) || !rule->namelen || rule->namelen > 255)
		return 0;
	size = (sizeof(*rule) + rule->namelen + 7) & ~7;
	if (size > left || memchr(rule->name, '/', rule->namelen) ||
	    memchr(rule->name, 0, rule->namelen) || rule->verdict > FUSE_BACKING_SERVER)
		return 0;
	if (rule->verdict != FUSE_BACKING_SERVER && (rule->type || rule->ino))
		return 0;
	return size;
}

/* How many there are, or a negative errno */
static int count_rules(const struct fuse_backing_rules *arg)
{
	const char *text = (const char *)(uintptr_t)arg->rules;
	size_t left = arg->size, size;
	int count = 0;

	for (; left; count++) {
		size = check_rule((const struct fuse_backing_rule *)text, left);
		if (!size)
			return -EINVAL;
		text += size;
		left -= size;
	}
	return count;
}

static int do_rules(const struct fuse_backing_rules *arg)
{
	int i, count;

	if (device.kernel < KERNEL_RULES)
		return -ENOTTY;
	if (!device.permitted)
		return -EPERM;
	if (!arg->nodeid || arg->otherwise > FUSE_BACKING_SERVER || arg->reserved[0] ||
	    arg->reserved[1])
		return -EINVAL;
	if (arg->size > FUSE_BACKING_RULES_SIZE)
		return -E2BIG;
	count = count_rules(arg);
	if (count < 0)
		return count;
	i = find(arg->nodeid);
	if (i < 0 || !(device.attached[i].ops & FUSE_BACKING_OPS_LOOKUP))
		return -ENOENT;
	device.attached[i].rules = count;
	return 0;
}

static int do_detach(const struct fuse_backing_detach *arg)
{
	int i;

	if (!device.permitted)
		return -EPERM;
	if (arg->flags & ~FUSE_BACKING_DETACH_REVOKE || arg->padding)
		return -EINVAL;
	i = arg->nodeid ? find(arg->nodeid) : -1;
	if (i < 0)
		return -ENOENT;
	device.attached[i].nodeid = 0;
	return 0;
}

static int do_extents(const struct fuse_backing_extents *arg)
{
	if (!device.permitted)
		return -EPERM;
	if (!arg->nodeid || !arg->count || !(arg->flags & MODES))
		return -EINVAL;
	return arg->extents ? 0 : -EFAULT;
}

static int do_list(struct fuse_backing_list *arg)
{
	struct fuse_backing_entry *entries = (void *)(uintptr_t)arg->entries;
	uint32_t count = 0, i = arg->start;

	if (!device.permitted)
		return -EPERM;
	if (arg->reserved[0] || arg->reserved[1])
		return -EINVAL;
	for (; i < IDS && count < arg->count; i++)
		if (device.id[i].live)
			entries[count++] = (struct fuse_backing_entry){ .id = i };
	while (i < IDS && !device.id[i].live)
		i++;
	arg->start = i < IDS ? i : 0;
	arg->count = count;
	return 0;
}

static int do_close_all(const struct fuse_backing_close_all *arg)
{
	if (!device.permitted)
		return -EPERM;
	if (arg->flags || arg->padding)
		return -EINVAL;
	memset(device.id, 0, sizeof(device.id));
	memset(device.attached, 0, sizeof(device.attached));
	return 0;
}

static int do_refusal(struct fuse_backing_refusal *arg)
{
	if (device.kernel < KERNEL_TREES)
		return -ENOTTY;
	memset(arg, 0, sizeof(*arg));
	arg->error = refused;
	if (refused)
		snprintf(arg->reason, sizeof(arg->reason), "%s", refused_for);
	return 0;
}

static int do_known(unsigned long request, void *arg)
{
	switch (request) {
	case FUSE_DEV_IOC_BACKING_OPEN:
		return do_open(arg);
	case FUSE_DEV_IOC_BACKING_CLOSE:
		return do_close(*(uint32_t *)arg);
	case FUSE_DEV_IOC_BACKING_ATTACH:
		return do_attach(arg);
	case FUSE_DEV_IOC_BACKING_TREE:
		return do_tree(arg);
	case FUSE_DEV_IOC_BACKING_RULES:
		return do_rules(arg);
	case FUSE_DEV_IOC_BACKING_DETACH:
		return do_detach(arg);
	case FUSE_DEV_IOC_BACKING_EXTENTS:
		return do_extents(arg);
	case FUSE_DEV_IOC_BACKING_LIST:
		return do_list(arg);
	case FUSE_DEV_IOC_BACKING_CLOSE_ALL:
		return do_close_all(arg);
	case FUSE_DEV_IOC_BACKING_REFUSAL:
		return do_refusal(arg);
	default:
		return -ENOTTY;
	}
}

static int do_ioctl(unsigned long request, void *arg)
{
	const bool is_upstream = request == FUSE_DEV_IOC_BACKING_OPEN ||
				 request == FUSE_DEV_IOC_BACKING_CLOSE;

	if (device.kernel == KERNEL_OLD)
		return -ENOTTY;
	if (device.kernel == KERNEL_WITHOUT)
		return is_upstream ? -EOPNOTSUPP : -ENOTTY;
	if (device.kernel < KERNEL_TABLE && !is_upstream)
		return -ENOTTY;
	return do_known(request, arg);
}

static int any_error(void)
{
	static const int errors[] = {
		EINVAL, EMFILE, EAGAIN, ENOMEM, EBUSY, EINTR, EOPNOTSUPP, ELOOP
	};

	return errors[rand_r(&device.seed) % ARRAY_SIZE(errors)];
}

/* The error of this call, or 0 */
static int fault(void)
{
	device.calls++;
	if (device.fail_in >= 0 && !device.fail_in--)
		return device.fail_with;
	if (device.one_of && !(rand_r(&device.seed) % device.one_of))
		return any_error();
	return 0;
}

/* What kernels do although they fail, for no special reason */
static void half_do(unsigned long request, void *arg, int error)
{
	const struct fuse_backing_attach *attach = arg;
	const uint32_t *id = arg;

	if (request == FUSE_DEV_IOC_BACKING_ATTACH && error != ENOTTY &&
	    error != EPERM && error != EACCES && error != EINVAL &&
	    error != EOPNOTSUPP)
		claim(attach->backing_id);
	/* it was there: what doesn't close isn't this library's leak */
	if (request == FUSE_DEV_IOC_BACKING_CLOSE && is_live(*id))
		device.id[*id].live = false;
	if (request == FUSE_DEV_IOC_BACKING_DETACH)
		do_detach(arg);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int error, res;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd != DEVICE) {
		errno = EBADF;
		return -1;
	}
	/* kernels take their time, and other threads theirs */
	sched_yield();
	special = NULL;
	pthread_mutex_lock(&lock);
	error = fault();
	if (error)
		half_do(request, arg, error);
	res = error ? -error : do_ioctl(request, arg);
	pthread_mutex_unlock(&lock);
	sched_yield();
	if (res >= 0)
		return res;
	remember(res);
	errno = -res;
	return -1;
}

static bool has_filter(const char *file)
{
	return device.kernel == KERNEL_FILTER_MODULE ? !strcmp(file, "fuse") :
	       device.kernel == KERNEL_FILTER && !strcmp(file, "vmlinux");
}

/* The kernel's types: names, each with its NUL */
static int open_types(const char *file)
{
	static const char type[] = "bpf_struct_ops_fuse_backing_bpf_ops";
	static const char other[] = "bpf_struct_ops_fuse_backing_bpf_op";
	const bool has = has_filter(file);
	int fd;

	if (device.types_before < 0) {
		errno = ENOENT;
		return -1;
	}
	fd = memfd_create(file, MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (pwrite(fd, has ? type : other, has ? sizeof(type) : sizeof(other),
		   device.types_before) < 0)
		abort();
	return fd;
}

int open(const char *path, int flags, ...)
{
	static const char types[] = "/sys/kernel/btf/";

	if (!strncmp(path, types, sizeof(types) - 1))
		return open_types(path + sizeof(types) - 1);
	/* nobody here makes a file */
	return openat(AT_FDCWD, path, flags);
}
