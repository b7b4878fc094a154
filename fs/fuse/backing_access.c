// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: what a server may pass through.
 *
 * A server needs no privileges to register a backing file, so nothing here may
 * let it, or its clients, do what it could not do itself.  Registration decides
 * which files are fit at all, each open decides with the credentials of the
 * registration, and some files stay restricted while they are open.
 *
 * No check does I/O at registration: the caller may be the server that the
 * I/O would have to wait for.
 *
 * Modes and owners of what is below a tree are looked at where a path is walked over, in
 * backing_below.c and backing_tree.h: that is for each part of each path, in RCU mode, and
 * inline with what finds the backing inode.  What access(2) asks beyond that is here.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_reject.h"
#include "backing_server.h"
#include "backing_table.h"

#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>
#include <linux/magic.h>
#include <linux/moduleparam.h>
#include <linux/mount.h>
#include <linux/user_namespace.h>

static bool __read_mostly unprivileged_passthrough = true;
module_param(unprivileged_passthrough, bool, 0644);
MODULE_PARM_DESC(unprivileged_passthrough,
		 "Let servers without CAP_SYS_ADMIN register backing files");

/**
 * fuse_backing_may_call - may the caller use the backing file ioctls
 * @fc: the connection
 * @backing_id: for the tracepoint, 0 if there is none yet
 *
 * Context: process context; doesn't sleep.
 * Return: 0 or -EPERM.
 */
int fuse_backing_may_call(struct fuse_conn *fc, int backing_id)
{
	/* the depth of the stack comes with it */
	if (!fuse_backing_has_init(fc) || !fc->passthrough)
		return fuse_backing_reject(fc, backing_id, -EPERM, FUSE_BACKING_NOT_NEGOTIATED);
	if (!READ_ONCE(unprivileged_passthrough) && !capable(CAP_SYS_ADMIN))
		return fuse_backing_reject(fc, backing_id, -EPERM, FUSE_BACKING_SWITCHED_OFF);
	if (!current_in_userns(fc->user_ns))
		return fuse_backing_reject(fc, backing_id, -EPERM, FUSE_BACKING_USERNS);
	return 0;
}

/*
 * Files of most pseudo filesystems look at who reads or writes them, and that
 * is the client.  Of those on a block device, and in this list, it is known that they
 * don't.
 */
static bool is_fit_filesystem(const struct super_block *sb)
{
	switch (sb->s_magic) {
	case TMPFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case NFS_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case V9FS_MAGIC:
	case FUSE_SUPER_MAGIC:
	case CEPH_SUPER_MAGIC:
	case HOSTFS_SUPER_MAGIC:
		return true;
	default:
		return sb->s_type->fs_flags & FS_REQUIRES_DEV;
	}
}

/*
 * Where data or metadata of @dentry come from: the layer below an overlayfs, or
 * below several of them.
 */
static struct dentry *last_layer(struct dentry *dentry, enum d_real_type type)
{
	struct dentry *real;

	while ((real = d_real(dentry, type)) != dentry)
		dentry = real;
	return dentry;
}

/*
 * A file may have its data in another layer than what else is known of it (metacopy).
 * To look for that is I/O, unless the file was opened.
 */
static struct dentry *data_layer(const struct file *file)
{
	return last_layer(file->f_path.dentry,
			  file->f_mode & FMODE_PATH ? D_REAL_METADATA :
						      D_REAL_DATA);
}

static bool is_remote(const struct dentry *dentry)
{
	return dentry->d_flags & (DCACHE_OP_REVALIDATE |
				  DCACHE_OP_WEAK_REVALIDATE);
}

/*
 * Is the filesystem of @file fit, and what is below if that is an overlayfs?
 *
 * Not if it is a FUSE.  Closing a file there may take as long as its server likes;
 * overlayfs closes what is below it by fput(), so that other users' files would
 * have to wait.  Nor would the stack depth of a FUSE that was not negotiated
 * yet count: it could be below itself.
 *
 * What is below a directory overlayfs doesn't say.
 */
