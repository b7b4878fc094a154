// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: attributes that the backing file has.
 *
 * Where an inode has a backing file attached that has the answer, the server isn't
 * asked.  What the backing file says is not kept: somebody may change it any time,
 * and asking again costs little.  It is put into the FUSE inode, for those who look
 * there, and is as old then as the last request for it.
 *
 * An inode below a tree isn't told what it has already: most are asked for again and again,
 * and each time that it is told a counter is written to that all inodes share.
 *
 * Permissions are checked against what the FUSE inode has, for as long as the server said
 * that this is good.
 *
 * Locking: fuse_inode::lock to get the mapping of what is attached, and a reference while
 * it is used.  Below a tree the inode keeps its node, and that the tree and its mapping.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_attachment.h"
#include "backing_freeze.h"
#include "backing_inode.h"
#include "backing_io.h"
#include "backing_mapping.h"
#include "backing_tree.h"

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/stat.h>
#include <linux/xattr.h>

/*
 * What has the answer, and with whose credentials: the mapping's.  What is attached is
 * where that is, which keeps it; a name below a tree has a reference on its dentry.
 */
struct answerer {
	struct fuse_backing *fb;
	struct path path;
	/* with a reference on @fb, and none on what is in @path */
	bool attached;
};

/*
 * An overlayfs may have copied a file up since it was attached, to a FUSE, and that may be
 * ours: then it is the server's.
 */
static bool may_answer(struct inode *inode, const struct fuse_backing *fb)
{
	int err;

	if (likely(!(fb->file->f_path.dentry->d_flags & DCACHE_OP_REAL)))
		return true;
	scoped_with_creds(fb->cred)
		err = fuse_backing_may_use(get_fuse_conn(inode), fb, fb->file);
	return !err;
}

/* stat(2) gets here, as to what is inline below */
static inline bool find_attached(struct inode *inode, u64 ops, struct answerer *who)
{
	who->fb = fuse_inode_get_attached(get_fuse_inode(inode), ops);
	if (!who->fb)
		return false;
	if (!may_answer(inode, who->fb)) {
		fuse_backing_put(who->fb);
		return false;
	}
	who->path = who->fb->file->f_path;
	who->attached = true;
	return true;
}

/* Of an inode below a tree: by a name of it, @dentry or any */
static int find_below(struct inode *inode, struct dentry *dentry,
		      struct answerer *who)
{
	int err = fuse_node_path(inode, dentry, &who->path);

	if (err)
		return err;
	/* the inode keeps its node, and that the tree */
	who->fb = fuse_inode_node(inode)->tree->fb;
	who->attached = false;
	return 0;
}

/*
 * Returns false if the server is to be asked, who knows the inode then.  @err is set to 0,
 * and put_answerer() must be called, or to an errno.
 */
static __always_inline bool get_answerer(struct inode *inode, struct dentry *dentry,
					 u64 ops, struct answerer *who, int *err)
{
	*err = 0;
	if (fuse_node_has(inode, ops)) {
		*err = find_below(inode, dentry, who);
		if (!fuse_node_is_servers(inode, *err))
			return true;
		*err = 0;
	}
	if (find_attached(inode, ops, who))
		return true;
	return !fuse_node_may_ask(inode, err);
}

static inline void put_answerer(const struct answerer *who)
{
	if (who->attached)
		fuse_backing_put(who->fb);
	else
		dput(who->path.dentry);
}

/*
 * Which file it is, the server says. How many directories are in one, it said once: only
 * GETATTR tells after MKDIR and RMDIR. What was removed stays so.
 */
static unsigned int links_of(const struct inode *inode, const struct kstat *below)
{
	/* who changes it may do so meanwhile, as for any stat(2) */
	unsigned int links = data_race(inode->i_nlink);

	/* one that the server never named it doesn't know */
	if (fuse_inode_node(inode))
		return below->nlink;
	return links && S_ISDIR(inode->i_mode) ? below->nlink : links;
}

/* In the server's stead: its ids are those of the connection's user namespace */
static struct fuse_attr attributes_of(struct inode *inode, const struct kstat *below)
{
	const struct fuse_inode *fi = get_fuse_inode(inode);
	struct user_namespace *ns = get_fuse_conn(inode)->user_ns;

