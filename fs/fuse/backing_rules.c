// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE backing files: rules, what becomes of the names in a directory below a tree.
 *
 * Rules are what one ioctl said, and never change: others take their place.  Whoever
 * looks does so in RCU mode, and they are freed when nobody does any more.
 *
 * They are sorted by a hash of the name, which is the same for all rules there ever are.
 * So what a listing adds has a position that stays what it is when others come and go,
 * unless they have the same hash; and who removes what is listed while it is listed misses
 * nothing.
 *
 * Most names that are looked for have no rule.  That is seen where those are whose hashes
 * begin with the same bits: as many bits as make about one of each.
 *
 * Memory: as large as whoever makes them likes, so what is more than a page is charged
 * to RLIMIT_MEMLOCK of its user.  Others are charged as long as they wait with a tree for
 * a node that may never come, and go with their inode then.
 */

#include "fuse_i.h"
#include "backing_memlock.h"
#include "backing_reject.h"
#include "backing_rules.h"

#include <linux/bits.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/stringhash.h>
#include <linux/uaccess.h>

/* A rule, with its name in fuse_rules::text */
struct named {
	u32 hash;
	/* at least the hash, and more than that of the one before */
	u32 pos;
	const struct fuse_backing_rule *rule;
};

struct fuse_rules {
	struct rcu_head rcu;
	struct fuse_charge charge;
	/* in bytes, as they were, or would have been, charged */
	u32 size;
	enum fuse_backing_verdict otherwise;
	/* what was given, as fuse_backing_rules.rules says */
	char *text;
	/* by the first bits of a hash, the first rule that has these or more; and the end */
	u32 *starts;
	unsigned int shift;
	unsigned int nr;
	struct named named[];
};

/* How many sets of rules that were charged wait to be freed */
static atomic_t charged_dead;

/* Positions that follow it must fit behind FUSE_RULES_POS, too */
#define HASH_BITS	31

static u32 hash_of(const char *name, unsigned int len)
{
	return full_name_hash(NULL, name, len) & GENMASK(HASH_BITS - 1, 0);
}

/* Of a rule with the shortest name */
#define RECORD_MIN	ALIGN(sizeof(struct fuse_backing_rule) + 1, 8)

static size_t record_size(const struct fuse_backing_rule *rule)
{
	return ALIGN(sizeof(*rule) + rule->namelen, 8);
}

static bool is_name(const char *name, unsigned int len)
{
	if (!len || len > FUSE_RULE_NAME_MAX || memchr(name, '/', len) ||
	    memchr(name, 0, len))
		return false;
	return name[0] != '.' || (len != 1 && (len != 2 || name[1] != '.'));
}

/* The numbers of types are those of modes */
static bool is_type(unsigned int type)
{
	return type <= S_DT_MASK && fs_umode_to_ftype(type << 12) != FT_UNKNOWN;
}

static bool is_verdict(u32 verdict)
{
	return verdict == FUSE_BACKING_PASS || verdict == FUSE_BACKING_HIDE ||
	       verdict == FUSE_BACKING_SERVER;
}

/* What is @left of the text begins with a rule */
static bool is_rule(const struct fuse_backing_rule *rule, size_t left)
{
	if (left < sizeof(*rule) || left < record_size(rule) ||
	    !is_name(rule->name, rule->namelen) || !is_verdict(rule->verdict))
		return false;
	if (!rule->type)
		return !rule->ino;
	/* only what is the server's can be what the backing directory doesn't have */
	return rule->verdict == FUSE_BACKING_SERVER && is_type(rule->type);
}

/* How many rules there are, or -EINVAL */
static int count(const char *text, size_t size)
{
	const struct fuse_backing_rule *rule;
	int nr = 0;

	for (; size; nr++) {
		rule = (const struct fuse_backing_rule *)text;
		if (!is_rule(rule, size))
			return -EINVAL;
		text += record_size(rule);
		size -= record_size(rule);
	}
	return nr;
}

/* Names that are made to have the same hash cost no more than others to find */
static int compare_to(const struct named *named, u32 hash, const char *name,
		      unsigned int len)
{
	if (named->hash != hash)
		return named->hash < hash ? -1 : 1;
	return (int)named->rule->namelen - (int)len ?:
	       memcmp(named->rule->name, name, len);
}

static int compare(const void *a, const void *b)
{
	const struct named *other = b;

	return compare_to(a, other->hash, other->rule->name, other->rule->namelen);
}

static void fill(struct fuse_rules *rules)
{
	const char *text = rules->text;
	struct named *named;

	for (named = rules->named; named < rules->named + rules->nr; named++) {
		named->rule = (const struct fuse_backing_rule *)text;
		named->hash = hash_of(named->rule->name, named->rule->namelen);
		text += record_size(named->rule);
	}
}

