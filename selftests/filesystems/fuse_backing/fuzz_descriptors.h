/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Descriptors that the fuzzer's server has to register, fit or not.
 */
#ifndef FUZZ_DESCRIPTORS_H
#define FUZZ_DESCRIPTORS_H

#include <sys/types.h>

struct fuzz_mount;

/* What root opens, and the server could not. */
void add_given_descriptors(void);

void add_own_descriptors(void);
void add_special_descriptors(void);

/* The mount's own files, which are stacked too deeply to pass through. */
void add_descriptors_of(struct fuzz_mount *mount);

/* One that reads this file, or -1; and how large that is. */
int descriptor_to_read(int file);
off_t file_size(int file);

#endif /* FUZZ_DESCRIPTORS_H */