	return (struct fuse_attr) {
		/* the server's, which says them one after the other anyway */
		.ino = data_race(fi->orig_ino),
		.nlink = links_of(inode, below),
		.rdev = new_encode_dev(inode->i_rdev),
		.mode = below->mode,
		.uid = from_kuid_munged(ns, below->uid),
		.gid = from_kgid_munged(ns, below->gid),
		.size = below->size,
		.blocks = below->blocks,
		.blksize = below->blksize,
		.atime = below->atime.tv_sec,
		.atimensec = below->atime.tv_nsec,
		.mtime = below->mtime.tv_sec,
		.mtimensec = below->mtime.tv_nsec,
		.ctime = below->ctime.tv_sec,
		.ctimensec = below->ctime.tv_nsec,
	};
}

/* As the connection has it: what it has no number for is nobody's */
static kuid_t uid_of(struct user_namespace *ns, kuid_t uid)
{
	return ns == &init_user_ns ? uid : make_kuid(ns, from_kuid_munged(ns, uid));
}

static kgid_t gid_of(struct user_namespace *ns, kgid_t gid)
{
	return ns == &init_user_ns ? gid : make_kgid(ns, from_kgid_munged(ns, gid));
}

/* As stat(2) says it through a mount with @idmap */
static void fill_owner(struct mnt_idmap *idmap, struct user_namespace *ns,
		       const struct kstat *below, struct kstat *stat)
{
	stat->uid = below->uid;
	stat->gid = below->gid;
	/* else they are the same */
	if (idmap == &nop_mnt_idmap && ns == &init_user_ns)
		return;
	stat->uid = vfsuid_into_kuid(make_vfsuid(idmap, ns, uid_of(ns, below->uid)));
	stat->gid = vfsgid_into_kgid(make_vfsgid(idmap, ns, gid_of(ns, below->gid)));
}

/* What the inode has may be newer, or not have been changed */
static void fill_stat(struct mnt_idmap *idmap, struct inode *inode,
		      const struct kstat *below, struct kstat *stat)
{
	stat->dev = inode->i_sb->s_dev;
	/* the server's, which says them one after the other anyway */
	stat->ino = data_race(get_fuse_inode(inode)->orig_ino);
	stat->nlink = links_of(inode, below);
	stat->rdev = inode->i_rdev;
	stat->mode = (inode->i_mode & S_IFMT) | (below->mode & ~S_IFMT);
	fill_owner(idmap, get_fuse_conn(inode)->user_ns, below, stat);
	stat->size = below->size;
	stat->blocks = below->blocks;
	stat->blksize = below->blksize;
	stat->atime = below->atime;
	stat->mtime = below->mtime;
	stat->ctime = below->ctime;
	stat->btime = below->btime;
	stat->result_mask = below->result_mask & (STATX_BASIC_STATS | STATX_BTIME);
}

/* Are times and blocks all that may have changed?  Any of it may be changing. */
static bool is_same_file(const struct inode *inode, const struct kstat *below)
{
	struct user_namespace *ns = get_fuse_conn_super(inode->i_sb)->user_ns;
	umode_t mode = fuse_glance(fuse_inode_of(inode)->orig_i_mode);

	return i_size_read(inode) == below->size &&
	       (mode & 07777) == (below->mode & 07777) &&
	       fuse_glance(inode->i_nlink) == links_of(inode, below) &&
	       uid_eq(fuse_glance(inode->i_uid), uid_of(ns, below->uid)) &&
	       gid_eq(fuse_glance(inode->i_gid), gid_of(ns, below->gid));
}

static void take_times(struct inode *inode, const struct kstat *below)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	set_mask_bits(&fi->inval_mask, STATX_BASIC_STATS, 0);
	fi->attr_version =
		atomic64_inc_return(&get_fuse_conn(inode)->attr_version);
	inode->i_blocks = below->blocks;
	inode_set_atime_to_ts(inode, below->atime);
	inode_set_mtime_to_ts(inode, below->mtime);
	inode_set_ctime_to_ts(inode, below->ctime);
	/* the file may have got suid bits, or capabilities */
	inode->i_flags &= ~S_NOSEC;
}

/*
 * What fuse_change_attributes() does, where there is little of that to do: nothing but
 * times and blocks is another, which no page of the inode, nor a writeback cache, depends
 * on.  Returns false otherwise.
 */
