/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what the rest of fs/fuse needs of them.
 *
 * backing.c owns ids and lifetime, passthrough.c the I/O, backing_ctl.c what
 * userspace sees.
 */

#ifndef _FS_FUSE_BACKING_H
#define _FS_FUSE_BACKING_H

#include <linux/fuse_backing.h>
#include <linux/kthread_files.h>
#include <linux/list.h>
#include <linux/rbtree_types.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct cred;
struct dentry;
struct file;
struct folio;
struct fuse_backing_attachment;
struct fuse_backing_mapped;
struct fuse_backing_table;
struct fuse_backing_usage;
struct fuse_conn;
struct fuse_extents;
struct fuse_file;
struct fuse_inode;
struct iattr;
struct inode;
struct kiocb;
struct iov_iter;
struct pid_namespace;
struct pipe_inode_info;
struct readahead_control;
struct seq_file;
struct vm_area_struct;

/**
 * struct fuse_backing - a mapping: a backing file under its id
 * @count: one for the id until it is closed, one for each open FUSE file, one
 *	for each file of those that was mmapped and may still be, one for each
 *	attachment
 * @id: backing id, also the number of the file in the table of the thread
 * @closed: the id is not to be used for new opens; protected by the lock of
 *	the thread's table
 * @brokered: good for what the registered descriptor was opened for only, because who
 *	registered it has more power than the owner of the connection
 * @as_opened: the same, because the server says so
 * @per_open: the id belongs to the first reply that names it
 * @per_inode: it is, or was, attached to an inode
 * @block: extents of inodes are, or were, in it
 * @by_thread: closing files of it may wait for somebody's server: the thread does
 * @copies: pages of the file are not to be spliced, but copied
 * @file: the registered file; the thread's table holds the reference, for as
 *	long as the mapping has one
 * @cred: credentials of the registration
 * @write_cred: the same without CAP_FSETID, for clients that lack it
 * @table: where the file is; the mapping holds a reference
 * @usage: who uses it, %NULL if it was never used
 * @dead: without references: for the thread to free
 */
struct fuse_backing {
	refcount_t count;
	int id;
	bool closed;
	bool brokered;
	bool as_opened;
	bool per_open;
	bool per_inode;
	bool block;
	bool by_thread;
	bool copies;
	struct file *file;
	const struct cred *cred;
	const struct cred *write_cred;
	struct fuse_backing_table *table;
	struct fuse_backing_usage *usage;
	struct kthread_files_work dead;
};

/**
 * enum fuse_backing_use_kind - what uses a mapping
 * @FUSE_BACKING_FILE: an open FUSE file
 * @FUSE_BACKING_MMAP: a backing file that was mmapped, and that somebody still has
 * @FUSE_BACKING_ATTACH: an inode that it is attached to
 * @FUSE_BACKING_PENDING: an attachment that waits for its inode
 * @FUSE_BACKING_USES: how many kinds there are
 */
enum fuse_backing_use_kind {
	FUSE_BACKING_FILE,
	FUSE_BACKING_MMAP,
	FUSE_BACKING_ATTACH,
	FUSE_BACKING_PENDING,
	FUSE_BACKING_USES,
};

/**
 * enum fuse_backing_closed_by - what closed an id
 * @FUSE_BACKING_CLOSED_BY_ID: FUSE_DEV_IOC_BACKING_CLOSE
 * @FUSE_BACKING_CLOSED_BY_CLAIM: the one open, or the attachment, it was for
 * @FUSE_BACKING_CLOSED_WITH_ALL: FUSE_DEV_IOC_BACKING_CLOSE_ALL, or the end of
 *	the server
 */
enum fuse_backing_closed_by {
	FUSE_BACKING_CLOSED_BY_ID,
	FUSE_BACKING_CLOSED_BY_CLAIM,
	FUSE_BACKING_CLOSED_WITH_ALL,
};

