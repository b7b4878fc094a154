// SPDX-License-Identifier: GPL-2.0
/*
 * What is only in LOWER is copied up before it is changed. See change.h.
 */

#define FUSE_USE_VERSION 317

#include <errno.h>

#include "branch.h"
#include "change.h"
#include "copyup.h"
#include "spine.h"

struct node *change_node(fuse_ino_t ino)
{
	struct node *node = node_of(ino);

	return node_is_dir(node) ? node_dir(ino) : node;
}

int change_copy_up(struct node *parent, const char *name)
{
	struct node *node = node_find(parent, name);
	int err = copy_up(parent->dir.lower, parent->dir.upper, name);

	/* LOWER's has no name any more, or it would be copied again over what becomes of it */
	if (!err && node)
		node_unname(node);
	return err;
}

/* A file of LOWER is to be changed: always an error, ESTALE if it can be now */
static int copy_up_node(struct node *node)
{
	struct node *parent = node->parent;
	int err;

	/* done, and somebody has it open still */
	if (!node->name)
		return -ESTALE;
	if (branch_is_reserved(node->name))
		return -EPERM;
	err = spine_need_upper(parent);
	if (!err)
		err = change_copy_up(parent, node->name);
	if (err)
		return err;
	spine_changed(parent);
	return -ESTALE;
}

/*
 * Attributes of a directory are LOWER's as long as names in it are passed through. One
 * that the kernel found by itself is another node from now on, as files are.
 */
static int own_dir(struct node *dir)
{
	const bool is_below = dir->kind == NODE_BELOW;
	int err = spine_need_upper(dir);

	if (!err && dir->dir.lower >= 0)
		err = branch_make_own(dir->dir.upper);
	if (err)
		return err;
	spine_serve(dir);
	return is_below ? -ESTALE : 0;
}

int change_need_upper(struct node *node)
{
	if (node_is_dir(node))
		return own_dir(node);
	return node_is_upper(node) ? 0 : copy_up_node(node);
}
