// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: ids that belong to one open.
 *
 * Whoever waits for the reply claims the id as soon as there is one, whatever
 * becomes of the open.  From then on fuse_file::fb keeps the mapping: with the
 * backing file once that is open, without it before and when that fails.
 */

#include "fuse_i.h"
#include "backing_extents.h"
#include "backing_mapping.h"

/**
 * fuse_backing_reply - a reply to OPEN, CREATE or TMPFILE was delivered
 * @ff: file data of the FUSE file, with the reply
 * @isdir: the reply is to OPENDIR, which has no backing file
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_reply(struct fuse_file *ff, bool isdir)
{
	const struct fuse_open_out *reply;

	if (isdir)
		return;
	reply = &ff->args->open_outarg;
	if (reply->open_flags & FOPEN_PASSTHROUGH)
		ff->fb = fuse_backing_claim(ff->fm->fc, reply->backing_id);
}

/**
 * fuse_backing_file_end - give up what a reply claimed, if nothing opened it
 * @ff: file data that is given up, without a backing file (any more)
 *
 * What was attached, too.
 *
 * Context: process context; may sleep, because the last reference closes the
 *	backing file.
 */
void fuse_backing_file_end(struct fuse_file *ff)
{
	if (ff->fb)
		fuse_backing_put(ff->fb);
	ff->fb = NULL;
	if (ff->extents)
		fuse_extents_put(ff->extents, false);
	ff->extents = NULL;
}