/* Sort them, and give them their positions; returns -EINVAL if there are two of a name */
static int arrange(struct fuse_rules *rules)
{
	struct named *named = rules->named;
	unsigned int i;

	sort(named, rules->nr, sizeof(*named), compare, NULL);
	for (i = 0; i < rules->nr; i++) {
		named[i].pos = named[i].hash;
		if (!i)
			continue;
		if (!compare(&named[i - 1], &named[i]))
			return -EINVAL;
		named[i].pos = max(named[i].pos, named[i - 1].pos + 1);
	}
	return 0;
}

static unsigned int nr_starts(unsigned int nr)
{
	return roundup_pow_of_two(nr + 1);
}

/* Of all that is one allocation */
static size_t rules_size(unsigned int nr)
{
	return struct_size_t(struct fuse_rules, named, nr) +
	       (nr_starts(nr) + 1) * sizeof(u32);
}

/* Of what was arranged */
static void fill_starts(struct fuse_rules *rules)
{
	const unsigned int nr = nr_starts(rules->nr);
	unsigned int start, i = 0;

	rules->starts = (u32 *)&rules->named[rules->nr];
	rules->shift = HASH_BITS - ilog2(nr);
	for (start = 0; start <= nr; start++) {
		while (i < rules->nr && rules->named[i].hash >> rules->shift < start)
			i++;
		rules->starts[start] = i;
	}
}

/* Takes over @text if it succeeds */
static struct fuse_rules *make_rules(const struct fuse_backing_rules *args, char *text)
{
	struct fuse_rules *rules;
	int err, nr = count(text, args->size);

	if (nr < 0)
		return ERR_PTR(nr);
	rules = kvmalloc(rules_size(nr),
			 GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!rules)
		return ERR_PTR(-ENOMEM);
	rules->otherwise = args->otherwise;
	rules->text = text;
	rules->nr = nr;
	fill(rules);
	err = arrange(rules);
	if (err) {
		kvfree(rules);
		return ERR_PTR(err);
	}
	fill_starts(rules);
	return rules;
}

/* What a user says has @size bytes, and more for each rule in there */
static size_t size_of(size_t size)
{
	return size + rules_size(size / RECORD_MIN);
}

/* Rules that others took the place of may be charged still */
static int charge_rules(size_t size, struct fuse_charge *charge)
{
	bool may_be_charged = atomic_read(&charged_dead);
	int err;

	/* those of before have been uncharged by now, or are waited for */
	smp_rmb();
	err = fuse_try_charge(size, charge);
	if (err == -ENOBUFS && may_be_charged) {
		rcu_barrier();
		err = fuse_try_charge(size, charge);
	}
	return err;
}

static struct fuse_rules *read_rules(struct fuse_conn *fc,
				     const struct fuse_backing_rules *args)
{
	struct fuse_rules *rules = ERR_PTR(-EFAULT);
	/* too much for the caller's memory cgroup is its error, and nobody's end */
	char *text = kvmalloc(args->size ?: 1, GFP_KERNEL_ACCOUNT |
			      __GFP_RETRY_MAYFAIL | __GFP_NOWARN);

	if (!text)
		return ERR_PTR(-ENOMEM);
	if (!copy_from_user(text, u64_to_user_ptr(args->rules), args->size))
		rules = make_rules(args, text);
	if (rules == ERR_PTR(-EINVAL))
		fuse_backing_reject(fc, 0, -EINVAL, FUSE_BACKING_BAD_ARGUMENT);
	if (IS_ERR(rules))
		kvfree(text);
	return rules;
}

static int check_args(struct fuse_conn *fc, const struct fuse_backing_rules *args)
{
	if (!args->nodeid || !is_verdict(args->otherwise) ||
	    args->reserved[0] || args->reserved[1])
		return fuse_backing_reject(fc, 0, -EINVAL, FUSE_BACKING_BAD_ARGUMENT);
	if (args->size > FUSE_BACKING_RULES_SIZE)
		return fuse_backing_reject(fc, 0, -E2BIG, FUSE_BACKING_BAD_ARGUMENT);
	return 0;
}

/**
 * fuse_rules_read - read what FUSE_DEV_IOC_BACKING_RULES says
 * @fc: the connection
 * @args: the argument
 *
 * The caller must hold no table: its memory may take forever.
 *
 * Context: process context without locks; may sleep.
 * Return: the rules, for fuse_rules_free(); %NULL if all names are passed through; or an
 *	ERR_PTR(): -EINVAL, -E2BIG, -EFAULT, -ENOMEM; -ENOBUFS if RLIMIT_MEMLOCK of the
 *	caller's user is reached.
 */
struct fuse_rules *fuse_rules_read(struct fuse_conn *fc,
				   const struct fuse_backing_rules *args)
{
	const size_t size = size_of(args->size);
	struct fuse_charge charge = {};
	struct fuse_rules *rules;
	int err;

	err = check_args(fc, args);
	if (err)
		return ERR_PTR(err);
	if (!args->size && args->otherwise == FUSE_BACKING_PASS)
		return NULL;
	if (size > PAGE_SIZE)
		err = charge_rules(size, &charge);
	if (err == -ENOBUFS)
		fuse_backing_reject(fc, 0, err, FUSE_BACKING_MEMLOCK);
	if (err)
		return ERR_PTR(err);
	rules = read_rules(fc, args);
	if (IS_ERR(rules)) {
		fuse_uncharge(&charge);
		return rules;
	}
	rules->charge = charge;
	rules->size = size;
	return rules;
}

