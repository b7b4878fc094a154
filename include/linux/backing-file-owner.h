/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who is told that nobody has a backing file any more.
 *
 * A vma, a core dump or a page fault keeps a backing file open after whoever opened it
 * has let go.  An owner hears of the last of them, whoever that is.
 *
 * Locking: file::f_lock protects the list of a file's owners.
 */
#ifndef _LINUX_BACKING_FILE_OWNER_H
#define _LINUX_BACKING_FILE_OWNER_H

#include <linux/fs.h>
#include <linux/path.h>
#include <linux/spinlock.h>

/**
 * struct backing_file_owner - somebody who wants to know
 * @next: another one of the same file
 * @key: a file has one owner with each
 * @path: what is there until @released() has returned, and with it its module
 * @released: called once, when the last reference on the file is gone, and what it was
 *	open on is put.  May sleep, and free the owner.
 */
struct backing_file_owner {
	struct backing_file_owner *next;
	const void *key;
	struct path path;
	void (*released)(struct backing_file_owner *owner);
};

/**
 * backing_file_owners - where the owners of a backing file are
 * @f: a file with FMODE_BACKING
 *
 * Context: any.
 * Return: the first of the list; the others are behind it.
 */
struct backing_file_owner **backing_file_owners(const struct file *f);

/**
 * backing_file_add_owner - have an owner told when a backing file is gone
 * @f: a file with FMODE_BACKING, that the caller holds a reference on
 * @owner: the owner, filled but for @next; takes a reference on its path
 *
 * Context: process context; takes file::f_lock.
 * Return: false if the file has one with the same key.
 */
static inline bool backing_file_add_owner(struct file *f,
					  struct backing_file_owner *owner)
{
	struct backing_file_owner **owners = backing_file_owners(f), *o;

	spin_lock(&f->f_lock);
	for (o = *owners; o && o->key != owner->key; )
		o = o->next;
	if (!o) {
		path_get(&owner->path);
		owner->next = *owners;
		*owners = owner;
	}
	spin_unlock(&f->f_lock);
	return !o;
}

/**
 * backing_file_tell_owners - nobody has a backing file any more
 * @f: the file, of which only the memory is left, and the user path
 *
 * Context: process context without locks; may sleep.
 */
static inline void backing_file_tell_owners(struct file *f)
{
	struct backing_file_owner **owners = backing_file_owners(f), *owner;
	struct path path;

	while (unlikely(*owners)) {
		owner = *owners;
		*owners = owner->next;
		path = owner->path;
		owner->released(owner);
		path_put(&path);
	}
}

#endif /* _LINUX_BACKING_FILE_OWNER_H */
