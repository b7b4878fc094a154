// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: a BPF program decides what is passed through.
 *
 * Whose program it is, is known when its map is filled: whoever does that has /dev/fuse of
 * the connection, or CAP_SYS_ADMIN.  From then on the connection is known by a number that
 * no other ever has, and looked for when somebody attaches the map.  A reference instead
 * would be one too many.  Nobody says when a map goes that was never attached; and on an
 * open /dev/fuse, it would keep the connection from ending with its server.
 *
 * Attaching a map is making a link, or filling a map that is for none.  What is attached is
 * found by both: one map may be in several links.
 *
 * Programs run in RCU mode, on stacks of clients, and grant nothing.  What they choose is
 * an id, which is looked up as if the server had said it.
 *
 * Locking: fuse_mutex protects what is attached, and keeps connections.
 */

#include "fuse_i.h"
#include "backing_access.h"
#include "backing_bpf.h"
#include "backing_kfunc.h"
#include "backing_reject.h"
#include "backing_server.h"
#include "backing_trace.h"

#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/capability.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/filter.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#define FILTER_FLAGS	(FUSE_BACKING_FILTER_PER_CALLER | FUSE_BACKING_FILTER_STICKY)

/*
 * An entry, and what is the kernel's of it.  The name is that of the dentry, which may be
 * changing, if there is none.  In open, the program may choose: an id, or 0 for the server.
 */
struct question {
	struct fuse_backing_bpf_entry entry;
	const struct qstr *name;
	struct dentry *dentry;
	bool may_choose;
	bool has_chosen;
	int id;
};

/* A program that is attached; @fc is %NULL after the connection's end */
struct attached {
	struct list_head list;
	const struct fuse_backing_bpf_ops *ops;
	const struct bpf_link *link;
	struct fuse_conn *fc;
};

static LIST_HEAD(all_attached);

/*
 * What a connection has when a program was detached that others are not to do without.  What
 * the server has said of names while it was there is for none but whom it was said to.
 */
static const struct fuse_backing_bpf_ops nobody = {
	.flags = FUSE_BACKING_FILTER_STICKY | FUSE_BACKING_FILTER_PER_CALLER,
};

static enum fuse_backing_verdict verdict_of(const struct question *question, int said)
{
	if (said == FUSE_BACKING_HIDE)
		return FUSE_BACKING_HIDE;
	if (said != FUSE_BACKING_PASS || (question->has_chosen && !question->id))
		return FUSE_BACKING_SERVER;
	return FUSE_BACKING_PASS;
}

/* About a FUSE inode, which in RCU mode may be going */
static struct question question_of(const struct inode *inode)
{
	const struct fuse_inode *fi =
		container_of(inode, const struct fuse_inode, inode);

	return (struct question) {
		.entry.nodeid = READ_ONCE(fi->nodeid),
		/* as what stat(2) says, of a moment */
		.entry.ino = data_race(fi->orig_ino),
	};
}

static const struct fuse_backing_bpf_ops *ops_of(const struct fuse_conn *fc)
{
	return rcu_dereference(fc->backing_filter.ops);
}

static __always_inline int ask(const struct fuse_backing_bpf_ops *ops,
			       struct question *question, enum fuse_filter_asked asked,
			       u32 modes)
{
	struct fuse_backing_bpf_entry *entry = &question->entry;

	switch (asked) {
	case FUSE_FILTER_OPEN:
		return ops->open ? ops->open(entry, modes) : FUSE_BACKING_PASS;
	case FUSE_FILTER_DIRENT:
		if (ops->dirent)
			return ops->dirent(entry);
		fallthrough;
	default:
		return ops->lookup ? ops->lookup(entry) : FUSE_BACKING_PASS;
	}
}

/*
 * Where a sticky program was detached, all is @otherwise.  Inline, for names: that is each
 * part of each path.
 */
