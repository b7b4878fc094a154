// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: who uses a mapping, and how much.
 *
 * A mapping that is registered and never used needs none of this; it is made
 * when the first FUSE file is opened with it, and freed with the mapping.
 *
 * Bytes are counted per CPU: files that share a mapping share no cache line
 * that is written for each read.  A mapping of one open file has no such files, and is
 * spared the allocation until there is another.  32-bit machines may see a sum that is
 * being added to half old and half new.
 *
 * Locking: fuse_backing_usage::lock protects the lists and the counts of users,
 * fuse_backing_table::lock the credentials there.
 * They may be taken inside of others, and no lock is taken inside of them.  Attachments
 * that wait have a list of their own, because who closes the id looks for them; they
 * come and go with fuse_attachments::lock held, too.
 */

#include "fuse_i.h"
#include "backing_table.h"
#include "backing_usage.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/percpu.h>
#include <linux/slab.h>

/* Users looked at for their node ids: reading must not take long */
#define MAX_LOOKED_AT	64

/* The table keeps the last pair of credentials that get_write_cred() made */
static void remember_creds(struct fuse_backing_table *table,
			   const struct cred *cred,
			   const struct cred *write_cred)
{
	get_cred(cred);
	get_cred(write_cred);

	spin_lock(&table->lock);
	swap(table->cred, cred);
	swap(table->write_cred, write_cred);
	spin_unlock(&table->lock);

	put_cred(cred);
	put_cred(write_cred);
}

/*
 * Credentials for writes of clients without CAP_FSETID: the backing filesystem
 * must then remove suid and sgid bits, whatever the server may do.  Mappings
 * that follow each other with the same credentials share them.
 */
static const struct cred *get_write_cred(struct fuse_backing_table *table,
					 const struct cred *cred)
{
	const struct cred *found = NULL;
	struct cred *new;

	if (!cap_raised(cred->cap_effective, CAP_FSETID))
		return get_cred(cred);

	spin_lock(&table->lock);
	if (table->cred == cred)
		found = get_cred(table->write_cred);
	spin_unlock(&table->lock);
	if (found)
		return found;

	scoped_with_creds(cred)
		new = prepare_creds();
	if (!new)
		return NULL;
	cap_lower(new->cap_effective, CAP_FSETID);

	remember_creds(table, cred, new);
	return new;
}

static void usage_free(struct fuse_backing_usage *usage)
{
	free_percpu(usage->bytes);
	put_cred(usage->write_cred);
	kfree(usage);
}

/* From now on several files count there what they read and write */
static int share_usage(struct fuse_backing_usage *usage)
{
	struct fuse_backing_bytes __percpu *bytes;

	bytes = alloc_percpu_gfp(struct fuse_backing_bytes, GFP_KERNEL_ACCOUNT);
	if (!bytes)
		return -ENOMEM;
	/* what was counted elsewhere stays there */
	if (cmpxchg(&usage->bytes, NULL, bytes))
		free_percpu(bytes);
	return 0;
}

static struct fuse_backing_usage *usage_create(const struct fuse_backing *fb, bool shared)
{
	struct fuse_backing_usage *usage;

	usage = kzalloc_obj(*usage, GFP_KERNEL_ACCOUNT);
	if (!usage)
		return NULL;

	usage->write_cred = get_write_cred(fb->table, fb->cred);
	if (!usage->write_cred || (shared && share_usage(usage))) {
		usage_free(usage);
		return NULL;
	}
	spin_lock_init(&usage->lock);
	INIT_LIST_HEAD(&usage->pending);
	INIT_LIST_HEAD(&usage->users);
	return usage;
}

/**
 * fuse_backing_first_use - a mapping has its first user, or the first of several
 * @fb: a mapping that the caller holds a reference on
 * @shared: more than one open file may use it
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int fuse_backing_first_use(struct fuse_backing *fb, bool shared)
{
	struct fuse_backing_usage *usage = READ_ONCE(fb->usage);

	if (usage)
		return share_usage(usage);
	usage = usage_create(fb, shared);
	if (!usage)
		return -ENOMEM;
	/* somebody else's first user may have been faster */
	if (cmpxchg(&fb->usage, NULL, usage))
		usage_free(usage);
	return 0;
}

/**
 * fuse_backing_usage_free - a mapping has no users any more
 * @fb: a mapping without references
 *
 * Context: process context.
 */
void fuse_backing_usage_free(struct fuse_backing *fb)
{
	if (fb->usage)
		usage_free(fb->usage);
}

