/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each open has an id of its own, of the file that is to be read and written. All files
 * of an inode that are open must be passed through to the same one. An inode that is
 * copied up becomes another one, so the lower file is taken back before that is written
 * to, and who has it open goes on reading it through us; so does who is opening it just
 * then. What is open and also mapped can't be taken back: as long as it is, nobody may
 * write to the copy, and the lower file is still read. What is mapped and closed stays
 * mapped, and is nobody's business.
 */
#include <config.h>
#include "fuse-overlayfs.h"

#define FUSE_USE_VERSION 32

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <unistd.h>

#include <fuse_backing_lowlevel.h>

static void
tell (void *data, const char *text)
{
  (void) data;
  fprintf (stderr, "fuse-overlayfs: %s\n", text);
}

void
passthrough_negotiate (struct ovl_data *lo, struct fuse_conn_info *conn)
{
  if (lo->nopassthrough || ! fusebacking_negotiate (conn, FUSEBACKING_PER_OPEN))
    return;
  lo->policy = fusebacking_session_policy (lo->se, FUSEBACKING_PER_OPEN, 0);
  if (lo->policy == NULL)
    return;
  fusebacking_policy_tell (lo->policy, tell, NULL);
  lo->writeback = 0;
}

/* A kernel that has no ids for one open can't take files back either.  */
static bool
is_usable (struct ovl_data *lo)
{
  return lo->policy && fusebacking_policy_way (lo->policy) == FUSEBACKING_PER_OPEN;
}

static bool
is_other_file (const struct ovl_passthrough *pass, const struct stat *st)
{
  return pass->ino && (pass->dev != st->st_dev || pass->ino != st->st_ino);
}

static void
forget_file (struct ovl_passthrough *pass)
{
  if (pass->lower)
    close (pass->lower);
  pass->lower = 0;
  pass->dev = 0;
  pass->ino = 0;
}

/* ENOENT: all have closed it, and our hearing of that is still to come.  */
static int
take_back (struct ovl_data *lo, struct ovl_ino *ino)
{
  int err = fusebacking_session_revoke (lo->se, (uintptr_t) ino, 0);

  if (err && err != -ENOENT)
    {
      errno = err == -EBUSY ? ETXTBSY : -err;
      return -1;
    }
  forget_file (&ino->pass);
  return 0;
}

int
passthrough_take_back (struct ovl_data *lo, struct ovl_ino *ino, int dirfd, const char *path)
{
  struct stat st;

  if (ino->pass.ino == 0)
    return 0;
  if (fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return -1;
  return is_other_file (&ino->pass, &st) ? take_back (lo, ino) : 0;
}

/* Not the descriptor 0, which says that there is none */
void
passthrough_copied_up (struct ovl_ino *ino, int fd)
{
  if (ino->pass.ino && ino->pass.lower == 0)
    ino->pass.lower = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  if (ino->pass.lower < 0)
    ino->pass.lower = 0;
}

/* For one who reads: the file that others have mapped, and that is as FD still is */
static int
use_lower (struct ovl_passthrough *pass, int *fd, const struct fuse_file_info *fi)
{
  int lower;

  if (errno != ETXTBSY || pass->lower == 0 || (fi->flags & O_ACCMODE) != O_RDONLY)
    return -1;
  lower = fcntl (pass->lower, F_DUPFD_CLOEXEC, 3);
  if (lower < 0)
    return -1;
  close (*fd);
  *fd = lower;
  return 0;
}

static int
open_same_file (struct ovl_data *lo, struct ovl_ino *ino, int *fd, struct fuse_file_info *fi)
{
  struct ovl_passthrough *pass = &ino->pass;
  struct stat st;
  int err;

  if (fstat (*fd, &st) < 0)
    return -1;
  if (is_other_file (pass, &st) && take_back (lo, ino) < 0)
    {
      if (use_lower (pass, fd, fi) < 0 || fstat (*fd, &st) < 0)
        return -1;
    }
  if (pass->opens == 0)
    fusebacking_node_init (&pass->node, (uintptr_t) ino, 0, -1);
  err = fusebacking_open_file (lo->policy, &pass->node, *fd, fi);
  if (err)
    {
      errno = err;
      return -1;
    }
  if (fi->backing_id)
    {
      pass->dev = st.st_dev;
      pass->ino = st.st_ino;
    }
  return 0;
}

int
passthrough_open (struct ovl_data *lo, struct ovl_ino *ino, int *fd, struct fuse_file_info *fi)
{
  if (! is_usable (lo))
    return 0;
  if (open_same_file (lo, ino, fd, fi) < 0)
    return -1;
  ino->pass.opens++;
  return 0;
}

static void
close_file (struct ovl_passthrough *pass)
{
  /* one that was opened before the kernel had passthrough is none of ours */
  if (pass->opens && --pass->opens == 0)
    forget_file (pass);
}

void
passthrough_cancel (struct ovl_data *lo, struct ovl_ino *ino, struct fuse_file_info *fi)
{
  if (lo->policy == NULL)
    return;
  fusebacking_cancel_file (lo->policy, &ino->pass.node, fi);
  close_file (&ino->pass);
}

void
passthrough_release (struct ovl_data *lo, struct ovl_ino *ino)
{
  if (lo->policy == NULL)
    return;
  fusebacking_node_release (lo->policy, &ino->pass.node);
  close_file (&ino->pass);
}