static int check_filesystem(const struct file *file,
			    enum fuse_backing_reason *reason)
{
	struct dentry *top = file->f_path.dentry;
	struct dentry *last = last_layer(top, D_REAL_METADATA);
	struct dentry *data = data_layer(file);

	*reason = FUSE_BACKING_FILESYSTEM;
	if (d_is_dir(top) && (top->d_flags & DCACHE_OP_REAL))
		return -EOPNOTSUPP;
	if (!is_fit_filesystem(top->d_sb) || !is_fit_filesystem(last->d_sb) ||
	    !is_fit_filesystem(data->d_sb))
		return -EOPNOTSUPP;
	*reason = FUSE_BACKING_OVERLAY_ON_FUSE;
	if (last != top && (last->d_sb->s_magic == FUSE_SUPER_MAGIC ||
			    data->d_sb->s_magic == FUSE_SUPER_MAGIC))
		return -EOPNOTSUPP;
	return 0;
}

/*
 * Is the filesystem of @file fit, and may the file be open on a layer that isn't the
 * last any more?
 *
 * A file that was copied up after it was opened for reading stays open where it
 * was.  What that layer is only overlayfs knows; but no layer that was ever seen
 * through @file's dentry is a FUSE if none was remote, and the layer that files
 * are copied to is not remote unless it is a FUSE itself.
 */
static int check_opened(const struct file *file,
			enum fuse_backing_reason *reason)
{
	struct dentry *top = file->f_path.dentry;
	int err = check_filesystem(file, reason);

	if (err || !(top->d_flags & DCACHE_OP_REAL) ||
	    (file->f_mode & (FMODE_PATH | FMODE_WRITE)))
		return err;
	return is_remote(top) && !is_remote(last_layer(top, D_REAL_METADATA)) ?
	       -EOPNOTSUPP : 0;
}

/*
 * A FUSE filesystem gets its stack depth with the INIT reply, but can be used
 * before.  Without this, two of them could each be below the other.
 */
static bool is_depth_known(struct super_block *sb)
{
	if (sb->s_magic != FUSE_SUPER_MAGIC)
		return true;
	return fuse_backing_has_init(get_fuse_conn_super(sb));
}

/*
 * Has @cred capabilities that are not the owner's to have?  Those in a user
 * namespace that the owner made are, as far as what is mapped there.
 */
static bool exceeds_capabilities(const struct fuse_conn *fc,
				 const struct cred *cred)
{
	const struct user_namespace *ns;

	if (cap_isclear(cred->cap_effective))
		return false;
	if (cred->user_ns == fc->user_ns)
		return true;
	for (ns = cred->user_ns; ns != fc->user_ns; ns = ns->parent)
		if (!uid_eq(ns->owner, fc->user_id))
			return true;
	return false;
}

/* Does the connection belong to root of its user namespace? */
static bool is_roots(const struct fuse_conn *fc)
{
	if (fc->user_ns == &init_user_ns)
		return uid_eq(fc->user_id, GLOBAL_ROOT_UID);
	return uid_eq(fc->user_id, make_kuid(fc->user_ns, 0));
}

/**
 * fuse_backing_is_brokered - does somebody register for a lesser owner
 * @fc: the connection
 *
 * A helper with more power than the owner of the connection, which may have
 * been handed /dev/fuse, must not lend that power to every client: its
 * registrations are good for what its descriptors were opened for.
 *
 * Context: process context, within the connection's user namespace.
 * Return: true if the caller's power exceeds the owner's.
 */
bool fuse_backing_is_brokered(struct fuse_conn *fc)
{
	const struct cred *cred = current_cred();

	/* Nobody who is known in a user namespace exceeds its root */
	if (uid_eq(cred->fsuid, fc->user_id))
		return !is_roots(fc) && exceeds_capabilities(fc, cred);
	return !is_roots(fc) || !kuid_has_mapping(fc->user_ns, cred->fsuid);
}

/* Brokers answer for what they open, not for what handlers then let them do */
static bool may_register_any(struct fuse_conn *fc)
{
	return capable(CAP_SYS_ADMIN) && !fuse_backing_is_brokered(fc);
}

