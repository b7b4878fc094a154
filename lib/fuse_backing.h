/* SPDX-License-Identifier: LGPL-2.1 */
/*
 * libfusebacking: how a FUSE server has the kernel read and write its files.
 *
 * @dev is a descriptor of /dev/fuse whose INIT was answered. Calls return what they
 * say, or a negative errno, whose words fusebacking_strerror() has; linux/fuse_backing.h
 * says what each means. All may be called by several threads at once, and nothing is
 * kept between calls, but in a struct that the caller has. See fusebacking(3).
 */
#ifndef LIBFUSEBACKING_FUSE_BACKING_H
#define LIBFUSEBACKING_FUSE_BACKING_H

#include <stdint.h>
#include <linux/fuse_backing.h>

/* Headers of before Linux 6.6 don't have it, which FUSE_BACKING_OPS_ATTR names */
#if FUSE_KERNEL_VERSION == 7 && FUSE_KERNEL_MINOR_VERSION < 39
#define FUSE_STATX	52
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel has */
#define FUSEBACKING_HAS_ID		(1U << 0)	/* FUSE_DEV_IOC_BACKING_OPEN */
#define FUSEBACKING_HAS_ONCE		(1U << 1)
#define FUSEBACKING_HAS_COPY_SPLICE	(1U << 2)
#define FUSEBACKING_HAS_AS_OPENED	(1U << 3)
#define FUSEBACKING_HAS_ATTACH		(1U << 4)
#define FUSEBACKING_HAS_REVOKE		(1U << 5)
#define FUSEBACKING_HAS_EXTENTS		(1U << 6)
#define FUSEBACKING_HAS_LIST		(1U << 7)
#define FUSEBACKING_HAS_CLOSE_ALL	(1U << 8)
#define FUSEBACKING_HAS_OPS		(1U << 9)
#define FUSEBACKING_HAS_DIR		(1U << 10)
#define FUSEBACKING_HAS_REFUSAL		(1U << 11)	/* fusebacking_why() knows reasons */
#define FUSEBACKING_HAS_RULES		(1U << 12)
#define FUSEBACKING_HAS_FILTER		(1U << 13)	/* fusebacking_filter_reply() */

/*
 * FUSEBACKING_HAS_*; -EPERM if passthrough was not negotiated or isn't permitted,
 * -ENOTTY or -EOPNOTSUPP if the kernel has none. What it has doesn't change.
 *
 * No call on @dev tells FUSEBACKING_HAS_FILTER. The kernel's types in /sys/kernel/btf do,
 * so it is there for certain if it is set, and if not, it may be that /sys isn't.
 */
int fusebacking_probe(int dev);

/*
 * FUSEBACKING_HAS_* of fuse_init_in's flags, flags2 being the upper half: 0 if they don't
 * say. FUSE_HAS_BACKING_TABLE stands for all of these, but for FUSEBACKING_HAS_FILTER, which
 * depends on how the kernel was configured.
 */
unsigned int fusebacking_features_of_init(uint64_t flags);

/* The id belongs to one reply, or to one attachment, and nobody has to close it. */
#define FUSEBACKING_ONCE		(1U << 0)
/* What clients splice is copied; without FUSEBACKING_HAS_COPY_SPLICE: -EINVAL */
#define FUSEBACKING_COPY_SPLICE		(1U << 1)
/*
 * Clients may open the file for all that this process could, not only for what @fd is
 * open for. That is so for a descriptor with O_PATH, and on kernels without
 * FUSEBACKING_HAS_AS_OPENED.
 */
#define FUSEBACKING_MORE_MODES		(1U << 2)

/*
 * @fd is of a directory, for fusebacking_attach_dir(); it goes with none of the first two.
 * What is below it nobody has opened: with FUSE_BACKING_OPS_LOOKUP that is for all that this
 * process could, whatever @fd is open for.
 */
#define FUSEBACKING_DIR			(1U << 4)

/* The id of an open file, to be named in replies. @fd may be closed afterwards. */
int fusebacking_register(int dev, int fd, unsigned int flags);
int fusebacking_close(int dev, int id);
/* Every id, and every attachment */
int fusebacking_close_all(int dev);

/*
 * From now on the kernel opens the node on this file. @flags are FUSE_BACKING_READ and
 * _WRITE, and FUSE_BACKING_ATTACH_*. With @fd, it is registered for that, as by
 * fusebacking_register() with @fd_flags, and the id is never the caller's.
 */
