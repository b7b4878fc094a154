/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of the layers are read and written by the kernel, which asks only for their
 * being opened and closed. All of this is called with the big lock held.
 */
#ifndef PASSTHROUGH_H
#define PASSTHROUGH_H

#include <sys/types.h>

#include <fuse_backing.h>

struct fuse_conn_info;
struct fuse_file_info;
struct ovl_data;
struct ovl_ino;

/* What clients have open of an inode */
struct ovl_passthrough
{
  struct fusebacking_node node;
  unsigned int opens;
  /* the file that these are passed through to, or 0, 0 */
  dev_t dev;
  ino_t ino;
  /* that file, when the inode has become another one since, or 0 */
  int lower;
};

/* In the answer to INIT */
void passthrough_negotiate (struct ovl_data *lo, struct fuse_conn_info *conn);

/*
 * Before the reply to an open: 0, or -1 and errno. It may put another file in the place
 * of FD, and sets the id in FI if the kernel is to read and write it.
 */
int passthrough_open (struct ovl_data *lo, struct ovl_ino *ino, int *fd, struct fuse_file_info *fi);
/* Nobody took that reply.  */
void passthrough_cancel (struct ovl_data *lo, struct ovl_ino *ino, struct fuse_file_info *fi);
void passthrough_release (struct ovl_data *lo, struct ovl_ino *ino);

/* FD is the lower file of an inode that has been copied up.  */
void passthrough_copied_up (struct ovl_ino *ino, int fd);
/*
 * Before somebody writes to what the inode is now, or truncates it: 0, or -1 and errno,
 * ETXTBSY if what it was is open and mapped.
 */
int passthrough_take_back (struct ovl_data *lo, struct ovl_ino *ino, int dirfd, const char *path);

#endif