/**
 * struct fuse_backing_use - a user of a mapping, one for each reference
 * @link: in one of the mapping's lists of users
 * @nodeid: of the FUSE inode
 * @generation: of the FUSE inode, if it is an attachment; set by its owner
 * @kind: what it is
 * @stored_to: it was mmapped to be written to, and may be so once more
 * @mapped: of an open FUSE file that was mmapped, where the backing file itself is
 *	what the vma got; set once
 */
struct fuse_backing_use {
	struct list_head link;
	u64 nodeid;
	u32 generation;
	enum fuse_backing_use_kind kind;
	bool stored_to;
	struct fuse_backing_mapped *mapped;
};

/**
 * struct fuse_backing_users - the users of a mapping in numbers
 * @count: how many of each kind
 * @read: bytes read through the mapping, those of mmap excepted
 * @written: bytes written through it, the same
 * @extents: extents of FUSE inodes that are in it
 * @extent_bytes: bytes in those
 * @nr_nodes: number of node ids in @node
 * @more_nodes: there may be more than those
 * @node: node ids of FUSE inodes that use the mapping
 */
struct fuse_backing_users {
	unsigned int count[FUSE_BACKING_USES];
	u64 read;
	u64 written;
	u64 extents;
	u64 extent_bytes;
	unsigned int nr_nodes;
	bool more_nodes;
	u64 node[16];
};

/**
 * struct fuse_inode_backing - the backing side of a FUSE inode
 * @inode: backing inode of all files that are open in passthrough mode, to
 *	compare with; the open files keep it alive
 * @files: how many files are open in passthrough mode
 * @attached: what the kernel opens files on without asking the server
 * @was_attached: there is, or was, something attached; set once
 * @stored_to: somebody may be storing to a backing file, which nobody hears of
 * @remote_locks: the server may keep POSIX locks on it; set once
 * @remote_data: the server may have data of a file with extents that isn't on its
 *	disk yet; set once
 * @revoked_at: files that are older lost their backing file
 * @open: files that are open in passthrough mode, fuse_file::backing_link
 * @mapped: backing files that were mmapped, and that somebody still has
 * @nr_mapped: how many those are
 * @untold: one of them is a file that nobody will say is gone; set once
 *
 * All but @remote_locks and @remote_data are protected by fuse_inode::lock.
 */
struct fuse_inode_backing {
	struct inode *inode;
	unsigned int files;
	struct fuse_backing_attachment *attached;
	bool was_attached;
	bool stored_to;
	bool remote_locks;
	bool remote_data;
	u64 revoked_at;
	struct list_head open;
	struct list_head mapped;
	unsigned long nr_mapped;
	bool untold;
};

/**
 * struct fuse_backing_nodes - what is attached to inodes through a table
 * @fc: the connection, which is there as long as the table
 * @lock: protects all below
 * @pending: attachments that wait for their inode, by node id and generation
 * @pending_list: the same, the latest last
 * @nr_pending: how many those are
 * @serial: number of the latest of all of these
 * @attached: attachments of inodes
 * @closed: the connection was aborted
 */
struct fuse_backing_nodes {
	const struct fuse_conn *fc;
	/* protects all below */
	spinlock_t lock;
	struct rb_root pending;
	struct list_head pending_list;
	atomic_t nr_pending;
	u64 serial;
	struct list_head attached;
	bool closed;
};

/**
 * struct fuse_backing_status - a table in numbers
 * @pid: of the kernel thread, in the namespace asked for; 0 if there is none
 * @count: files in the table
 * @limit: RLIMIT_NOFILE of the thread
 */
struct fuse_backing_status {
	pid_t pid;
	unsigned int count;
	unsigned int limit;
};

#ifdef CONFIG_FUSE_PASSTHROUGH

/* backing.c: ids and lifetime */
int fuse_backing_open(struct fuse_conn *fc, struct fuse_backing_map *map);
int fuse_backing_close(struct fuse_conn *fc, int backing_id);
int fuse_backing_close_table(struct fuse_backing_table *table);
void fuse_backing_abort(struct fuse_conn *fc);
void fuse_backing_destroy(struct fuse_conn *fc);