static __always_inline enum fuse_backing_verdict
decision(struct fuse_conn *fc, struct question *question, enum fuse_filter_asked asked,
	 u32 modes, enum fuse_backing_verdict otherwise)
{
	const struct fuse_backing_bpf_ops *ops;
	enum fuse_backing_verdict verdict;
	int said = otherwise;

	rcu_read_lock();
	ops = ops_of(fc);
	if (!ops)
		said = FUSE_BACKING_PASS;
	else if (ops != &nobody)
		said = ask(ops, question, asked, modes);
	rcu_read_unlock();

	verdict = verdict_of(question, said);
	trace_fuse_backing_filter(fc, question->entry.nodeid, question->entry.ino, asked,
				  said, verdict, question->id);
	return verdict;
}

/**
 * fuse_filter_lookup - what becomes of a name below a tree
 * @dir: the FUSE directory
 * @name: the name
 *
 * Context: any, RCU mode too.
 * Return: the verdict.
 */
enum fuse_backing_verdict fuse_filter_lookup(struct inode *dir, const struct qstr *name)
{
	struct question question = question_of(dir);

	question.name = name;
	return decision(get_fuse_conn(dir), &question, FUSE_FILTER_LOOKUP, 0,
			FUSE_BACKING_SERVER);
}

/**
 * fuse_filter_lists - is an entry of a backing directory one of the FUSE directory
 * @dir: the FUSE directory
 * @name: the name of the entry
 * @type: DT_*, what it is
 *
 * Where a sticky program was detached, none is: nobody says any more what is to be seen
 * of a listing that has begun.
 *
 * Context: process context; doesn't sleep.
 * Return: false if it is hidden.
 */
bool fuse_filter_lists(struct inode *dir, const struct qstr *name, unsigned int type)
{
	struct question question = question_of(dir);

	question.name = name;
	question.entry.type = type;
	return decision(get_fuse_conn(dir), &question, FUSE_FILTER_DIRENT, 0,
			FUSE_BACKING_HIDE) != FUSE_BACKING_HIDE;
}

/**
 * fuse_filter_is_per_caller - is a name asked about for each caller
 * @fc: the connection
 *
 * Context: any, RCU mode too.
 * Return: whether it is: then what the server said of it is for none but the one.
 */
bool fuse_filter_is_per_caller(const struct fuse_conn *fc)
{
	const struct fuse_backing_bpf_ops *ops;
	bool is;

	rcu_read_lock();
	ops = ops_of(fc);
	is = ops && (ops->flags & FUSE_BACKING_FILTER_PER_CALLER);
	rcu_read_unlock();
	return is;
}

/**
 * fuse_filter_is_missing - is everything the server's, because a program was detached
 * @fc: the connection
 *
 * Context: any.
 * Return: whether it is.
 */
bool fuse_filter_is_missing(const struct fuse_conn *fc)
{
	return rcu_access_pointer(fc->backing_filter.ops) == &nobody;
}

/**
 * fuse_filter_has_opens - may one open be passed through, and another not
 * @fc: the connection
 *
 * Context: any.
 * Return: whether a program is asked about opens, or everything is the server's until
 *	there is another one.
 */
bool fuse_filter_has_opens(const struct fuse_conn *fc)
{
	const struct fuse_backing_bpf_ops *ops;
	bool has;

	rcu_read_lock();
	ops = ops_of(fc);
	has = ops && (ops == &nobody || ops->open);
	rcu_read_unlock();
	return has;
}

/**
 * fuse_filter_open - what becomes of an open
 * @file: the FUSE file that is being opened
 * @id: set to the backing id that the program chose, which may be any; else 0
 *
 * Context: process context; doesn't sleep.
 * Return: the verdict; with FUSE_BACKING_HIDE, there is no such file.
 */
enum fuse_backing_verdict fuse_filter_open(struct file *file, int *id)
{
	struct question question = question_of(file_inode(file));
	enum fuse_backing_verdict verdict;

	question.entry.open_flags = file->f_flags;
	question.dentry = file->f_path.dentry;
	question.may_choose = true;
	verdict = decision(get_fuse_conn(file_inode(file)), &question, FUSE_FILTER_OPEN,
			   fuse_backing_modes(file), FUSE_BACKING_SERVER);
	*id = question.id;
	return verdict;
}

