/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * FUSE backing files: what a server gets from the ioctls on /dev/fuse, and its
 * clients from open(2).
 *
 * FUSE_DEV_IOC_BACKING_OPEN (struct fuse_backing_map) returns a backing id, at
 * least 1, which is also the number of the file in the table of the mount's
 * kernel thread. No privilege is needed. flags is 0, or of
 * FUSE_BACKING_MAP_AUTO_CLOSE, FUSE_BACKING_MAP_COPY_SPLICE,
 * FUSE_BACKING_MAP_AS_OPENED and FUSE_BACKING_MAP_DIR. It fails with
 *
 *   EPERM       passthrough was not negotiated; the caller's user namespace is
 *               not within the mount's; or fuse.unprivileged_passthrough is off
 *               and the caller lacks CAP_SYS_ADMIN; or it is a directory, and the
 *               caller has more power than who owns the connection
 *   EINVAL      unknown flags, flags that don't go together, padding that is not 0,
 *               or it is neither a regular file nor a directory
 *   EFAULT      the structure is not readable
 *   EBADF       the descriptor is not open
 *   EISDIR      it is a directory, without FUSE_BACKING_MAP_DIR
 *   ENOTDIR     it is none, with FUSE_BACKING_MAP_DIR
 *   ELOOP       its filesystem is stacked too deeply, see max_stack_depth
 *   EOPNOTSUPP  it is on an internal mount (memfd, SysV shared memory); or the
 *               caller lacks CAP_SYS_ADMIN, or has more power than who owns the
 *               connection, and it is on a pseudo filesystem, or on an overlayfs and
 *               below that on a pseudo filesystem or a FUSE, or a directory of an
 *               overlayfs; or the kernel is built without passthrough
 *   EMFILE      RLIMIT_NOFILE of the thread, or fs.nr_open, is reached
 *   EAGAIN      the thread would exceed RLIMIT_NPROC of the caller, or pids.max of
 *               its cgroup
 *   ENOTCONN    the connection was aborted or unmounted
 *   EINTR       the caller was killed; or a signal came before the filesystem was
 *               mounted, after FUSE_DEV_IOC_SYNC_INIT
 *   ENOMEM      out of memory, or over the limit of the caller's memory cgroup
 *
 * FUSE_DEV_IOC_BACKING_CLOSE (the id) closes an id for new opens. It fails with
 *
 *   EPERM       as above, but for directories
 *   EINVAL      the id is not positive
 *   ENOENT      the id is closed, was never registered, or the connection was
 *               aborted
 *   EFAULT      the id is not readable
 *   EINTR       a signal came before the filesystem was mounted, as above
 *   EOPNOTSUPP  the kernel is built without passthrough
 *
 * When an OPEN or CREATE reply has FOPEN_PASSTHROUGH, the client's open(2) fails
 * with
 *
 *   EINVAL      the id is not positive, or the reply has flags that do not go
 *               with passthrough
 *   ENOENT      the id is closed or was never registered; or it belongs to one open
 *               and another reply named it before
 *   EISDIR      the id is of a directory
 *   EACCES      neither the registered descriptor nor, unless it was registered
 *               with FUSE_BACKING_MAP_AS_OPENED, the credentials of the
 *               registration allow the access mode; or the file is to be
 *               executed from a mount that forbids it
 *   EPERM       the backing file is immutable, or can only be appended to and
 *               the client doesn't
 *   EROFS       the backing mount is read-only
 *   EOPNOTSUPP  it is on an overlayfs, and was copied up to where it may not be; or
 *               was registered with O_PATH, and has its data there
 *   EMFILE      it is on a FUSE, and as many files wait to be closed there as
 *               RLIMIT_NOFILE of the thread allows
 *   EBUSY       files of the same inode are open on another backing inode
 *   ETXTBSY     files of the same inode are open in cached mode
 *   others      what the backing filesystem says, but EIO for ENOSYS
 *
 * I/O on an open passthrough file fails as on the backing file itself, and with
 *
 *   EPERM       a write that does not append, where nothing else is allowed; an
 *               executable mapping where the backing mount forbids it
 *   EACCES      a shared mapping of a file open for writing, where only
 *               appending is allowed
 *
 * The tracepoint fuse:fuse_backing_reject says why, in a word.
 */

#ifndef _UAPI_LINUX_FUSE_BACKING_H
#define _UAPI_LINUX_FUSE_BACKING_H

#include <linux/fuse.h>
#include <linux/types.h>

/*
 * fuse_init_in.flags and flags2: the kernel has the ioctls numbered 32 and above and
 * the FUSE_BACKING_MAP flags of this file, if passthrough is negotiated. It isn't
 * answered. A server that probed for them by ENOTTY would have to do so again after
 * each INIT, and one behind a proxy would ask the proxy's kernel.
 */
#define FUSE_HAS_BACKING_TABLE		(1ULL << 56)

/*
 * fuse_backing_map.flags: the id belongs to the first OPEN, CREATE or TMPFILE
 * reply with FOPEN_PASSTHROUGH that names it. Nobody has to close it.
 *
 * The kernel closes the id when it takes that reply, and drops the mapping when
 * that open file is released; at once if the open fails in the kernel after
 * all. If no reply names it, it is dropped by FUSE_DEV_IOC_BACKING_CLOSE, or
 * when the server is gone. A second reply that names it is refused with ENOENT.
 * Each open brings an id of its own; the ids of one inode must be of the same
 * backing inode.
 */
