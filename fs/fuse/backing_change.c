// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: changes below a tree, made without the server: of an inode.
 *
 * They are made as whoever registered the tree, and only for clients who could do the same
 * anyway: the same user with the same groups, who has all capabilities that the
 * registration has.  For any other the server is asked, who knows whom it serves.
 *
 * Locking: the FUSE inode's lock, the right to write to the backing mount and to its
 * filesystem, fuse_tree::changes, and inside of these the lock of the backing inode.  Of
 * filesystems that are stacked themselves, lockdep can't tell these: the server is asked.
 * Who waits for a thaw has the FUSE inode's lock, which the VFS takes first, and has it
 * until killed at most; who freezes, or thaws, needs none.
 */

#include "fuse_i.h"
#include "backing_below.h"
#include "backing_bpf.h"
#include "backing_change.h"
#include "backing_freeze.h"
#include "backing_handle.h"
#include "backing_tree.h"

#include <linux/cred.h>
#include <linux/filelock.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/fuse_backing.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/security.h>
#include <linux/xattr.h>

static bool are_same_groups(const struct group_info *a, const struct group_info *b)
{
	int i;

	if (a == b)
		return true;
	if (a->ngroups != b->ngroups)
		return false;
	/* both are sorted */
	for (i = 0; i < a->ngroups; i++)
		if (!gid_eq(a->gid[i], b->gid[i]))
			return false;
	return true;
}

/* Has who calls all the power that is about to be used? */
static bool is_as_powerful(const struct cred *cred)
{
	const struct cred *own = current_cred();

	return own == cred ||
	       (uid_eq(own->fsuid, cred->fsuid) && gid_eq(own->fsgid, cred->fsgid) &&
		own->user_ns == cred->user_ns &&
		cap_issubset(cred->cap_effective, own->cap_effective) &&
		are_same_groups(own->group_info, cred->group_info));
}

/**
 * fuse_change_is_passed - may a change below a tree be made without the server
 * @tree: the tree
 * @ops: of FUSE_BACKING_OPS_*, what is to be done
 *
 * Context: process context, with the client's credentials.
 * Return: false if the server is to be asked.
 */
bool fuse_change_is_passed(const struct fuse_tree *tree, u64 ops)
{
	const struct super_block *sb = tree->mnt->mnt_sb;

	return (tree->ops & ops) == ops && !READ_ONCE(tree->detached) &&
	       !sb->s_stack_depth && sb->s_magic != FUSE_SUPER_MAGIC &&
	       is_as_powerful(tree->cred);
}

/**
 * fuse_change_start - the filesystem below a tree is about to be changed
 * @tree: the tree
 *
 * Who says other rules, or detaches the tree, waits until it has been: so what rules say is
 * to be looked at after this.
 *
 * Context: process context; may sleep, killable.
 * Return: 0, and fuse_change_end() must be called; -EWOULDBLOCK if the server is to be
 *	asked, as the tree is detached by now; -EROFS, -EINTR.
 */
int fuse_change_start(struct fuse_tree *tree)
{
	struct super_block *sb = tree->mnt->mnt_sb;
	int err;

	if (!sb_start_write_trylock(sb)) {
		err = fuse_backing_wait_for_thaw(sb);
		if (err)
			return err;
	}
	err = mnt_get_write_access(tree->mnt);
	if (err)
		goto out_fs;
	err = fuse_tree_lock_changes(tree);
	if (!err)
		return 0;
	mnt_put_write_access(tree->mnt);
out_fs:
	sb_end_write(sb);
	return err;
}

/**
 * fuse_change_end - it has been changed
 * @tree: the tree
 *
 * Context: process context.
 */
void fuse_change_end(struct fuse_tree *tree)
{
	up_read(&tree->changes);
	mnt_put_write_access(tree->mnt);
	sb_end_write(tree->mnt->mnt_sb);
}

/*
 * Is @entry in a directory with rules, or does a program decide?  Whoever says rules now
 * waits, see fuse_change_start().
 */
