// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: directories that the kernel lists by itself.
 *
 * A directory that has one attached is opened on that, and the server doesn't know.
 * Entries are read from the backing directory a few at a time, into memory of the open
 * FUSE directory, and handed on when no lock of the backing filesystem is held any more:
 * whoever gets them may wait, and the kernel looks at what it knows of each name.
 *
 * Positions are those of the backing directory.  An entry that didn't fit into the
 * caller's memory is kept for the next call, if that goes on at the same position.
 *
 * Where there are rules of names, some of the backing directory's are left out, and what
 * the rules add comes after all of these, at positions of its own.  An open directory
 * goes on by the rules that there were when its tree was detached.
 *
 * Locking: callers hold the FUSE directory's position lock, which protects all of
 * struct fuse_backing_dir, and to list it the FUSE inode's lock, outside of the backing
 * inode's.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_attachment.h"
#include "backing_bpf.h"
#include "backing_handle.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_mapping.h"
#include "backing_reject.h"
#include "backing_rules.h"
#include "backing_server.h"
#include "backing_tree.h"
#include "backing_usage.h"

#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/dcache-look.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/stringhash.h>

/* An entry of a directory that was read and not handed on yet */
struct entry {
	loff_t pos;
	u64 ino;
	unsigned int type;
	unsigned int len;
	char name[];
};

/**
 * struct fuse_backing_dir - what an open FUSE directory has, a page
 * @pt: what every open FUSE file on a backing file has
 * @at: where its names are passed through, without a tree if they aren't; as long as @pt
 *	has its file: that of an attached directory is @pt's, another is the inode's node's
 * @at_server: the backing directory was taken away, and positions are the server's
 * @too_long: a name was, for all of @entries
 * @too_far: an entry was, and is where rules have theirs
 * @added: @entries, and what comes after them, are those of rules; once there, nothing
 *	is read from the backing directory, whatever becomes of rules
 * @next: position behind the last of @entries
 * @filled: bytes of @entries that are in use
 * @given: bytes of those that were handed on
 * @entries: of struct entry, aligned to 8 bytes
 */
struct fuse_backing_dir {
	struct fuse_passthrough pt;
	struct fuse_tree_dir at;
	bool at_server;
	bool too_long;
	bool too_far;
	bool added;
	loff_t next;
	unsigned int filled;
	unsigned int given;
	char entries[] __aligned(8);
};

#define ENTRIES_SIZE	(PAGE_SIZE - offsetof(struct fuse_backing_dir, entries))

struct fill_context {
	struct dir_context ctx;
	struct fuse_backing_dir *dir;
};

static struct fuse_backing_dir *dir_of(const struct file *file)
{
	return container_of(fuse_passthrough_of(file), struct fuse_backing_dir, pt);
}

static unsigned int entry_size(unsigned int len)
{
	return ALIGN(offsetof(struct entry, name) + len, 8);
}

static struct entry *next_entry(struct fuse_backing_dir *dir)
{
	if (dir->given == dir->filled)
		return NULL;
	return (struct entry *)(dir->entries + dir->given);
}

static bool has_rules(const struct fuse_backing_dir *dir)
{
	return dir->at.tree && rcu_access_pointer(*dir->at.rules);
}

/* Is @pos one of what rules add, or added? */
static bool is_added(const struct fuse_backing_dir *dir, loff_t pos)
{
	return unlikely(pos >= FUSE_RULES_POS) && (dir->added || has_rules(dir));
}

static bool add_entry(struct fuse_backing_dir *dir, const char *name,
		      unsigned int len, loff_t pos, u64 ino, unsigned int type)
{
	unsigned int size = entry_size(len);
	struct entry *entry;

	if (size > ENTRIES_SIZE - dir->filled)
		return false;
	entry = (struct entry *)(dir->entries + dir->filled);
	entry->pos = pos;
	entry->ino = ino;
	entry->type = type;
	entry->len = len;
	memcpy(entry->name, name, len);
	dir->filled += size;
	return true;
}