/**
 * fuse_filter_show - which program a connection has, for fdinfo of /dev/fuse
 * @fc: the connection
 * @m: where to print: the id of its map and its name; 0 if everything is the server's
 *	because it was detached; nothing if there was none
 *
 * Context: process context; doesn't sleep.
 */
void fuse_filter_show(struct fuse_conn *fc, struct seq_file *m)
{
	const struct fuse_backing_bpf_ops *ops;

	rcu_read_lock();
	ops = ops_of(fc);
	if (ops == &nobody)
		seq_puts(m, "backing_filter:\t0 -\n");
	else if (ops)
		seq_printf(m, "backing_filter:\t%u %s\n", fuse_backing_ops_id(ops),
			   ops->name);
	rcu_read_unlock();
}

/* The connection of a program, which may have none any more, or another one later */
static void set_ops(struct attached *att, const struct fuse_backing_bpf_ops *ops)
{
	if (att->fc)
		rcu_assign_pointer(att->fc->backing_filter.ops, ops);
}

/**
 * fuse_filter_end - a connection is not asked for anything any more
 * @fc: the connection, whose inodes are evicted
 *
 * The program stays attached to nothing, until somebody detaches it.
 *
 * Context: process context; may sleep.
 */
void fuse_filter_end(struct fuse_conn *fc)
{
	struct attached *att;

	/* it is in no list any more: none is attached from here on */
	if (!READ_ONCE(fc->backing_filter.serial))
		return;
	mutex_lock(&fuse_mutex);
	list_for_each_entry(att, &all_attached, list) {
		if (att->fc == fc) {
			set_ops(att, NULL);
			att->fc = NULL;
		}
	}
	mutex_unlock(&fuse_mutex);
}

/* fuse_mutex is held */
static u64 serial_of(struct fuse_conn *fc)
{
	static u64 last;

	if (!fc->backing_filter.serial)
		WRITE_ONCE(fc->backing_filter.serial, ++last);
	return fc->backing_filter.serial;
}

static int find_by_fd(struct fuse_backing_bpf_ops *ops, unsigned int fd)
{
	CLASS(fd, f)(fd);
	struct fuse_conn *fc;
	int err;

	if (fd_empty(f))
		return -EBADF;
	fc = fuse_backing_conn_of(fd_file(f));
	if (!fc)
		return -EINVAL;
	err = fuse_backing_may_call(fc, 0);
	if (err)
		return err;
	mutex_lock(&fuse_mutex);
	ops->serial = serial_of(fc);
	mutex_unlock(&fuse_mutex);
	return 0;
}

/* In the control filesystem, which has no others: virtiofs ends in another way than we do */
static struct fuse_conn *conn_by_number(u32 number)
{
	struct fuse_conn *fc;

	list_for_each_entry(fc, &fuse_conn_list, entry)
		if (fc->dev == number && !fc->no_control)
			return fc;
	return NULL;
}

static int find_by_number(struct fuse_backing_bpf_ops *ops, u32 number)
{
	struct fuse_conn *fc;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&fuse_mutex);
	fc = conn_by_number(number);
	err = fc ? fuse_backing_may_call(fc, 0) : -ENOENT;
	if (!err)
		ops->serial = serial_of(fc);
	mutex_unlock(&fuse_mutex);
	return err;
}

static struct fuse_conn *conn_by_serial(u64 serial)
{
	struct fuse_conn *fc;

	list_for_each_entry(fc, &fuse_conn_list, entry)
		if (fc->backing_filter.serial == serial)
			return fc;
	return NULL;
}

static int attach_locked(struct attached *att)
{
	struct fuse_conn *fc = conn_by_serial(att->ops->serial);
	const struct fuse_backing_bpf_ops *there;

	if (!fc || !fuse_backing_has_server(fc))
		return -ENOTCONN;
	there = rcu_access_pointer(fc->backing_filter.ops);
	if (there && there != &nobody)
		return fuse_backing_reject(fc, 0, -EBUSY, FUSE_BACKING_ATTACHED);
	att->fc = fc;
	set_ops(att, att->ops);
	list_add(&att->list, &all_attached);
	return 0;
}

