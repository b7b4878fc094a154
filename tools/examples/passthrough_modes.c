// SPDX-License-Identifier: GPL-2.0
/*
 * passthrough_modes: mirror a directory, with each way of passing files through
 *
 *	passthrough_modes [OPTION]... SOURCE MOUNTPOINT
 *
 *	-o mode=none	each read and write is a request
 *	-o mode=id	one backing id for all opens of a file, until its last
 *			release; all that Linux 6.12 has
 *	-o mode=open	each open has an id of its own, that nobody closes
 *	-o mode=inode	the backing file is attached to the inode: open, read,
 *			write and close ask nobody (the default)
 *	-o mode=tree	the root directory is attached, with all that is below: names,
 *			attributes and listings ask nobody either
 *	-o listings	directories are attached, too: to list and to stat them asks
 *			nobody
 *	-o attributes	nor does stat, fsync and the like of files; both with mode=inode
 *	-o changes	with mode=tree: what this user changes asks nobody either
 *	-o filter	a file that exists, and is opened by a request, is what the BPF
 *			program of the mount chooses; see tools/examples/filter
 *	-o timeout=N	seconds for which names and attributes are cached (1);
 *			more if nobody else changes SOURCE
 *	-o negative_timeout=N	that a name isn't there is cached, too (0)
 *	-f, -d, -s	foreground, with a log of the requests, with one thread
 *
 * Where the kernel can't do a mode, the next lower one is taken; and without listings
 * and attributes, it asks.
 *
 * No privilege is needed. What is made belongs to the user who runs this, and
 * open files of many inodes need a large `ulimit -Hn`.
 *
 * How files and directories are passed through is libfusebacking's business, see "Modes"
 * and "Directories"; what any server on libfuse's low-level API does is in mirror.c,
 * descriptor.c and session.c.
 */

#define FUSE_USE_VERSION 317

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fuse_backing_lowlevel.h>

#include "descriptor.h"
#include "mirror.h"
#include "session.h"

/* Of the root, for all that is below */
#define OPS_TREE	(FUSE_BACKING_OPS_DIR | FUSE_BACKING_OPS_BELOW)
#define TREE_MODES	(FUSE_BACKING_READ | FUSE_BACKING_WRITE)

static const char *const mode_names[] = {
	[FUSEBACKING_SERVE] = "none",
	[FUSEBACKING_BY_ID] = "id",
	[FUSEBACKING_PER_OPEN] = "open",
	[FUSEBACKING_PER_INODE] = "inode",
};

/* @lock protects directories' ids, and what is known of the kernel */
static struct server {
	struct fuse_session *fuse;
	struct fusebacking_policy *policy;
	enum fusebacking_way mode;
	char *mode_name;
	bool tree;
	int listings;
	int attributes;
	int changes;
	int filter;
	double timeout;
	double negative_timeout;
	pthread_mutex_t lock;
	bool knows;
	int features;
	uint64_t dir_ops;
	bool told_of_listings;
} server = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.mode = FUSEBACKING_PER_INODE,
	.timeout = 1,
};

/* Modes */

static void do_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	fusebacking_negotiate(conn, server.mode);
}

/* The kernel can't do what was asked for */
static void tell(void *data, const char *text)
{
	(void)data;
	fuse_log(FUSE_LOG_WARNING, "passthrough_modes: %s\n", text);
}

/*
 * The descriptor is one with O_PATH: at each open, the kernel looks whether this
 * process could open the file like that. Nothing of the backing file is open for
 * writing as long as no client does that, which would keep others from executing it.
 */
static void made(struct mirror_node *node, bool is_found)
{
	fusebacking_node_init(&node->backing, mirror_id(node), node->generation,
			      node->fd);
	if (is_found)
		fusebacking_node_found(server.policy, &node->backing);
}

/* Directories */

/* Once: it will be the same of many a directory */
static void tell_of_listings_locked(const char *why)
{
	char text[256];

	if (server.told_of_listings)
		return;
	server.told_of_listings = true;
	snprintf(text, sizeof(text), "the kernel asks for listings: %s", why);
	tell(NULL, text);
}

/* Of the call that this thread has just made */
static const char *why(int err)
{
	return fusebacking_strerror(err, fusebacking_session_why(server.fuse, err));
}

static bool kernel_has_locked(int feature)
{
	return server.features > 0 && server.features & feature;
}

