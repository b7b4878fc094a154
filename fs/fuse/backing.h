/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE backing files: what the rest of fs/fuse calls, and keeps for them.
 */

#ifndef _FS_FUSE_BACKING_H
#define _FS_FUSE_BACKING_H

#include <linux/atomic.h>
#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/fuse_backing.h>
#include <linux/list.h>
#include <linux/types.h>

struct delayed_call;
struct dentry;
struct file;
struct folio;
struct fuse_attachment;
struct fuse_backing_bpf_ops;
struct fuse_conn;
struct fuse_entry_out;
struct fuse_file;
struct fuse_inode;
struct fuse_node;
struct fuse_passthrough;
struct fuse_tree;
struct iattr;
struct inode;
struct kiocb;
struct kstat;
struct mnt_idmap;
struct iov_iter;
struct pipe_inode_info;
struct posix_acl;
struct qstr;
struct readahead_control;
struct seq_file;
struct vm_area_struct;

/**
 * struct fuse_inode_backing - the backing side of a FUSE inode
 * @inode: backing inode of all files that are open in passthrough mode, to
 *	compare with; the open files keep it alive
 * @files: how many files are open in passthrough mode
 * @storing: how many of them were mmapped to be written to
 * @attached: what the kernel opens files on without asking the server
 * @ops: requests that this has the answer to
 * @tree: of a directory that has one attached, names below which are passed through
 * @node: of an inode below a tree, to its end
 * @was_attached: there is, or was, something attached; set once
 * @stored_to: somebody may be storing to a backing file, which nobody hears of
 * @remote_locks: the server may keep POSIX locks on it; set once
 * @remote_data: the server may have data of a file with extents, or its size, that isn't
 *	on its disk yet; set once
 * @revoked_at: files that are older lost their backing file
 * @open: files that are open in passthrough mode, &fuse_passthrough.link, those that came
 *	last first
 * @revoked: files that lost their backing file and have yet to let go of it, the same link
 * @mapped: backing files that were mmapped, and that somebody may still have
 * @untold: one of them is a file that nobody will say is gone; set once
 * @round: since somebody was last about to store to one: those that are known not to be
 *	stored to have this one, and come last
 *
 * All but @remote_locks and @remote_data are protected by fuse_inode::lock.
 */
struct fuse_inode_backing {
	struct inode *inode;
	unsigned int files;
	unsigned int storing;
	struct fuse_attachment *attached;
	u64 ops;
	struct fuse_tree __rcu *tree;
	struct fuse_node __rcu *node;
	bool was_attached;
	bool stored_to;
	bool remote_locks;
	bool remote_data;
	u64 revoked_at;
	struct list_head open;
	struct list_head revoked;
	struct list_head mapped;
	bool untold;
	u32 round;
};

/**
 * struct fuse_backing_refusals - why threads were refused something
 * @slot: the last refusals of some of them, see backing_reject.c
 */
struct fuse_backing_refusals {
	atomic64_t slot[8];
};

/**
 * struct fuse_backing_filter - the BPF program that a connection has
 * @ops: what it is asked; %NULL if there is none, as for almost all connections
 * @serial: by which programs know the connection, no other ever has it; 0 if none did yet
 *
 * Both are protected by fuse_mutex.
 */
struct fuse_backing_filter {
#ifdef CONFIG_FUSE_BACKING_BPF
	const struct fuse_backing_bpf_ops __rcu *ops;
	u64 serial;
#endif
};

/* backing_bpf.c */
#ifdef CONFIG_FUSE_BACKING_BPF
void fuse_backing_bpf_init(void);
#else
static inline void fuse_backing_bpf_init(void)
{
}
#endif

#ifdef CONFIG_FUSE_PASSTHROUGH

/* backing.c */
int fuse_backing_init(void);
void fuse_backing_exit(void);

/* backing_conn.c */
void fuse_backing_abort(struct fuse_conn *fc);
void fuse_backing_destroy(struct fuse_conn *fc);

/* backing_ctl.c, backing_ioctl.c */
void fuse_backing_show_fdinfo(struct seq_file *m, struct fuse_conn *fc);
bool fuse_backing_ctl_add(struct dentry *parent, struct fuse_conn *fc);
long fuse_backing_ioctl(struct fuse_conn *fc, unsigned int cmd,
			void __user *argp);