static bool is_decided(const struct dentry *entry)
{
	struct fuse_tree_dir at;
	struct inode *dir;
	bool decided;

	rcu_read_lock();
	dir = d_inode_rcu(READ_ONCE(entry->d_parent));
	decided = dir && fuse_tree_look_dir(dir, &at) &&
		  (rcu_access_pointer(*at.rules) || fuse_is_filtered(at.tree->fc));
	rcu_read_unlock();
	return decided && !IS_ROOT(entry);
}

static bool is_servers_in(struct inode *dir, const struct qstr *name)
{
	struct fuse_tree_dir at;
	bool servers;

	if (!fuse_tree_get_dir(dir, &at))
		return false;
	servers = fuse_below_verdict(&at, dir, name) == FUSE_BACKING_SERVER;
	fuse_tree_put(at.tree);
	return servers;
}

/**
 * fuse_change_is_servers - is what is changed by a name left to the server
 * @entry: the FUSE dentry, by which somebody has found it, or has opened it
 *
 * By rules, or a program: the server may have named it before they said so, or it was found
 * when they said otherwise.
 *
 * Context: process context, with the client's credentials: the program sees who asks.
 * Return: whether the server is to be asked.
 */
bool fuse_change_is_servers(struct dentry *entry)
{
	struct name_snapshot name;
	struct dentry *parent;
	bool servers;

	if (likely(!is_decided(entry)))
		return false;
	parent = dget_parent(entry);
	take_dentry_name_snapshot(&name, entry);
	servers = is_servers_in(d_inode(parent), &name.name);
	release_dentry_name_snapshot(&name);
	dput(parent);
	return servers;
}

static struct fuse_tree *tree_of(struct dentry *dentry, u64 ops)
{
	const struct fuse_node *node = fuse_inode_node(d_inode(dentry));

	return node && fuse_change_is_passed(node->tree, ops) &&
	       !fuse_change_is_servers(dentry) ? node->tree : NULL;
}

/* As fuse_change_start(), by what is said then, of the client who asks */
static int start(struct fuse_tree *tree, struct dentry *dentry)
{
	int err = fuse_change_start(tree);

	if (err || !fuse_change_is_servers(dentry))
		return err;
	fuse_change_end(tree);
	return -EWOULDBLOCK;
}

/* What has to do with who asks */
#define NOT_BELOW	(ATTR_FILE | ATTR_OPEN | ATTR_FORCE)

/* As truncate(2) does: who may write to a file needn't be who may take these from it */
static void kill_cut_off(struct mnt_idmap *idmap, struct inode *inode,
			 struct iattr *attr)
{
	unsigned int kill;

	if (IS_NOSEC(inode))
		return;
	kill = setattr_should_drop_suidgid(idmap, inode);
	if (kill)
		kill |= ATTR_FORCE;
	attr->ia_valid |= kill | ATTR_KILL_PRIV;
}

/*
 * Another owner gets no bits and capabilities of the one before, and what is cut off keeps
 * none.  The VFS asked for that, and FUSE left it to the server.
 */
static void kill_privileges(struct mnt_idmap *idmap, struct inode *inode,
			    struct iattr *attr)
{
	if (attr->ia_valid & ATTR_SIZE)
		kill_cut_off(idmap, inode, attr);
	if (!(attr->ia_valid & (ATTR_UID | ATTR_GID)) || S_ISDIR(inode->i_mode))
		return;
	attr->ia_valid |= ATTR_KILL_PRIV;
	/* a mode says which bits there are */
	if (!(attr->ia_valid & ATTR_MODE))
		attr->ia_valid |= ATTR_KILL_SUID |
				  setattr_should_drop_sgid(idmap, inode);
}

