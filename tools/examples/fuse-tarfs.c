// SPDX-License-Identifier: GPL-2.0
/*
 * fuse-tarfs: mount an archive, whose members the kernel reads where they are
 *
 * See usage for how it is run. No privilege is needed.
 *
 * The archive is registered once. What a file is made of, ranges of the archive
 * and holes, the kernel is told before it hears of the file for the first time.
 * So it opens and reads files without asking, and this process looks up names
 * only. It reads the archive itself where the kernel can't, and unpacks members
 * that are compressed when they are opened.
 *
 * What is about extents is in the first half of this file, see "Extents".
 */

#define FUSE_USE_VERSION 317

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <locale.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fuse_backing_lowlevel.h>

#include "extents.h"
#include "index.h"
#include "session.h"
#include "tree.h"
#include "unpack.h"

/* Node ids are numbers in the index: none is ever used for something else */
#define GENERATION	1
/* What is in an archive doesn't change; seconds */
#define TIMEOUT		1e6
#define BLOCK		512

/* @lock protects lookups and attached of all nodes */
static struct server {
	pthread_mutex_t lock;
	struct fuse_session *session;
	struct tree tree;
	struct extents extents;
	char *path;
	struct stat archive;
	int fd;
	int backing_id;		/* of the archive; 0: all is read here */
	int nopassthrough;
} server = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

static struct node *node_of(fuse_ino_t ino)
{
	return tree_node(&server.tree, ino);
}

static struct layout layout_of(const struct node *node)
{
	return (struct layout){
		.list = server.extents.list + node->extent,
		.count = node->extents,
		.size = node->size,
	};
}

/* Extents */

static void read_here(const char *why)
{
	warnx("the kernel doesn't read the archive, so this process does: %s", why);
}

/* After the reply to INIT; do_init() has asked for passthrough if there is any */
static void register_archive(void)
{
	int res;

	if (server.nopassthrough)
		return;
	res = fusebacking_session_probe(server.session);
	if (res >= 0 && !(res & FUSEBACKING_HAS_EXTENTS))
		res = -ENOTTY;
	if (res >= 0)
		res = fusebacking_session_register(server.session, server.fd, 0);
	if (res > 0)
		server.backing_id = res;
	else
		read_here(fusebacking_strerror(res, fusebacking_session_why(server.session,
									    res)));
}

static struct fuse_backing_extent hole(uint64_t from, uint64_t to)
{
	return (struct fuse_backing_extent){
		.offset = from,
		.length = to - from,
		.flags = FUSE_BACKING_EXTENT_HOLE,
	};
}

/*
 * As the kernel wants to be told, with holes between, and up to the size. That
 * an empty file has no bytes must be said, too, or the kernel would ask.
 */
static uint32_t describe(struct fuse_backing_extent *to,
			 const struct layout *layout)
{
	const uint64_t size = layout->size ?: 1;
	uint64_t end = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < layout->count; i++) {
		const struct extent *from = &layout->list[i];

		if (from->offset > end)
			to[n++] = hole(end, from->offset);
		to[n++] = (struct fuse_backing_extent){
			.offset = from->offset,
			.length = from->length,
			.backing_offset = from->where,
			.backing_id = server.backing_id,
		};
		end = from->offset + from->length;
	}
	if (size > end)
		to[n++] = hole(end, size);
	return n;
}

static int attach(fuse_ino_t ino, unsigned int flags)
{
	const struct layout layout = layout_of(node_of(ino));
	struct fuse_backing_extent *list;
	int err;

	list = calloc(2 * (size_t)layout.count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	err = fusebacking_session_extents(server.session, ino, GENERATION, list,
					  describe(list, &layout), flags);
	free(list);
	return err;
}

static bool has_extents(const struct node *node)
{
	return server.backing_id && S_ISREG(node->mode) && !node->packed;
}

/*
 * The kernel is about to be told of a node: say before what it is made of. It
 * doesn't know the node yet, so nobody is waited for.
 */
static void look_up(fuse_ino_t ino)
{
	struct node *node = node_of(ino);

	pthread_mutex_lock(&server.lock);
	if (!node->lookups++ && has_extents(node))
		node->attached = !attach(ino, FUSE_BACKING_READ |
					       FUSE_BACKING_ATTACH_PENDING);
	pthread_mutex_unlock(&server.lock);
}

/*
 * The kernel forgets as many lookups as it knows of, and the extents with them. If
 * there are more, they are of a reply that was under way meanwhile: whatever
 * inode came of that has no extents, and its first open gets here.
 *
 * If there was no inode at all, extents wait for one.
 */
static void forget(fuse_ino_t ino, uint64_t count)
{
	struct node *node = node_of(ino);

	if (ino == TREE_ROOT)
		return;
	pthread_mutex_lock(&server.lock);
	node->lookups -= count;
	if (!node->lookups && node->attached)
		fusebacking_session_detach(server.session, ino, GENERATION);
	node->attached = false;
	pthread_mutex_unlock(&server.lock);
}

/*
 * An open that the kernel asks for, because it has no extents, or for something
 * that they are not for: does it have them now? Not with the lock, as it may wait
 * for clients that use others.
 */
static bool attach_opened(fuse_ino_t ino)
{
	struct node *node = node_of(ino);
	bool attached;

	if (!has_extents(node))
		return false;
	pthread_mutex_lock(&server.lock);
	attached = node->attached;
	node->attached = true;
	pthread_mutex_unlock(&server.lock);
	if (attached || !attach(ino, FUSE_BACKING_READ))
		return true;

	pthread_mutex_lock(&server.lock);
	node->attached = false;
	pthread_mutex_unlock(&server.lock);
	return false;
}

static void do_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	fuse_set_feature_flag(conn, FUSE_CAP_CACHE_SYMLINKS);
	/* by id is all that extents need; the archive may be on overlayfs */
	if (!server.nopassthrough &&
	    !fusebacking_negotiate(conn, FUSEBACKING_BY_ID)) {
		read_here("it has no passthrough, which needs Linux 6.9");
		server.nopassthrough = true;
	}
}