/* backing_open.c */
void fuse_backing_reply(struct fuse_file *ff, bool isdir);
void fuse_backing_file_end(struct fuse_file *ff);
int fuse_backing_ask_filter(struct file *file);

/**
 * fuse_backing_filter_reply - is the server's reply what the file is opened as
 * @of: the FUSE file, which the server has opened
 *
 * Context: process context; may sleep.
 * Return: 0, at once for replies that don't ask for it, or as fuse_backing_ask_filter().
 */
#define fuse_backing_filter_reply(of)					\
({									\
	struct file *__file = (of);					\
	struct fuse_file *__ff = __file->private_data;			\
									\
	IS_ENABLED(CONFIG_FUSE_BACKING_BPF) &&				\
	unlikely(__ff->open_flags & FOPEN_BACKING_FILTER) ?		\
		fuse_backing_ask_filter(__file) : 0;			\
})

int fuse_passthrough_bad_flags(struct fuse_file *ff);
void fuse_passthrough_open_failed(struct fuse_file *ff, struct fuse_inode *fi,
				  int err);
int fuse_passthrough_open_error(const struct fuse_file *ff, int err);

/* backing_attach.c */
void fuse_backing_inode_made(struct inode *inode);
void fuse_inode_backing_evict(struct fuse_inode *fi);

/* backing_handle.c */
struct file *fuse_backing_handle_file(struct file *file);
int fuse_backing_need_handle(struct file *file);
int fuse_backing_need_lock(struct file *file, bool flock);

/* backing_local.c */
bool fuse_backing_open_attached(struct inode *inode, struct file *file,
				int *err);
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

/* backing_below.c */
bool fuse_backing_lookup_below(struct inode *dir, struct dentry *entry,
			       struct fuse_entry_out *out, struct inode **inode,
			       int *err);
int fuse_backing_d_revalidate(struct inode *dir, const struct qstr *name,
			      struct dentry *entry, unsigned int flags);
void fuse_backing_entry_timed(struct dentry *entry);
bool fuse_backing_drops(const struct dentry *entry, bool expired);
int fuse_backing_i_permission(struct mnt_idmap *idmap, struct inode *inode,
			      int mask);
bool fuse_backing_permission(struct inode *inode, int mask, int *err);
int fuse_backing_encode_fh(struct inode *inode, u32 *fh, int *max_len,
			   struct inode *parent);
bool fuse_backing_find_mode(struct dentry *dentry, int *err);
int fuse_backing_refresh_below(struct dentry *dentry);
bool fuse_backing_get_link(struct dentry *dentry, struct inode *inode,
			   struct delayed_call *done, const char **link);

/**
 * fuse_backing_has_names - may names in a directory be passed through
 * @dir: the FUSE directory
 *
 * Context: any, RCU mode too.
 * Return: false for almost all: the server is asked for each.
 */
#define fuse_backing_has_names(dir)					\
({									\
	const struct fuse_inode *__fi =					\
		container_of(dir, const struct fuse_inode, inode);	\
									\
	rcu_access_pointer(__fi->backing.node) ||			\
		rcu_access_pointer(__fi->backing.tree);			\
})

/**
 * fuse_backing_refresh - let the VFS see whose an inode is
 * @of: a FUSE dentry of it
 *
 * Before it decides whether that may be changed.
 *
 * Context: process context; may sleep.
 * Return: 0, at once for all but those below a tree; or as fuse_backing_refresh_below().
 */
#define fuse_backing_refresh(of)						\
({									\
	struct dentry *__dentry = (of);					\
									\
	unlikely(fuse_backing_has_names(d_inode(__dentry))) ?		\
		fuse_backing_refresh_below(__dentry) : 0;		\
})

/* backing_introduce.c */
int fuse_backing_introduce_node(struct inode *inode);
u64 fuse_backing_known_node(struct dentry *dentry);

/**
 * fuse_backing_introduce - have the server know an inode
 * @of: the FUSE inode
 *
 * Before a request is made that names it: there may be none with node id 0.
 *
 * Context: process context; may sleep, killable.
 * Return: 0, at once for all but those below a tree; or as
 *	fuse_backing_introduce_node().
 */
