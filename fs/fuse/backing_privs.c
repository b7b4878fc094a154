// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: suid and sgid bits that a write removes.
 *
 * The client's credentials decide, on the FUSE inode's mode and on the backing
 * inode's.  The server's credentials, or those of a registration, never keep a
 * bit that the client's don't.  They do remove what gives somebody the server's power;
 * sgid without group execution gives nobody any, and stays if the client may leave it,
 * whatever groups the server is in.  File capabilities are left to the backing
 * filesystem: no capability of the server's would keep them.  Those of a file whose
 * bytes are parts of other files are the FUSE inode's, and looked for there.
 */

#include "fuse_i.h"
#include "backing_freeze.h"
#include "backing_io.h"
#include "backing_privs.h"
#include "backing_usage.h"

#include <linux/capability.h>
#include <linux/fs.h>

/* Clear the bits that exec reads, as the client's write does */
static void clear_mode(struct inode *inode, umode_t bits)
{
	struct fuse_conn *fc = get_fuse_conn(inode);
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	/* attributes that were asked for before are not to be believed */
	fi->attr_version = atomic64_inc_return(&fc->attr_version);
	inode->i_mode &= ~bits;
	fi->orig_i_mode &= ~bits;
	spin_unlock(&fi->lock);
	fuse_backing_invalidate(inode, STATX_MODE);
}

/* suid and sgid bits of @file's inode that a write of the caller's removes */
static umode_t bits_to_remove(struct file *file)
{
	int kill = setattr_should_drop_suidgid(file_mnt_idmap(file),
					       file_inode(file));

	return (kill & ATTR_KILL_SUID ? S_ISUID : 0) |
	       (kill & ATTR_KILL_SGID ? S_ISGID : 0);
}

/* suid and sgid bits of @file's inode that a write with @cred removes */
static umode_t bits_removed_by(struct file *file, const struct cred *cred)
{
	scoped_with_creds(cred)
		return bits_to_remove(file);
}

/* @cred, of somebody who is in the group @gid, too */
static const struct cred *join_group(const struct cred *cred, kgid_t gid)
{
	struct cred *member;

	scoped_with_creds(cred)
		member = prepare_creds();
	if (!member)
		return ERR_PTR(-ENOMEM);
	member->fsgid = gid;
	return member;
}

/* sgid that doesn't go along with group execution */
static bool has_bare_sgid(const struct file *file)
{
	return (file_inode(file)->i_mode & (S_ISGID | 0010)) == S_ISGID;
}

/*
 * Credentials as @cred, with which the backing filesystem leaves an sgid bit that the
 * caller may leave.  It would ask whether @cred is in the file's group, and the caller
 * is what counts: so it is, and gains nothing else.  Whatever else is set meanwhile
 * goes as it would with @cred.
 *
 * Returns @cred or new ones, which take a reference, or an ERR_PTR().
 */
static const struct cred *keep_sgid(struct file *backing,
				    const struct cred *cred, bool nowait)
{
	vfsgid_t gid = i_gid_into_vfsgid(file_mnt_idmap(backing),
					 file_inode(backing));

	if (!has_bare_sgid(backing) || (bits_to_remove(backing) & S_ISGID) ||
	    !(bits_removed_by(backing, cred) & S_ISGID) || !vfsgid_valid(gid))
		return cred;
	return nowait ? ERR_PTR(-EAGAIN) : join_group(cred, AS_KGIDT(gid));
}

static int kill_bits(struct file *backing, umode_t bits,
		     const struct cred *cred)
{
	struct inode *inode = file_inode(backing);
	struct iattr attr = { .ia_valid = ATTR_FORCE };
	int err;

	if (bits & S_ISUID)
		attr.ia_valid |= ATTR_KILL_SUID;
	if (bits & S_ISGID)
		attr.ia_valid |= ATTR_KILL_SGID;

	err = fuse_backing_start_fs(backing, false);
	if (err)
		return err;
	scoped_with_creds(cred) {
		inode_lock(inode);
		err = notify_change(file_mnt_idmap(backing),
				    file_dentry(backing), &attr, NULL);
		inode_unlock(inode);
	}
	file_end_write(backing);

	return err;
}

/* Remove suid and sgid bits of the backing inode, as who registered it */
static int remove_from_backing(struct file *backing, umode_t bits,
			       const struct cred *cred)
{
	const struct cred *killer = keep_sgid(backing, cred, false);
	int err;

	if (IS_ERR(killer))
		return PTR_ERR(killer);
	err = kill_bits(backing, bits, killer);
	if (killer != cred)
		put_cred(killer);
	return err;
}

/*
 * The server may keep modes elsewhere than on the backing file; then its next
 * answer would bring the bits back, unless it is told.
 */
static int tell_server(struct file *file, umode_t bits)
{
	struct inode *inode = file_inode(file);
	struct iattr attr = { .ia_valid = ATTR_FORCE | ATTR_MODE };
	int err;

	/* A mode that is not the latest must not be written back */
	fuse_invalidate_attr_mask(inode, STATX_MODE);
	err = fuse_update_attributes(inode, file, STATX_MODE);
	if (err)
		return err;
	attr.ia_mode = get_fuse_inode(inode)->orig_i_mode;
	if (!(attr.ia_mode & bits))
		return 0;
	attr.ia_mode &= ~bits;
	return notify_change(file_mnt_idmap(file), file_dentry(file), &attr,
			     NULL);
}

/*
 * A server that handles the removal of privileges is not asked whether it did
 * if there is reason to think that its modes are those of the backing file.
 */
