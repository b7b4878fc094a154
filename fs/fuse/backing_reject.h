/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: why something was refused.
 */

#ifndef _FS_FUSE_BACKING_REJECT_H
#define _FS_FUSE_BACKING_REJECT_H

struct fuse_conn;

/* Names are what the tracepoint prints; Documentation has the same table */
#define FUSE_BACKING_REASONS						\
	EM(FUSE_BACKING_NOT_NEGOTIATED,	"not-negotiated")		\
	EM(FUSE_BACKING_SWITCHED_OFF,	"switched-off")			\
	EM(FUSE_BACKING_USERNS,		"user-namespace")		\
	EM(FUSE_BACKING_BAD_ARGUMENT,	"bad-argument")			\
	EM(FUSE_BACKING_BAD_FD,		"bad-descriptor")		\
	EM(FUSE_BACKING_FILE_TYPE,	"file-type")			\
	EM(FUSE_BACKING_STACK_DEPTH,	"stack-depth")			\
	EM(FUSE_BACKING_INTERNAL_MOUNT,	"internal-mount")		\
	EM(FUSE_BACKING_FILESYSTEM,	"filesystem")			\
	EM(FUSE_BACKING_THREAD,		"no-thread")			\
	EM(FUSE_BACKING_TABLE,		"table")			\
	EM(FUSE_BACKING_UNKNOWN_ID,	"unknown-id")			\
	EM(FUSE_BACKING_PERMISSION,	"permission")			\
	EM(FUSE_BACKING_IMMUTABLE,	"immutable")			\
	EM(FUSE_BACKING_APPEND_ONLY,	"append-only")			\
	EM(FUSE_BACKING_NOEXEC,		"noexec")			\
	EM(FUSE_BACKING_REOPEN,		"reopen")			\
	EM(FUSE_BACKING_OPEN_FLAGS,	"open-flags")			\
	EM(FUSE_BACKING_OTHER_INODE,	"other-inode")			\
	EMe(FUSE_BACKING_CACHED_OPEN,	"cached-open")

#define EM(a, b)	a,
#define EMe(a, b)	a
enum fuse_backing_reason { FUSE_BACKING_REASONS };
#undef EM
#undef EMe

int fuse_backing_reject(struct fuse_conn *fc, int id, int err,
			enum fuse_backing_reason reason);

#endif /* _FS_FUSE_BACKING_REJECT_H */