#define fuse_backing_introduce(of)					\
({									\
	struct inode *__inode = (of);					\
									\
	unlikely(!get_node_id(__inode)) ?				\
		fuse_backing_introduce_node(__inode) : 0;		\
})

/* backing_dir.c */
bool fuse_backing_open_dir(struct inode *inode, struct file *file, int *err);

/* backing_attr.c */
bool fuse_backing_getattr(struct mnt_idmap *idmap, struct inode *inode,
			  struct dentry *dentry, struct kstat *stat, u32 mask,
			  unsigned int flags, int *err);
bool fuse_backing_access(struct inode *inode, int mask, int *err);
bool fuse_backing_set_times(struct inode *inode, const struct iattr *attr,
			    int *err);
bool fuse_backing_getxattr(struct inode *inode, const char *name, void *value,
			   size_t size, ssize_t *len);
bool fuse_backing_get_acl(struct dentry *dentry, int type, struct posix_acl **acl);
bool fuse_backing_listxattr(struct inode *inode, char *list, size_t size,
			    ssize_t *len);

/* backing_change.c */
bool fuse_backing_setattr_below(struct inode *inode, struct dentry *dentry,
				const struct iattr *attr, int *err);
bool fuse_backing_setxattr_below(struct dentry *dentry, const char *name,
				 const void *value, size_t size, int flags, int *err);

/* backing_entry.c */
bool fuse_backing_create(struct inode *dir, struct dentry *entry, struct file *file,
			 umode_t mode, int *err);
bool fuse_backing_create_new(struct inode *dir, struct dentry *entry, struct file *file,
			     unsigned int flags, umode_t mode, int *err);
bool fuse_backing_mknod(struct inode *dir, struct dentry *entry, umode_t mode, int *err);
bool fuse_backing_mkdir(struct inode *dir, struct dentry *entry, umode_t mode,
			struct dentry **alias);
bool fuse_backing_symlink(struct inode *dir, struct dentry *entry, const char *text,
			  int *err);
bool fuse_backing_link(struct dentry *old, struct inode *dir, struct dentry *entry,
		       int *err);
bool fuse_backing_remove(struct inode *dir, struct dentry *entry, int *err);
bool fuse_backing_rename(struct inode *olddir, struct dentry *from,
			 struct inode *newdir, struct dentry *to, unsigned int flags,
			 int *err);

/* backing_revoke.c */
bool fuse_backing_bypasses_cache(struct file *file);

/* backing_inode.c */
void fuse_inode_backing_init(struct fuse_inode *fi);
void fuse_inode_backing_made(struct inode *inode);
void fuse_backing_initialized(struct super_block *sb);
void fuse_inode_backing_size(struct inode *inode, loff_t size);
void fuse_inode_backing_truncated(struct inode *inode);
u32 fuse_inode_backing_inval_mask(struct fuse_inode *fi);
int fuse_backing_enter(struct fuse_file *ff, struct fuse_inode *fi);

/* backing_extents_*.c: files whose bytes are ranges of backing files */
ssize_t fuse_extents_read_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t fuse_extents_write_iter(struct kiocb *iocb, struct iov_iter *iter);
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
bool fuse_extents_exclude(struct fuse_inode *fi, struct file *file);

/* file.c */
extern const struct file_operations fuse_passthrough_file_operations;
extern const struct file_operations fuse_extents_file_operations;

/* passthrough.c */
int fuse_passthrough_open(struct file *file, int backing_id);
void fuse_passthrough_release(struct fuse_file *ff, struct fuse_inode *fi);

#else

static inline int fuse_backing_init(void)
{
	return 0;
}