int fusebacking_attach(int dev, uint64_t nodeid, uint64_t generation, int id,
		       unsigned int flags);
int fusebacking_attach_fd(int dev, uint64_t nodeid, uint64_t generation, int fd,
			  unsigned int fd_flags, unsigned int flags);
/*
 * And the file has the answer to @ops, FUSE_BACKING_OPS_* of a file. Without
 * FUSEBACKING_HAS_OPS any but 0 is -EINVAL.
 */
int fusebacking_attach_ops(int dev, uint64_t nodeid, uint64_t generation, int id,
			   unsigned int flags, uint64_t ops);
int fusebacking_attach_fd_ops(int dev, uint64_t nodeid, uint64_t generation, int fd,
			      unsigned int fd_flags, unsigned int flags, uint64_t ops);
/*
 * From now on a directory node is listed, or whatever @ops say, FUSE_BACKING_OPS_* of a
 * directory, as this one, registered with FUSEBACKING_DIR. @flags are
 * FUSE_BACKING_ATTACH_*; with FUSE_BACKING_OPS_OPEN, of a whole tree, what files below
 * may be opened for too, FUSE_BACKING_READ and _WRITE. The id stays the caller's; one
 * that is closed takes an attachment along that still waits for its inode.
 */
int fusebacking_attach_dir(int dev, uint64_t nodeid, uint64_t generation, int id,
			   unsigned int flags, uint64_t ops);

/*
 * What becomes of a name: with FUSE_BACKING_SERVER, and @type, DT_*, it is listed as that
 * with the number @ino, whether the backing directory has it or not.
 */
struct fusebacking_rule {
	const char *name;
	enum fuse_backing_verdict verdict;
	unsigned int type;
	uint64_t ino;
};

/*
 * From now on that becomes of these names in a directory node whose names are passed
 * through, and @otherwise of others, instead of what was said before.
 */
int fusebacking_rules(int dev, uint64_t nodeid, uint64_t generation,
		      const struct fusebacking_rule *rules, uint32_t count,
		      enum fuse_backing_verdict otherwise);

/*
 * The BPF program of the connection chooses what this is opened on, of what was
 * registered, or leaves it to the server, or says that it isn't there; by @id, if it does
 * none of that, or there is no program. @id may be 0 if there always is one that does.
 * @reply is to OPEN, or the last part of one to CREATE or TMPFILE, and else complete; of
 * its flags, passthrough goes with FOPEN_DIRECT_IO, FOPEN_NOFLUSH and
 * FOPEN_PARALLEL_DIRECT_WRITES. Without FUSEBACKING_HAS_FILTER clients get EINVAL.
 */
void fusebacking_filter_reply(struct fuse_open_out *reply, int id);

/* The kernel opens the node where these extents say. */
int fusebacking_extents(int dev, uint64_t nodeid, uint64_t generation,
			const struct fuse_backing_extent *extents, uint32_t count,
			unsigned int flags);
/* None of these any more; files that are open keep it. */
int fusebacking_detach(int dev, uint64_t nodeid, uint64_t generation);
/*
 * Files that are open lose it, too. Clients may have this wait: not for a thread that
 * answers requests. A signal ends it with -EINTR; call it again then. For files on another
 * FUSE to be closed it waits until killed.
 */
int fusebacking_revoke(int dev, uint64_t nodeid, uint64_t generation);

/*
 * How many of the mappings from @start on were put into @entries, which has @room. Then
 * @start is where to go on, or 0 if these were all.
 */
int fusebacking_list(int dev, uint32_t *start, struct fuse_backing_entry *entries,
		     uint32_t room);

/* What an error says of the next attempt */
enum fusebacking_verdict {
	FUSEBACKING_FINE,	/* there was none */
	FUSEBACKING_NOT_NOW,	/* the same may succeed later: memory, limits, who is open */
	FUSEBACKING_NOT_THIS,	/* nor will it with this file; others are worth a try */
	FUSEBACKING_NEVER,	/* nor with any on this connection */
	FUSEBACKING_MISTAKE,	/* the caller's */
};

/*
 * @err is 0 or more, or a negative errno of any call here. -EPERM isn't the end if the
 * reason is a file's: "brokered", "immutable" or "append-only".
 */
enum fusebacking_verdict fusebacking_verdict(int err);