/*
 * Only regular files, and directories where the server says so, have the operations
 * that are passed through.  What is in a directory nobody has opened: so a helper's
 * power over that would be every client's.
 */
static int check_kind(struct fuse_conn *fc, const struct file *file, bool dir)
{
	const struct dentry *dentry = file->f_path.dentry;

	if (d_is_dir(dentry) && !dir)
		return fuse_backing_reject(fc, 0, -EISDIR, FUSE_BACKING_FILE_TYPE);
	if (!d_is_dir(dentry) && !d_is_reg(dentry))
		return fuse_backing_reject(fc, 0, -EINVAL, FUSE_BACKING_FILE_TYPE);
	if (!d_is_dir(dentry) && dir)
		return fuse_backing_reject(fc, 0, -ENOTDIR, FUSE_BACKING_FILE_TYPE);
	if (dir && fuse_backing_is_brokered(fc))
		return fuse_backing_reject(fc, 0, -EPERM, FUSE_BACKING_BROKERED);
	return 0;
}

/**
 * fuse_backing_may_register - is a file fit to be a backing file
 * @fc: the connection
 * @file: what the server wants to register
 * @dir: it is to be a directory
 *
 * Context: process context; no I/O.
 * Return: 0, or an error as fuse_backing_open() describes it.
 */
int fuse_backing_may_register(struct fuse_conn *fc, const struct file *file,
			      bool dir)
{
	struct super_block *sb = file_inode(file)->i_sb;
	enum fuse_backing_reason reason;
	int err;

	err = check_kind(fc, file, dir);
	if (err)
		return err;
	/* mmap(2) tests the seals of a memfd on the FUSE file, which has none */
	if (file->f_path.mnt->mnt_flags & MNT_INTERNAL)
		return fuse_backing_reject(fc, 0, -EOPNOTSUPP, FUSE_BACKING_INTERNAL_MOUNT);
	err = check_opened(file, &reason);
	if (err && !may_register_any(fc))
		return fuse_backing_reject(fc, 0, err, reason);
	/* last: pseudo filesystems claim to be as deep as can be */
	if (!is_depth_known(sb) || sb->s_stack_depth >= fc->max_stack_depth)
		return fuse_backing_reject(fc, 0, -ELOOP, FUSE_BACKING_STACK_DEPTH);
	return 0;
}

/**
 * fuse_backing_is_of_kind - is a mapping what it is to be used as
 * @fb: the mapping
 * @dir: it is to be a directory
 *
 * Context: any.
 * Return: 0, -EISDIR or -ENOTDIR.
 */
int fuse_backing_is_of_kind(const struct fuse_backing *fb, bool dir)
{
	bool is_dir = d_is_dir(fb->file->f_path.dentry);

	if (likely(is_dir == dir))
		return 0;
	return fuse_backing_reject(fb->table->fc, fb->id,
				   is_dir ? -EISDIR : -ENOTDIR,
				   FUSE_BACKING_FILE_TYPE);
}

static int may_access(struct fuse_backing *fb, int mask)
{
	if (fb->brokered || fb->as_opened)
		return -EACCES;
	return inode_permission(file_mnt_idmap(fb->file), file_inode(fb->file),
				MAY_OPEN | mask);
}

/*
 * May @fb be opened for writing?  *append_only is set if the right to write
 * comes from a descriptor that can only append.
 */
static int may_write(struct fuse_backing *fb, bool *append_only)
{
	bool writable = fb->file->f_mode & FMODE_WRITE;
	int err;

	if (writable && !(fb->file->f_flags & O_APPEND))
		return 0;
	err = may_access(fb, MAY_WRITE);
	if (err && writable) {
		*append_only = true;
		return 0;
	}
	return err;
}

static bool is_noexec(const struct path *path)
{
	return (path->mnt->mnt_flags & MNT_NOEXEC) ||
	       (path->mnt->mnt_sb->s_iflags & SB_I_NOEXEC);
}

