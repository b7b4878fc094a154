/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A server that is a program of its own, mounted on PROGRAM_MOUNT. One at a time.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#define PROGRAM_MOUNT	"/tmp/program"
#define PROGRAM_ARGS	16

/*
 * Run it, found in $PATH, until it has mounted; @argv ends in NULL. @log: have it
 * log its requests with -d, or else with -f nothing.
 */
pid_t program_start(const char *const argv[], bool log);
void program_stop(pid_t pid);

/* Requests of this name in the log, all for NULL. */
unsigned int program_requests(const char *opcode);

#endif /* PROGRAM_H */
