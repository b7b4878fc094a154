// SPDX-License-Identifier: GPL-2.0
/*
 * The spine of a branch: what the kernel is told of it. See spine.h.
 */

#define FUSE_USE_VERSION 317

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "copyup.h"
#include "spine.h"

#define OPS	(FUSE_BACKING_OPS_DIR | FUSE_BACKING_OPS_BELOW)

/*
 * Rules are told all at once, so that each change costs as much as there are. With more
 * of them it is cheaper to be asked.
 */
#define RULES_MAX	512

static struct fuse_session *session;

int spine_init(struct fuse_session *of)
{
	const int features = fusebacking_session_probe(of);

	session = of;
	if (features < 0)
		return features;
	return features & FUSEBACKING_HAS_RULES ? 0 : -ENOTTY;
}

static void detach(struct node *dir)
{
	if (!dir->dir_id)
		return;
	fusebacking_session_detach(session, node_id(dir), dir->generation);
	fusebacking_session_close(session, dir->dir_id);
	dir->dir_id = 0;
}

/* It has been asked for the name of @dir not longer ago than that */
static void wait_for_lookups(void)
{
	usleep((SPINE_TIMEOUT + 0.02) * 1000000);
}

static struct fusebacking_rule rule_of(const struct branch_entry *entry)
{
	if (entry->type == DT_WHT)
		return (struct fusebacking_rule){
			.name = entry->name,
			.verdict = FUSE_BACKING_HIDE,
		};
	/* listed where LOWER has it, or who lists it while it is copied up finds it twice */
	if (entry->is_in_lower)
		return (struct fusebacking_rule){
			.name = entry->name,
			.verdict = FUSE_BACKING_SERVER,
		};
	return (struct fusebacking_rule){
		.name = entry->name,
		.verdict = FUSE_BACKING_SERVER,
		.type = entry->type,
		.ino = entry->ino,
	};
}

static int say_all(struct node *dir, const struct branch_list *list,
		   enum fuse_backing_verdict otherwise)
{
	struct fusebacking_rule *rules = calloc(list->count + 1, sizeof(*rules));
	int err;

	if (!rules)
		return -ENOMEM;
	for (uint32_t i = 0; i < list->count; i++)
		rules[i] = rule_of(&list->entry[i]);
	err = fusebacking_session_rules(session, node_id(dir), dir->generation, rules,
					list->count, otherwise);
	free(rules);
	return err;
}

/* All there are, if that isn't more than @most */
static int say_rules(struct node *dir, uint32_t most, enum fuse_backing_verdict otherwise)
{
	struct branch_list list;
	int err;

	err = branch_list_upper(&dir->dir, &list);
	if (!err)
		err = list.count > most ? -E2BIG : say_all(dir, &list, otherwise);
	branch_list_free(&list);
	/* the kernel has none there, and asks */
	return err == -ENOENT ? 0 : err;
}

/*
 * What is attached above can't be taken away from this one: we are asked for all names, and
 * whoever comes by its own name finds a directory that nothing is attached to. Who has it
 * open is listed what there is now.
 */
static void leave_below(struct node *dir)
{
	if (say_rules(dir, UINT32_MAX, FUSE_BACKING_SERVER))
		fusebacking_session_rules(session, node_id(dir), dir->generation, NULL, 0,
					  FUSE_BACKING_SERVER);
	dir->outgrown = true;
}

void spine_serve(struct node *dir)
{
	const enum node_kind was = dir->kind;

	dir->kind = NODE_SERVED;
	if (was == NODE_TREE)
		detach(dir);
	else if (was == NODE_BELOW)
		leave_below(dir);
}

void spine_changed(struct node *dir)
{
	if (dir->kind == NODE_SERVED || !say_rules(dir, RULES_MAX, FUSE_BACKING_PASS))
		return;
	spine_serve(dir);
	if (dir->outgrown)
		wait_for_lookups();
}

static int attach(struct node *dir, unsigned int flags)
{
	int id = fusebacking_session_register(session, dir->dir.lower, FUSEBACKING_DIR);

	if (id < 0)
		return id;
	dir->dir_id = id;
	return fusebacking_session_attach_dir(session, node_id(dir), dir->generation, id,
					      flags | FUSE_BACKING_READ, OPS);
}

/* What fails for now is served for as long as the kernel knows the node */
int spine_attach(struct node *dir, unsigned int flags)
{
	int err;

	dir->kind = NODE_SERVED;
	if (branch_is_own(&dir->dir))
		return 0;
	dir->kind = NODE_TREE;
	err = attach(dir, flags) ?: say_rules(dir, RULES_MAX, FUSE_BACKING_PASS);
	if (err)
		spine_serve(dir);
	return err == -E2BIG ? 0 : err;
}

int spine_need_upper(struct node *dir)
{
	int fd, err;

	if (dir->dir.upper >= 0)
		return 0;
	/* removed, and somebody has it open */
	if (!dir->name)
		return -ENOENT;
	err = spine_need_upper(dir->parent);
	if (!err)
		err = copy_up(dir->parent->dir.lower, dir->parent->dir.upper, dir->name);
	if (err)
		return err;
	fd = branch_open_dir(dir->parent->dir.upper, dir->name);
	if (fd < 0)
		return fd;
	dir->dir.upper = fd;
	spine_changed(dir->parent);
	return 0;
}

void spine_forget(struct node *dir)
{
	/* what waits for an inode goes with the id */
	if (dir->dir_id)
		fusebacking_session_close(session, dir->dir_id);
	dir->dir_id = 0;
}