/**
 * fuse_backing_is_noexec - must nothing of a file be executed
 * @file: a backing file
 *
 * Context: any.
 * Return: whether its mount, or its filesystem, forbids it.
 */
bool fuse_backing_is_noexec(const struct file *file)
{
	return is_noexec(&file->f_path);
}

/*
 * What is below an overlayfs changes: a file is copied up, from then on for good.
 * So a look before the open is enough, but for a file that was registered without
 * having been opened, whose data may be anywhere.  To be called with the registration's
 * credentials.
 */
static int check_layers(const struct fuse_backing *fb, const struct file *file,
			enum fuse_backing_reason *reason)
{
	int err;

	if (likely(!(file->f_path.dentry->d_flags & DCACHE_OP_REAL)))
		return 0;
	err = check_filesystem(file, reason);
	if (err && !fb->brokered &&
	    ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN))
		return 0;
	return err;
}

/* Returns an errno, and why in @reason */
static int check_open(struct fuse_backing *fb, const struct file *file,
		      bool *append_only, enum fuse_backing_reason *reason)
{
	const struct inode *inode = file_inode(fb->file);
	/* not f_mode: an access mode of 3 is open for nothing, and needs both */
	int wanted = ACC_MODE(file->f_flags);
	int err;

	*reason = FUSE_BACKING_PERMISSION;
	if ((wanted & MAY_READ) && !(fb->file->f_mode & FMODE_READ)) {
		err = may_access(fb, MAY_READ);
		if (err)
			return err;
	}
	if (wanted & MAY_WRITE) {
		err = may_write(fb, append_only);
		if (err)
			return err;
		*reason = FUSE_BACKING_IMMUTABLE;
		if (IS_IMMUTABLE(inode))
			return -EPERM;
		*append_only |= IS_APPEND(inode);
		*reason = FUSE_BACKING_APPEND_ONLY;
		if (*append_only && !(file->f_flags & O_APPEND))
			return -EPERM;
	}
	*reason = FUSE_BACKING_NOEXEC;
	if ((file->f_flags & __FMODE_EXEC) && is_noexec(&fb->file->f_path))
		return -EACCES;
	return 0;
}

/**
 * fuse_backing_check_writable - may anybody write to a backing inode
 * @fb: the mapping that it is, or is below
 * @backing: the inode
 *
 * What inode_permission() asks before it looks at modes, for access(2).
 *
 * Context: any.
 * Return: 0; -EROFS of a filesystem that is read-only, -EPERM of what is immutable, -EACCES
 *	of what belongs to an id that the mount doesn't know.
 */
int fuse_backing_check_writable(const struct fuse_backing *fb, struct inode *backing)
{
	struct fuse_conn *fc = fb->table->fc;

	if (sb_rdonly(backing->i_sb))
		return fuse_backing_reject(fc, fb->id, -EROFS,
					   FUSE_BACKING_READ_ONLY_MOUNT);
	if (IS_IMMUTABLE(backing))
		return fuse_backing_reject(fc, fb->id, -EPERM,
					   FUSE_BACKING_IMMUTABLE);
	if (HAS_UNMAPPED_ID(file_mnt_idmap(fb->file), backing))
		return fuse_backing_reject(fc, fb->id, -EACCES,
					   FUSE_BACKING_PERMISSION);
	return 0;
}

/**
 * fuse_backing_check_mount - does its mount forbid what modes may allow
 * @fb: the mapping that the inode is, or is below
 * @backing: the inode
 * @mask: MAY_WRITE and MAY_EXEC count, for access(2)
 *
 * Context: any.
 * Return: 0, -EROFS or -EACCES.
 */
int fuse_backing_check_mount(const struct fuse_backing *fb, const struct inode *backing,
			     int mask)
{
	const struct path *path = &fb->file->f_path;

	if ((mask & MAY_WRITE) && __mnt_is_readonly(path->mnt))
		return fuse_backing_reject(fb->table->fc, fb->id, -EROFS,
					   FUSE_BACKING_READ_ONLY_MOUNT);
	if ((mask & MAY_EXEC) && S_ISREG(backing->i_mode) && is_noexec(path))
		return fuse_backing_reject(fb->table->fc, fb->id, -EACCES,
					   FUSE_BACKING_NOEXEC);
	return 0;
}

