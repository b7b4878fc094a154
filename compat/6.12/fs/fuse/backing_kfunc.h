/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what BPF has to be told, or says, otherwise from kernel to kernel.
 */

#ifndef _FS_FUSE_BACKING_KFUNC_H
#define _FS_FUSE_BACKING_KFUNC_H

#include <linux/bpf.h>
#include <linux/btf.h>

/* Pointers are what the kernel gave to the program */
#define FUSE_BACKING_KFUNC	KF_TRUSTED_ARGS

/* Which map it is, Linux 6.12 keeps to itself */
static inline u32 fuse_backing_ops_id(const void *ops)
{
	return 0;
}

/*
 * Who is asking is not among the basics of Linux 6.12.  Some others that later kernels count
 * among these are defined where they can't be had from here.
 */
static inline const struct bpf_func_proto *
fuse_backing_func_proto(enum bpf_func_id func_id, const struct bpf_prog *prog)
{
	switch (func_id) {
	case BPF_FUNC_get_current_uid_gid:
		return &bpf_get_current_uid_gid_proto;
	case BPF_FUNC_get_current_comm:
		return &bpf_get_current_comm_proto;
	case BPF_FUNC_task_storage_get:
		return &bpf_task_storage_get_proto;
	case BPF_FUNC_task_storage_delete:
		return &bpf_task_storage_delete_proto;
#ifdef CONFIG_CGROUPS
	case BPF_FUNC_current_task_under_cgroup:
		return &bpf_current_task_under_cgroup_proto;
#endif
	default:
		return bpf_base_func_proto(func_id, prog);
	}
}

#endif /* _FS_FUSE_BACKING_KFUNC_H */
