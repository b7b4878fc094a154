// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that answer what their test says, and write down what they were asked.
 */

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "filter_bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct filter_state);
} state SEC(".maps");

static __always_inline struct filter_state *get_state(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&state, &key);
}

static __always_inline void note(struct filter_state *s,
				 struct fuse_backing_bpf_entry *entry, enum filter_call call)
{
	__sync_fetch_and_add(&s->calls[call], 1);
	s->nodeid = entry->nodeid;
	s->ino = entry->ino;
	s->type = entry->type;
	s->open_flags = entry->open_flags;
	s->name_len = bpf_fuse_name(entry, s->name, sizeof(s->name));
	s->short_len = bpf_fuse_name(entry, s->short_name, sizeof(s->short_name));
}

static __always_inline bool is_meant(const struct filter_state *s)
{
	if (!s->only[0])
		return true;
	for (int i = 0; i < FILTER_NAME; i++)
		if (s->only[i] != s->name[i])
			return false;
	return true;
}

static __always_inline bool is_other(const struct filter_state *s)
{
	return s->uid && s->uid == (__u32)bpf_get_current_uid_gid();
}

/* Seconds, in an emulated guest: a bound for a test that fails */
#define HOLD_LOOPS	8000000

/* Looked at each time */
static bool is_to_wait(struct filter_state *s)
{
	return __sync_fetch_and_add(&s->hold, 0);
}

static long is_let_go(__u64 i, struct filter_state **s)
{
	return !is_to_wait(*s);
}

static __always_inline void be_held(struct filter_state *s)
{
	if (!s->hold)
		return;
	__sync_fetch_and_add(&s->held, 1);
	bpf_loop(HOLD_LOOPS, is_let_go, &s, 0);
	if (!is_to_wait(s))
		__sync_fetch_and_add(&s->let_go, 1);
}

static __always_inline int answer(struct fuse_backing_bpf_entry *entry,
				  enum filter_call call, __u32 modes)
{
	struct filter_state *s = get_state();
	int id;

	if (!s)
		return FUSE_BACKING_SERVER;
	note(s, entry, call);
	s->modes = modes;
	be_held(s);
	if (!is_meant(s))
		return FUSE_BACKING_PASS;
	id = is_other(s) ? s->uid_id : s->id;
	if (id != -1)
		s->use_error = bpf_fuse_use(entry, id);
	return is_other(s) ? s->uid_verdict : s->verdict;
}

SEC("struct_ops/lookup")
int BPF_PROG(answer_lookup, struct fuse_backing_bpf_entry *entry)
{
	return answer(entry, FILTER_LOOKUP, 0);
}

SEC("struct_ops/dirent")
int BPF_PROG(answer_dirent, struct fuse_backing_bpf_entry *entry)
{
	return answer(entry, FILTER_DIRENT, 0);
}

SEC("struct_ops/open")
int BPF_PROG(answer_open, struct fuse_backing_bpf_entry *entry, __u32 modes)
{
	return answer(entry, FILTER_OPEN, modes);
}

/* For what takes the place of another under load: it has no state */
SEC("struct_ops/open")
int BPF_PROG(server_open, struct fuse_backing_bpf_entry *entry, __u32 modes)
{
	return FUSE_BACKING_SERVER;
}

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops answers = {
	.lookup = (void *)answer_lookup,
	.dirent = (void *)answer_dirent,
	.open = (void *)answer_open,
	.name = "answers",
};

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops opens = {
	.open = (void *)answer_open,
	.name = "opens",
};

/* The same program in another map */
SEC(".struct_ops.link")
struct fuse_backing_bpf_ops twins = {
	.open = (void *)answer_open,
	.name = "twins",
};

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops lookups = {
	.lookup = (void *)answer_lookup,
	.name = "lookups",
};

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops servers = {
	.open = (void *)server_open,
	.name = "servers",
};

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops empty = {
	.name = "empty",
};

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops nameless = {
	.open = (void *)server_open,
};

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops spaced = {
	.open = (void *)server_open,
	.name = "a name",
};

SEC(".struct_ops.link")
struct fuse_backing_bpf_ops endless = {
	.open = (void *)server_open,
	.name = { [0 ... 15] = 'e' },
};

/* Registered by who fills it, and by no link */
SEC(".struct_ops")
struct fuse_backing_bpf_ops linkless = {
	.open = (void *)answer_open,
	.name = "linkless",
};