/**
 * fuse_backing_may_exec - may a file with extents be executed
 * @fc: the connection
 * @noexec: nothing of a backing file must be executed
 *
 * Context: any.
 * Return: 0 or -EACCES.
 */
int fuse_backing_may_exec(struct fuse_conn *fc, bool noexec)
{
	if (!noexec)
		return 0;
	return fuse_backing_reject(fc, 0, -EACCES, FUSE_BACKING_NOEXEC);
}

/**
 * fuse_backing_may_open - may a mapping be opened as a FUSE file was
 * @fb: the mapping
 * @file: the FUSE file
 *
 * The access modes must be within those of the registered descriptor, or the
 * registration's credentials must allow them, as if the server opened the file
 * now; unless it said that they don't count.
 *
 * Context: process context with the registration's credentials; may sleep.
 * Return: 0 or a negative errno; fuse_passthrough::append_only is set if nothing but
 *	appending is allowed as long as the FUSE file is open.
 */
int fuse_backing_may_open(struct fuse_backing *fb, struct file *file)
{
	struct fuse_file *ff = file->private_data;
	enum fuse_backing_reason reason;
	bool append_only = false;
	int err;

	err = check_layers(fb, fb->file, &reason);
	if (!err)
		err = check_open(fb, file, &append_only, &reason);
	if (err)
		return fuse_backing_reject(ff->fm->fc, fb->id, err, reason);
	ff->passthrough->append_only = append_only;
	return 0;
}

/**
 * fuse_backing_may_list - may a directory be listed
 * @fb: the mapping
 * @dentry: the directory that it maps, or one below
 *
 * The descriptor may have been opened for nothing, and whoever opens it anew by that
 * isn't asked for permission.  What is below nobody has opened.
 *
 * Context: process context with the registration's credentials; may sleep.
 * Return: 0 or a negative errno.
 */
int fuse_backing_may_list(struct fuse_backing *fb, const struct dentry *dentry)
{
	bool is_root = dentry == fb->file->f_path.dentry;
	int err;

	if (is_root && (fb->file->f_mode & FMODE_READ))
		return 0;
	err = is_root ? may_access(fb, MAY_READ) :
			inode_permission(file_mnt_idmap(fb->file), d_inode(dentry),
					 MAY_OPEN | MAY_READ);
	return err ? fuse_backing_reject(fb->table->fc, fb->id, err,
					 FUSE_BACKING_PERMISSION) : 0;
}

/**
 * fuse_backing_may_use - may a backing file that was opened be used
 * @fc: the connection
 * @fb: the mapping
 * @backing: the file
 *
 * Where the data of a file on an overlayfs comes from is known only now.
 *
 * Context: process context with the registration's credentials; doesn't sleep.
 * Return: 0 or -EOPNOTSUPP.
 */
int fuse_backing_may_use(struct fuse_conn *fc, const struct fuse_backing *fb,
			 const struct file *backing)
{
	enum fuse_backing_reason reason;
	int err = check_layers(fb, backing, &reason);

	return err ? fuse_backing_reject(fc, fb->id, err, reason) : 0;
}

/* Has whoever opened the descriptor done so, of this inode? */
static bool is_opened_unseen(const struct fuse_backing *fb, const struct inode *backing)
{
	return (fb->file->f_flags & O_NOATIME) && file_inode(fb->file) == backing;
}

/**
 * fuse_backing_open_flags - flags to open a backing file with
 * @fb: the mapping
 * @backing: the inode that is opened, the mapping's or one below that
 * @flags: flags of the FUSE file
 *
 * Flags that create or empty a file were for the server, and some filesystems
 * act on them in ->open() again.  O_NOATIME is for the file's owner: may_open()
 * looked at the FUSE inode's, which the server invents.
 *
 * Context: process context with the registration's credentials; doesn't sleep.
 * Return: the flags.
 */
