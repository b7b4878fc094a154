// SPDX-License-Identifier: GPL-2.0
/* See io_load.h. */

#include "io_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "async_io.h"
#include "wait_until.h"

/* What threads share */
#define GET(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define SET(x, to)	__atomic_store_n(&(x), to, __ATOMIC_RELAXED)

static ssize_t load_once(struct io_load *load, char *buf)
{
	off_t at = load->kind * IO_LOAD_PAGE;

	switch (load->kind) {
	case 0:
		return pwrite(load->fd, buf, IO_LOAD_PAGE, at);
	case 1:
		return aio_rw(load->fd, buf, IO_LOAD_PAGE, at, true);
	case 2:
		return aio_rw(load->fd, buf, IO_LOAD_PAGE, at, false);
	default:
		return pread(load->fd, buf, IO_LOAD_PAGE, at);
	}
}

static void *load_thread(void *arg)
{
	struct io_load *load = arg;
	char *buf = aligned_alloc(IO_LOAD_PAGE, IO_LOAD_PAGE);

	if (!buf) {
		SET(load->error, ENOMEM);
		return NULL;
	}
	memset(buf, '@', IO_LOAD_PAGE);
	while (!GET(load->stop) && !load->error) {
		if (load_once(load, buf) != IO_LOAD_PAGE)
			SET(load->error, errno ?: EIO);
		SET(load->rounds, load->rounds + 1);
	}
	free(buf);
	return NULL;
}

int io_loads_start(struct io_load *loads, int fd)
{
	for (int i = 0; i < IO_LOADS; i++) {
		loads[i] = (struct io_load){ .fd = fd, .kind = i };
		if (pthread_create(&loads[i].thread, NULL, load_thread,
				   &loads[i]))
			return -EAGAIN;
	}
	return 0;
}

bool io_loads_run(struct io_load *loads)
{
	for (int i = 0; i < IO_LOADS; i++) {
		unsigned long rounds = GET(loads[i].rounds);

		if (!wait_until(GET(loads[i].rounds) > rounds + 3 ||
				GET(loads[i].error)))
			return false;
	}
	return true;
}

int io_loads_end(struct io_load *loads)
{
	int err = 0;

	for (int i = 0; i < IO_LOADS; i++) {
		SET(loads[i].stop, true);
		pthread_join(loads[i].thread, NULL);
		err = err ?: loads[i].error;
	}
	return err;
}
