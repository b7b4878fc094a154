// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory the kernel uses for itself. See memory.h.
 *
 * Tables too large for a slab are kvmalloc()ed: the page allocator's part of
 * that is counted as slab, the rest is vmalloc.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "record.h"

#define SETTLE_US	300000

static void empty_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	must(fd >= 0);
	must(write(fd, "3", 1) == 1);
	close(fd);
}

static double kernel_part(const char *name)
{
	static const char *const parts[] = {
		"Slab", "VmallocUsed", "PageTables", "KernelStack", "Percpu",
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!strcmp(name, parts[i]))
			return 1;
	return 0;
}

void memory_read(struct memory *memory)
{
	FILE *meminfo;
	char name[64];
	double kb, total = 0, unused = 0;

	empty_caches();
	usleep(SETTLE_US);
	memory->kernel = 0;
	meminfo = fopen("/proc/meminfo", "re");
	must(meminfo);
	while (fscanf(meminfo, " %63[^:]: %lf%*[^\n]", name, &kb) == 2) {
		memory->kernel += kernel_part(name) * kb * 1024;
		if (!strcmp(name, "MemTotal"))
			total = kb * 1024;
		if (!strcmp(name, "MemFree"))
			unused = kb * 1024;
	}
	memory->used = total - unused;
	fclose(meminfo);
}
