/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much memory the kernel uses for itself.
 */
#ifndef MEMORY_H
#define MEMORY_H

struct memory {
	double kernel;	/* bytes: slabs, vmalloc, page tables, stacks, per CPU */
	double used;	/* bytes that are not free, whoever uses them */
};

/* Waits for what is about to be freed, and drops caches. */
void memory_read(struct memory *memory);

#endif /* MEMORY_H */