/* Once; before that nobody has been told what is missing */
static void ask_kernel_locked(void)
{
	if (server.knows)
		return;
	server.features = fusebacking_session_probe(server.fuse);
	server.knows = true;
	if (server.filter && !kernel_has_locked(FUSEBACKING_HAS_FILTER))
		tell(NULL, "no BPF program is asked: the kernel has none, or /sys isn't there");
	if (!server.tree && !server.listings)
		return;
	if (kernel_has_locked(FUSEBACKING_HAS_DIR))
		server.dir_ops = !server.tree ? FUSE_BACKING_OPS_DIR :
				 server.changes ? OPS_TREE | FUSE_BACKING_OPS_CHANGE :
						  OPS_TREE;
	else
		tell_of_listings_locked(server.features < 0 ? why(server.features) :
							      "it has no trees");
}

/* What directories are to be attached for, of what the kernel has */
static uint64_t dir_ops_locked(void)
{
	if (server.tree || server.listings)
		ask_kernel_locked();
	return server.dir_ops;
}

/*
 * What fails for now, the table being full for one, is tried again when the directory is
 * opened. So is what was attached: the kernel may have forgotten the inode meanwhile, and
 * the attachment with it, or it wouldn't have asked.
 */
static void attach_locked(struct mirror_node *node, uint64_t ops)
{
	int err;

	if (node->dir_id <= 0)
		node->dir_id = fusebacking_session_register(server.fuse, node->fd,
							    FUSEBACKING_DIR);
	if (node->dir_id <= 0) {
		tell_of_listings_locked(why(node->dir_id));
		return;
	}
	err = fusebacking_session_attach_dir(server.fuse, mirror_id(node),
					     node->generation, node->dir_id,
					     FUSE_BACKING_ATTACH_PENDING |
					     (server.tree ? TREE_MODES : 0), ops);
	if (!err || err == -EEXIST)
		return;
	tell_of_listings_locked(why(err));
	fusebacking_session_close(server.fuse, node->dir_id);
	node->dir_id = 0;
}

static void directory(struct mirror_node *node)
{
	uint64_t ops;

	/* what is below the root comes with it */
	if (server.tree && mirror_id(node) != FUSE_ROOT_ID)
		return;
	pthread_mutex_lock(&server.lock);
	ops = dir_ops_locked();
	/* the root isn't forgotten */
	if (ops && (mirror_id(node) != FUSE_ROOT_ID || node->dir_id <= 0))
		attach_locked(node, ops);
	pthread_mutex_unlock(&server.lock);
}

static void forgotten(struct mirror_node *node)
{
	/* that of a directory which waits for an inode goes with the id */
	if (node->dir_id > 0)
		fusebacking_session_close(server.fuse, node->dir_id);
	fusebacking_node_forget(server.policy, &node->backing);
}

/* An open file, before the reply: 0 or an errno */
static int start_file(struct mirror_node *node, struct fuse_file_info *fi, int fd)
{
	fi->fh = fd;
	return fusebacking_open_file(server.policy, &node->backing, fd, fi);
}

/* Nobody waits for the reply any more */
static void cancel_file(struct mirror_node *node, const struct fuse_file_info *fi)
{
	fusebacking_cancel_file(server.policy, &node->backing, fi);
	close(fi->fh);
}

/* Files */

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param entry;
	int fd, err;

	fd = openat(mirror_node(parent)->fd, name,
		    (fi->flags | O_CREAT | O_CLOEXEC) & ~(O_NOFOLLOW | O_DIRECT),
		    mode);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	err = mirror_look_up(parent, name, &entry);
	if (err)
		goto out_close;
	err = start_file(mirror_node(entry.ino), fi, fd);
	if (err)
		goto out_forget;
	if (fuse_reply_create(req, &entry, fi) < 0) {
		cancel_file(mirror_node(entry.ino), fi);
		mirror_forget(entry.ino, 1);
	}
	return;

out_forget:
	mirror_forget(entry.ino, 1);
out_close:
	close(fd);
	fuse_reply_err(req, err);
}

/* Does a BPF program, if there is one, choose what this is opened on? */
static bool is_filtered(const struct fuse_file_info *fi)
{
	bool is;

	if (!server.filter || !fi->backing_id)
		return false;
	pthread_mutex_lock(&server.lock);
	ask_kernel_locked();
	is = kernel_has_locked(FUSEBACKING_HAS_FILTER);
	pthread_mutex_unlock(&server.lock);
	return is;
}

static int reply_open(fuse_req_t req, const struct fuse_file_info *fi)
{
	return is_filtered(fi) ? fusebacking_reply_filtered(req, fi) :
				 fuse_reply_open(req, fi);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mirror_node *node = mirror_node(ino);
	struct mirror_path path = mirror_path(node);
	int fd, err;

	fd = open(path.text,
		  (fi->flags | O_CLOEXEC) & ~(O_NOFOLLOW | O_CREAT | O_DIRECT));
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	err = start_file(node, fi, fd);
	if (err) {
		close(fd);
		fuse_reply_err(req, err);
	} else if (reply_open(req, fi) < 0) {
		cancel_file(node, fi);
	}
}

