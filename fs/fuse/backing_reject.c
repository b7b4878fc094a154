// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: why something was refused, and the tracepoints.
 */

#include "fuse_i.h"
#include "backing_reject.h"

#define CREATE_TRACE_POINTS
#include "backing_trace.h"

#include <linux/fuse_backing.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/wordpart.h>

#undef EM
#undef EMe
#define EM(reason, word)						\
	[reason] = word,
#define EMe(reason, word)						\
	[reason] = word
static const char words[][sizeof_field(struct fuse_backing_refusal, reason)] = {
	FUSE_BACKING_REASONS
};

#undef EM
#undef EMe

/*
 * What a thread was refused last is kept for it to ask: its number, the errno and the
 * reason, as one value, so that nobody needs a lock and nobody sees a half.  Threads share
 * slots.  Who comes second has it, and the first one hears that nothing is known.
 */
static atomic64_t *slot_of(struct fuse_conn *fc, pid_t pid)
{
	return &fc->backing_refusals.slot[pid % ARRAY_SIZE(fc->backing_refusals.slot)];
}

static void remember(struct fuse_conn *fc, int err, enum fuse_backing_reason reason)
{
	const pid_t pid = task_pid_nr(current);

	/* an interrupt's refusal isn't that of whom it interrupts */
	if (in_task())
		atomic64_set(slot_of(fc, pid), (u64)pid << 32 | (u32)-err << 16 | reason);
}

/**
 * fuse_backing_reject - report why something is refused
 * @fc: the connection
 * @id: backing id, 0 if there is none yet
 * @err: negative errno for the caller
 * @reason: the check that failed
 *
 * Context: any.
 * Return: @err.
 */
int fuse_backing_reject(struct fuse_conn *fc, int id, int err,
			enum fuse_backing_reason reason)
{
	trace_fuse_backing_reject(fc, id, err, reason);
	remember(fc, err, reason);
	return err;
}

/**
 * fuse_backing_ioctl_refusal - what the calling thread was refused last
 * @fc: the connection
 * @refusal: all of it is written; @error is 0 if nothing is known
 *
 * Needs no permission: it tells a thread nothing but what became of its own calls, or of
 * those of one that has ended and had its number, and may have to tell it that these need
 * one.
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_ioctl_refusal(struct fuse_conn *fc,
				struct fuse_backing_refusal *refusal)
{
	const pid_t pid = task_pid_nr(current);
	const u64 last = atomic64_read(slot_of(fc, pid));

	memset(refusal, 0, sizeof(*refusal));
	if (upper_32_bits(last) != pid)
		return;
	refusal->error = lower_32_bits(last) >> 16;
	strscpy(refusal->reason, words[last & U16_MAX], sizeof(refusal->reason));
}