/* Names */

static void fill_stat(struct stat *st, fuse_ino_t ino)
{
	const struct node *node = node_of(ino);
	struct layout layout;

	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = node->mode;
	st->st_nlink = node->links;
	st->st_uid = node->uid;
	st->st_gid = node->gid;
	st->st_size = node->size;
	st->st_mtim.tv_sec = node->mtime;
	st->st_mtim.tv_nsec = node->mtime_nsec;
	st->st_atim = st->st_mtim;
	st->st_ctim = st->st_mtim;
	st->st_blksize = 4096;
	if (S_ISREG(node->mode)) {
		layout = layout_of(node);
		st->st_blocks = ((node->packed ? node->size :
				  layout_bytes(&layout)) + BLOCK - 1) / BLOCK;
	} else if (S_ISCHR(node->mode) || S_ISBLK(node->mode)) {
		st->st_rdev = node->rdev;
	}
}

static void fill_entry(struct fuse_entry_param *entry, fuse_ino_t ino)
{
	memset(entry, 0, sizeof(*entry));
	entry->attr_timeout = TIMEOUT;
	entry->entry_timeout = TIMEOUT;
	if (!ino)
		return;
	entry->ino = ino;
	entry->generation = GENERATION;
	fill_stat(&entry->attr, ino);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	const uint32_t name = tree_find(&server.tree, parent, text,
					strlen(text));
	const fuse_ino_t ino = name ? server.tree.names[name].node : 0;
	struct fuse_entry_param entry;

	fill_entry(&entry, ino);
	if (ino)
		look_up(ino);
	/* without an inode, that there is none is remembered */
	if (fuse_reply_entry(req, &entry) < 0 && ino)
		forget(ino, 1);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	forget(ino, count);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget(forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	fill_stat(&st, ino);
	fuse_reply_attr(req, &st, TIMEOUT);
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	fuse_reply_readlink(req, tree_text(&server.tree, node_of(ino)->target));
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct statvfs st = {
		.f_bsize = BLOCK,
		.f_frsize = BLOCK,
		.f_blocks = server.archive.st_size / BLOCK,
		.f_files = server.tree.node_count - 1,
		.f_namemax = 255,
	};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

/* Directories */

static void do_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/*
 * Offsets are names, too: the last one that was returned. Adds one to a reply, and
 * returns what that needs.
 */
static size_t add_name(fuse_req_t req, char *buf, size_t room, uint32_t number,
		       bool plus)
{
	const struct name *name = &server.tree.names[number];
	const char *text = tree_text(&server.tree, name->text);
	struct fuse_entry_param entry;

	fill_entry(&entry, name->node);
	if (!plus)
		return fuse_add_direntry(req, buf, room, text, &entry.attr,
					 number);
	return fuse_add_direntry_plus(req, buf, room, text, &entry, number);
}

/* Nobody took the reply */
static void forget_names(uint32_t from, uint32_t to)
{
	const struct tree *tree = &server.tree;

	for (; from != to; from = tree->names[from].next)
		forget(tree->names[from].node, 1);
}

/*
 * With extents, an inode takes no file of the table. So those that are listed get
 * theirs, too.
 */
static void read_directory(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t pos, bool plus)
{
	const struct tree *tree = &server.tree;
	const uint32_t first = pos ? tree->names[pos].next :
				     node_of(ino)->names;
	uint32_t number = first;
	char *buf = malloc(size);
	size_t used = 0, len;

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (; number; number = tree->names[number].next) {
		len = add_name(req, buf + used, size - used, number, plus);
		if (len > size - used)
			break;
		used += len;
		if (plus)
			look_up(tree->names[number].node);
	}
	if (fuse_reply_buf(req, buf, used) < 0 && plus)
		forget_names(first, number);
	free(buf);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos,
		       struct fuse_file_info *fi)
{
	(void)fi;
	read_directory(req, ino, size, pos, false);
}

static void do_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t pos, struct fuse_file_info *fi)
{
	(void)fi;
	read_directory(req, ino, size, pos, true);
}

/* Files that the kernel doesn't open, or not completely */

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct node *node = node_of(ino);
	int fd = -1;

	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (node->packed) {
		fd = unpack(server.fd, node->member);
		if (fd < 0) {
			fuse_reply_err(req, -fd);
			return;
		}
	}
	/* one with pages of its own doesn't go with extents */
	if (attach_opened(ino))
		fi->direct_io = 1;
	else
		fi->keep_cache = 1;
	fi->fh = fd;
	if (fuse_reply_open(req, fi) < 0 && fd >= 0)
		close(fd);
}