static bool keep_entry(struct dir_context *ctx, const char *name, int len,
		       loff_t pos, u64 ino, unsigned int type)
{
	struct fuse_backing_dir *dir =
		container_of(ctx, struct fill_context, ctx)->dir;

	dir->too_long = entry_size(len) > ENTRIES_SIZE;
	dir->too_far = unlikely(pos >= FUSE_RULES_POS) && has_rules(dir);
	return !dir->too_far && add_entry(dir, name, len, pos, ino, type);
}

static void empty(struct fuse_backing_dir *dir, loff_t next)
{
	dir->filled = 0;
	dir->given = 0;
	dir->next = next;
}

/* Read some entries, none at the end */
static int fill_backing(struct fuse_backing_dir *dir)
{
	struct fill_context fill = {
		.ctx.actor = keep_entry,
		.dir = dir,
	};
	int err;

	dir->too_long = false;
	scoped_with_creds(dir->pt.fb->cred)
		err = iterate_dir(dir->pt.file, &fill.ctx);
	/* the end may be behind what rules add: they come next then */
	dir->next = is_added(dir, fill.ctx.pos) ? FUSE_RULES_POS : fill.ctx.pos;
	/* to go on would be to end here, as if there was nothing more */
	return dir->too_long && !dir->filled ? -ENAMETOOLONG : err;
}

/* Take some of what rules add */
static void fill_added(struct fuse_backing_dir *dir)
{
	const struct fuse_rules *rules;
	struct fuse_rule rule;

	BUILD_BUG_ON(offsetof(struct entry, name) + FUSE_RULE_NAME_MAX + 8 > ENTRIES_SIZE);
	rcu_read_lock();
	rules = rcu_dereference(*dir->at.rules);
	while (rules && fuse_rules_next(rules, dir->next, &rule) &&
	       add_entry(dir, rule.name, rule.len, rule.pos, rule.ino, rule.type))
		dir->next = rule.pos + 1;
	rcu_read_unlock();
}

/* The backing directory has entries of its own where rules have theirs */
static int refuse(const struct fuse_backing_dir *dir)
{
	return fuse_backing_reject(dir->pt.ff->fm->fc, dir->pt.fb->id, -EOVERFLOW,
				   FUSE_BACKING_FILESYSTEM);
}

/* Have some entries, none at the end; all that there were have been handed on */
static int fill(struct fuse_backing_dir *dir)
{
	int err;

	empty(dir, dir->next);
	/* who lists a directory of which little is left over may want to end that */
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	if (!dir->added) {
		err = dir->too_far ? 0 : fill_backing(dir);
		if (err || dir->filled)
			return err;
		if (dir->too_far)
			return refuse(dir);
		if (!has_rules(dir))
			return 0;
		dir->added = true;
		dir->next = FUSE_RULES_POS;
	}
	fill_added(dir);
	return 0;
}

/* Go on at another position; returns that, or an errno */
static loff_t go_to(struct fuse_backing_dir *dir, loff_t pos)
{
	bool added = is_added(dir, pos);

	if (!added) {
		scoped_with_creds(dir->pt.fb->cred)
			pos = vfs_llseek(dir->pt.file, pos, SEEK_SET);
		if (pos < 0)
			return pos;
	}
	dir->added = added;
	dir->too_far = false;
	empty(dir, pos);
	return pos;
}

/* Go on at another position, or begin anew */
static int seek(struct fuse_backing_dir *dir, loff_t pos)
{
	const struct entry *entry = next_entry(dir);

	if (pos && pos == (entry ? entry->pos : dir->next))
		return 0;
	pos = go_to(dir, pos);
	return pos < 0 ? pos : 0;
}

static bool is_dot(const struct entry *entry)
{
	return entry->name[0] == '.' && entry->len == 1;
}

static bool is_dot_dot(const struct entry *entry)
{
	return entry->name[0] == '.' && entry->len == 2 && entry->name[1] == '.';
}

/* Which file it is that is handed on */
struct identity {
	u64 ino;
	unsigned int type;
};

/* As stat(2) says it, of a moment */
static struct identity identity_of(const struct inode *inode, struct identity other)
{
	return (struct identity) {
		.ino = fuse_glance(fuse_inode_of(inode)->orig_ino),
		.type = (other.type & ~S_DT_MASK) | fs_umode_to_dtype(inode->i_mode),
	};
}