static int remove_from_fuse(struct file *file, umode_t bits, umode_t backing)
{
	struct inode *inode = file_inode(file);
	struct fuse_conn *fc = get_fuse_conn(inode);
	int err = 0;

	if (!(fc->handle_killpriv || fc->handle_killpriv_v2) ||
	    (bits & ~backing))
		err = tell_server(file, bits);
	if (!err)
		clear_mode(inode, bits);
	return err;
}

/*
 * Remove what the caller's write removes; @backing may be %NULL.  The FUSE inode is
 * locked exclusively.
 */
static int remove_privs(struct file *file, struct file *backing, bool nowait)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	umode_t bits = bits_to_remove(file);
	umode_t backing_bits = backing ? bits_to_remove(backing) : 0;
	int err = 0;

	if (!(bits | backing_bits))
		return 0;
	if (nowait)
		return -EAGAIN;
	if (backing_bits)
		err = remove_from_backing(backing, backing_bits, pt->fb->cred);
	if (!err && bits)
		err = remove_from_fuse(file, bits, backing_bits);
	return err;
}

/**
 * fuse_backing_keeps_privs - may the caller leave suid and sgid bits alone
 *
 * Context: process context.
 * Return: whether it has CAP_FSETID.
 */
bool fuse_backing_keeps_privs(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_FSETID);
}

/**
 * fuse_backing_removes_privs - does a write of the caller's remove bits
 * @file: a FUSE file open in passthrough mode
 *
 * Context: process context.
 * Return: whether fuse_backing_remove_privs() has something to do.
 */
bool fuse_backing_removes_privs(struct file *file)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);

	return bits_to_remove(file) | bits_to_remove(pt->file);
}

/**
 * fuse_backing_remove_privs - remove the bits that a write of the caller's does
 * @file: a FUSE file open in passthrough mode
 * @flags: IOCB_*
 * @exclusive: how the FUSE inode is locked
 *
 * On the FUSE inode and on the backing inode.  The part of
 * fuse_backing_start_write() for files that have such bits.
 *
 * Without an exclusive lock there were none to remove a moment ago.  Those that
 * there are now are as good as set while data is written: the backing filesystem
 * removes them, and fuse_backing_end_privs().
 *
 * Context: process context with the FUSE inode locked; may sleep unless IOCB_NOWAIT
 *	is set.  Takes the lock of the backing inode.
 * Return: credentials to write with, for fuse_backing_end_write(); or an ERR_PTR():
 *	-EAGAIN if IOCB_NOWAIT is set and there is something to do, -ENOMEM, or why a
 *	bit can't be removed.
 */
const struct cred *fuse_backing_remove_privs(struct file *file, int flags,
					     bool exclusive)
{
	struct fuse_passthrough *pt = fuse_passthrough_of(file);
	const struct cred *cred = fuse_backing_write_cred(pt->fb);
	int err = 0;

	if (exclusive)
		err = remove_privs(file, pt->file, flags & IOCB_NOWAIT);
	if (err)
		return ERR_PTR(err);
	/*
	 * What the client may leave, the server may keep if it can.  The client's
	 * own power counts: that nothing is to be removed now doesn't mean that
	 * nothing is when the data is written.
	 */
	if (is_sxid(file_inode(pt->file)->i_mode) &&
	    fuse_backing_keeps_privs())
		cred = pt->fb->cred;
	return keep_sgid(pt->file, cred, flags & IOCB_NOWAIT);
}

/* The server is asked once; who sets some, through the kernel, clears S_NOSEC */
static int remove_capabilities(struct file *file)
{
	struct inode *inode = file_inode(file);
	int err = file_remove_privs(file);

	if (!err && !is_sxid(inode->i_mode))
		inode_set_flags(inode, S_NOSEC, S_NOSEC);
	return err;
}

/**
 * fuse_backing_clear_privs - remove privileges of a file without a backing inode
 * @file: a FUSE file whose bytes are parts of other files
 * @flags: IOCB_*
 *
 * Only the FUSE inode has bits and capabilities to remove; they are the server's to
 * keep, so it is told whatever it has negotiated.
 *
 * Context: process context with the FUSE inode locked exclusively, unless there is
 *	nothing to do; may sleep unless IOCB_NOWAIT is set; asks the server if the
 *	inode may have some.
 * Return: 0 if the caller may write; -EAGAIN if IOCB_NOWAIT is set and there is
 *	something to do, or why something can't be removed.
 */
int fuse_backing_clear_privs(struct file *file, int flags)
{
	struct inode *inode = file_inode(file);
	int err = 0;

	if (is_sxid(inode->i_mode))
		err = remove_privs(file, NULL, flags & IOCB_NOWAIT);
	if (err || IS_NOSEC(inode))
		return err;
	return flags & IOCB_NOWAIT ? -EAGAIN : remove_capabilities(file);
}

/**
 * fuse_backing_end_privs - the FUSE inode has suid or sgid bits after a write
 * @inode: the FUSE inode
 * @keeps: what fuse_backing_keeps_privs() said to the writer
 *
 * Either somebody set them while data was written: then they go, as if they had
 * been there before.  Or the client may keep them, but maybe the server couldn't.
 *
 * Context: process context; doesn't sleep.
 */
void fuse_backing_end_privs(struct inode *inode, bool keeps)
{
	if (!keeps)
		clear_mode(inode, inode->i_mode & 0010 ? S_ISUID | S_ISGID :
							 S_ISUID);
	fuse_backing_invalidate(inode, STATX_MODE);
}