static void do_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	fusebacking_node_release(server.policy, &mirror_node(ino)->backing);
	close(fi->fh);
	fuse_reply_err(req, 0);
}

static struct fuse_lowlevel_ops operations(void)
{
	struct fuse_lowlevel_ops all = mirror_operations;

	all.init = do_init;
	all.create = do_create;
	all.open = do_open;
	all.release = do_release;
	descriptor_operations(&all);
	return all;
}

/* Start and end */

static const struct fuse_opt options[] = {
	{ "mode=%s", offsetof(struct server, mode_name), 0 },
	{ "listings", offsetof(struct server, listings), 1 },
	{ "attributes", offsetof(struct server, attributes), 1 },
	{ "changes", offsetof(struct server, changes), 1 },
	{ "filter", offsetof(struct server, filter), 1 },
	{ "timeout=%lf", offsetof(struct server, timeout), 0 },
	{ "negative_timeout=%lf", offsetof(struct server, negative_timeout), 0 },
	FUSE_OPT_END
};

static enum fusebacking_way mode_by_name(const char *name)
{
	for (int i = 0; i <= FUSEBACKING_PER_INODE; i++)
		if (!strcmp(mode_names[i], name))
			return i;
	errx(EXIT_FAILURE, "mode is none, id, open, inode or tree, not %s", name);
}

static const char usage[] =
	"usage: passthrough_modes [OPTION]... SOURCE MOUNTPOINT\n"
	"\n"
	"Mirror a directory, and have the kernel read and write its files.\n"
	"\n"
	"    -o mode=none           this process reads and writes\n"
	"    -o mode=id             one backing id for all opens of a file\n"
	"    -o mode=open           each open has an id of its own\n"
	"    -o mode=inode          files are opened by the kernel, too (default)\n"
	"    -o mode=tree           names below the root are passed through, too\n"
	"    -o listings            directories are listed by the kernel, too\n"
	"    -o attributes          it also has stat and fsync of files\n"
	"    -o changes             with mode=tree: and changes by this user\n"
	"    -o filter              a BPF program of the mount chooses what opens are on\n"
	"    -o timeout=N           names and attributes are good for N seconds (1)\n"
	"    -o negative_timeout=N  and names that aren't there (0)";

static void parse(struct session *session)
{
	session_parse(session, &server, options);
	session_help(session, usage);
	if (!session->source || !session->opts.mountpoint)
		errx(EXIT_FAILURE, "which directory, and where? See --help");
	server.tree = server.mode_name && !strcmp(server.mode_name, "tree");
	if (server.mode_name && !server.tree)
		server.mode = mode_by_name(server.mode_name);
	if (server.tree && (server.listings || server.attributes))
		errx(EXIT_FAILURE, "mode=tree has listings and attributes");
	if (server.changes && !server.tree)
		errx(EXIT_FAILURE, "changes go with mode=tree only");
	if ((server.listings || server.attributes) && server.mode != FUSEBACKING_PER_INODE)
		errx(EXIT_FAILURE, "listings and attributes go with mode=inode only");
	/* nor what is no number */
	if (!(server.timeout >= 0 && server.negative_timeout >= 0))
		errx(EXIT_FAILURE, "timeout and negative_timeout are 0 or more");
	/* the kernel, not we, decides who may do what */
	fuse_opt_add_arg(&session->args, "-odefault_permissions");
}

int main(int argc, char **argv)
{
	static const struct mirror_hooks hooks = { made, forgotten, directory };
	struct session session = { .args = FUSE_ARGS_INIT(argc, argv) };
	const struct fuse_lowlevel_ops ops = operations();
	int res;

	parse(&session);
	/* a descriptor for each node */
	session_raise_limit();
	res = mirror_open(session.source, server.timeout, server.negative_timeout, &hooks);
	if (res < 0)
		errx(EXIT_FAILURE, "%s: %s", session.source, strerror(-res));
	server.fuse = session_new(&session, &ops);
	server.policy = fusebacking_session_policy(server.fuse, server.mode, 0);
	if (!server.policy)
		err(EXIT_FAILURE, "no policy");
	if (server.attributes)
		fusebacking_policy_ops(server.policy, FUSE_BACKING_OPS_FILE);
	fusebacking_policy_tell(server.policy, tell, NULL);
	res = session_run(&session, NULL);
	fusebacking_policy_free(server.policy);
	return res;
}