/*
 * What was wrong and what helps, in a line; never NULL, nor to be freed. @reason is what
 * fuse:fuse_backing_reject prints as a word, as fusebacking_why() or fusebacking_reason()
 * has it, or 0 if it isn't known.
 */
const char *fusebacking_strerror(int err, int reason);
/*
 * The reason of @err, which a call of this thread with @dev has just returned; 0 if the
 * kernel doesn't say.
 */
int fusebacking_why(int dev, int err);
/* The reason of that word, or 0; and the word, or NULL */
int fusebacking_reason(const char *word);
const char *fusebacking_reason_word(int reason);

/*
 * A policy does what most servers want, if a file of theirs is a file elsewhere: passes
 * it through in the best way that the kernel has, and leaves it to the server if that
 * fails. See fusebacking_policy(3).
 */
enum fusebacking_way {
	FUSEBACKING_SERVE,	/* the server reads and writes */
	FUSEBACKING_BY_ID,	/* an id for all opens of a node */
	FUSEBACKING_PER_OPEN,	/* each has its own, that nobody closes */
	FUSEBACKING_PER_INODE,	/* the kernel opens it, too */
};

/* Nobody needs to check who may open files; for mounts without default_permissions */
#define FUSEBACKING_UNCHECKED		(1U << 3)

struct fusebacking_policy;

/*
 * NULL with errno if there is no memory (ENOMEM), or @way or @flags are unknown (EINVAL).
 * @device returns the descriptor of /dev/fuse, or -1 as long as there is none; it is
 * called each time, by any thread. @way is the best one that is taken, @flags are
 * FUSEBACKING_COPY_SPLICE and FUSEBACKING_UNCHECKED.
 */
struct fusebacking_policy *fusebacking_policy_new(int (*device)(void *data), void *data,
						  enum fusebacking_way way,
						  unsigned int flags);
/* Nobody uses it any more. */
void fusebacking_policy_free(struct fusebacking_policy *policy);
/*
 * @tell is called, by any thread, with a line when a way turns out to be impossible; it
 * must not use the policy. To be set before requests come.
 */
void fusebacking_policy_tell(struct fusebacking_policy *policy,
			     void (*tell)(void *data, const char *text), void *data);
/*
 * What files that are attached have the answer to, FUSE_BACKING_OPS_* of a file, if the
 * kernel has that; one that is open for reading only, without those that change it. To be
 * set before requests come.
 */
void fusebacking_policy_ops(struct fusebacking_policy *policy, uint64_t ops);
/* What it comes to; asks the kernel, if that wasn't done. */
enum fusebacking_way fusebacking_policy_way(struct fusebacking_policy *policy);

/*
 * What a policy knows of a node; the server keeps it as long as the kernel knows the
 * node, and leaves its members alone.
 */
struct fusebacking_node {
	uint64_t nodeid;
	uint64_t generation;
	int32_t fd;
	uint32_t opens;
	uint32_t state;
	int32_t id[3];
	uint64_t reserved[3];
};

/*
 * This node is this file. @fd stays open until fusebacking_node_forget(); it has O_PATH,
 * or is open for all that clients may open the file for.
 */
void fusebacking_node_init(struct fusebacking_node *node, uint64_t nodeid,
			   uint64_t generation, int fd);
/* Before the first reply that names it: to LOOKUP, MKNOD, LINK. Errors are no matter. */
int fusebacking_node_found(struct fusebacking_policy *policy,
			   struct fusebacking_node *node);
/*
 * Before a reply to OPEN, CREATE or TMPFILE: the id to be named in it, 0 if the server is
 * to read and write, or a negative errno to be replied. @fd is open for what the client
 * wants to do.
 */
int fusebacking_node_open(struct fusebacking_policy *policy,
			  struct fusebacking_node *node, int fd);
/* Nobody took that reply. This is instead of fusebacking_node_release(). */
void fusebacking_node_cancel(struct fusebacking_policy *policy,
			     struct fusebacking_node *node, int id);
/* RELEASE */
void fusebacking_node_release(struct fusebacking_policy *policy,
			      struct fusebacking_node *node);
/* The kernel has forgotten its last lookup. */
void fusebacking_node_forget(struct fusebacking_policy *policy,
			     struct fusebacking_node *node);

#ifdef __cplusplus
}
#endif

#endif /* LIBFUSEBACKING_FUSE_BACKING_H */