/*
 * Returns false if a dentry may have been overlooked that was just moved, or was another
 * before all of it was read; in RCU mode.
 */
static bool look_in_dcache(const struct dentry *parent, const struct qstr *name,
			   struct identity *is)
{
	unsigned int seq, moved = read_seqbegin(&rename_lock);
	const struct dentry *dentry = __d_lookup_rcu(parent, name, &seq);
	const struct inode *inode;
	struct identity known = *is;

	if (!dentry)
		return !read_seqretry(&rename_lock, moved);
	inode = d_inode_rcu(dentry);
	if (inode && !fuse_inode_node(inode))
		known = identity_of(inode, *is);
	if (read_seqcount_retry(&dentry->d_seq, seq))
		return false;
	*is = known;
	return true;
}

/* Takes the reference over */
static void look_at_dentry(struct dentry *dentry, struct identity *is)
{
	*is = identity_of(d_inode(dentry), *is);
	dput(dentry);
}

static void look_at_named(struct dentry *dentry, struct identity *is)
{
	const struct inode *inode = dentry ? d_inode_rcu(dentry) : NULL;

	if (inode && !fuse_inode_node(inode))
		*is = identity_of(inode, *is);
	dput(dentry);
}

/*
 * Does the kernel know what is named?  Then that is it, not what the filesystem says.  But
 * below a tree it may be another by now, which nobody has looked at: there, stat(2) says
 * what has been read.
 */
static void look_up(struct dentry *parent, const struct entry *entry,
		    struct identity *is)
{
	struct qstr name = QSTR_INIT(entry->name, entry->len);
	bool sure;

	name.hash = full_name_hash(parent, name.name, name.len);
	rcu_read_lock();
	sure = look_in_dcache(parent, &name, is);
	rcu_read_unlock();
	if (!sure)
		look_at_named(d_lookup(parent, &name), is);
}

/* Does a program leave it out?  What rules say of it is settled. */
static bool is_filtered(struct inode *inode, const struct fuse_backing_dir *dir,
			const struct qstr *name, unsigned int type)
{
	if (has_rules(dir) && fuse_tree_verdict(&dir->at, name) != FUSE_BACKING_PASS)
		return false;
	return !fuse_filter_lists(inode, name, type);
}

/* Do rules leave it out, or say themselves what it is?  Or does a program? */
static bool is_left_out(struct inode *inode, const struct fuse_backing_dir *dir,
			const struct entry *entry)
{
	const struct qstr name = QSTR_INIT(entry->name, entry->len);

	if (dir->added || is_dot(entry) || is_dot_dot(entry))
		return false;
	if (has_rules(dir) && !fuse_tree_lists(&dir->at, &name))
		return true;
	return fuse_is_filtered(get_fuse_conn(inode)) &&
	       is_filtered(inode, dir, &name, entry->type & S_DT_MASK);
}

static bool emit(struct file *file, struct dir_context *ctx,
		 const struct entry *entry)
{
	struct identity is = { .ino = entry->ino, .type = entry->type };
	struct dentry *dentry = file->f_path.dentry;

	if (is_dot(entry))
		look_at_dentry(dget(dentry), &is);
	else if (is_dot_dot(entry))
		look_at_dentry(dget_parent(dentry), &is);
	/* the server has named nothing in a directory that it doesn't know */
	else if (get_node_id(file_inode(file)))
		look_up(dentry, entry, &is);
	return dir_emit(ctx, entry->name, entry->len, is.ino, is.type);
}

/* Returns false if the caller takes no more */
static bool give(struct file *file, struct fuse_backing_dir *dir,
		 struct dir_context *ctx)
{
	const struct entry *entry;

	while ((entry = next_entry(dir))) {
		ctx->pos = entry->pos;
		if (!is_left_out(file_inode(file), dir, entry) && !emit(file, ctx, entry))
			return false;
		dir->given += entry_size(entry->len);
	}
	ctx->pos = dir->next;
	return true;
}