/* Ids of the filesystem, as chown(2) tells; what stays as it is has none */
static int may_chown(const struct path *path, const struct iattr *attr)
{
	struct user_namespace *ns = i_user_ns(d_inode(path->dentry));
	struct mnt_idmap *idmap = mnt_idmap(path->mnt);
	kuid_t uid = INVALID_UID;
	kgid_t gid = INVALID_GID;

	if (attr->ia_valid & ATTR_UID)
		uid = from_vfsuid(idmap, ns, attr->ia_vfsuid);
	if (attr->ia_valid & ATTR_GID)
		gid = from_vfsgid(idmap, ns, attr->ia_vfsgid);
	return security_path_chown(path, uid, gid);
}

/*
 * notify_change() asks no security module that goes by paths: system calls do.  A mode that
 * comes with another owner needn't be what the VFS made of that, so it is asked for, too.
 */
static int may_change(const struct path *path, const struct iattr *attr)
{
	int err = 0;

	if (attr->ia_valid & ATTR_SIZE)
		err = security_path_truncate(path);
	if (!err && (attr->ia_valid & ATTR_MODE))
		err = security_path_chmod(path, attr->ia_mode & S_IALLUGO);
	if (!err && (attr->ia_valid & (ATTR_UID | ATTR_GID)))
		err = may_chown(path, attr);
	return err;
}

/* Ids are those of the backing mount's clients */
static int change_attributes(const struct path *path, const struct iattr *attr)
{
	struct inode *inode = d_inode(path->dentry);
	struct mnt_idmap *idmap = mnt_idmap(path->mnt);
	struct iattr below = *attr;
	int err;

	below.ia_valid &= ~NOT_BELOW;
	inode_lock(inode);
	kill_privileges(idmap, inode, &below);
	err = may_change(path, &below) ?:
	      notify_change(idmap, path->dentry, &below, NULL);
	inode_unlock(inode);
	return err;
}

/*
 * As vfs_truncate(), which would get the right to write once more, and wait for whoever has a
 * lease.  There is nobody to be asked before content is changed, see may_resize().
 */
static int cut_off(const struct path *path, const struct iattr *attr)
{
	struct inode *inode = d_inode(path->dentry);
	int err;

	err = inode_permission(mnt_idmap(path->mnt), inode, MAY_WRITE);
	if (err)
		return err;
	if (IS_APPEND(inode))
		return -EPERM;
	/* from now on nobody gets a lease */
	err = get_write_access(inode);
	if (err)
		return err;
	err = break_lease(inode, O_WRONLY | O_NONBLOCK) ?: change_attributes(path, attr);
	put_write_access(inode);
	return err;
}

static int set_attributes(struct fuse_tree *tree, struct dentry *dentry,
			  const struct path *path, const struct iattr *attr)
{
	int err = start(tree, dentry);

	if (err)
		return err;
	scoped_with_creds(tree->cred)
		err = attr->ia_valid & ATTR_SIZE ? cut_off(path, attr) :
						   change_attributes(path, attr);
	fuse_change_end(tree);
	return err;
}

/* Has the server opened another file in its stead?  Then that one is to be cut off. */
static bool is_open_elsewhere(const struct inode *inode)
{
	const struct inode *backing;
	bool elsewhere;

	rcu_read_lock();
	backing = READ_ONCE(fuse_inode_of(inode)->backing.inode);
	elsewhere = backing && !fuse_node_is(fuse_inode_node(inode), backing);
	rcu_read_unlock();
	return elsewhere;
}

/* Does somebody fill files with what they have at the moment when it is asked for? */
static bool is_filled_later(const struct fuse_tree *tree)
{
	return fsnotify_sb_has_priority_watchers(tree->mnt->mnt_sb,
						 FSNOTIFY_PRIO_PRE_CONTENT);
}

/* Is it cut off by a file that the server has opened, whichever that is? */
static bool is_by_server(const struct iattr *attr)
{
	return (attr->ia_valid & ATTR_FILE) && !fuse_backing_is_local(attr->ia_file);
}

/*
 * Several at once, as a size and a mode, are nobody's who names an inode by its path.  What
 * is cached of a file that the server opened would be written to it after it was cut off.
 */
