// SPDX-License-Identifier: LGPL-2.1
/*
 * Files that a BPF program chooses. See fuse_backing.h.
 */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "filter.h"
#include "fuse_backing.h"

/* What sysfs gives at once */
#define PIECE	4096

/* Of linux/fuse.h since Linux 6.9 */
#ifndef FOPEN_PASSTHROUGH
#define FOPEN_PASSTHROUGH	(1 << 7)
#endif

/* With the NUL: there are such programs wherever there is this type. */
static const char type[] = "bpf_struct_ops_fuse_backing_bpf_ops";

/* A part of the name may be at the end of a piece */
static bool is_type_in(int fd)
{
	char buf[sizeof(type) + PIECE];
	size_t size = 0, kept;
	ssize_t got;

	while ((got = read(fd, buf + size, PIECE)) > 0) {
		size += got;
		if (memmem(buf, size, type, sizeof(type)))
			return true;
		kept = size < sizeof(type) ? size : sizeof(type);
		memmove(buf, buf + size - kept, kept);
		size = kept;
	}
	return false;
}

static bool has_type(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool found;

	if (fd < 0)
		return false;
	found = is_type_in(fd);
	close(fd);
	return found;
}

bool kernel_has_filters(void)
{
	/* FUSE may be a module */
	return has_type("/sys/kernel/btf/vmlinux") || has_type("/sys/kernel/btf/fuse");
}

void fusebacking_filter_reply(struct fuse_open_out *reply, int id)
{
	const int32_t backing_id = id;

	reply->open_flags |= FOPEN_PASSTHROUGH | FOPEN_BACKING_FILTER;
	/* the last member, whose name older headers don't have */
	memcpy((char *)(reply + 1) - sizeof(backing_id), &backing_id, sizeof(backing_id));
}