static int list_backing(struct file *file, struct dir_context *ctx)
{
	struct fuse_backing_dir *dir = dir_of(file);
	int err;

	err = seek(dir, ctx->pos);
	while (!err && give(file, dir, ctx)) {
		err = fill(dir);
		if (!dir->filled)
			break;
	}
	fuse_invalidate_atime(file_inode(file));
	return err;
}

/* The backing directory was taken away: positions mean nothing to the server */
static int list_server(struct file *file, struct dir_context *ctx)
{
	struct fuse_backing_dir *dir = dir_of(file);
	struct fuse_file *ff = file->private_data;
	int err;

	if (!dir->at_server && ctx->pos)
		return fuse_backing_reject(ff->fm->fc, 0, -ESTALE,
					   FUSE_BACKING_TAKEN_AWAY);
	err = fuse_backing_need_handle(file);
	if (err)
		return err;
	dir->at_server = true;
	return fuse_readdir(file, ctx);
}

static int iterate(struct file *file, struct dir_context *ctx)
{
	int err;

	if (fuse_is_bad(file_inode(file)))
		return -EIO;
	if (!fuse_backing_io_start(file))
		return list_server(file, ctx);
	err = list_backing(file, ctx);
	fuse_backing_io_end(file);
	return err;
}

static loff_t llseek(struct file *file, loff_t offset, int whence)
{
	struct fuse_backing_dir *dir = dir_of(file);
	loff_t pos = offset;

	/* what the backing directory makes of it is its own, but relative to ours */
	if (whence == SEEK_CUR)
		pos += file->f_pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (!fuse_backing_io_start(file))
		return generic_file_llseek(file, offset, whence);
	pos = go_to(dir, pos);
	fuse_backing_io_end(file);
	if (pos < 0)
		return pos;
	return vfs_setpos(file, pos, file_inode(file)->i_sb->s_maxbytes);
}

static int sync_server(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	int err;

	err = fuse_backing_need_handle(file);
	if (err)
		return err;
	inode_lock(inode);
	err = fuse_fsync_common(file, start, end, datasync, FUSE_FSYNCDIR);
	inode_unlock(inode);
	return err == -ENOSYS ? 0 : err;
}

static int sync_dir(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	int err;

	if (fuse_is_bad(file_inode(file)))
		return -EIO;
	if (!fuse_backing_io_start(file))
		return sync_server(file, start, end, datasync);
	scoped_with_creds(pt->fb->cred)
		err = vfs_fsync_range(pt->file, start, end, datasync);
	fuse_backing_io_end(file);
	return err;
}

static int release(struct inode *inode, struct file *file)
{
	struct fuse_file *ff = file->private_data;

	if (!fuse_backing_has_no_handle(ff)) {
		fuse_release_common(file, true);
		return 0;
	}
	fuse_passthrough_release(ff, get_fuse_inode(inode));
	fuse_file_free(ff);
	return 0;
}

static long dir_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return fuse_ioctl_common(file, cmd, arg, FUSE_IOCTL_DIR);
}

static long dir_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return fuse_ioctl_common(file, cmd, arg, FUSE_IOCTL_COMPAT | FUSE_IOCTL_DIR);
}

static const struct file_operations dir_operations = {
	.llseek		= llseek,
	.read		= generic_read_dir,
	.iterate_shared	= iterate,
	.release	= release,
	.fsync		= sync_dir,
	.unlocked_ioctl	= dir_ioctl,
	.compat_ioctl	= dir_compat_ioctl,
};

/* To be called with the mapping's credentials; @dentry is in its mount */
static struct file *open_listed(struct fuse_backing *fb, struct dentry *dentry,
				int flags)
{
	const struct path path = {
		.mnt = fb->file->f_path.mnt,
		.dentry = dentry,
	};
	int err = fuse_backing_may_list(fb, dentry);

	if (err)
		return ERR_PTR(err);
	flags = fuse_backing_open_flags(fb, d_inode(dentry), flags) & O_NOATIME;
	return dentry_open(&path, O_RDONLY | O_DIRECTORY | O_LARGEFILE | flags,
			   fb->cred);
}