#define FUSE_BACKING_MAP_AUTO_CLOSE	(1U << 16)

/*
 * fuse_backing_map.flags: splice(2), sendfile(2) and the like copy from the file,
 * as read(2) does. Without, as on any file, a pipe or a socket gets pages of it, and
 * shows what is written there, or punched out, for as long as it has them: after
 * FUSE_BACKING_DETACH_REVOKE, and after the client closed its file. A server that
 * uses either as the sign that the bytes are its own again, to free or to reuse
 * them, sets this. One that only ever unlinks the file needn't.
 */
#define FUSE_BACKING_MAP_COPY_SPLICE	(1U << 17)

/*
 * fuse_backing_map.flags: the file is good for what its descriptor was opened for,
 * and nothing else. Without, a client's open(2) for more succeeds if the credentials
 * of the registration allow it, as if the server opened the file then: a server that
 * registers the lower file of a union by mistake, where it should have copied it up,
 * has it written to. With, that open fails with EACCES.
 */
#define FUSE_BACKING_MAP_AS_OPENED	(1U << 18)

/*
 * fuse_backing_map.flags: the descriptor is of a directory, which is for
 * FUSE_DEV_IOC_BACKING_TREE and nothing else. Goes with FUSE_BACKING_MAP_AS_OPENED
 * only: without that, the directory may be listed if the descriptor was opened for
 * reading, or the credentials of the registration allow it; with it, only if the
 * descriptor was.
 */
#define FUSE_BACKING_MAP_DIR		(1U << 19)

/**
 * enum fuse_backing_mode - how a backing file was mapped
 * @FUSE_BACKING_MODE_ID: its id may be named until it is closed
 * @FUSE_BACKING_MODE_OPEN: its id belongs to one open
 * @FUSE_BACKING_MODE_INODE: it is, or was, attached to an inode; or open below a tree
 * @FUSE_BACKING_MODE_BLOCK: extents of it are, or were, attached to inodes
 * @FUSE_BACKING_MODE_TREE: it is a directory
 */
enum fuse_backing_mode {
	FUSE_BACKING_MODE_ID,
	FUSE_BACKING_MODE_OPEN,
	FUSE_BACKING_MODE_INODE,
	FUSE_BACKING_MODE_BLOCK,
	FUSE_BACKING_MODE_TREE,
};

/**
 * enum fuse_backing_state - what may become of a mapping
 * @FUSE_BACKING_STATE_LIVE: its id may be named, or it is attached; or, if the id
 *	belongs to one open, it is that open's
 * @FUSE_BACKING_STATE_CLOSING: its id is closed, it goes with its last user
 * @FUSE_BACKING_STATE_PENDING: what it was made for hasn't come yet
 */
enum fuse_backing_state {
	FUSE_BACKING_STATE_LIVE,
	FUSE_BACKING_STATE_CLOSING,
	FUSE_BACKING_STATE_PENDING,
};

/* fuse_backing_entry.access, fuse_backing_attach.flags */
#define FUSE_BACKING_READ		(1U << 0)
#define FUSE_BACKING_WRITE		(1U << 1)

/* fuse_backing_entry.flags: more FUSE inodes use it than those in nodeid */
#define FUSE_BACKING_ENTRY_MORE_NODES	(1U << 0)

#define FUSE_BACKING_ENTRY_NODES	8

/**
 * struct fuse_backing_entry - a mapping, as FUSE_DEV_IOC_BACKING_LIST fills it in
 * @id: backing id
 * @mode: enum fuse_backing_mode
 * @state: enum fuse_backing_state
 * @access: FUSE_BACKING_READ and _WRITE, what the descriptor was opened for
 * @files: FUSE files that are open through it; of those with extents none while these
 *	are attached, and one for each inode once they are detached
 * @mmaps: open FUSE files that were mmapped, and closed ones that still are
 * @attached: FUSE inodes that it, or extents of it, are attached to
 * @pending: attachments that wait for their inode
 * @dev_major: device of the backing inode's superblock, as in mountinfo
 * @dev_minor: the same
 * @ino: number of the backing inode
 * @flags: FUSE_BACKING_ENTRY_*
 * @nr_nodes: node ids in @nodeid
 * @nodeid: of FUSE inodes that use it or that it waits for, each once; 0 for all that
 *	are below a tree and that the server never named
 * @extents: extents of FUSE inodes that are ranges of it
 * @extent_bytes: bytes in those extents
 * @reserved: 0
 */
struct fuse_backing_entry {
	__s32 id;
	__u32 mode;
	__u32 state;
	__u32 access;
	__u32 files;
	__u32 mmaps;
	__u32 attached;
	__u32 pending;
	__u32 dev_major;
	__u32 dev_minor;
	__u64 ino;
	__u32 flags;
	__u32 nr_nodes;
	__u64 nodeid[FUSE_BACKING_ENTRY_NODES];
	__u64 extents;
	__u64 extent_bytes;
	__u64 reserved;
};

/* fuse_backing_attach.flags: wait for an inode that isn't there yet */
#define FUSE_BACKING_ATTACH_PENDING	(1U << 8)
/*
 * The same: nobody needs to check who may open the file; needed on a mount without
 * default_permissions
 */