static bool change_times(struct inode *inode, const struct kstat *below, u64 version)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	if (!is_same_file(inode, below) || READ_ONCE(inode->i_mapping->nrpages) ||
	    get_fuse_conn(inode)->writeback_cache)
		return false;
	spin_lock(&fi->lock);
	if (fi->attr_version <= version &&
	    !test_bit(FUSE_I_SIZE_UNSTABLE, &fi->state))
		take_times(inode, below);
	spin_unlock(&fi->lock);
	return true;
}

/*
 * Has an inode what it would be told?  If not, somebody may be changing
 * it, and it is told.  Ids that it has are mapped in the connection's user namespace: they
 * would be the same after having been translated there and back.
 */
static bool has_attributes(const struct inode *inode, const struct kstat *below)
{
	const struct fuse_inode *fi = fuse_inode_of(inode);
	struct timespec64 atime = fuse_glance(inode_get_atime(inode));
	struct timespec64 mtime = fuse_glance(inode_get_mtime(inode));
	struct timespec64 ctime = fuse_glance(inode_get_ctime(inode));

	return !(READ_ONCE(fi->inval_mask) & STATX_BASIC_STATS) &&
	       fuse_glance(inode->i_mode) == below->mode &&
	       fuse_glance(inode->i_nlink) == below->nlink &&
	       uid_eq(fuse_glance(inode->i_uid), below->uid) &&
	       gid_eq(fuse_glance(inode->i_gid), below->gid) &&
	       i_size_read(inode) == below->size &&
	       fuse_glance(inode->i_blocks) == below->blocks &&
	       timespec64_equal(&atime, &below->atime) &&
	       timespec64_equal(&mtime, &below->mtime) &&
	       timespec64_equal(&ctime, &below->ctime);
}

/* Only below a tree: whatever else is looked at has most likely been read or written */
static bool is_told(const struct inode *inode, const struct kstat *below)
{
	return fuse_inode_node(inode) && has_attributes(inode, below);
}

/* @version: of before they were asked for; whoever changes them meanwhile knows better */
static void tell(struct inode *inode, const struct kstat *below, u64 version)
{
	struct fuse_attr attr = attributes_of(inode, below);
	/* below a tree nobody looks at them, and who does later is to ask the server */
	u64 valid = fuse_inode_node(inode) ? 0 : READ_ONCE(get_fuse_inode(inode)->i_time);

	fuse_change_attributes(inode, &attr, NULL, valid, version);
}

static __always_inline int get_attributes(struct mnt_idmap *idmap, struct inode *inode,
					  const struct answerer *who, struct kstat *stat,
					  u32 mask, unsigned int flags)
{
	u64 version = fuse_get_attr_version(get_fuse_conn(inode));
	/* cleared by who fills it in */
	struct kstat below __uninitialized;
	int err;

	scoped_with_creds(who->fb->cred)
		err = vfs_getattr(&who->path, &below, mask | STATX_BASIC_STATS,
				  flags & AT_STATX_SYNC_TYPE);
	if (err)
		return err;
	if (!is_told(inode, &below) && !change_times(inode, &below, version))
		tell(inode, &below, version);
	if (stat)
		fill_stat(idmap, inode, &below, stat);
	return 0;
}

/**
 * fuse_backing_getattr - get attributes from the backing file
 * @idmap: of the mount through which the FUSE inode is seen
 * @inode: the FUSE inode
 * @dentry: a dentry of it, or %NULL
 * @stat: to fill in, or %NULL
 * @mask: STATX_* of what is wanted
 * @flags: AT_STATX_*
 * @err: set to the result
 *
 * The FUSE inode gets them, too.
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked, who knows the inode then.
 */
bool fuse_backing_getattr(struct mnt_idmap *idmap, struct inode *inode,
			  struct dentry *dentry, struct kstat *stat, u32 mask,
			  unsigned int flags, int *err)
{
	struct answerer who __uninitialized;

	if (!get_answerer(inode, dentry, FUSE_BACKING_OPS_ATTR, &who, err))
		return false;
	if (*err)
		return true;
	*err = get_attributes(idmap, inode, &who, stat, mask, flags);
	put_answerer(&who);
	return true;
}

/* May whoever calls, or whose credentials these are? */
static int check_access(const struct answerer *who, int mask)
{
	return inode_permission(mnt_idmap(who->path.mnt), d_inode(who->path.dentry),
				mask);
}