struct fuse_backing *fuse_backing_lookup(struct fuse_conn *fc, int backing_id);
struct fuse_backing *fuse_backing_claim(struct fuse_conn *fc, int backing_id);
void fuse_backing_put(struct fuse_backing *fb);
void fuse_backing_put_deferred(struct fuse_backing *fb);
void fuse_backing_close_file(struct fuse_backing *fb, struct file *file);
int fuse_backing_may_reopen(const struct fuse_backing *fb);
void fuse_backing_reap_map(struct fuse_backing_table *table,
			   struct kthread_files_work *dead);
void fuse_backing_status(struct fuse_conn *fc, struct pid_namespace *ns,
			 struct fuse_backing_status *status);
struct fuse_backing_table *fuse_backing_table_get(struct fuse_conn *fc);
void fuse_backing_table_put(struct fuse_backing_table *table);
struct fuse_backing_nodes *
fuse_backing_table_nodes(struct fuse_backing_table *table);
int fuse_backing_nodes_limit(struct fuse_backing_nodes *nodes);
unsigned int fuse_backing_next(struct fuse_backing_table *table,
			       unsigned int id);
bool fuse_backing_visit(struct fuse_backing_table *table, unsigned int id,
			void (*visit)(struct file *file, void *fb, void *arg),
			void *arg);

/* backing_access.c: what a server may pass through */
int fuse_backing_may_call(struct fuse_conn *fc, int backing_id);
int fuse_backing_may_register(struct fuse_conn *fc, const struct file *file);
bool fuse_backing_is_brokered(struct fuse_conn *fc);
bool fuse_backing_is_noexec(const struct file *file);
int fuse_backing_may_open(struct fuse_backing *fb, struct file *file);
int fuse_backing_open_flags(const struct fuse_backing *fb, int flags);
int fuse_backing_may_write(struct fuse_file *ff, bool append);
int fuse_backing_may_mmap(struct fuse_file *ff, struct vm_area_struct *vma);

/* backing_privs.c: suid and sgid bits that a write removes */
bool fuse_backing_keeps_privs(void);
bool fuse_backing_removes_privs(struct file *file);
const struct cred *fuse_backing_remove_privs(struct file *file, int flags,
					     bool exclusive);
int fuse_backing_clear_privs(struct file *file, int flags);
void fuse_backing_end_privs(struct inode *inode, bool keeps);

/* backing_reply.c: ids that belong to one open */
void fuse_backing_reply(struct fuse_file *ff, bool isdir);
void fuse_backing_file_end(struct fuse_file *ff);

/* backing_attach.c: attached to inodes */
void fuse_backing_nodes_init(struct fuse_backing_nodes *nodes,
			     const struct fuse_conn *fc);
void fuse_backing_inode_made(struct inode *inode);
int fuse_backing_attach(struct fuse_conn *fc,
			const struct fuse_backing_attach *args);
int fuse_backing_detach(struct fuse_conn *fc,
			const struct fuse_backing_detach *args);
void fuse_backing_close_nodes(struct fuse_backing_nodes *nodes);
int fuse_backing_drop_pending(struct fuse_backing_nodes *nodes,
			      struct fuse_backing *fb);
int fuse_backing_detach_all(struct fuse_backing_nodes *nodes);
void fuse_backing_evict_attached(struct fuse_inode *fi);
struct fuse_extents *
fuse_backing_attached_extents(const struct fuse_inode *fi);
bool fuse_backing_take_attached(struct fuse_inode *fi, u32 modes,
				struct fuse_file *ff);
int fuse_backing_set_extents(struct fuse_conn *fc,
			     const struct fuse_backing_extents *args);

/* backing_local.c: FUSE files that the server doesn't know of */
bool fuse_backing_open_attached(struct inode *inode, struct file *file,
				int *err);