int fuse_backing_open_flags(const struct fuse_backing *fb, const struct inode *backing,
			    int flags)
{
	flags &= ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_TMPFILE);
	if (!(flags & O_NOATIME) || is_opened_unseen(fb, backing))
		return flags;
	if (fb->brokered || !inode_owner_or_capable(file_mnt_idmap(fb->file), backing))
		flags &= ~O_NOATIME;
	return flags;
}

/**
 * fuse_backing_may_write - may this write be made
 * @ff: a file that is open in passthrough mode
 * @append: the write goes to the end of the file, wherever that is
 *
 * Flags of the FUSE file change while it is open, and so may the backing inode.
 *
 * Context: any.
 * Return: 0 or -EPERM.
 */
int fuse_backing_may_write(struct fuse_file *ff, bool append)
{
	struct fuse_passthrough *pt = ff->passthrough;

	if (append)
		return 0;
	if (!pt->append_only && !IS_APPEND(file_inode(pt->file)))
		return 0;
	return fuse_backing_reject(ff->fm->fc, pt->fb->id, -EPERM, FUSE_BACKING_APPEND_ONLY);
}

/**
 * fuse_backing_may_allocate - may a backing file get room, or lose some
 * @ff: a file that is open in passthrough mode, for writing
 * @mode: FALLOC_FL_*
 *
 * What vfs_fallocate() asks of a file; what depends on the mode alone it has asked of
 * the FUSE file.
 *
 * Context: any.
 * Return: 0; -EPERM if the file is immutable, or can only be appended to and @mode changes
 *	what is there; -ETXTBSY if it is swapped to.
 */
int fuse_backing_may_allocate(struct fuse_file *ff, int mode)
{
	struct fuse_passthrough *pt = ff->passthrough;
	const struct inode *inode = file_inode(pt->file);
	/* reserving space changes nothing that is there */
	int err = fuse_backing_may_write(ff, !(mode & ~FALLOC_FL_KEEP_SIZE));

	if (err)
		return err;
	if (IS_IMMUTABLE(inode))
		return fuse_backing_reject(ff->fm->fc, pt->fb->id, -EPERM,
					   FUSE_BACKING_IMMUTABLE);
	if (IS_SWAPFILE(inode))
		return fuse_backing_reject(ff->fm->fc, pt->fb->id, -ETXTBSY,
					   FUSE_BACKING_SWAP_AREA);
	return 0;
}

/**
 * fuse_backing_may_mmap - may this mapping be made
 * @ff: a file that is open in passthrough mode
 * @vma: the mapping, which may lose the right to become executable
 *
 * do_mmap() looked at the FUSE file and its mount only.
 *
 * Context: process context with mmap_lock held for writing.
 * Return: 0, -EACCES if it could write to what can only be appended to, -EPERM
 *	if it is to be executed from a mount that forbids it.
 */
int fuse_backing_may_mmap(struct fuse_file *ff, struct vm_area_struct *vma)
{
	struct fuse_passthrough *pt = ff->passthrough;
	struct fuse_conn *fc = ff->fm->fc;

	/*
	 * VM_SHARED means that the FUSE file is open for writing.  Even a
	 * mapping that is only read can be made writable by mprotect(2).
	 */
	if ((vma->vm_flags & VM_SHARED) &&
	    (pt->append_only || IS_APPEND(file_inode(pt->file))))
		return fuse_backing_reject(fc, pt->fb->id, -EACCES, FUSE_BACKING_APPEND_ONLY);

	if (is_noexec(&pt->file->f_path)) {
		if (vma->vm_flags & VM_EXEC)
			return fuse_backing_reject(fc, pt->fb->id, -EPERM,
				      FUSE_BACKING_NOEXEC);
		vm_flags_clear(vma, VM_MAYEXEC);
	}
	return 0;
}

