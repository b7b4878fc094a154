// SPDX-License-Identifier: GPL-2.0
/*
 * By user: files and names are passed through, aren't there, or are the server's; who is
 * none of the users has the server asked. An id with a user is what files are opened on.
 */

#include "fuse_filter.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct policy {
	__u32 verdict;
	__s32 id;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct policy);
} uids SEC(".maps");

static struct policy *policy(void)
{
	__u32 uid = bpf_get_current_uid_gid();

	return bpf_map_lookup_elem(&uids, &uid);
}

/* Listings, too: what is hidden isn't listed */
SEC("struct_ops/lookup")
int BPF_PROG(lookup, struct fuse_backing_bpf_entry *entry)
{
	struct policy *p = policy();

	return p ? p->verdict : SERVER;
}

SEC("struct_ops/open")
int BPF_PROG(open, struct fuse_backing_bpf_entry *entry, __u32 modes)
{
	struct policy *p = policy();

	if (!p)
		return SERVER;
	if (p->id > 0)
		bpf_fuse_use(entry, p->id);
	return p->verdict;
}

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops filter = {
	.lookup = (void *)lookup,
	.open = (void *)open,
	.flags = PER_CALLER | STICKY,
	.name = "uid",
};