static struct file *open_backing(struct fuse_backing *fb, struct dentry *dentry, int flags)
{
	int err = fuse_backing_may_reopen(fb);
	struct file *backing;

	if (err)
		return ERR_PTR(err);
	scoped_with_creds(fb->cred)
		backing = open_listed(fb, dentry, flags);
	return backing;
}

/* Open a directory on the mapping that it has got, or below that: it may be gone afterwards */
static int open_on_backing(struct inode *inode, struct file *file,
			   struct dentry *dentry)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	struct fuse_backing *fb = pt->fb;
	struct file *backing = open_backing(fb, dentry, file->f_flags);
	int err = PTR_ERR_OR_ZERO(backing);

	fuse_backing_trace(fuse_passthrough_open, file, fb->id, err ? NULL : backing,
			   false, err);
	if (err)
		return err;
	pt->file = backing;
	file->f_op = &dir_operations;
	fuse_backing_use(fb, &pt->use, FUSE_BACKING_FILE, pt->ff->nodeid);
	fuse_backing_enter_dir(pt->ff, get_fuse_inode(inode));
	return 0;
}

static struct fuse_file *alloc_file(struct inode *inode)
{
	struct fuse_file *ff = fuse_backing_alloc_local(inode, PAGE_SIZE);
	struct fuse_backing_dir *dir;

	if (!ff)
		return NULL;
	dir = container_of(ff->passthrough, struct fuse_backing_dir, pt);
	dir->at = (struct fuse_tree_dir) {};
	dir->at_server = false;
	dir->too_far = false;
	dir->added = false;
	empty(dir, 0);
	return ff;
}

/*
 * What lists a directory, with a reference, and where that is; %NULL if the server does.
 * What keeps the tree is the node of the inode, or else @dir.
 */
static struct fuse_backing *find_listed(struct inode *inode, struct fuse_backing_dir *dir)
{
	struct fuse_node *node = fuse_inode_live_node(inode);
	struct fuse_tree_dir *at = &dir->at;
	struct fuse_backing *fb;

	if (!node) {
		fb = fuse_inode_get_listed(get_fuse_inode(inode), &dir->pt.tree);
		at->tree = dir->pt.tree;
		at->dentry = fb ? fb->file->f_path.dentry : NULL;
		at->rules = at->tree ? &at->tree->rules : NULL;
		return fb;
	}
	if (!(node->tree->ops & FUSE_BACKING_OPS_LIST))
		return NULL;
	*at = (struct fuse_tree_dir) {
		.tree = node->tree,
		.dentry = node->dir,
		.rules = &node->rules,
	};
	refcount_inc(&at->tree->fb->count);
	return at->tree->fb;
}

static bool may_be_listed(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	return ((READ_ONCE(fi->backing.ops) & FUSE_BACKING_OPS_LIST) ||
		rcu_access_pointer(fi->backing.node)) &&
	       !fuse_filter_is_missing(get_fuse_conn(inode)) &&
	       fuse_backing_has_server(get_fuse_conn(inode));
}

/**
 * fuse_backing_open_dir - open a directory without the server, if possible
 * @inode: the FUSE inode, of a directory
 * @file: the FUSE directory that is being opened
 * @err: set to the result: 0, or a negative errno
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked, who knows the inode then.
 */
bool fuse_backing_open_dir(struct inode *inode, struct file *file, int *err)
{
	struct fuse_backing_dir *dir;
	struct fuse_backing *fb;
	struct fuse_file *ff;

	if (!may_be_listed(inode))
		return !fuse_node_may_ask(inode, err);
	*err = -ENOMEM;
	ff = alloc_file(inode);
	if (!ff)
		return true;
	dir = container_of(ff->passthrough, struct fuse_backing_dir, pt);
	/* the file has its age by now: what is taken away from here on, it loses */
	fb = find_listed(inode, dir);
	if (!fb) {
		fuse_file_free(ff);
		return !fuse_node_may_ask(inode, err);
	}
	ff->passthrough->fb = fb;
	file->private_data = ff;
	*err = open_on_backing(inode, file, dir->at.dentry);
	if (*err)
		fuse_file_free(ff);
	return true;
}