/**
 * fuse_backing_access - access(2) by the backing file
 * @inode: the FUSE inode, of a mount without default_permissions
 * @mask: MAY_*
 * @err: set to the result
 *
 * Both the client and whoever registered the file must have access.
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked, who knows the inode then.
 */
bool fuse_backing_access(struct inode *inode, int mask, int *err)
{
	struct answerer who;

	if (!get_answerer(inode, NULL, FUSE_BACKING_OPS_ACCESS, &who, err))
		return false;
	if (*err)
		return true;
	mask &= MAY_READ | MAY_WRITE | MAY_EXEC;
	*err = fuse_backing_check_mount(who.fb, d_inode(who.path.dentry), mask) ?:
	       check_access(&who, mask);
	if (!*err) {
		scoped_with_creds(who.fb->cred) {
			*err = check_access(&who, mask);
		}
	}
	put_answerer(&who);
	return true;
}

/*
 * Each change of an owner asks for capabilities, and the VFS remembers of files that they have
 * none: but not what others than it may have given them.
 */
static bool has_no_capabilities(const struct inode *backing, const char *name)
{
	return IS_NOSEC(backing) && !strcmp(name, XATTR_NAME_CAPS) &&
	       backing->i_sb->s_magic != FUSE_SUPER_MAGIC;
}

/**
 * fuse_backing_getxattr - getxattr(2) by the backing file
 * @inode: the FUSE inode
 * @name: of the attribute; the caller has looked whether the client may know it
 * @value: where it goes
 * @size: room there; 0 to ask for its length
 * @len: set to the length, or a negative errno
 *
 * Ids in ACLs are not the backing filesystem's everywhere: the server knows what it
 * makes of them.  And it is the one that sees who asks: of the root of a mount that isn't
 * everybody's, everybody may ask.
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked, who knows the inode then.
 */
bool fuse_backing_getxattr(struct inode *inode, const char *name, void *value,
			   size_t size, ssize_t *len)
{
	struct answerer who;
	u64 ops = FUSE_BACKING_OPS_XATTR;
	int err;

	if (is_posix_acl_xattr(name) ||
	    !fuse_allow_current_process(get_fuse_conn(inode)))
		ops = 0;
	if (!get_answerer(inode, NULL, ops, &who, &err))
		return false;
	*len = err;
	if (err)
		return true;
	if (has_no_capabilities(d_inode(who.path.dentry), name)) {
		*len = -ENODATA;
	} else {
		scoped_with_creds(who.fb->cred) {
			*len = vfs_getxattr(mnt_idmap(who.path.mnt), who.path.dentry,
					    name, value, size);
		}
	}
	put_answerer(&who);
	return true;
}

/**
 * fuse_backing_get_acl - the ACL of an inode below a tree
 * @dentry: a FUSE dentry of it
 * @type: ACL_TYPE_*
 * @acl: set to the ACL with a reference, %NULL if there is none, or an ERR_PTR()
 *
 * That the kernel checks permissions by.  Nobody sees it through an idmapped mount, whose
 * ids it doesn't have.
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_get_acl(struct dentry *dentry, int type, struct posix_acl **acl)
{
	struct posix_acl *got = ERR_PTR(-EOPNOTSUPP);
	struct inode *inode = d_inode(dentry);
	struct answerer who;
	int err;

	if (!fuse_node_has(inode, FUSE_BACKING_OPS_XATTR) ||
	    !fuse_allow_current_process(get_fuse_conn(inode)))
		return false;
	err = find_below(inode, dentry, &who);
	if (fuse_node_is_servers(inode, err))
		return false;
	*acl = ERR_PTR(err);
	if (err)
		return true;
	if (!is_idmapped_mnt(who.path.mnt)) {
		scoped_with_creds(who.fb->cred) {
			got = vfs_get_acl(mnt_idmap(who.path.mnt), who.path.dentry,
					  posix_acl_xattr_name(type));
		}
	}
	put_answerer(&who);
	*acl = got == ERR_PTR(-ENODATA) ? NULL : got;
	return true;
}

/* Take names out that the client may not know; returns the length of the rest */
static ssize_t hide_trusted(char *list, ssize_t len)
{
	char *from = list, *to = list, *end = list + len;
	size_t size;

	for (; from < end; from += size) {
		size = strlen(from) + 1;
		if (!strncmp(from, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN))
			continue;
		memmove(to, from, size);
		to += size;
	}
	return to - list;
}