static int filter_reg(void *kdata, struct bpf_link *link)
{
	struct attached *att = kzalloc_obj(*att, GFP_KERNEL_ACCOUNT);
	int err;

	if (!att)
		return -ENOMEM;
	att->ops = kdata;
	att->link = link;
	mutex_lock(&fuse_mutex);
	err = attach_locked(att);
	mutex_unlock(&fuse_mutex);
	if (err)
		kfree(att);
	return err;
}

static struct attached *find_attached(const void *kdata, const struct bpf_link *link)
{
	struct attached *att;

	list_for_each_entry(att, &all_attached, list)
		if (att->ops == kdata && att->link == link)
			return att;
	return NULL;
}

static void filter_unreg(void *kdata, struct bpf_link *link)
{
	struct attached *att;

	mutex_lock(&fuse_mutex);
	att = find_attached(kdata, link);
	if (att) {
		set_ops(att, att->ops->flags & FUSE_BACKING_FILTER_STICKY ? &nobody :
									   NULL);
		list_del(&att->list);
	}
	mutex_unlock(&fuse_mutex);
	kfree(att);
	/* who still asks it does so now */
	synchronize_rcu();
}

/* Who has a link to a connection has no power over another */
static int replace_locked(const struct fuse_backing_bpf_ops *ops,
			  const struct fuse_backing_bpf_ops *old, struct bpf_link *link)
{
	struct attached *att = find_attached(old, link);

	if (!att || !att->fc)
		return -ENOTCONN;
	if (ops->serial != old->serial)
		return -EINVAL;
	att->ops = ops;
	set_ops(att, ops);
	return 0;
}

static int filter_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	int err;

	mutex_lock(&fuse_mutex);
	err = replace_locked(kdata, old_kdata, link);
	mutex_unlock(&fuse_mutex);
	/* nobody goes by the old one when this returns */
	if (!err)
		synchronize_rcu();
	return err;
}

static int filter_init(struct btf *btf)
{
	return 0;
}

static int filter_check_member(const struct btf_type *t, const struct btf_member *member,
			       const struct bpf_prog *prog)
{
	return prog->sleepable ? -EINVAL : 0;
}

/* Returns 1 where nobody is to look at the member any more */
static int filter_init_member(const struct btf_type *t, const struct btf_member *member,
			      void *kdata, const void *udata)
{
	const struct fuse_backing_bpf_ops *said = udata;
	struct fuse_backing_bpf_ops *ops = kdata;

	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct fuse_backing_bpf_ops, fuse_fd):
		return said->fuse_fd ? find_by_fd(ops, said->fuse_fd) ?: 1 : 1;
	case offsetof(struct fuse_backing_bpf_ops, connection):
		if (!said->connection)
			return 1;
		return said->fuse_fd ? -EINVAL :
				       find_by_number(ops, said->connection) ?: 1;
	case offsetof(struct fuse_backing_bpf_ops, flags):
		ops->flags = said->flags;
		return said->flags & ~FILTER_FLAGS ? -EINVAL : 1;
	case offsetof(struct fuse_backing_bpf_ops, name):
		return bpf_obj_name_cpy(ops->name, said->name, sizeof(ops->name)) > 0 ?
		       1 : -EINVAL;
	case offsetof(struct fuse_backing_bpf_ops, serial):
		return said->serial ? -EINVAL : 1;
	}
	return 0;
}

static int filter_validate(void *kdata)
{
	const struct fuse_backing_bpf_ops *ops = kdata;

	return ops->serial && (ops->lookup || ops->dirent || ops->open) ? 0 : -EINVAL;
}

/* What the functions are in the kernel's types */
static int fuse_backing_bpf__lookup(struct fuse_backing_bpf_entry *entry)
{
	return FUSE_BACKING_SERVER;
}