static bool may_resize(const struct inode *inode, const struct fuse_tree *tree,
		       const struct iattr *attr)
{
	const unsigned int times = ATTR_ATIME | ATTR_MTIME | ATTR_CTIME;

	return (tree->modes & FUSE_BACKING_WRITE) &&
	       !(attr->ia_valid & ~(ATTR_SIZE | times | ATTR_OPEN | ATTR_FILE)) &&
	       READ_ONCE(fuse_inode_of(inode)->iocachectr) <= 0 &&
	       !is_by_server(attr) && !is_open_elsewhere(inode) && !is_filled_later(tree);
}

/**
 * fuse_backing_setattr_below - change attributes of an inode below a tree
 * @inode: the FUSE inode, locked
 * @dentry: a dentry of it
 * @attr: which, and how; the caller has looked whether the client may
 * @err: set to the result
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_setattr_below(struct inode *inode, struct dentry *dentry,
				const struct iattr *attr, int *err)
{
	struct fuse_tree *tree = tree_of(dentry, FUSE_BACKING_OPS_SETATTR);
	struct path path;

	if (likely(!tree))
		return false;
	if ((attr->ia_valid & ATTR_SIZE) && !may_resize(inode, tree, attr))
		return false;
	*err = fuse_node_path(inode, dentry, &path);
	if (fuse_node_is_servers(inode, *err))
		return false;
	if (*err)
		return true;
	*err = set_attributes(tree, dentry, &path, attr);
	fuse_tree_tell(inode, tree, d_inode(path.dentry));
	dput(path.dentry);
	/* whose delegation it is, the server may wait for; or it is its own by now */
	return *err != -EWOULDBLOCK;
}

/* What others than the filesystem have a say in is the server's */
static bool is_plain(const char *name)
{
	return !strncmp(name, XATTR_USER_PREFIX, XATTR_USER_PREFIX_LEN);
}

/* As vfs_*(), which would wait for whoever has a delegation */
static int set_xattr(const struct path *path, const char *name, const void *value,
		     size_t size, int flags)
{
	struct mnt_idmap *idmap = mnt_idmap(path->mnt);
	struct inode *inode = d_inode(path->dentry);
	int err;

	inode_lock(inode);
	if (value)
		err = __vfs_setxattr_locked(idmap, path->dentry, name, value, size,
					    flags, NULL);
	else
		err = __vfs_removexattr_locked(idmap, path->dentry, name, NULL);
	inode_unlock(inode);
	return err;
}

static int change_xattr(struct dentry *dentry, const struct path *path,
			const char *name, const void *value, size_t size, int flags)
{
	struct fuse_tree *tree = fuse_inode_node(d_inode(dentry))->tree;
	int err = start(tree, dentry);

	if (err)
		return err;
	scoped_with_creds(tree->cred)
		err = set_xattr(path, name, value, size, flags);
	fuse_change_end(tree);
	return err;
}

/**
 * fuse_backing_setxattr_below - set or remove an extended attribute below a tree
 * @dentry: a dentry of the FUSE inode, which is locked
 * @name: its name
 * @value: its value; %NULL to remove it
 * @size: of the value
 * @flags: XATTR_*
 * @err: set to the result
 *
 * Context: process context; may sleep.
 * Return: false if the server is to be asked.
 */
bool fuse_backing_setxattr_below(struct dentry *dentry, const char *name,
				 const void *value, size_t size, int flags, int *err)
{
	struct path path;

	if (likely(!tree_of(dentry, FUSE_BACKING_OPS_SETXATTR)) || !is_plain(name))
		return false;
	*err = fuse_node_path(d_inode(dentry), dentry, &path);
	if (fuse_node_is_servers(d_inode(dentry), *err))
		return false;
	if (*err)
		return true;
	*err = change_xattr(dentry, &path, name, value, size, flags);
	dput(path.dentry);
	/* as above */
	return *err != -EWOULDBLOCK;
}