/* Are they charged as long as they wait only? */
static bool are_small(const struct fuse_rules *rules)
{
	return rules && rules->size <= PAGE_SIZE;
}

/**
 * fuse_rules_charge - charge rules that may have to wait
 * @rules: the rules, of which nobody else knows, or %NULL
 *
 * Context: process context without locks; may sleep.
 * Return: 0; -ENOMEM; -ENOBUFS if RLIMIT_MEMLOCK of the caller's user is reached.
 */
int fuse_rules_charge(struct fuse_rules *rules)
{
	return are_small(rules) ? charge_rules(rules->size, &rules->charge) : 0;
}

/**
 * fuse_rules_uncharge - rules don't wait any more, or needn't
 * @rules: the rules, or %NULL
 *
 * Context: process context with fuse_attachments::lock held.
 */
void fuse_rules_uncharge(struct fuse_rules *rules)
{
	if (are_small(rules))
		fuse_uncharge(&rules->charge);
}

static void free_rules(struct rcu_head *rcu)
{
	struct fuse_rules *rules = container_of(rcu, struct fuse_rules, rcu);
	bool charged = rules->charge.payer;

	fuse_uncharge(&rules->charge);
	/* pairs with that of charge_rules() */
	smp_mb__before_atomic();
	if (charged)
		atomic_dec(&charged_dead);
	kvfree(rules->text);
	kvfree(rules);
}

/**
 * fuse_rules_free - nobody finds these rules any more
 * @rules: the rules, or %NULL
 *
 * Context: any.  Who has found them already may go on until the end of its RCU mode.
 */
void fuse_rules_free(struct fuse_rules *rules)
{
	if (!rules)
		return;
	if (rules->charge.payer)
		atomic_inc(&charged_dead);
	call_rcu(&rules->rcu, free_rules);
}

/**
 * fuse_rules_count - how many rules there are
 * @rules: the rules, or %NULL
 *
 * Context: any.
 * Return: the number of names.
 */
unsigned int fuse_rules_count(const struct fuse_rules *rules)
{
	return rules ? rules->nr : 0;
}

/* The first that is at @pos or behind it; fuse_rules::nr if there is none */
static unsigned int first_from(const struct fuse_rules *rules, u64 pos)
{
	unsigned int low = 0, high = rules->nr, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (rules->named[mid].pos < pos)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void fill_rule(const struct named *named, struct fuse_rule *rule)
{
	*rule = (struct fuse_rule) {
		.verdict = named->rule->verdict,
		.type = named->rule->type,
		.ino = named->rule->ino,
		.pos = FUSE_RULES_POS + named->pos,
		.name = named->rule->name,
		.len = named->rule->namelen,
	};
}

static const struct named *find_named(const struct fuse_rules *rules, const char *name,
				      unsigned int len)
{
	const u32 hash = hash_of(name, len);
	const u32 *start = &rules->starts[hash >> rules->shift];
	unsigned int low = start[0], high = start[1], mid;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		order = compare_to(&rules->named[mid], hash, name, len);
		if (!order)
			return &rules->named[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/**
 * fuse_rules_verdict - what becomes of a name
 * @rules: the rules
 * @name: the name
 * @len: its length
 *
 * Context: RCU mode, which the caller has to be in, too.
 * Return: what the rules say.
 */
enum fuse_backing_verdict fuse_rules_verdict(const struct fuse_rules *rules,
					     const char *name, unsigned int len)
{
	const struct named *named = find_named(rules, name, len);

	return named ? named->rule->verdict : rules->otherwise;
}

/**
 * fuse_rules_find - what rules say of a name
 * @rules: the rules
 * @name: the name
 * @len: its length
 * @rule: filled in; without a name if there is nothing of this one
 *
 * Context: RCU mode, which the caller has to be in, too.
 */
void fuse_rules_find(const struct fuse_rules *rules, const char *name,
		     unsigned int len, struct fuse_rule *rule)
{
	const struct named *named = find_named(rules, name, len);

	if (named)
		fill_rule(named, rule);
	else
		*rule = (struct fuse_rule) { .verdict = rules->otherwise };
}

/**
 * fuse_rules_next - what a listing has besides what is in the backing directory
 * @rules: the rules
 * @pos: a position behind FUSE_RULES_POS
 * @rule: filled in
 *
 * Context: RCU mode, which the caller has to be in, too.
 * Return: false if there is nothing from @pos on.
 */
bool fuse_rules_next(const struct fuse_rules *rules, loff_t pos,
		     struct fuse_rule *rule)
{
	unsigned int i = first_from(rules, pos - FUSE_RULES_POS);

	for (; i < rules->nr; i++) {
		if (!rules->named[i].rule->type)
			continue;
		fill_rule(&rules->named[i], rule);
		return true;
	}
	return false;
}