#define FUSE_BACKING_ATTACH_UNCHECKED	(1U << 9)

/*
 * fuse_backing_attach.ops, fuse_backing_tree.ops: requests that the server isn't sent
 * for the inode any more, because the backing file, or directory, has the answer.
 *
 * ATTR: stat(2) shows mode, owner, size, times and blocks of the backing file as they
 *	are, however long what the server said is good for, and links of a directory;
 *	and of the FUSE inode its own number and device, and links of a file. Permissions
 *	are checked against what the server said, or stat(2) has shown since, for as long
 *	as the server said that it is good, and against the backing file then; what is
 *	denied is checked anew.
 * XATTR: getxattr(2) and listxattr(2) as whoever registered the file; names in trusted.
 *	are for clients that have CAP_SYS_ADMIN too. POSIX ACLs are asked of the server;
 *	below a tree they are the backing file's.
 * ACCESS: access(2) without default_permissions, for the client's credentials, and for
 *	those of the registration.
 * FSYNC: fsync(2) of files that the server opened in passthrough mode, too.
 * TIMES: SETATTR of nothing but times, by path or through an open file, as whoever
 *	registered it: it must own the file, or be allowed to write to it if the time
 *	is to be that of the clock.
 * LIST: listing a directory, and fsync(2) of it. Numbers and types in it are those
 *	of the FUSE inodes where the kernel knows them, else those of the backing files:
 *	a server that attaches a directory says the same numbers in its replies.
 *
 * LOOKUP: names below the directory, at any depth; needs ATTR, and a mount with
 *	default_permissions. The server isn't asked for what is below, nor told of it:
 *	files, directories and symbolic links are inodes that it never named, with the
 *	attributes of the backing files, and ops are for all of these. Names are looked
 *	at each time they are used, so what others change is seen at once. Where anything
 *	else is to be done with one, as changing it, the server is asked for its name
 *	first, by a LOOKUP for it and each directory above, and must say the number and
 *	type of the backing file (else ESTALE); then it is asked for that. At mount
 *	points, where names have several spellings, for devices, fifos and sockets, and
 *	for what stat(2) says is on another device than the directory, names are the
 *	server's.
 * READLINK: of symbolic links below; needs LOOKUP.
 * OPEN: opening files below, for FUSE_BACKING_READ and _WRITE as fuse_backing_tree.flags
 *	says, and all that a FUSE file does without the server that is open on something
 *	attached; needs LOOKUP. While it is open, each has a place in the thread's table,
 *	and a full table leaves it to the server.
 *
 * Changes below are made as whoever registered the directory, and only for clients who
 * could do the same: with the same user, groups and user namespace, and at least the same
 * capabilities; for all others, and where the backing filesystem is stacked on others or a
 * FUSE, the server is asked. Each needs LOOKUP.
 * SETATTR: mode, owner, times, and with FUSE_BACKING_WRITE the size, of what is below, not
 *	of the directory itself.
 * SETXATTR: extended attributes in user.
 * NAMES: making regular files, directories, symbolic links and hard links, removing and
 *	renaming, in the directory and below. A file that is made is opened too, with OPEN
 *	for FUSE_BACKING_READ and _WRITE. Between the tree and what is elsewhere, renaming
 *	is the server's, and so are names that rules leave to it, or hide.
 *
 * Others can be named by FUSE_BACKING_OP, and aren't supported (EOPNOTSUPP). Each of
 * these is whole or not there (EINVAL). For opcodes up to 64; others will be bits of a
 * reserved word.
 */
#define FUSE_BACKING_OP(opcode)		(1ULL << ((opcode) - 1))
#define FUSE_BACKING_OPS_ATTR		(FUSE_BACKING_OP(FUSE_GETATTR) | \
					 FUSE_BACKING_OP(FUSE_STATX))
#define FUSE_BACKING_OPS_XATTR		(FUSE_BACKING_OP(FUSE_GETXATTR) | \
					 FUSE_BACKING_OP(FUSE_LISTXATTR))
#define FUSE_BACKING_OPS_ACCESS		FUSE_BACKING_OP(FUSE_ACCESS)
#define FUSE_BACKING_OPS_FSYNC		FUSE_BACKING_OP(FUSE_FSYNC)
#define FUSE_BACKING_OPS_TIMES		FUSE_BACKING_OP(FUSE_SETATTR)
#define FUSE_BACKING_OPS_LOOKUP		FUSE_BACKING_OP(FUSE_LOOKUP)
#define FUSE_BACKING_OPS_OPEN		FUSE_BACKING_OP(FUSE_OPEN)
#define FUSE_BACKING_OPS_READLINK	FUSE_BACKING_OP(FUSE_READLINK)
#define FUSE_BACKING_OPS_SETATTR	FUSE_BACKING_OP(FUSE_SETATTR)
#define FUSE_BACKING_OPS_SETXATTR	(FUSE_BACKING_OP(FUSE_SETXATTR) | \
					 FUSE_BACKING_OP(FUSE_REMOVEXATTR))