/**
 * fuse_backing_may_attach - may clients open files without the server being asked
 * @fc: the connection
 * @id: for the tracepoint, 0 for extents
 * @flags: FUSE_BACKING_ATTACH_*
 *
 * The server is not asked whether a client may open the file any more: then it is the
 * kernel that checks, or the server says that nobody needs to.
 *
 * Context: any.
 * Return: 0 or -EACCES.
 */
int fuse_backing_may_attach(struct fuse_conn *fc, int id, u32 flags)
{
	if (fc->default_permissions || (flags & FUSE_BACKING_ATTACH_UNCHECKED))
		return 0;
	return fuse_backing_reject(fc, id, -EACCES, FUSE_BACKING_UNCHECKED);
}

/*
 * Is what is found there forgotten as soon as nobody uses it?  It is another inode each time
 * then.  Not so where that is for what isn't there alone, as on tmpfs.
 */
static bool is_never_kept(struct dentry *dentry)
{
	bool never;

	if (dentry->d_sb->s_magic != V9FS_MAGIC && dentry->d_sb->s_magic != HOSTFS_SUPER_MAGIC)
		return false;
	spin_lock(&dentry->d_lock);
	never = (dentry->d_flags & DCACHE_DONTCACHE) ||
		((dentry->d_flags & DCACHE_OP_DELETE) && dentry->d_op->d_delete(dentry));
	spin_unlock(&dentry->d_lock);
	return never;
}

/**
 * fuse_backing_may_answer - may a mapping have the answer to requests
 * @fb: the mapping
 * @ops: of FUSE_BACKING_OPS_*
 *
 * What no descriptor is opened for is done with the credentials of the registration, and
 * a helper's are not for every client.  What is below a directory nobody has opened.
 *
 * Context: process context.
 * Return: 0, -EPERM, -EACCES or -EOPNOTSUPP.
 */
int fuse_backing_may_answer(const struct fuse_backing *fb, u64 ops)
{
	const u64 by_descriptor = FUSE_BACKING_OPS_ATTR | FUSE_BACKING_OPS_FSYNC;

	if ((ops & FUSE_BACKING_OPS_LOOKUP) && is_never_kept(fb->file->f_path.dentry))
		return fuse_backing_reject(fb->table->fc, fb->id, -EOPNOTSUPP,
					   FUSE_BACKING_FILESYSTEM);
	if (fb->as_opened && (ops & FUSE_BACKING_OPS_LOOKUP))
		return fuse_backing_reject(fb->table->fc, fb->id, -EACCES,
					   FUSE_BACKING_PERMISSION);
	if (!fb->brokered || !(ops & ~by_descriptor))
		return 0;
	return fuse_backing_reject(fb->table->fc, fb->id, -EPERM,
				   FUSE_BACKING_BROKERED);
}

/*
 * A mount of it may have other ids then than the backing files, by which permissions are
 * checked.
 */
static bool may_be_idmapped(struct fuse_conn *fc)
{
	const struct fuse_mount *fm;
	bool may;

	down_read(&fc->killsb);
	fm = list_first_entry_or_null(&fc->mounts, struct fuse_mount, fc_entry);
	may = fm && fm->sb && !(fm->sb->s_iflags & SB_I_NOIDMAP);
	up_read(&fc->killsb);
	return may;
}

/**
 * fuse_backing_may_pass_names - may names below a directory be passed through
 * @fc: the connection
 * @id: for the tracepoint
 * @flags: FUSE_BACKING_ATTACH_*
 *
 * Then nobody but the kernel checks who sees them, so it must.
 *
 * Context: process context; may sleep.
 * Return: 0, -EACCES or -EOPNOTSUPP.
 */
int fuse_backing_may_pass_names(struct fuse_conn *fc, int id, u32 flags)
{
	if (!fc->default_permissions || (flags & FUSE_BACKING_ATTACH_UNCHECKED))
		return fuse_backing_reject(fc, id, -EACCES, FUSE_BACKING_UNCHECKED);
	if (may_be_idmapped(fc))
		return fuse_backing_reject(fc, id, -EOPNOTSUPP,
					   FUSE_BACKING_OPERATIONS);
	return 0;
}

