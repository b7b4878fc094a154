// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that the verifier must refuse: the name says what each tries.
 */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "filter_bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* The control: what the others try, as it is allowed */
SEC("struct_ops/lookup")
int BPF_PROG(good, struct fuse_backing_bpf_entry *entry)
{
	char name[8];

	return bpf_fuse_name(entry, name, sizeof(name)) > 0 && name[0] == 'm' &&
	       entry->nodeid > 1 && bpf_get_current_uid_gid();
}

SEC("struct_ops/lookup")
int BPF_PROG(writes_entry, struct fuse_backing_bpf_entry *entry)
{
	entry->nodeid = 1;
	return 0;
}

SEC("struct_ops.s/lookup")
int BPF_PROG(sleeps, struct fuse_backing_bpf_entry *entry)
{
	return 0;
}

/* More than there is room for */
SEC("struct_ops/lookup")
int BPF_PROG(overflows, struct fuse_backing_bpf_entry *entry)
{
	char name[8];

	return bpf_fuse_name(entry, name, 600) == 1;
}

/* A pointer that the kernel didn't give */
SEC("struct_ops/lookup")
int BPF_PROG(invents, struct fuse_backing_bpf_entry *entry)
{
	struct fuse_backing_bpf_entry mine = {};

	return bpf_fuse_use(&mine, 1);
}

SEC("struct_ops/lookup")
int BPF_PROG(nothing, struct fuse_backing_bpf_entry *entry)
{
	return bpf_fuse_use((void *)0, 1);
}

/* Something beside it */
SEC("struct_ops/lookup")
int BPF_PROG(beside, struct fuse_backing_bpf_entry *entry)
{
	return bpf_fuse_use((void *)entry + 8, 1);
}

/* What the kernel keeps behind what programs may see */
SEC("struct_ops/lookup")
int BPF_PROG(peeks, struct fuse_backing_bpf_entry *entry)
{
	return *(__u64 *)((void *)entry + sizeof(*entry)) == 1;
}

SEC("struct_ops/lookup")
int BPF_PROG(writes_user, struct fuse_backing_bpf_entry *entry)
{
	char byte = 0;

	return bpf_probe_write_user((void *)4096, &byte, sizeof(byte));
}

/* The kernel's memory isn't a buffer */
SEC("struct_ops/lookup")
int BPF_PROG(into_entry, struct fuse_backing_bpf_entry *entry)
{
	return bpf_fuse_name(entry, (char *)entry, 8);
}

SEC("struct_ops/lookup")
int BPF_PROG(into_task, struct fuse_backing_bpf_entry *entry)
{
	return bpf_fuse_name(entry, (char *)bpf_get_current_task_btf(), 8);
}

/* Nor is what nobody may write to */
static const char constant[8] = "name";

SEC("struct_ops/lookup")
int BPF_PROG(into_constant, struct fuse_backing_bpf_entry *entry)
{
	return bpf_fuse_name(entry, (char *)constant, sizeof(constant));
}

/* For a call that comes later, when that is gone */
#define KEPT_ENTRY	struct fuse_backing_bpf_entry __kptr_untrusted

struct kept {
	KEPT_ENTRY *entry;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kept);
} kept SEC(".maps");

SEC("struct_ops/lookup")
int BPF_PROG(keeps, struct fuse_backing_bpf_entry *entry)
{
	struct kept *k = bpf_map_lookup_elem(&kept, &(__u32){ 0 });
	struct fuse_backing_bpf_entry *before;
	char name[8];

	if (!k)
		return 0;
	before = k->entry;
	k->entry = entry;
	return before && bpf_fuse_name(before, name, sizeof(name)) > 0;
}

/* An open has two, a name has one */
SEC("struct_ops/lookup")
int BPF_PROG(second_argument, struct fuse_backing_bpf_entry *entry, __u32 modes)
{
	return modes;
}

#define BAD(program)							\
	SEC(".struct_ops.link")						\
	struct fuse_backing_bpf_ops program ## _ops = {			\
		.lookup = (void *)program,				\
		.name = "bad",						\
	}

BAD(good);
BAD(writes_entry);
BAD(sleeps);
BAD(overflows);
BAD(invents);
BAD(nothing);
BAD(beside);
BAD(peeks);
BAD(writes_user);
BAD(into_entry);
BAD(into_task);
BAD(into_constant);
BAD(keeps);
BAD(second_argument);
