// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: ioctls on /dev/fuse that Linux doesn't have.
 *
 * Arguments are copied here and looked at where they are used.
 */

#include "fuse_i.h"
#include "backing_attach.h"
#include "backing_list.h"
#include "backing_reject.h"

#include <linux/fuse_backing.h>
#include <linux/uaccess.h>

static int ioctl_attach(struct fuse_conn *fc,
			struct fuse_backing_attach __user *argp)
{
	struct fuse_backing_attach args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return fuse_backing_ioctl_attach(fc, &args);
}

static int ioctl_tree(struct fuse_conn *fc, struct fuse_backing_tree __user *argp)
{
	struct fuse_backing_tree args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return fuse_backing_ioctl_tree(fc, &args);
}

static int ioctl_rules(struct fuse_conn *fc, struct fuse_backing_rules __user *argp)
{
	struct fuse_backing_rules args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return fuse_backing_ioctl_rules(fc, &args);
}

static int ioctl_detach(struct fuse_conn *fc,
			struct fuse_backing_detach __user *argp)
{
	struct fuse_backing_detach args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return fuse_backing_ioctl_detach(fc, &args);
}

static int ioctl_extents(struct fuse_conn *fc,
			 struct fuse_backing_extents __user *argp)
{
	struct fuse_backing_extents args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return fuse_backing_ioctl_extents(fc, &args);
}

static int ioctl_list(struct fuse_conn *fc,
		      struct fuse_backing_list __user *argp)
{
	struct fuse_backing_list list;
	int err;

	if (copy_from_user(&list, argp, sizeof(list)))
		return -EFAULT;
	err = fuse_backing_ioctl_list(fc, &list);
	if (!err && copy_to_user(argp, &list, sizeof(list)))
		err = -EFAULT;
	return err;
}

static int ioctl_close_all(struct fuse_conn *fc,
			   struct fuse_backing_close_all __user *argp)
{
	struct fuse_backing_close_all args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return fuse_backing_ioctl_close_all(fc, &args);
}

static int ioctl_refusal(struct fuse_conn *fc,
			 struct fuse_backing_refusal __user *argp)
{
	struct fuse_backing_refusal refusal;

	fuse_backing_ioctl_refusal(fc, &refusal);
	return copy_to_user(argp, &refusal, sizeof(refusal)) ? -EFAULT : 0;
}

/**
 * fuse_backing_ioctl - ioctls of our own
 * @fc: the connection of the open /dev/fuse, or %NULL
 * @cmd: any number
 * @argp: its argument
 *
 * Context: process context without locks; may sleep.
 * Return: 0 or more, -ENOTTY if @cmd is unknown, -EPERM if there is no @fc,
 *	-EFAULT, or the error of the ioctl.
 */
long fuse_backing_ioctl(struct fuse_conn *fc, unsigned int cmd,
			void __user *argp)
{
	switch (cmd) {
	case FUSE_DEV_IOC_BACKING_ATTACH:
		return fc ? ioctl_attach(fc, argp) : -EPERM;
	case FUSE_DEV_IOC_BACKING_DETACH:
		return fc ? ioctl_detach(fc, argp) : -EPERM;
	case FUSE_DEV_IOC_BACKING_LIST:
		return fc ? ioctl_list(fc, argp) : -EPERM;
	case FUSE_DEV_IOC_BACKING_CLOSE_ALL:
		return fc ? ioctl_close_all(fc, argp) : -EPERM;
	case FUSE_DEV_IOC_BACKING_EXTENTS:
		return fc ? ioctl_extents(fc, argp) : -EPERM;
	case FUSE_DEV_IOC_BACKING_TREE:
		return fc ? ioctl_tree(fc, argp) : -EPERM;
	case FUSE_DEV_IOC_BACKING_RULES:
		return fc ? ioctl_rules(fc, argp) : -EPERM;
	case FUSE_DEV_IOC_BACKING_REFUSAL:
		return fc ? ioctl_refusal(fc, argp) : -EPERM;
	default:
		return -ENOTTY;
	}
}