/**
 * fuse_backing_may_attach_to - may something be attached to an inode of this kind
 * @fc: the connection
 * @inode: the FUSE inode
 * @id: for the tracepoint, 0 for extents
 * @dir: what is to be attached is a directory
 *
 * Context: any.
 * Return: 0, -EISDIR, -ENOTDIR or -EINVAL.
 */
int fuse_backing_may_attach_to(struct fuse_conn *fc, const struct inode *inode,
			       int id, bool dir)
{
	int err = -EINVAL;

	if (dir ? S_ISDIR(inode->i_mode) : S_ISREG(inode->i_mode))
		return 0;
	if (dir)
		err = -ENOTDIR;
	else if (S_ISDIR(inode->i_mode))
		err = -EISDIR;
	return fuse_backing_reject(fc, id, err, FUSE_BACKING_FILE_TYPE);
}

/**
 * fuse_backing_check_extent - may extents be in a backing file
 * @file: the backing file
 * @write: they are to be written to
 * @reason: why not
 *
 * Context: any.
 * Return: 0; -EISDIR if it is a directory, -EBADF if its descriptor isn't open for that,
 *	-EPERM if the file must not be written to, or only at its end.
 */
int fuse_backing_check_extent(const struct file *file, bool write,
			      enum fuse_backing_reason *reason)
{
	const struct inode *inode = file_inode(file);

	*reason = FUSE_BACKING_FILE_TYPE;
	if (d_is_dir(file->f_path.dentry))
		return -EISDIR;
	*reason = FUSE_BACKING_PERMISSION;
	if (!(file->f_mode & FMODE_READ) ||
	    (write && !(file->f_mode & FMODE_WRITE)))
		return -EBADF;
	*reason = FUSE_BACKING_IMMUTABLE;
	if (write && IS_IMMUTABLE(inode))
		return -EPERM;
	*reason = FUSE_BACKING_APPEND_ONLY;
	if (write && (IS_APPEND(inode) || (file->f_flags & O_APPEND)))
		return -EPERM;
	return 0;
}

/**
 * fuse_backing_may_write_extent - may this write to an extent be made
 * @fc: the connection
 * @fb: the mapping that the extent is in
 *
 * Flags of the backing inode may have changed since it was registered.
 *
 * Context: any.
 * Return: 0 or -EPERM.
 */
int fuse_backing_may_write_extent(struct fuse_conn *fc,
				  const struct fuse_backing *fb)
{
	const struct inode *inode = file_inode(fb->file);

	if (IS_IMMUTABLE(inode))
		return fuse_backing_reject(fc, fb->id, -EPERM,
					   FUSE_BACKING_IMMUTABLE);
	if (IS_APPEND(inode))
		return fuse_backing_reject(fc, fb->id, -EPERM,
					   FUSE_BACKING_APPEND_ONLY);
	return 0;
}

/**
 * fuse_backing_may_mmap_pages - may pages of a FUSE inode with extents be mapped
 * @fc: the connection
 * @vma: the mapping, which may lose the right to become writable, or executable
 * @noexec: nothing of a backing file must be executed
 *
 * Context: process context with mmap_lock held for writing.
 * Return: 0; -ENODEV for a shared mapping that can be written to; -EPERM if it is
 *	to be executed from a mount that forbids it.
 */
int fuse_backing_may_mmap_pages(struct fuse_conn *fc, struct vm_area_struct *vma,
				bool noexec)
{
	if ((vma->vm_flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE))
		return fuse_backing_reject(fc, 0, -ENODEV,
					   FUSE_BACKING_SHARED_MMAP);
	/* nor by mprotect(2) */
	if (vma->vm_flags & VM_SHARED)
		vm_flags_clear(vma, VM_MAYWRITE);

	if (noexec) {
		if (vma->vm_flags & VM_EXEC)
			return fuse_backing_reject(fc, 0, -EPERM,
						   FUSE_BACKING_NOEXEC);
		vm_flags_clear(vma, VM_MAYEXEC);
	}
	return 0;
}
