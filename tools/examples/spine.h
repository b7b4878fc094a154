/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The spine of a branch: the directories on the way to something that was changed. What
 * LOWER has is passed through by the kernel, which is told for each of these what names
 * are ours, and which are hidden.
 *
 * A directory of the spine that a lookup names has LOWER's attached; one that the kernel
 * found by itself and had us know has rules where it is. Where there is too much to be
 * said, or it can't be, names are served here.
 */
#ifndef SPINE_H
#define SPINE_H

#include <fuse_lowlevel.h>

#include "nodes.h"

/*
 * How long the kernel may use a name for a directory that it found by itself and that
 * has become ours; seconds
 */
#define SPINE_TIMEOUT	0.1

/* Whether the kernel can do that: 0, or -errno as fusebacking_strerror() has it */
int spine_init(struct fuse_session *session);

/*
 * Attach LOWER's to a directory that a reply is about to name, and say the rules; -errno
 * if it is served here instead, because that failed
 */
int spine_attach(struct node *dir, unsigned int flags);

/* Something has changed in a directory: say the rules anew */
void spine_changed(struct node *dir);

/*
 * From now on names in a directory, and its attributes, are served here. Whoever comes to
 * one that the kernel found by itself by its name sees that after SPINE_TIMEOUT.
 */
void spine_serve(struct node *dir);

/* A directory that is to be changed has one in UPPER: 0 or -errno */
int spine_need_upper(struct node *dir);

/* Nobody knows it any more */
void spine_forget(struct node *dir);

#endif /* SPINE_H */