#define FUSE_BACKING_OPS_NAMES		(FUSE_BACKING_OP(FUSE_CREATE) | \
					 FUSE_BACKING_OP(FUSE_MKNOD) | \
					 FUSE_BACKING_OP(FUSE_MKDIR) | \
					 FUSE_BACKING_OP(FUSE_SYMLINK) | \
					 FUSE_BACKING_OP(FUSE_LINK) | \
					 FUSE_BACKING_OP(FUSE_UNLINK) | \
					 FUSE_BACKING_OP(FUSE_RMDIR) | \
					 FUSE_BACKING_OP(FUSE_RENAME) | \
					 FUSE_BACKING_OP(FUSE_RENAME2))
#define FUSE_BACKING_OPS_LIST		(FUSE_BACKING_OP(FUSE_OPENDIR) | \
					 FUSE_BACKING_OP(FUSE_READDIR) | \
					 FUSE_BACKING_OP(FUSE_READDIRPLUS) | \
					 FUSE_BACKING_OP(FUSE_RELEASEDIR) | \
					 FUSE_BACKING_OP(FUSE_FSYNCDIR))

/* All that can be said of a file, of a directory, and of what is below that */
#define FUSE_BACKING_OPS_FILE		(FUSE_BACKING_OPS_ATTR | \
					 FUSE_BACKING_OPS_XATTR | \
					 FUSE_BACKING_OPS_ACCESS | \
					 FUSE_BACKING_OPS_FSYNC | \
					 FUSE_BACKING_OPS_TIMES)
#define FUSE_BACKING_OPS_DIR		(FUSE_BACKING_OPS_ATTR | \
					 FUSE_BACKING_OPS_XATTR | \
					 FUSE_BACKING_OPS_ACCESS | \
					 FUSE_BACKING_OPS_LIST)
#define FUSE_BACKING_OPS_BELOW		(FUSE_BACKING_OPS_LOOKUP | \
					 FUSE_BACKING_OPS_READLINK | \
					 FUSE_BACKING_OPS_OPEN)
/* What changes something below a directory */
#define FUSE_BACKING_OPS_CHANGE		(FUSE_BACKING_OPS_SETATTR | \
					 FUSE_BACKING_OPS_SETXATTR | \
					 FUSE_BACKING_OPS_NAMES)

/**
 * struct fuse_backing_attach - argument of FUSE_DEV_IOC_BACKING_ATTACH
 * @nodeid: of the FUSE inode
 * @generation: of the FUSE inode, as in the reply that named it; the low 32 bits
 * @backing_id: what to attach
 * @flags: FUSE_BACKING_READ and _WRITE, what it may be opened for, at least one;
 *	and FUSE_BACKING_ATTACH_*
 * @ops: what else the file has the answer to: FUSE_BACKING_OPS_* of a file
 * @reserved: must be 0
 */
struct fuse_backing_attach {
	__u64 nodeid;
	__u64 generation;
	__s32 backing_id;
	__u32 flags;
	__u64 ops;
	__u64 reserved;
};

/**
 * struct fuse_backing_tree - argument of FUSE_DEV_IOC_BACKING_TREE
 * @nodeid: of the FUSE directory
 * @generation: of it, as in the reply that named it; the low 32 bits
 * @backing_id: the directory, registered with FUSE_BACKING_MAP_DIR
 * @flags: FUSE_BACKING_ATTACH_*; with OPEN among @ops, FUSE_BACKING_READ and _WRITE, at
 *	least one
 * @ops: what the directory has the answer to: FUSE_BACKING_OPS_* of a directory, and of
 *	what is below it, at least one
 * @reserved: must be 0
 */
struct fuse_backing_tree {
	__u64 nodeid;
	__u64 generation;
	__s32 backing_id;
	__u32 flags;
	__u64 ops;
	__u64 reserved[4];
};

/* As large as the rules of a directory may be, in bytes */
#define FUSE_BACKING_RULES_SIZE		(1U << 20)

/**
 * enum fuse_backing_verdict - what becomes of a name below a tree
 * @FUSE_BACKING_PASS: it is passed through, as without rules
 * @FUSE_BACKING_HIDE: it isn't there, for any client
 * @FUSE_BACKING_SERVER: the server is asked for it, whatever the backing directory has
 */
enum fuse_backing_verdict {
	FUSE_BACKING_PASS,
	FUSE_BACKING_HIDE,
	FUSE_BACKING_SERVER,
};

/**
 * struct fuse_backing_rule - what becomes of a name
 * @ino: its number in a listing, if there is a type; else 0
 * @namelen: bytes of the name, at most 1024
 * @verdict: enum fuse_backing_verdict
 * @type: of a name that is the server's: DT_*, as what it is listed, whether the backing
 *	directory has it or not; 0 if it is listed if and as that has it
 * @name: without a NUL; the next rule begins at the next multiple of 8 bytes
 */
struct fuse_backing_rule {
	__u64 ino;
	__u32 namelen;
	__u16 verdict;
	__u16 type;
	char name[];
};

/**
 * struct fuse_backing_rules - argument of FUSE_DEV_IOC_BACKING_RULES
 * @nodeid: of a FUSE directory whose names are passed through
 * @generation: of it, as in the reply that named it; the low 32 bits
 * @rules: address of the rules, struct fuse_backing_rule
 * @size: of all of them in bytes, at most FUSE_BACKING_RULES_SIZE
 * @otherwise: enum fuse_backing_verdict, what becomes of any other name
 * @reserved: must be 0
 */