/**
 * fuse_backing_listxattr - listxattr(2) by the backing file
 * @inode: the FUSE inode
 * @list: where names go, each with its end
 * @size: room there; 0 to ask how long the list is at most
 * @len: set to the length of the list, or a negative errno
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked, who knows the inode then.
 */
bool fuse_backing_listxattr(struct inode *inode, char *list, size_t size,
			    ssize_t *len)
{
	struct answerer who;
	int err;

	if (!get_answerer(inode, NULL, FUSE_BACKING_OPS_XATTR, &who, &err))
		return false;
	*len = err;
	if (err)
		return true;
	scoped_with_creds(who.fb->cred) {
		*len = vfs_listxattr(who.path.dentry, list, size);
	}
	if (*len > 0 && size && !ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN))
		*len = hide_trusted(list, *len);
	put_answerer(&who);
	return true;
}

/* Is nothing but times to be changed? */
static bool is_timing(const struct iattr *attr)
{
	const unsigned int others = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_SIZE |
				    ATTR_KILL_SUID | ATTR_KILL_SGID;

	return (attr->ia_valid & (ATTR_ATIME | ATTR_MTIME)) &&
	       !(attr->ia_valid & others);
}

/* To be called with the mapping's credentials, and the right to write to the mount */
static int change_locked(struct file *backing, struct iattr *attr)
{
	struct inode *inode = file_inode(backing);
	int err;

	/* may be a FUSE inode too, below ours */
	inode_lock_nested(inode, I_MUTEX_CHILD);
	err = notify_change(file_mnt_idmap(backing), file_dentry(backing), attr,
			    NULL);
	inode_unlock(inode);
	return err;
}

/* Nobody needs to have the file open for this, so its mount may be read-only */
static int change_backing(struct fuse_backing *fb, struct iattr *attr)
{
	struct vfsmount *mnt = fb->file->f_path.mnt;
	int err;

	err = fuse_backing_start_fs(fb->file, false);
	if (err)
		return err;
	err = mnt_get_write_access(mnt);
	if (!err) {
		scoped_with_creds(fb->cred)
			err = change_locked(fb->file, attr);
		mnt_put_write_access(mnt);
	}
	file_end_write(fb->file);
	return err;
}

static int set_times(struct inode *inode, struct fuse_backing *fb,
		     const struct iattr *attr)
{
	struct iattr below = {
		.ia_valid = (attr->ia_valid & (ATTR_ATIME | ATTR_MTIME |
					       ATTR_ATIME_SET | ATTR_MTIME_SET |
					       ATTR_TIMES_SET | ATTR_TOUCH)) |
			    ATTR_CTIME,
		.ia_atime = attr->ia_atime,
		.ia_mtime = attr->ia_mtime,
	};
	bool hidden;
	int err;

	hidden = fuse_backing_hide_superblock(inode->i_sb, fb->file);
	err = change_backing(fb, &below);
	fuse_backing_show_superblock(inode->i_sb, hidden);

	fuse_inode_backing_resized(inode, NULL);
	fuse_backing_invalidate(inode, STATX_ATIME);
	return err;
}

/**
 * fuse_backing_set_times - utimensat(2) by the backing file
 * @inode: the FUSE inode
 * @attr: which attributes, and how; the caller has looked whether the client may
 * @err: set to the result
 *
 * By path or by descriptor: that is the same to the kernel.  As whoever registered the
 * file, who may have less power over it than the client.  A directory's are the server's:
 * of what is attached to it, a tree, SETATTR is for what is below.
 *
 * Context: process context with the FUSE inode locked; may sleep, killable.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_set_times(struct inode *inode, const struct iattr *attr,
			    int *err)
{
	struct answerer who;

	if (!is_timing(attr) || !S_ISREG(inode->i_mode) ||
	    !find_attached(inode, FUSE_BACKING_OPS_TIMES, &who))
		return false;
	*err = set_times(inode, who.fb, attr);
	put_answerer(&who);
	/* whose delegation it is, the server may wait for */
	return *err != -EWOULDBLOCK;
}
