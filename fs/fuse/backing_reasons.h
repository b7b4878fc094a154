/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: reasons to refuse something.
 */

#ifndef _FS_FUSE_BACKING_REASONS_H
#define _FS_FUSE_BACKING_REASONS_H

/*
 * All there are, and the word that the tracepoint prints for each.  A new one needs a row
 * in fuse-backing-security.rst.
 */
#define FUSE_BACKING_REASONS						\
	EM(FUSE_BACKING_NOT_NEGOTIATED, "not-negotiated")		\
	EM(FUSE_BACKING_SWITCHED_OFF, "switched-off")			\
	EM(FUSE_BACKING_USERNS, "user-namespace")			\
	EM(FUSE_BACKING_BAD_ARGUMENT, "bad-argument")			\
	EM(FUSE_BACKING_BAD_FD, "bad-descriptor")			\
	EM(FUSE_BACKING_FILE_TYPE, "file-type")				\
	EM(FUSE_BACKING_STACK_DEPTH, "stack-depth")			\
	EM(FUSE_BACKING_INTERNAL_MOUNT, "internal-mount")		\
	EM(FUSE_BACKING_FILESYSTEM, "filesystem")			\
	EM(FUSE_BACKING_THREAD, "no-thread")				\
	EM(FUSE_BACKING_TABLE, "table")					\
	EM(FUSE_BACKING_UNKNOWN_ID, "unknown-id")			\
	EM(FUSE_BACKING_PERMISSION, "permission")			\
	EM(FUSE_BACKING_IMMUTABLE, "immutable")				\
	EM(FUSE_BACKING_APPEND_ONLY, "append-only")			\
	EM(FUSE_BACKING_NOEXEC, "noexec")				\
	EM(FUSE_BACKING_REOPEN, "reopen")				\
	EM(FUSE_BACKING_OPEN_FLAGS, "open-flags")			\
	EM(FUSE_BACKING_OTHER_INODE, "other-inode")			\
	EM(FUSE_BACKING_CACHED_OPEN, "cached-open")			\
	EM(FUSE_BACKING_MIXED_OPEN, "mixed-open")			\
	EM(FUSE_BACKING_NO_INODE, "no-inode")				\
	EM(FUSE_BACKING_ATTACHED, "attached")				\
	EM(FUSE_BACKING_NOT_ATTACHED, "not-attached")			\
	EM(FUSE_BACKING_MMAPPED, "mmapped")				\
	EM(FUSE_BACKING_EXTENT, "extent")				\
	EM(FUSE_BACKING_READ_ONLY, "read-only-extent")			\
	EM(FUSE_BACKING_SHORT_FILE, "short-file")			\
	EM(FUSE_BACKING_SHARED_MMAP, "shared-mmap")			\
	EM(FUSE_BACKING_MEMLOCK, "memlock")				\
	EM(FUSE_BACKING_UNCHECKED, "unchecked")				\
	EM(FUSE_BACKING_OVERLAY_ON_FUSE, "overlay-on-fuse")		\
	EM(FUSE_BACKING_BROKERED, "brokered")				\
	EM(FUSE_BACKING_OPERATIONS, "operations")			\
	EM(FUSE_BACKING_TAKEN_AWAY, "taken-away")			\
	EM(FUSE_BACKING_READ_ONLY_MOUNT, "read-only-mount")		\
	EMe(FUSE_BACKING_SWAP_AREA, "swap-area")

#define EM(reason, word)	reason,
#define EMe(reason, word)	reason
enum fuse_backing_reason { FUSE_BACKING_REASONS };
#undef EM
#undef EMe

#endif /* _FS_FUSE_BACKING_REASONS_H */
