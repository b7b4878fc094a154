/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what BPF is told of functions that programs may call.
 */

#ifndef _FS_FUSE_BACKING_KFUNC_H
#define _FS_FUSE_BACKING_KFUNC_H

#include <linux/bpf.h>

/* Pointers are what the kernel gave to the program: so it is for all functions */
#define FUSE_BACKING_KFUNC	0

/* What programs may call besides: who is asking is among the basics */
#define fuse_backing_func_proto	bpf_base_func_proto

/* The map that a program was filled into */
#define fuse_backing_ops_id	bpf_struct_ops_id

#endif /* _FS_FUSE_BACKING_KFUNC_H */