struct fuse_backing_rules {
	__u64 nodeid;
	__u64 generation;
	__u64 rules;
	__u32 size;
	__u32 otherwise;
	__u64 reserved[2];
};

/*
 * fuse_backing_bpf_ops.flags, of a BPF program that decides what is passed through:
 * names are to be asked about for each caller, each time they are used.
 */
#define FUSE_BACKING_FILTER_PER_CALLER	(1U << 0)
/*
 * The same: when the program is detached, everything is the server's. Without, all is
 * passed through then, and what it hid is there for all to see.
 */
#define FUSE_BACKING_FILTER_STICKY	(1U << 1)

/*
 * fuse_open_out.open_flags, with FOPEN_PASSTHROUGH: the BPF program of the connection, if
 * there is one, is asked which backing file this is opened on. What it doesn't decide
 * about is as the reply says, whose id may be 0 if the program always decides. Where it
 * leaves the file to the server, the file is open as without FOPEN_PASSTHROUGH, and with
 * FOPEN_DIRECT_IO: others may have it passed through at the same time. A kernel without
 * CONFIG_FUSE_BACKING_BPF refuses the reply (EINVAL); one that has it knows the type
 * bpf_struct_ops_fuse_backing_bpf_ops in its BTF.
 */
#define FOPEN_BACKING_FILTER		(1U << 24)

/* fuse_backing_extent.flags: nothing is there, and reads as zeros */
#define FUSE_BACKING_EXTENT_HOLE	(1U << 0)
/* fuse_backing_extent.flags: it may be written to */
#define FUSE_BACKING_EXTENT_WRITE	(1U << 1)

/*
 * How many extents an inode, and how many backing files they may name. The largest
 * list takes 2 MiB of the kernel's memory.
 */
#define FUSE_BACKING_EXTENTS_MAX	65000
#define FUSE_BACKING_EXTENTS_FILES	64

/**
 * struct fuse_backing_extent - a range of a FUSE file, and where its bytes are
 * @offset: first byte in the FUSE file
 * @length: bytes, at least 1
 * @backing_offset: first byte in the backing file; 0 for a hole
 * @backing_id: the backing file; 0 for a hole
 * @flags: FUSE_BACKING_EXTENT_*
 */
struct fuse_backing_extent {
	__u64 offset;
	__u64 length;
	__u64 backing_offset;
	__s32 backing_id;
	__u32 flags;
};

/**
 * struct fuse_backing_extents - argument of FUSE_DEV_IOC_BACKING_EXTENTS
 * @nodeid: of the FUSE inode
 * @generation: of the FUSE inode, as in the reply that named it; the low 32 bits
 * @extents: address of an array of struct fuse_backing_extent, by ascending
 *	offset and without overlaps
 * @count: how many, 1 to FUSE_BACKING_EXTENTS_MAX
 * @flags: FUSE_BACKING_READ and _WRITE, what the inode may be opened for, at
 *	least one; and FUSE_BACKING_ATTACH_*
 * @reserved: must be 0
 */
struct fuse_backing_extents {
	__u64 nodeid;
	__u64 generation;
	__u64 extents;
	__u32 count;
	__u32 flags;
	__u64 reserved[2];
};

/* fuse_backing_detach.flags: take the backing file from open files, too */
#define FUSE_BACKING_DETACH_REVOKE	(1U << 0)

/**
 * struct fuse_backing_detach - argument of FUSE_DEV_IOC_BACKING_DETACH
 * @nodeid: of the FUSE inode
 * @generation: of the FUSE inode
 * @flags: FUSE_BACKING_DETACH_REVOKE or 0
 * @padding: must be 0
 * @reserved: must be 0
 */
struct fuse_backing_detach {
	__u64 nodeid;
	__u64 generation;
	__u32 flags;
	__u32 padding;
	__u64 reserved[2];
};

/**
 * struct fuse_backing_list - argument of FUSE_DEV_IOC_BACKING_LIST
 * @start: list ids from this one on; 0 at first.  The kernel sets it to where
 *	the next call is to go on, and to 0 when there are no more
 * @count: room in @entries; the kernel sets it to how many it filled in
 * @entries: address of an array of struct fuse_backing_entry
 * @reserved: must be 0
 */
struct fuse_backing_list {
	__u32 start;
	__u32 count;
	__u64 entries;
	__u64 reserved[2];
};

/**
 * struct fuse_backing_close_all - argument of FUSE_DEV_IOC_BACKING_CLOSE_ALL
 * @flags: must be 0
 * @padding: must be 0
 */
struct fuse_backing_close_all {
	__u32 flags;
	__u32 padding;
};

/**
 * struct fuse_backing_refusal - what FUSE_DEV_IOC_BACKING_REFUSAL fills in
 * @error: errno of that call, or 0 if nothing is known
 * @reserved: 0
 * @reason: the word that fuse:fuse_backing_reject prints, and a NUL
 */
struct fuse_backing_refusal {
	__u32 error;
	__u32 reserved;
	char reason[24];
};

