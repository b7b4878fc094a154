// SPDX-License-Identifier: GPL-2.0
/*
 * What the fuzzer's server has open. See fuzz_descriptors.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fuse_server.h"
#include "fuzz.h"
#include "fuzz_descriptors.h"
#include "fuzz_model.h"
#include "fuzz_model_nodes.h"
#include "scratch.h"

static void add_bad(int fd, int result)
{
	if (fd < 0)
		return;
	session.descriptor[session.descriptors++] = (struct descriptor) {
		.fd = fd,
		.result = result,
	};
}

static void add_file(int file, int flags, __u8 mode)
{
	int fd = open(scratch_path(names[file]), flags | O_CLOEXEC);

	if (fd < 0)
		fail("open \"%s\" %#o: errno %d", names[file], flags, errno);
	session.descriptor[session.descriptors++] = (struct descriptor) {
		.fd = fd,
		.file = file,
		.mode = mode,
	};
}

void add_given_descriptors(void)
{
	add_file(SECRET, O_RDONLY, MODEL_READ);
	add_file(SECRET, O_RDWR, MODEL_READ | MODEL_WRITE);
	add_file(SECRET, O_WRONLY | O_APPEND, MODEL_WRITE | MODEL_APPEND);
	add_file(SECRET, O_PATH, 0);
	add_file(PUBLIC, O_RDWR, MODEL_READ | MODEL_WRITE);
	add_file(PUBLIC, O_WRONLY, MODEL_WRITE);
}

void add_own_descriptors(void)
{
	for (int file = OWN_FIRST; file <= OWN_LAST; file++) {
		add_file(file, O_RDWR, MODEL_READ | MODEL_WRITE);
		add_file(file, O_RDONLY, MODEL_READ);
		add_file(file, O_WRONLY, MODEL_WRITE);
		add_file(file, O_PATH, 0);
		add_file(file, O_RDWR | O_APPEND,
			 MODEL_READ | MODEL_WRITE | MODEL_APPEND);
	}
	add_file(SECRET, O_PATH, 0);
	add_file(PUBLIC, O_RDONLY, MODEL_READ);
	add_file(LOG, O_RDWR | O_APPEND,
		 MODEL_READ | MODEL_WRITE | MODEL_APPEND);
	add_file(LOG, O_RDONLY, MODEL_READ);
}

void add_special_descriptors(void)
{
	int pair[2];

	add_bad(open(SCRATCH_BACKING, O_RDONLY | O_CLOEXEC), -EISDIR);
	add_bad(open("/proc", O_PATH | O_CLOEXEC), -EISDIR);
	add_bad(session.pipe[0], -EINVAL);
	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		add_bad(pair[0], -EINVAL);
		add_bad(pair[1], -EINVAL);
	}
	add_bad(eventfd(0, EFD_CLOEXEC), -EINVAL);
	add_bad(open("/dev/null", O_RDWR | O_CLOEXEC), -EINVAL);
	add_bad(session.unmounted, -EINVAL);
	add_bad(memfd_create("fuzz", MFD_CLOEXEC), -EOPNOTSUPP);
	add_bad(open("/proc/self/status", O_RDONLY | O_CLOEXEC), -EOPNOTSUPP);
	add_bad(open("/proc/self/mem", O_RDWR | O_CLOEXEC), -EOPNOTSUPP);
	add_bad(open("/sys/kernel/uevent_seqnum", O_RDONLY | O_CLOEXEC),
		-EOPNOTSUPP);
}

void add_descriptors_of(struct fuzz_mount *mount)
{
	char path[PATH_MAX + 32];

	add_bad(fuse_server_open(&mount->srv, names[PLAIN], O_RDWR), -ELOOP);
	model_look_up(&mount->model, PLAIN);
	snprintf(path, sizeof(path), "%s/%s", mount->srv.mountpoint,
		 names[PLAIN]);
	add_bad(open(path, O_PATH | O_CLOEXEC), -ELOOP);
	add_bad(open(mount->srv.mountpoint, O_RDONLY | O_CLOEXEC), -EISDIR);
}

int descriptor_to_read(int file)
{
	for (int i = 0; i < session.descriptors; i++) {
		const struct descriptor *d = &session.descriptor[i];

		if (!d->result && d->file == file && d->mode & MODEL_READ)
			return d->fd;
	}
	fail("\"%s\" is nowhere open", names[file]);
	return -1;
}

off_t file_size(int file)
{
	struct stat st;

	if (fstat(descriptor_to_read(file), &st) < 0) {
		fail("fstat of \"%s\": errno %d", names[file], errno);
		return 0;
	}
	return st.st_size;
}