static int fuse_backing_bpf__dirent(struct fuse_backing_bpf_entry *entry)
{
	return FUSE_BACKING_SERVER;
}

static int fuse_backing_bpf__open(struct fuse_backing_bpf_entry *entry, u32 modes)
{
	return FUSE_BACKING_SERVER;
}

static struct fuse_backing_bpf_ops stubs = {
	.lookup = fuse_backing_bpf__lookup,
	.dirent = fuse_backing_bpf__dirent,
	.open = fuse_backing_bpf__open,
};

static bool filter_is_valid_access(int off, int size, enum bpf_access_type type,
				   const struct bpf_prog *prog,
				   struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

/* No btf_struct_access: programs write to no structure of the kernel's */
static const struct bpf_verifier_ops filter_verifier_ops = {
	.get_func_proto = fuse_backing_func_proto,
	.is_valid_access = filter_is_valid_access,
};

static struct bpf_struct_ops filter_struct_ops = {
	.verifier_ops = &filter_verifier_ops,
	.init = filter_init,
	.check_member = filter_check_member,
	.init_member = filter_init_member,
	.validate = filter_validate,
	.reg = filter_reg,
	.unreg = filter_unreg,
	.update = filter_update,
	.cfi_stubs = &stubs,
	.name = "fuse_backing_bpf_ops",
	.owner = THIS_MODULE,
};

/* No part of a name that doesn't fit: it would be another */
static int copy_name(const struct qstr *name, char *buf, u32 size)
{
	memset(buf, 0, size);
	if (name->len >= size)
		return -E2BIG;
	memcpy(buf, name->name, name->len);
	return name->len;
}

__bpf_kfunc_start_defs();

/**
 * bpf_fuse_name - the name of what a program is asked about
 * @entry: what it was called with
 * @buf: where to; all of it is written
 * @buf__sz: size of @buf, with room for a NUL
 *
 * Return: length of the name without the NUL; -E2BIG if there is not enough room, and @buf
 *	is empty.
 */
__bpf_kfunc int bpf_fuse_name(struct fuse_backing_bpf_entry *entry, char *buf, u32 buf__sz)
{
	struct question *question = container_of(entry, struct question, entry);
	struct name_snapshot name;
	int len;

	if (question->name)
		return copy_name(question->name, buf, buf__sz);
	take_dentry_name_snapshot(&name, question->dentry);
	len = copy_name(&name.name, buf, buf__sz);
	release_dentry_name_snapshot(&name);
	return len;
}

/**
 * bpf_fuse_use - choose the backing file that a file is opened on
 * @entry: what open was called with
 * @backing_id: what the server registered; 0 for none, then the server is asked
 *
 * If open then returns FUSE_BACKING_PASS.  The id is looked up when it has: one that is
 * unknown, or closed, is as none.  The last call counts.
 *
 * Return: 0; -EINVAL in any other function, or if the id is negative.
 */
__bpf_kfunc int bpf_fuse_use(struct fuse_backing_bpf_entry *entry, int backing_id)
{
	struct question *question = container_of(entry, struct question, entry);

	if (!question->may_choose || backing_id < 0)
		return -EINVAL;
	question->id = backing_id;
	question->has_chosen = true;
	return 0;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(filter_kfuncs)
BTF_ID_FLAGS(func, bpf_fuse_name, FUSE_BACKING_KFUNC)
BTF_ID_FLAGS(func, bpf_fuse_use, FUSE_BACKING_KFUNC)
BTF_KFUNCS_END(filter_kfuncs)

static const struct btf_kfunc_id_set filter_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &filter_kfuncs,
};

/**
 * fuse_backing_bpf_init - have programs known
 *
 * Without, all but they works.
 *
 * Context: process context, once.
 */
void __init fuse_backing_bpf_init(void)
{
	int err = register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &filter_kfunc_set);

	if (!err)
		err = register_bpf_struct_ops(&filter_struct_ops, fuse_backing_bpf_ops);
	if (err)
		pr_warn("no BPF programs for backing files (%d)\n", err);
}