static inline void fuse_backing_exit(void)
{
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

static inline int fuse_backing_filter_reply(struct file *file)
{
	return 0;
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

static inline bool fuse_backing_lookup_below(struct inode *dir,
					     struct dentry *entry,
					     struct fuse_entry_out *out,
					     struct inode **inode, int *err)
{
	return false;
}

#define fuse_backing_d_revalidate	fuse_dentry_revalidate
#define fuse_backing_i_permission	fuse_permission

static inline void fuse_backing_entry_timed(struct dentry *entry)
{
}

static inline bool fuse_backing_drops(const struct dentry *entry, bool expired)
{
	return expired;
}

static inline bool fuse_backing_permission(struct inode *inode, int mask, int *err)
{
	return false;
}

static inline bool fuse_backing_get_link(struct dentry *dentry, struct inode *inode,
					 struct delayed_call *done,
					 const char **link)
{
	return false;
}

static inline bool fuse_backing_has_names(const struct inode *dir)
{
	return false;
}

static inline bool fuse_backing_find_mode(struct dentry *dentry, int *err)
{
	return false;
}

static inline int fuse_backing_introduce(struct inode *inode)
{
	return 0;
}

#define fuse_backing_known_node(dentry)	get_node_id(d_inode(dentry))

static inline int fuse_backing_encode_fh(struct inode *inode, u32 *fh, int *max_len,
					 struct inode *parent)
{
	return FILEID_INVALID;
}

static inline int fuse_backing_refresh(struct dentry *dentry)
{
	return 0;
}

static inline bool fuse_backing_open_dir(struct inode *inode, struct file *file,
					 int *err)
{
	return false;
}

static inline bool fuse_backing_getattr(struct mnt_idmap *idmap,
					struct inode *inode,
					struct dentry *dentry,
					struct kstat *stat, u32 mask,
					unsigned int flags, int *err)
{
	return false;
}

static inline bool fuse_backing_access(struct inode *inode, int mask, int *err)
{
	return false;
}

static inline bool fuse_backing_set_times(struct inode *inode,
					  const struct iattr *attr, int *err)
{
	return false;
}

static inline bool fuse_backing_getxattr(struct inode *inode, const char *name,
					 void *value, size_t size, ssize_t *len)
{
	return false;
}

static inline bool fuse_backing_get_acl(struct dentry *dentry, int type,
					struct posix_acl **acl)
{
	return false;
}

static inline bool fuse_backing_listxattr(struct inode *inode, char *list,
					  size_t size, ssize_t *len)
{
	return false;
}

static inline bool fuse_backing_setattr_below(struct inode *inode, struct dentry *dentry,
					      const struct iattr *attr, int *err)
{
	return false;
}

static inline bool fuse_backing_setxattr_below(struct dentry *dentry, const char *name,
					       const void *value, size_t size, int flags,
					       int *err)
{
	return false;
}

static inline bool fuse_backing_create(struct inode *dir, struct dentry *entry,
				       struct file *file, umode_t mode, int *err)
{
	return false;
}

static inline bool fuse_backing_create_new(struct inode *dir, struct dentry *entry,
					   struct file *file, unsigned int flags,
					   umode_t mode, int *err)
{
	return false;
}

static inline bool fuse_backing_mknod(struct inode *dir, struct dentry *entry,
				      umode_t mode, int *err)
{
	return false;
}

static inline bool fuse_backing_mkdir(struct inode *dir, struct dentry *entry,
				      umode_t mode, struct dentry **alias)
{
	return false;
}

static inline bool fuse_backing_symlink(struct inode *dir, struct dentry *entry,
					const char *text, int *err)
{
	return false;
}

static inline bool fuse_backing_link(struct dentry *old, struct inode *dir,
				     struct dentry *entry, int *err)
{
	return false;
}

static inline bool fuse_backing_remove(struct inode *dir, struct dentry *entry,
				       int *err)
{
	return false;
}

static inline bool fuse_backing_rename(struct inode *olddir, struct dentry *from,
				       struct inode *newdir, struct dentry *to,
				       unsigned int flags, int *err)
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
					struct file *file)
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

static inline int fuse_backing_need_lock(struct file *file, bool flock)
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

static inline void fuse_backing_initialized(struct super_block *sb)
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

static inline long fuse_backing_ioctl(struct fuse_conn *fc, unsigned int cmd,
				      void __user *argp)
{
	return -ENOTTY;
}

static inline void fuse_backing_show_fdinfo(struct seq_file *m,
					    struct fuse_conn *fc)
{
}

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
ssize_t fuse_passthrough_mmap(struct file *file, struct vm_area_struct *vma);

#endif /* _FS_FUSE_BACKING_H */
