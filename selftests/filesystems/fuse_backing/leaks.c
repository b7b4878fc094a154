// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel has allocated. See leaks.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "backing_table.h"
#include "leaks.h"

long file_nr(void)
{
	long nr = -1;
	FILE *f = fopen("/proc/sys/fs/file-nr", "re");

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	fclose(f);
	return nr;
}

void leaks_begin(struct leaks *before)
{
	before->files = file_nr();
	before->slabs_err = slabs_read(&before->slabs);
}

static bool slabs_mean_something(void)
{
	char out[64];

	return command_output("grep -m 1 kasan_quarantine_put /proc/kallsyms",
			      out, sizeof(out)) != 0;
}

static int read_slabinfo(struct slabs *slabs)
{
	char line[512];
	FILE *f = fopen("/proc/slabinfo", "re");

	slabs->count = 0;
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f) && slabs->count < SLABS)
		if (sscanf(line, "%63s %ld", slabs->slab[slabs->count].name,
			   &slabs->slab[slabs->count].objects) == 2)
			slabs->count++;
	fclose(f);
	return 0;
}

int slabs_read(struct slabs *slabs)
{
	return slabs_mean_something() ? read_slabinfo(slabs) : -EOPNOTSUPP;
}

long slabs_growth(const struct slabs *before, const char **name)
{
	static struct slabs now;
	long worst = 0, growth;

	read_slabinfo(&now);
	for (int i = 0; i < now.count; i++) {
		growth = now.slab[i].objects;
		for (int j = 0; j < before->count; j++)
			if (!strcmp(before->slab[j].name, now.slab[i].name))
				growth -= before->slab[j].objects;
		if (growth > worst) {
			worst = growth;
			*name = now.slab[i].name;
		}
	}
	return worst;
}