/*
 * FUSE_DEV_IOC_BACKING_EXTENTS says where the bytes of a FUSE inode are: in
 * ranges of backing files, such as a disk image or an archive, that were
 * registered once for the whole filesystem. From then on open(2) of that inode
 * doesn't ask the server, as with FUSE_DEV_IOC_BACKING_ATTACH, and reads, page
 * faults and writes within the extents don't either. What is in no extent is the
 * server's: it is asked to open the file when somebody gets there.
 *
 * Extents are read and written through the descriptor that was registered, which
 * must be open for that. Clients reach nothing of the backing files but what the
 * extents say, and of that what is below the size of the FUSE file, as the server
 * told it last; so extents may go on behind it, and a file that is empty can have a
 * hole. A write neither grows a backing file nor the FUSE file: what is beyond is the
 * server's too.
 *
 * A file that the server opens beside them, for a mode that they may not be opened for,
 * is direct I/O whatever the reply says; with FOPEN_PASSTHROUGH it is EBUSY.
 *
 * mmap(2) and execve(2) use pages of the FUSE inode, which are filled from the
 * extents; a shared mapping can't be written to (ENODEV). What is written through
 * the inode is seen by all of these, where no two extents of it share bytes of a
 * backing file. What others write to a backing file is seen by read(2) at once, and in
 * mappings once nobody has the inode open any more.
 *
 * Called again for the same inode, it replaces the extents, of open files too.
 * I/O sees either the old ones or the new ones; when the call returns, nothing
 * uses the old ones any more. It waits for I/O in flight, as long as clients like, and
 * for pages that are being filled, even if the server is asked for a part of them: so
 * don't call it from the thread that answers requests. Extents that were detached
 * while files were open can't be replaced before those are closed (EBUSY).
 *
 * FUSE_BACKING_ATTACH_*, FUSE_DEV_IOC_BACKING_DETACH and the end of the extents are
 * as for FUSE_DEV_IOC_BACKING_ATTACH.
 *
 * Extents that take more than a page of the kernel's memory, about 32 bytes for each, and
 * some more for each backing file, count against RLIMIT_MEMLOCK of the user who calls, as memory
 * that he locks does, until they are gone. Others count as long as they wait for their
 * inode, as far as all that wait of that user, of all mounts, are more than 16 pages; not
 * with CAP_IPC_LOCK. It fails with
 *
 *   EPERM       as FUSE_DEV_IOC_BACKING_OPEN; or an extent is to be written to in
 *               a backing file that is immutable, can only be appended to, or was
 *               registered with O_APPEND
 *   EINVAL      the node is 0, no mode, unknown flags, reserved is not 0, or the
 *               inode is neither a regular file nor a directory; there is no
 *               extent; one is empty, not behind the one before it, or ends
 *               beyond the largest offset there is; its id is not positive; or it
 *               is a hole with a backing file or to be written to
 *   ERANGE      an extent is beyond the end of its backing file
 *   E2BIG       more extents, or backing files, than above
 *   EBADF       the descriptor that was registered is not open for it
 *   EACCES      as FUSE_DEV_IOC_BACKING_ATTACH
 *   EISDIR      it is a directory
 *   ENOENT      an id is closed, was never registered, or belongs to one open;
 *               nothing was ever registered; or there is no such inode, and it is
 *               not to be waited for
 *   EEXIST      a whole file is attached to the node, or waits for it; or the inode is,
 *               or was, below a tree
 *   ETXTBSY     the inode is open in cached mode
 *   EBUSY       the inode is open on a backing file, or with extents that were
 *               detached
 *   EMFILE      as many attachments wait as RLIMIT_NOFILE of the thread allows
 *   ENOBUFS     RLIMIT_MEMLOCK of the caller is reached
 *   ENOTCONN    the connection was aborted
 *   EFAULT      the structure or the array is not readable
 *   EINTR       a signal came: if there were extents before, they may have been
 *               replaced, and the old ones may still be in use. Another call waits
 *               for these, too
 *   ENOMEM      out of memory, or over the limit of the caller's memory cgroup
 *
 * I/O on a file with extents fails with
 *
 *   EPERM       a write to an extent that is not to be written to, or whose backing
 *               file became immutable or append-only; an executable mapping where
 *               the backing mount forbids it
 *   EACCES      it is to be executed from a mount that forbids it
 *   EINVAL      direct I/O that is not aligned in the backing file
 *   EIO         the backing file has become shorter than its extents; or the
 *               server doesn't open the file
 *   EOPNOTSUPP  fallocate(2)
 *   ENODEV      a shared mapping that can be written to
 *
 * To SEEK_HOLE and SEEK_DATA what is in no extent is data.
 *
 * FUSE_DEV_IOC_BACKING_ATTACH attaches a backing file to a FUSE inode, by its id.
 * From then on open(2) of that inode doesn't ask the server: there is no OPEN, FLUSH
 * or RELEASE, until something is asked of the file that needs the server's handle,
 * such as a lock or an ioctl: then it is sent one OPEN, and FLUSH and RELEASE in the
 * end. The server is asked by opens that need more than the
 * modes given here, by opens with O_TRUNC if it negotiated FUSE_ATOMIC_O_TRUNC,
 * and as long as the inode is open in cached mode or on another backing inode.
 * Files that it opens while others are open without it must be in passthrough
 * mode on the same backing inode, unless all of those are about to lose it, or the
 * connection has a BPF program: then they are direct I/O.
 *
 * With default_permissions the kernel checks whether a client may open the file.
 * Without, nobody would, where the server's own open does: so attaching fails then,
 * unless FUSE_BACKING_ATTACH_UNCHECKED says that nothing needs to be checked. Either
 * way, nobody gets more access to the backing file than the registration has.
 *
 * The attachment goes when the inode is forgotten, with
 * FUSE_DEV_IOC_BACKING_DETACH, or when the server is gone; closing the id does
 * not touch it. An id with FUSE_BACKING_MAP_AUTO_CLOSE is consumed, also when this
 * fails after all; but not by EPERM for the caller, EACCES, EFAULT, EOPNOTSUPP, and
 * EINVAL for the arguments.
 *
 * A reply reaches the client before the server can attach something to the node
 * that it names. So it may do that before: with FUSE_BACKING_ATTACH_PENDING, the
 * attachment waits for the inode if there is none yet. One that waits is dropped
 * by FUSE_DEV_IOC_BACKING_DETACH, when the id is closed, or when the server is
 * gone. It fails with
 *
 *   EPERM       as FUSE_DEV_IOC_BACKING_OPEN; or ops are more than ATTR and FSYNC, and
 *               who registered the file had more power than who owns the connection
 *   EINVAL      node or id are 0 or less, no mode, unknown flags, a part of what is
 *               whole in ops, reserved is not 0, or the inode is neither a regular file
 *               nor a directory
 *   EOPNOTSUPP  the kernel doesn't answer one of ops
 *   EACCES      the mount is without default_permissions, and
 *               FUSE_BACKING_ATTACH_UNCHECKED is not set
 *   EISDIR      the inode or the backing file is a directory
 *   ENOENT      the id is closed or was never registered; or there is no such
 *               inode, and it is not to be waited for
 *   EEXIST      something is attached to the node already, or waits for it; or the inode
 *               is, or was, below a tree, whose files are opened on what that has
 *   ETXTBSY     the inode is open in cached mode
 *   EBUSY       the inode is open on another backing inode
 *   EMFILE      as many attachments wait as RLIMIT_NOFILE of the thread allows
 *   ENOTCONN    the connection was aborted
 *   EFAULT      the structure is not readable
 *   EINTR       the caller was killed
 *   ENOMEM      out of memory
 *
 * FUSE_DEV_IOC_BACKING_TREE attaches a directory to a FUSE directory, as
 * FUSE_DEV_IOC_BACKING_ATTACH does a file: the same flags, the same life, and
 * FUSE_DEV_IOC_BACKING_DETACH for both. The server is asked for names in it, as ever,
 * and not for what ops say. Nobody gets more access to the backing directory than the
 * registration has. It fails as that does, but never with EISDIR, ETXTBSY and EBUSY,
 * and with
 *
 *   EINVAL      there are no ops, one without another that it needs, or modes without OPEN
 *   EEXIST      the inode is below a tree: its names are that one's
 *   EACCES      names are to be passed through, and the mount is without
 *               default_permissions, or FUSE_BACKING_ATTACH_UNCHECKED is set, or the
 *               directory was registered with FUSE_BACKING_MAP_AS_OPENED
 *   EOPNOTSUPP  names are to be passed through, and FUSE_ALLOW_IDMAP was negotiated:
 *               mounts may have other ids than the backing files; or the filesystem
 *               keeps no names, as 9p without a cache
 *   ENOTDIR     the inode or the backing file is no directory
 *
 * and listing the directory with
 *
 *   EACCES      neither the registered descriptor nor, unless it was registered
 *               with FUSE_BACKING_MAP_AS_OPENED, the credentials of the
 *               registration allow it
 *   ESTALE      the directory was taken away in the middle of it: rewinddir(3), and the
 *               server is asked
 *   EOVERFLOW   the backing directory has entries at positions of names that rules add
 *   others      what the backing filesystem says
 *
 * FUSE_DEV_IOC_BACKING_RULES says what becomes of the names in one directory: in the root
 * of a tree, which may still wait for its inode, or in a directory below it that the
 * server was told of. It doesn't say so of the directories below that one: a server that
 * changes something further down keeps the names on the way there to itself, and attaches
 * those directories as it answers for them. The rules there were are replaced, all at
 * once; none, and PASS for all others, is as it is without any. They go with the
 * attachment, or with the inode of the directory.
 *
 * Whoever uses a name after the call returned goes by the new rules; who is about to may
 * still go by the old ones. Who is changing something by the old ones, without the server,
 * is waited for. Files that are open stay open. What the server said of a name
 * before is good for as long as it said. A name that becomes the server's is looked up,
 * and if it answers with another node, what was found there before is that no more. So
 * to have a client who is about to change something do that with the server's file, say
 * the rules, and answer ESTALE: the kernel looks the name up again, once.
 *
 * In a listing, names with a type come after those of the backing directory. It fails with
 *
 *   EPERM       as FUSE_DEV_IOC_BACKING_OPEN
 *   EINVAL      the node is 0, reserved is not 0, a verdict or type is unknown, a name is
 *               empty, has a slash or a NUL, is a dot or two, has more than 1024 bytes, or
 *               is there twice; a type of one that isn't the server's, or a number without
 *               a type; or the last rule, with what makes it a multiple of 8 bytes, isn't
 *               whole
 *   E2BIG       more than FUSE_BACKING_RULES_SIZE bytes
 *   ENOENT      names in that directory aren't passed through
 *   ENOTDIR     it is below a tree, and no directory
 *   ENOBUFS     RLIMIT_MEMLOCK of the caller is reached, which they count against as
 *               extents do
 *   EFAULT      the structure or the rules are not readable
 *   EINTR       the caller was killed; the rules may have been replaced
 *   ENOMEM      out of memory, or over the limit of the caller's memory cgroup
 *
 * FUSE_DEV_IOC_BACKING_DETACH takes an attachment away, or one that waits. Open
 * files keep the backing file, later opens are the server's. Who is changing something
 * below a tree, without the server, is waited for; whoever comes later asks the server.
 *
 * With FUSE_BACKING_DETACH_REVOKE open files lose it, too, however it was
 * registered. What is in flight is waited for; when the call returns, the inode
 * doesn't use the backing file any more and nothing is written there; what was
 * spliced from it may still show what others write there, but see
 * FUSE_BACKING_MAP_COPY_SPLICE. I/O that
 * follows goes to the server, as to a file with FOPEN_DIRECT_IO. A file that the
 * kernel opened by itself is opened at the server then; its I/O fails with EIO if
 * that fails. The file can't be mapped shared any more, nor at all before the
 * server has opened it (ENODEV).
 *
 * Clients may have this wait for as long as they like, and what is in flight may
 * wait for the server: so don't call it from the thread that answers requests, and
 * set an alarm, for which there is a handler. Where the backing file is on another
 * FUSE, it then waits until what it took is closed there, or the caller is killed. It
 * fails with
 *
 *   EPERM       as FUSE_DEV_IOC_BACKING_OPEN
 *   EINVAL      unknown flags, or padding or reserved are not 0
 *   ENOENT      nothing is attached to the node; with FUSE_BACKING_DETACH_REVOKE, nor is
 *               a file of it open on a backing file
 *   EBUSY       a backing file of the inode, or extents of it, are mmapped: nothing
 *               was done
 *   EFAULT      the structure is not readable
 *   EINTR       a signal came; open files may have lost the backing file,
 *               and another call waits for the rest. Or the caller was killed, and
 *               something may be changed still below a tree that was detached
 *
 * FUSE_DEV_IOC_BACKING_LIST lists the mappings of the connection, in the order of
 * their ids, also those whose id is closed. Mappings come and go between calls;
 * those that stay are listed once. It is for a server that takes over an open
 * /dev/fuse: what its predecessor registered is there still. It fails with
 *
 *   EPERM       as FUSE_DEV_IOC_BACKING_OPEN
 *   EINVAL      reserved is not 0
 *   EFAULT      the structure or the array is not accessible
 *
 * FUSE_DEV_IOC_BACKING_CLOSE_ALL closes every id there is, as
 * FUSE_DEV_IOC_BACKING_CLOSE would, and takes every attachment away, as
 * FUSE_DEV_IOC_BACKING_DETACH would. What others register or attach meanwhile may be
 * left. It fails with
 *
 *   EPERM       as FUSE_DEV_IOC_BACKING_OPEN
 *   EINVAL      flags or padding are not 0
 *   EFAULT      the structure is not readable
 *   EINTR       the caller was killed; another call closes what is left
 *
 * FUSE_DEV_IOC_BACKING_REFUSAL says why the last ioctl of these that was refused to
 * the calling thread, on this connection, was. Not all errors are refusals: EFAULT, and
 * most ENOMEM and EINTR, leave what was before, so compare error with that of the call.
 * The kernel remembers a few threads only; then error is 0, and so it is if there was
 * none. What the kernel made of a reply is the client's to hear, not the server's.
 * Needs no permission. It fails with
 *
 *   EPERM       nothing was mounted with this descriptor yet
 *   EFAULT      the structure can't be written to
 */
