// SPDX-License-Identifier: GPL-2.0
/*
 * Names below a tree that match a pattern are the server's; all others are passed through.
 *
 * A pattern has one star at most: "*.tmp", ".git*", "lock".
 */

#include "fuse_filter.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct pattern {
	char text[FUSE_FILTER_NAME];	/* without the star */
	__u32 before;			/* bytes before it */
	__u32 after;			/* and after it */
	__u32 star;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pattern);
} pattern SEC(".maps");

#define AT(i)	((i) & (FUSE_FILTER_NAME - 1))

static bool matches(const struct pattern *p, const char *name, __u32 len)
{
	if (p->star ? len < p->before + p->after : len != p->before)
		return false;
	for (__u32 i = 0; i < FUSE_FILTER_NAME; i++) {
		if (i < p->before && name[i] != p->text[i])
			return false;
		if (i < p->after &&
		    name[AT(len - p->after + i)] != p->text[AT(p->before + i)])
			return false;
	}
	return true;
}

SEC("struct_ops/lookup")
int BPF_PROG(lookup, struct fuse_backing_bpf_entry *entry)
{
	char name[FUSE_FILTER_NAME];
	int len = bpf_fuse_name(entry, name, sizeof(name));
	struct pattern *p = bpf_map_lookup_elem(&pattern, &(__u32){ 0 });

	/* what is too long to be looked at is for who can */
	if (len < 0 || !p)
		return SERVER;
	return matches(p, name, len) ? SERVER : PASS;
}

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops filter = {
	.lookup = (void *)lookup,
	.name = "pattern",
};
