/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer's backing files, each of which says who it is.
 */
#ifndef FUZZ_FILES_H
#define FUZZ_FILES_H

#include <stdbool.h>

/* Root makes them: 0 or -errno. */
int make_files(void);

/* Does this descriptor read the file that the id was registered for? */
bool is_file(int fd, int file);

#endif /* FUZZ_FILES_H */