#define FUSE_DEV_IOC_BACKING_ATTACH	_IOW(FUSE_DEV_IOC_MAGIC, 32, \
					     struct fuse_backing_attach)
#define FUSE_DEV_IOC_BACKING_DETACH	_IOW(FUSE_DEV_IOC_MAGIC, 33, \
					     struct fuse_backing_detach)
#define FUSE_DEV_IOC_BACKING_LIST	_IOWR(FUSE_DEV_IOC_MAGIC, 34, \
					      struct fuse_backing_list)
#define FUSE_DEV_IOC_BACKING_CLOSE_ALL	_IOW(FUSE_DEV_IOC_MAGIC, 35, \
					     struct fuse_backing_close_all)
#define FUSE_DEV_IOC_BACKING_EXTENTS	_IOW(FUSE_DEV_IOC_MAGIC, 36, \
					     struct fuse_backing_extents)
#define FUSE_DEV_IOC_BACKING_REFUSAL	_IOR(FUSE_DEV_IOC_MAGIC, 37, \
					     struct fuse_backing_refusal)

#define FUSE_DEV_IOC_BACKING_TREE	_IOW(FUSE_DEV_IOC_MAGIC, 38, \
					     struct fuse_backing_tree)
#define FUSE_DEV_IOC_BACKING_RULES	_IOW(FUSE_DEV_IOC_MAGIC, 39, \
					     struct fuse_backing_rules)

#endif /* _UAPI_LINUX_FUSE_BACKING_H */
