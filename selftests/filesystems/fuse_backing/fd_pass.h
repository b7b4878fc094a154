/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Descriptors over a socket, SCM_RIGHTS.
 */
#ifndef FD_PASS_H
#define FD_PASS_H

/* 0 or -errno. */
int fd_send(int socket, int fd);

/* The descriptor, with a number of its own, or -errno. */
int fd_receive(int socket);

/*
 * Fork a process that runs @child with its end of a socket and must not return.
 * Returns the other end, or -errno.
 */
int fd_fork(void (*child)(int socket));

#endif /* FD_PASS_H */
