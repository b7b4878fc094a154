/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel thread with a file table of its own.
 *
 * A subsystem that keeps files open on behalf of a user installs them here, so
 * that lsof(8), fuser(1) and /proc show them, and so that RLIMIT_NOFILE counts
 * them.
 */

#ifndef _LINUX_KTHREAD_FILES_H
#define _LINUX_KTHREAD_FILES_H

#include <linux/llist.h>
#include <linux/types.h>

struct file;
struct kthread_files;
struct module;
struct pid_namespace;
struct wait_queue_head;

/*
 * A number is not handed out again before this many others were, unless the
 * limit leaves no other choice.
 */
#define KTHREAD_FILES_REUSE_DISTANCE	255

/**
 * struct kthread_files_work - something for the thread to do
 * @node: among what is queued
 * @func: see kthread_files_queue()
 */
struct kthread_files_work {
	struct llist_node node;
	void (*func)(struct kthread_files_work *work);
};

__printf(1, 2)
struct kthread_files *kthread_files_create(const char *namefmt, ...);
void kthread_files_destroy(struct kthread_files *kf);
void __noreturn kthread_files_exit(struct kthread_files *kf,
				   struct module *module);

void kthread_files_queue(struct kthread_files *kf,
			 struct kthread_files_work *work,
			 void (*func)(struct kthread_files_work *work));
int kthread_files_flush(struct kthread_files *kf);
int kthread_files_wait(struct kthread_files *kf, struct wait_queue_head *queue,
		       bool (*done)(void *arg), void *arg);
bool kthread_files_is_current(const struct kthread_files *kf);
bool kthread_files_may_wait(void);

int kthread_files_install(struct kthread_files *kf, struct file *file,
			  void *data, int *nr_of_data);
struct file *kthread_files_remove(struct kthread_files *kf, unsigned int nr);
void kthread_files_seal(struct kthread_files *kf);

void *kthread_files_find(struct kthread_files *kf, unsigned int nr,
			 bool (*get)(void *data));
bool kthread_files_visit(struct kthread_files *kf, unsigned int nr,
			 void (*visit)(struct file *file, void *data, void *arg),
			 void *arg);
unsigned int kthread_files_next(struct kthread_files *kf, unsigned int nr);

unsigned int kthread_files_count(const struct kthread_files *kf);
unsigned int kthread_files_limit(const struct kthread_files *kf);
pid_t kthread_files_pid(const struct kthread_files *kf,
			struct pid_namespace *ns);

#endif /* _LINUX_KTHREAD_FILES_H */