/**
 * fuse_backing_use - add a user to a mapping
 * @fb: the mapping, after fuse_backing_start_use()
 * @use: the user, which holds a reference on @fb
 * @kind: what the user is
 * @nodeid: of the FUSE inode that it belongs to
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_use(struct fuse_backing *fb, struct fuse_backing_use *use,
		      enum fuse_backing_use_kind kind, u64 nodeid)
{
	struct fuse_backing_usage *usage = fb->usage;

	use->kind = kind;
	use->nodeid = nodeid;
	spin_lock(&usage->lock);
	list_add_tail(&use->link, kind == FUSE_BACKING_PENDING ?
				  &usage->pending : &usage->users);
	usage->count[kind]++;
	spin_unlock(&usage->lock);
}

/**
 * fuse_backing_unuse - remove a user from a mapping
 * @fb: the mapping
 * @use: the user, which still holds its reference
 *
 * Context: process context; may be memory reclaim; doesn't sleep.
 */
void fuse_backing_unuse(struct fuse_backing *fb, struct fuse_backing_use *use)
{
	struct fuse_backing_usage *usage = fb->usage;

	spin_lock(&usage->lock);
	list_del(&use->link);
	usage->count[use->kind]--;
	spin_unlock(&usage->lock);
}

/**
 * fuse_backing_first_pending - find an attachment that waits
 * @fb: a mapping that was used
 *
 * Context: process context with fuse_attachments::lock held, which keeps what is
 *	returned.
 * Return: an attachment of @fb, as a user of it; %NULL if none waits.
 */
const struct fuse_backing_use *
fuse_backing_first_pending(const struct fuse_backing *fb)
{
	struct fuse_backing_usage *usage = fb->usage;
	const struct fuse_backing_use *use;

	spin_lock(&usage->lock);
	use = list_first_entry_or_null(&usage->pending, struct fuse_backing_use,
				       link);
	spin_unlock(&usage->lock);
	return use;
}

/**
 * fuse_backing_count_extents - count extents that are in a mapping
 * @fb: the mapping, after fuse_backing_start_use()
 * @extents: how many more; less if it is negative
 * @bytes: how many bytes those are
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_count_extents(struct fuse_backing *fb, long extents,
				s64 bytes)
{
	struct fuse_backing_usage *usage = fb->usage;

	spin_lock(&usage->lock);
	usage->extents += extents;
	usage->extent_bytes += bytes;
	spin_unlock(&usage->lock);
}

static void sum_bytes(struct fuse_backing_usage *usage,
		      struct fuse_backing_users *users)
{
	struct fuse_backing_bytes __percpu *all = READ_ONCE(usage->bytes);
	const struct fuse_backing_bytes *bytes;
	int cpu;

	users->read = atomic64_read(&usage->read);
	users->written = atomic64_read(&usage->written);
	if (!all)
		return;
	for_each_possible_cpu(cpu) {
		bytes = per_cpu_ptr(all, cpu);
		users->read += READ_ONCE(bytes->read);
		users->written += READ_ONCE(bytes->written);
	}
}

/* Returns whether there is room for another node id than those known */
static bool add_node(struct fuse_backing_users *users, u64 nodeid)
{
	unsigned int i;

	for (i = 0; i < users->nr_nodes; i++)
		if (users->node[i] == nodeid)
			return true;
	if (users->nr_nodes == ARRAY_SIZE(users->node))
		return false;
	users->node[users->nr_nodes++] = nodeid;
	return true;
}

static void collect_nodes(const struct list_head *list,
			  struct fuse_backing_users *users)
{
	struct fuse_backing_use *use;
	unsigned int looked_at = 0;

	list_for_each_entry(use, list, link) {
		if (looked_at++ == MAX_LOOKED_AT ||
		    !add_node(users, use->nodeid)) {
			users->more_nodes = true;
			break;
		}
	}
}

/**
 * fuse_backing_get_users - users of a mapping and what they read and wrote
 * @fb: a mapping that the caller holds a reference on, or is visiting
 * @users: filled; all 0 if it was never used
 *
 * Context: process context; may hold the lock of the thread's table.
 */
void fuse_backing_get_users(struct fuse_backing *fb,
			    struct fuse_backing_users *users)
{
	struct fuse_backing_usage *usage = READ_ONCE(fb->usage);

	memset(users, 0, sizeof(*users));
	if (!usage)
		return;

	sum_bytes(usage, users);
	spin_lock(&usage->lock);
	memcpy(users->count, usage->count, sizeof(users->count));
	users->extents = usage->extents;
	users->extent_bytes = usage->extent_bytes;
	collect_nodes(&usage->users, users);
	collect_nodes(&usage->pending, users);
	spin_unlock(&usage->lock);
}