struct file *fuse_backing_handle_file(struct file *file);
int fuse_backing_need_handle(struct file *file);
int fuse_backing_need_lock(struct file *file);
int fuse_backing_flush(struct file *file, fl_owner_t id);
int fuse_backing_release(struct inode *inode, struct file *file);
int fuse_backing_may_copy(struct file *in, struct file *out);
bool fuse_backing_fsync(struct file *file, loff_t start, loff_t end,
			int datasync, int *err);
bool fuse_backing_lseek(struct file *file, loff_t offset, int whence,
			loff_t *pos);
bool fuse_backing_fallocate(struct file *file, int mode, loff_t offset,
			    loff_t len, int *err);
bool fuse_backing_setattr(struct file *file, const struct iattr *attr,
			  int *err);
int fuse_backing_fadvise(struct file *file, loff_t offset, loff_t len,
			 int advice);

/* backing_revoke.c: taken away from open files */
int fuse_backing_failover(struct file *file);
ssize_t fuse_backing_revoked_read(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_backing_revoked_write(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_backing_revoked_splice_read(struct file *in, loff_t *ppos,
					 struct pipe_inode_info *pipe,
					 size_t len, unsigned int flags);
int fuse_backing_revoked_mmap(struct file *file, struct vm_area_struct *vma);
bool fuse_backing_bypasses_cache(struct file *file);
int fuse_backing_enter(struct fuse_file *ff, struct fuse_inode *fi);
void fuse_backing_leave(struct fuse_file *ff, struct fuse_inode *fi);
int fuse_backing_revoke_start(struct fuse_inode *fi);
int fuse_backing_revoke_finish(struct fuse_inode *fi);

/* backing_inode.c: which mappings an inode uses */
void fuse_inode_backing_init(struct fuse_inode *fi);
void fuse_inode_backing_made(struct inode *inode);
void fuse_inode_backing_size(struct inode *inode, loff_t size);
void fuse_inode_backing_resized(struct inode *inode, struct inode *backing);
void fuse_inode_backing_truncated(struct inode *inode);
int fuse_inode_backing_start(struct fuse_inode *fi, struct inode *backing,
			     const struct fuse_extents *extents);
void fuse_inode_backing_end(struct fuse_inode *fi);
void fuse_inode_backing_store(struct fuse_file *ff, struct fuse_inode *fi);
u32 fuse_inode_backing_inval_mask(struct fuse_inode *fi);
void fuse_inode_backing_evict(struct fuse_inode *fi);

/* backing_mmap.c: what is mapped */
int fuse_backing_map_start(struct file *file,
			   struct fuse_backing_mapped **mapped);
void fuse_backing_map_end(struct fuse_backing_mapped *mapped, struct file *file,
			  struct file *vm_file);
void fuse_backing_unmap(struct fuse_file *ff);
bool fuse_inode_backing_is_mapped(struct fuse_inode *fi);
bool fuse_inode_backing_is_stored_to(struct fuse_inode *fi);
void fuse_inode_backing_evict_mapped(struct fuse_inode *fi);

/* backing_usage.c: who uses a mapping, and how much */
int fuse_backing_first_use(struct fuse_backing *fb);
void fuse_backing_usage_free(struct fuse_backing *fb);
void fuse_backing_use(struct fuse_backing *fb, struct fuse_backing_use *use,
		      enum fuse_backing_use_kind kind, u64 nodeid);
void fuse_backing_unuse(struct fuse_backing *fb, struct fuse_backing_use *use);
const struct fuse_backing_use *
fuse_backing_first_pending(const struct fuse_backing *fb);
void fuse_backing_count_extents(struct fuse_backing *fb, long extents,
				s64 bytes);
void fuse_backing_count_read(struct fuse_backing *fb, ssize_t bytes);
void fuse_backing_count_written(struct fuse_backing *fb, ssize_t bytes);
void fuse_backing_get_users(struct fuse_backing *fb,
			    struct fuse_backing_users *users);

/**
 * fuse_backing_usage_start - a mapping is about to have another user
 * @fb: a mapping that the caller holds a reference on
 *
 * Context: process context; may sleep.
 * Return: as fuse_backing_first_use().
 */
static inline int fuse_backing_usage_start(struct fuse_backing *fb)
{
	return READ_ONCE(fb->usage) ? 0 : fuse_backing_first_use(fb);
}

/**
 * fuse_backing_any_pending - does an attachment of a mapping wait
 * @fb: the mapping
 *
 * Context: process context with fuse_backing_nodes::lock held, which keeps what is
 *	returned.
 * Return: as fuse_backing_first_pending().
 */
static inline const struct fuse_backing_use *
fuse_backing_any_pending(const struct fuse_backing *fb)
{
	return READ_ONCE(fb->usage) ? fuse_backing_first_pending(fb) : NULL;
}

/* backing_list.c: what a server finds, and how it starts afresh */
enum fuse_backing_mode fuse_backing_mode(const struct fuse_backing *fb);
enum fuse_backing_state
fuse_backing_state(const struct fuse_backing *fb,
		   const struct fuse_backing_users *users);
int fuse_backing_list(struct fuse_conn *fc, struct fuse_backing_list *list);
int fuse_backing_close_all(struct fuse_conn *fc,
			   const struct fuse_backing_close_all *args);

/* backing_ioctl.c: ioctls of our own */
long fuse_backing_ioctl(struct file *file, unsigned int cmd, void __user *argp);

/* backing_ctl.c: what userspace sees */
void fuse_backing_show_fdinfo(struct seq_file *m, struct file *file);
bool fuse_backing_ctl_add(struct dentry *parent, struct fuse_conn *fc);

/* backing_extents_*.c: files whose bytes are ranges of backing files */
int fuse_extents_open(struct file *file);
ssize_t fuse_extents_read_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_extents_write_iter(struct kiocb *iocb, struct iov_iter *iter);
void fuse_extents_note_server(struct inode *inode);
int fuse_extents_mmap(struct file *file, struct vm_area_struct *vma);
int fuse_extents_fsync_file(struct file *file, loff_t start, loff_t end,
			    int datasync);
loff_t fuse_extents_llseek(struct file *file, loff_t offset, int whence);
long fuse_extents_fallocate(struct file *file, int mode, loff_t offset,
			    loff_t len);
int fuse_extents_fadvise(struct file *file, loff_t offset, loff_t len,
			 int advice);
bool fuse_extents_read_folio(struct file *file, struct folio *folio, int *err);
bool fuse_extents_readahead(struct readahead_control *rac);
bool fuse_extents_exclude(struct fuse_inode *fi, struct fuse_file *ff);

/* file.c */
extern const struct file_operations fuse_passthrough_file_operations;
extern const struct file_operations fuse_extents_file_operations;

/* In place of the backing file of an open FUSE file: there is none to use */
#define FUSE_BACKING_NO_FILE	((struct file *)ERR_PTR(-ESTALE))

/* passthrough.c: dispatch */
int fuse_passthrough_open(struct file *file, int backing_id);
int fuse_passthrough_bad_flags(struct fuse_file *ff);
void fuse_passthrough_open_failed(struct fuse_file *ff, struct fuse_inode *fi,
				  int err);
int fuse_passthrough_open_error(const struct fuse_file *ff, int err);
bool fuse_passthrough_is_uncached(const struct fuse_file *ff);
void fuse_passthrough_release(struct fuse_file *ff, struct fuse_inode *fi);
int fuse_passthrough_fallocate(struct file *file, int mode, loff_t offset,
			       loff_t len);

#else

static inline int fuse_backing_open(struct fuse_conn *fc,
				    struct fuse_backing_map *map)
{
	return -EOPNOTSUPP;
}

static inline int fuse_backing_close(struct fuse_conn *fc, int backing_id)
{
	return -EOPNOTSUPP;
}

static inline void fuse_backing_abort(struct fuse_conn *fc)
{
}

static inline void fuse_backing_destroy(struct fuse_conn *fc)
{
}

static inline void fuse_backing_reply(struct fuse_file *ff, bool isdir)
{
}

static inline void fuse_backing_inode_made(struct inode *inode)
{
}

static inline int fuse_backing_enter(struct fuse_file *ff,
				     struct fuse_inode *fi)
{
	return 0;
}

static inline bool fuse_backing_open_attached(struct inode *inode,
					      struct file *file, int *err)
{
	return false;
}

static inline bool fuse_extents_read_folio(struct file *file,
					   struct folio *folio, int *err)
{
	return false;
}

static inline bool fuse_extents_readahead(struct readahead_control *rac)
{
	return false;
}

static inline bool fuse_extents_exclude(struct fuse_inode *fi,
					struct fuse_file *ff)
{
	return false;
}

static inline bool fuse_backing_bypasses_cache(struct file *file)
{
	return false;
}

static inline struct file *fuse_backing_handle_file(struct file *file)
{
	return file;
}

static inline int fuse_backing_need_handle(struct file *file)
{
	return 0;
}

static inline int fuse_backing_need_lock(struct file *file)
{
	return 0;
}

static inline int fuse_backing_may_copy(struct file *in, struct file *out)
{
	return 0;
}

static inline bool fuse_backing_fsync(struct file *file, loff_t start,
				      loff_t end, int datasync, int *err)
{
	return false;
}

static inline bool fuse_backing_lseek(struct file *file, loff_t offset,
				      int whence, loff_t *pos)
{
	return false;
}

static inline bool fuse_backing_fallocate(struct file *file, int mode,
					  loff_t offset, loff_t len, int *err)
{
	return false;
}

static inline bool fuse_backing_setattr(struct file *file,
					const struct iattr *attr, int *err)
{
	return false;
}

#define fuse_backing_fadvise NULL

static inline void fuse_backing_file_end(struct fuse_file *ff)
{
}

static inline void fuse_inode_backing_init(struct fuse_inode *fi)
{
}

static inline void fuse_inode_backing_made(struct inode *inode)
{
}

static inline void fuse_inode_backing_size(struct inode *inode, loff_t size)
{
}

static inline void fuse_inode_backing_truncated(struct inode *inode)
{
}

static inline void fuse_inode_backing_evict(struct fuse_inode *fi)
{
}

#define fuse_inode_backing_inval_mask(fi) READ_ONCE((fi)->inval_mask)

static inline long fuse_backing_ioctl(struct file *file, unsigned int cmd,
				      void __user *argp)
{
	return -ENOTTY;
}

#define fuse_backing_show_fdinfo NULL

static inline bool fuse_backing_ctl_add(struct dentry *parent,
					struct fuse_conn *fc)
{
	return true;
}

static inline int fuse_passthrough_open(struct file *file, int backing_id)
{
	return -EINVAL;
}

static inline int fuse_passthrough_bad_flags(struct fuse_file *ff)
{
	return -EINVAL;
}

static inline void fuse_passthrough_open_failed(struct fuse_file *ff,
						struct fuse_inode *fi, int err)
{
}

static inline int fuse_passthrough_open_error(const struct fuse_file *ff,
					      int err)
{
	return -EIO;
}

static inline bool fuse_passthrough_is_uncached(const struct fuse_file *ff)
{
	return false;
}

static inline void fuse_passthrough_release(struct fuse_file *ff,
					    struct fuse_inode *fi)
{
}

#endif /* CONFIG_FUSE_PASSTHROUGH */

/* Called only for files that fuse_passthrough_open() opened */
ssize_t fuse_passthrough_read_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_passthrough_write_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_passthrough_splice_read(struct file *in, loff_t *ppos,
				     struct pipe_inode_info *pipe,
				     size_t len, unsigned int flags);
ssize_t fuse_passthrough_splice_write(struct pipe_inode_info *pipe,
				      struct file *out, loff_t *ppos,
				      size_t len, unsigned int flags);
int fuse_passthrough_mmap(struct file *file, struct vm_area_struct *vma);

#endif /* _FS_FUSE_BACKING_H */