static void do_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	if (node_of(ino)->packed)
		close(fi->fh);
	fuse_reply_err(req, 0);
}

static ssize_t read_file(fuse_ino_t ino, int fd, char *buf, size_t size,
			 off_t pos)
{
	const struct node *node = node_of(ino);
	const struct layout layout = layout_of(node);
	ssize_t res;

	if (!node->packed)
		return layout_read(&layout, server.fd, buf, size, pos);
	res = pread(fd, buf, size, pos);
	return res < 0 ? -errno : res;
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t pos,
		    struct fuse_file_info *fi)
{
	char *buf = malloc(size);
	ssize_t res = buf ? read_file(ino, fi->fh, buf, size, pos) : -ENOMEM;

	if (res < 0)
		fuse_reply_err(req, -res);
	else
		fuse_reply_buf(req, buf, res);
	free(buf);
}

static off_t seek_file(fuse_ino_t ino, int fd, off_t pos, int whence)
{
	const struct layout layout = layout_of(node_of(ino));
	off_t res;

	if (!node_of(ino)->packed)
		return layout_seek(&layout, pos, whence);
	res = lseek(fd, pos, whence);
	return res < 0 ? -errno : res;
}

static void do_lseek(fuse_req_t req, fuse_ino_t ino, off_t pos, int whence,
		     struct fuse_file_info *fi)
{
	off_t res = seek_file(ino, fi->fh, pos, whence);

	if (res < 0)
		fuse_reply_err(req, -res);
	else
		fuse_reply_lseek(req, res);
}

static const struct fuse_lowlevel_ops operations = {
	.init = do_init,
	.lookup = do_lookup,
	.forget = do_forget,
	.forget_multi = do_forget_multi,
	.getattr = do_getattr,
	.readlink = do_readlink,
	.statfs = do_statfs,
	.opendir = do_opendir,
	.readdir = do_readdir,
	.readdirplus = do_readdirplus,
	.open = do_open,
	.release = do_release,
	.read = do_read,
	.lseek = do_lseek,
};

/* Start and end */

static const char usage[] =
	"usage: fuse-tarfs [OPTION]... ARCHIVE MOUNTPOINT\n"
	"\n"
	"Mount a tar archive that is not compressed, or a zip archive, to be read.\n"
	"\n"
	"The kernel reads members directly from the archive, holes of sparse files\n"
	"included. Those that are compressed, in a zip archive, are unpacked to\n"
	"$TMPDIR or /var/tmp as long as they are open. Files are yours, or, if you are\n"
	"root, whose the archive says. Don't change the archive while it is mounted.\n"
	"\n"
	"    -o nopassthrough       this process reads all members";

static const struct fuse_opt options[] = {
	{ "nopassthrough", offsetof(struct server, nopassthrough), 1 },
	FUSE_OPT_END
};

static void parse(struct session *session)
{
	session_parse(session, &server, options);
	session_help(session, usage);
	if (!session->source || !session->opts.mountpoint)
		errx(EXIT_FAILURE, "which archive, and where? See --help");
	server.path = session->source;
	/* the kernel, not we, decides who may do what */
	fuse_opt_add_arg(&session->args,
			 "-oro,default_permissions,subtype=tarfs");
}

static void open_archive(void)
{
	server.fd = open(server.path, O_RDONLY | O_CLOEXEC);
	if (server.fd < 0 || fstat(server.fd, &server.archive) < 0)
		err(EXIT_FAILURE, "%s", server.path);
	if (!S_ISREG(server.archive.st_mode) || !server.archive.st_size)
		errx(EXIT_FAILURE, "%s: no archive", server.path);
}

static void make_index(void)
{
	const struct node root = {
		.mode = S_IFDIR | 0755,
		.uid = geteuid(),
		.gid = getegid(),
		.mtime = server.archive.st_mtim.tv_sec,
		.mtime_nsec = server.archive.st_mtim.tv_nsec,
	};

	/* names are bytes; libarchive converts what it takes for text */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
	tree_init(&server.tree, &root);
	index_archive(&server.tree, &server.extents, server.path, server.fd,
		      server.archive.st_size);
}

static int start(void)
{
	register_archive();
	return 0;
}

int main(int argc, char **argv)
{
	struct session session = { .args = FUSE_ARGS_INIT(argc, argv) };

	parse(&session);
	/*
	 * How many files may wait for their extents: all that a directory's
	 * listing names.
	 */
	session_raise_limit();
	open_archive();
	make_index();
	server.session = session_new(&session, &operations);
	return session_run(&session, start);
}
