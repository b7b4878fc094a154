// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel thread with a file table of its own.
 *
 * The thread owns a files_struct, credentials and resource limits, and sleeps.
 * Files are installed and removed by the callers, in their own context.
 * /proc/PID/fd, lsof(8) and prlimit(2) then work on the thread as they do on any
 * process.
 *
 * It wakes up for what nobody else may do where they are: closing a file can wait
 * for whoever made the filesystem, so it must not happen on a queue that others
 * share.  One thread serves one user of this, and nobody waits for it who can't
 * give up.
 *
 * Locking: files->file_lock serializes every change of the table and protects
 * all fields of struct kthread_files below the comment that names it.  Nothing
 * else is taken inside it here; what kthread_files_visit() calls may.
 *
 * References: a kthread_files holds one reference on the task and one on the
 * files_struct.  The table holds one reference on each installed file.  Work that
 * is queued is the thread's until it is called.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/generic-radix-tree.h>
#include <linux/init_task.h>
#include <linux/jiffies.h>
#include <linux/key.h>
#include <linux/kthread.h>
#include <linux/kthread_charge.h>
#include <linux/kthread_files.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched/isolation.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>

#include "../fs/internal.h"
#include "kthread_exec_state.h"

/* So many numbers are parked before others get the lock */
#define PARKED_AT_ONCE	1024

/* What somebody who exits, and can't be killed any more, waits at most */
#define EXIT_PATIENCE	HZ

/* What is kept of a number */
union number {
	/* in use: what the file is to whoever installed it */
	void *data;
	/* closed: the list ends with 0 */
	struct {
		u32 next;
		/* value of kthread_files::handed_out when it was closed */
		u32 closed_at;
	};
};

/* Closed numbers, the one closed longest ago first; empty if !first */
struct number_queue {
	u32 first;
	u32 last;
};

struct kthread_files {
	struct task_struct *task;
	/* the thread's own, and gone with it */
	struct files_struct *files;
	/* for the thread to commit when it starts, not ours afterwards */
	struct cred *cred;
	struct completion ready;
	/* what the thread costs whoever it was started for */
	struct kthread_charge charge;
	/* struct kthread_files_work, the newest first */
	struct llist_head works;
	/* jiffies when the present work was begun, 0 between two of them */
	unsigned long busy_since;

	/* All below: files->file_lock */
	bool sealed;
	unsigned int count;
	/* numbers from here on were never handed out */
	u32 next;
	u32 handed_out;
	/* limit that decided what is parked */
	u32 parked_limit;
	struct number_queue closed;
	/* closed numbers that the present limit does not allow */
	struct number_queue parked;
	GENRADIX(union number) numbers;
};

static void queue_push_locked(struct kthread_files *kf, struct number_queue *q,
			      u32 nr)
{
	genradix_ptr(&kf->numbers, nr)->next = 0;
	if (q->first)
		genradix_ptr(&kf->numbers, q->last)->next = nr;
	else
		q->first = nr;
	q->last = nr;
}

static u32 queue_pop_locked(struct kthread_files *kf, struct number_queue *q)
{
	u32 nr = q->first;

	q->first = genradix_ptr(&kf->numbers, nr)->next;
	return nr;
}

/* Put all of @q back in front of the closed numbers: they are older */
static void queue_unpark_locked(struct kthread_files *kf)
{
	struct number_queue *q = &kf->parked;

	if (!q->first)
		return;
	genradix_ptr(&kf->numbers, q->last)->next = kf->closed.first;
	if (!kf->closed.first)
		kf->closed.last = q->last;
	kf->closed.first = q->first;
	q->first = 0;
}

/*
 * Keep numbers that the limit forbids out of the way.  Each is moved once per
 * change of the limit, so that handing out a number stays cheap.  Returns false if
 * there may be more of them, and others are to get the lock first.
 */
static bool park_locked(struct kthread_files *kf, u32 limit)
{
	unsigned int i;

	if (limit > kf->parked_limit)
		queue_unpark_locked(kf);
	kf->parked_limit = limit;

	for (i = 0; kf->closed.first >= limit; i++) {
		if (i == PARKED_AT_ONCE)
			return false;
		queue_push_locked(kf, &kf->parked,
				  queue_pop_locked(kf, &kf->closed));
	}
	return true;
}

static bool may_reuse_locked(struct kthread_files *kf, u32 nr)
{
	u32 closed_at = genradix_ptr(&kf->numbers, nr)->closed_at;

	return kf->handed_out - closed_at >= KTHREAD_FILES_REUSE_DISTANCE;
}

/*
 * Choose the number for the next file.  Reusing old numbers before taking new
 * ones keeps the table compact; the distance keeps a number that somebody may
 * still remember from naming another file.
 *
 * Returns the number, 0 if it isn't known before others had the lock, or an error.
 */
static int pick_number_locked(struct kthread_files *kf)
{
	u32 limit = min(kthread_files_limit(kf), sysctl_nr_open);

	if (kf->sealed)
		return -ESHUTDOWN;
	/* number 0 is never used, so a limit of N leaves N - 1 */
	if (kf->count + 1 >= limit)
		return -EMFILE;

	if (!park_locked(kf, limit))
		return 0;
	if (kf->closed.first && may_reuse_locked(kf, kf->closed.first))
		return kf->closed.first;
	if (kf->next < limit)
		return kf->next;
	if (kf->closed.first)
		return kf->closed.first;
	return -EMFILE;
}

/* Returns 1, and the caller must pick a number again; or -EINTR */
static int let_others_locked(struct kthread_files *kf)
	__must_hold(&kf->files->file_lock)
{
	spin_unlock(&kf->files->file_lock);
	/* locks of virtual machines aren't fair: who just lets go of one has it again */
	usleep_range(20, 100);
	spin_lock(&kf->files->file_lock);
	/* who changes the limit all the time is to keep nobody here */
	return fatal_signal_pending(current) ? -EINTR : 1;
}

/*
 * Make sure that both the file table and our own array hold @nr.
 *
 * Returns 0 if they do, and what is kept of it in @number; 1 if the lock was
 * dropped to grow them (the caller must pick a number again); or an error.
 */
static int grow_locked(struct kthread_files *kf, u32 nr, union number **number)
	__must_hold(&kf->files->file_lock)
{
	struct files_struct *files = kf->files;
	void *allocated;

	*number = genradix_ptr(&kf->numbers, nr);
	if (*number && nr < files_fdtable(files)->max_fds)
		return 0;
	/* it doesn't say that it dropped the lock, but to grow it has to */
	if (*number)
		return expand_files(files, nr) ?: 1;

	spin_unlock(&files->file_lock);
	allocated = genradix_ptr_alloc(&kf->numbers, nr, GFP_KERNEL_ACCOUNT);
	spin_lock(&files->file_lock);
	return allocated ? 1 : -ENOMEM;
}

static void take_number_locked(struct kthread_files *kf, u32 nr,
			       const union number *number)
{
	struct fdtable *fdt = files_fdtable(kf->files);
	unsigned int word = nr / BITS_PER_LONG;

	if (nr == kf->next)
		kf->next++;
	else
		kf->closed.first = number->next;
	kf->handed_out++;
	WRITE_ONCE(kf->count, kf->count + 1);

	__set_bit(nr, fdt->open_fds);
	if (!~fdt->open_fds[word])
		__set_bit(word, fdt->full_fds_bits);
}

/**
 * kthread_files_install - put a file into the table
 * @kf: the table
 * @file: an open file; not one of alloc_empty_backing_file(), which must never
 *	be seen in a table
 * @data: what the file is to the caller, for kthread_files_find()
 * @nr_of_data: set to the number before @data can be found by it; may be %NULL
 *
 * The number is the lowest that was never used, or one that was closed and
 * after which %KTHREAD_FILES_REUSE_DISTANCE others were handed out.  If the
 * limit allows neither, it is the number that was closed longest ago.
 *
 * Context: may sleep (the table grows).  Memory is charged to the caller's
 *	memory cgroup.
 * Return: the number, at least 1, and the table owns the caller's reference on
 *	@file; or -EMFILE if RLIMIT_NOFILE of the thread or fs.nr_open is
 *	reached, -ESHUTDOWN after kthread_files_seal(), -ENOMEM, -EINTR if the caller
 *	is killed, -EINVAL for a forbidden @file, and the reference stays with the
 *	caller.
 */
int kthread_files_install(struct kthread_files *kf, struct file *file,
			  void *data, int *nr_of_data)
{
	struct files_struct *files = kf->files;
	union number *number;
	int nr, err;

	if (WARN_ON_ONCE(file->f_mode & FMODE_BACKING))
		return -EINVAL;

	spin_lock(&files->file_lock);
	do {
		nr = pick_number_locked(kf);
		if (nr > 0)
			err = grow_locked(kf, nr, &number);
		else
			err = nr ?: let_others_locked(kf);
	} while (err > 0);
	if (!err) {
		take_number_locked(kf, nr, number);
		if (nr_of_data)
			*nr_of_data = nr;
		number->data = data;
		rcu_assign_pointer(files_fdtable(files)->fd[nr], file);
	}
	spin_unlock(&files->file_lock);

	return err ?: nr;
}
EXPORT_SYMBOL_GPL(kthread_files_install);

/**
 * kthread_files_seal - let nothing be installed any more
 * @kf: the table
 *
 * Context: any but interrupts.
 */
void kthread_files_seal(struct kthread_files *kf)
{
	spin_lock(&kf->files->file_lock);
	kf->sealed = true;
	spin_unlock(&kf->files->file_lock);
}
EXPORT_SYMBOL_GPL(kthread_files_seal);

/**
 * kthread_files_find - find what was installed with a file
 * @kf: the table
 * @nr: any number
 * @get: called for the data; may take a reference or refuse
 *
 * Until @get returns, the number stays in use.
 *
 * Context: any but interrupts.  @get is called with a spinlock held.
 * Return: the data, %NULL if @nr is not in use or @get returned false.
 */
void *kthread_files_find(struct kthread_files *kf, unsigned int nr,
			 bool (*get)(void *data))
{
	struct files_struct *files = kf->files;
	void *data = NULL;

	spin_lock(&files->file_lock);
	if (files_lookup_fd_locked(files, nr)) {
		data = genradix_ptr(&kf->numbers, nr)->data;
		if (!get(data))
			data = NULL;
	}
	spin_unlock(&files->file_lock);

	return data;
}
EXPORT_SYMBOL_GPL(kthread_files_find);

/**
 * kthread_files_visit - look at a file and at what was installed with it
 * @kf: the table
 * @nr: any number
 * @visit: called for the file, the data, and @arg
 * @arg: for @visit
 *
 * Neither is removed before @visit returns, and no reference is needed that
 * would keep them for longer.
 *
 * Context: any but interrupts.  @visit is called with a spinlock held.
 * Return: whether @nr is in use.
 */
bool kthread_files_visit(struct kthread_files *kf, unsigned int nr,
			 void (*visit)(struct file *file, void *data, void *arg),
			 void *arg)
{
	struct files_struct *files = kf->files;
	struct file *file;

	spin_lock(&files->file_lock);
	file = files_lookup_fd_locked(files, nr);
	if (file)
		visit(file, genradix_ptr(&kf->numbers, nr)->data, arg);
	spin_unlock(&files->file_lock);

	return file;
}
EXPORT_SYMBOL_GPL(kthread_files_visit);

/**
 * kthread_files_next - find a number that is in use
 * @kf: the table
 * @nr: the least number to find
 *
 * Context: any but interrupts.
 * Return: a number, which may be closed at once; 0 if there is none.
 */
unsigned int kthread_files_next(struct kthread_files *kf, unsigned int nr)
{
	struct files_struct *files = kf->files;
	struct fdtable *fdt;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	nr = find_next_bit(fdt->open_fds, fdt->max_fds, nr);
	if (nr >= fdt->max_fds)
		nr = 0;
	spin_unlock(&files->file_lock);

	return nr;
}
EXPORT_SYMBOL_GPL(kthread_files_next);

/**
 * kthread_files_remove - take a file out of the table
 * @kf: the table
 * @nr: any number
 *
 * Context: any but interrupts.  Putting the file may sleep.
 * Return: the file with the table's reference, which the caller must now put;
 *	%NULL if @nr is not in use.
 */
struct file *kthread_files_remove(struct kthread_files *kf, unsigned int nr)
{
	struct files_struct *files = kf->files;
	struct file *file;

	spin_lock(&files->file_lock);
	file = file_close_fd_locked(files, nr);
	if (file) {
		queue_push_locked(kf, &kf->closed, nr);
		genradix_ptr(&kf->numbers, nr)->closed_at = kf->handed_out;
		WRITE_ONCE(kf->count, kf->count - 1);
	}
	spin_unlock(&files->file_lock);

	return file;
}
EXPORT_SYMBOL_GPL(kthread_files_remove);

/**
 * kthread_files_count - how many files the table holds
 * @kf: the table
 *
 * Context: any.
 * Return: the number of files; it may change at once.
 */
unsigned int kthread_files_count(const struct kthread_files *kf)
{
	return READ_ONCE(kf->count);
}
EXPORT_SYMBOL_GPL(kthread_files_count);

/**
 * kthread_files_limit - RLIMIT_NOFILE of the thread
 * @kf: the table
 *
 * Context: any.
 * Return: the soft limit, at most %INT_MAX.  The table takes one file less,
 *	because number 0 is not used.
 */
unsigned int kthread_files_limit(const struct kthread_files *kf)
{
	return min_t(unsigned long, task_rlimit(kf->task, RLIMIT_NOFILE),
		     INT_MAX);
}
EXPORT_SYMBOL_GPL(kthread_files_limit);

/**
 * kthread_files_pid - pid of the thread
 * @kf: the table
 * @ns: the pid namespace of who asks
 *
 * Context: any.
 * Return: the pid, 0 if the thread is not visible in @ns.
 */
pid_t kthread_files_pid(const struct kthread_files *kf,
			struct pid_namespace *ns)
{
	return task_pid_nr_ns(kf->task, ns);
}
EXPORT_SYMBOL_GPL(kthread_files_pid);

#ifdef CONFIG_KEYS
static void drop_keyrings(struct cred *cred)
{
	key_put(cred->session_keyring);
	key_put(cred->process_keyring);
	key_put(cred->thread_keyring);
	key_put(cred->request_key_auth);
	cred->session_keyring = NULL;
	cred->process_keyring = NULL;
	cred->thread_keyring = NULL;
	cred->request_key_auth = NULL;
}
#else
static void drop_keyrings(struct cred *cred)
{
}
#endif

/* The caller's identity without any of its powers */
static struct cred *prepare_thread_creds(void)
{
	struct cred *cred = prepare_creds();

	if (!cred)
		return NULL;

	cap_clear(cred->cap_inheritable);
	cap_clear(cred->cap_permitted);
	cap_clear(cred->cap_effective);
	cap_clear(cred->cap_bset);
	cap_clear(cred->cap_ambient);
	drop_keyrings(cred);
	return cred;
}

/* In the order in which they were queued */
static void run_works(struct kthread_files *kf, struct llist_node *works)
{
	struct kthread_files_work *work, *next;

	works = llist_reverse_order(works);
	llist_for_each_entry_safe(work, next, works, node) {
		WRITE_ONCE(kf->busy_since, jiffies ?: 1);
		work->func(work);
		WRITE_ONCE(kf->busy_since, 0);
		cond_resched();
	}
}

static void serve(struct kthread_files *kf)
{
	struct llist_node *works;
	bool stop;

	for (;;) {
		set_current_state(TASK_IDLE);
		/* before the works: those that were queued by then are run */
		stop = kthread_should_stop();
		works = llist_del_all(&kf->works);
		if (works) {
			__set_current_state(TASK_RUNNING);
			run_works(kf, works);
			continue;
		}
		if (stop)
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int serve_until_stopped(void *data)
{
	struct kthread_files *kf = data;

	/* Only a task itself may change its credentials */
	commit_creds(kf->cred);
	complete(&kf->ready);

	serve(kf);
	return 0;
}

/**
 * kthread_files_queue - have the thread do something
 * @kf: the table
 * @work: not queued; the thread's until @func is called, which may free it
 * @func: called by the thread, in the order of queueing, without locks; may
 *	sleep, and as long as it does nothing else that was queued is done
 *
 * The caller may lose @kf as soon as @func is called.
 *
 * Context: any.
 */
void kthread_files_queue(struct kthread_files *kf,
			 struct kthread_files_work *work,
			 void (*func)(struct kthread_files_work *work))
{
	struct task_struct *task = kf->task;

	work->func = func;
	/* a task that ends after this is freed after a grace period */
	rcu_read_lock();
	if (llist_add(&work->node, &kf->works))
		wake_up_process(task);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(kthread_files_queue);

/**
 * kthread_files_is_current - is the caller a table's thread
 * @kf: the table
 *
 * Context: any.
 * Return: whether the caller runs as what was queued for @kf.
 */
bool kthread_files_is_current(const struct kthread_files *kf)
{
	return current == kf->task;
}
EXPORT_SYMBOL_GPL(kthread_files_is_current);

/**
 * kthread_files_may_wait - can the caller give up
 *
 * A kernel thread works for others, and somebody who exits can't be killed: they
 * are not to wait for what a user may keep from ever happening.
 *
 * Context: process context.
 * Return: whether a killable wait can be ended by killing the caller.
 */
bool kthread_files_may_wait(void)
{
	return !(current->flags & (PF_KTHREAD | PF_EXITING));
}
EXPORT_SYMBOL_GPL(kthread_files_may_wait);

/* Whoever waits, and the thread, have a reference each: either may be the last */
struct barrier {
	struct kthread_files_work work;
	wait_queue_head_t queue;
	bool reached;
	refcount_t count;
};

static void put_barrier(struct barrier *barrier)
{
	if (refcount_dec_and_test(&barrier->count))
		kfree(barrier);
}

static void reach_barrier(struct kthread_files_work *work)
{
	struct barrier *barrier = container_of(work, struct barrier, work);

	/* pairs with smp_load_acquire() in is_reached() */
	smp_store_release(&barrier->reached, true);
	wake_up(&barrier->queue);
	put_barrier(barrier);
}

static bool is_reached(void *arg)
{
	struct barrier *barrier = arg;

	/* pairs with smp_store_release() in reach_barrier(): what was done before is seen */
	return smp_load_acquire(&barrier->reached);
}

static bool is_stuck(const struct kthread_files *kf)
{
	unsigned long since = READ_ONCE(kf->busy_since);

	return since && time_after(jiffies, since + EXIT_PATIENCE);
}

static bool was_killed(void)
{
	return current->signal->group_exit_code & 0x7f;
}

/* Returns whether the caller is one who waits at all */
static bool would_wait(const struct kthread_files *kf)
{
	if (kthread_files_is_current(kf))
		return false;
	/* another such thread keeps nobody waiting but those it is for */
	if (current->flags & PF_KTHREAD)
		return kthread_func(current) == serve_until_stopped;
	if (current->flags & PF_EXITING)
		return !was_killed() && !is_stuck(kf);
	return true;
}

/* One who is woken up when he is killed asks @done, as all do: no wake-up is lost */
static int wait_exclusively(wait_queue_head_t *queue, bool (*done)(void *arg), void *arg,
			    unsigned int state, long again)
{
	DEFINE_WAIT(wait);
	int err = 0;

	for (;;) {
		prepare_to_wait_exclusive(queue, &wait, state);
		if (done(arg))
			break;
		if (signal_pending_state(state, current)) {
			err = -EINTR;
			break;
		}
		schedule_timeout(again);
	}
	finish_wait(queue, &wait);
	return err;
}

/* Asks @done after each wake-up, and also after @again jiffies */
static int wait_until(wait_queue_head_t *queue, bool (*done)(void *arg), void *arg,
		      long again)
{
	/* somebody's server may take its time: that is no hang */
	if (current->flags & PF_KTHREAD)
		return wait_exclusively(queue, done, arg, TASK_IDLE, again);
	/* not exclusive: one whose time is up may have been woken up in place of another */
	if (current->flags & PF_EXITING)
		return wait_event_timeout(*queue, done(arg), EXIT_PATIENCE) ?
		       0 : -EINTR;
	return wait_exclusively(queue, done, arg, TASK_KILLABLE, again);
}

/**
 * kthread_files_wait - wait for what the thread brings about
 * @kf: the table
 * @queue: of who waits; wake_up() is to be called each time that one more may go on
 * @done: called for @arg; whether the caller may go on, and if so isn't called again
 * @arg: for @done
 *
 * For who can give up, as kthread_files_flush().  Nothing is left behind of who does.
 * What depends on the limit is noticed within a second: who changes that wakes nobody.
 *
 * Context: process context without locks; may sleep, killable.
 * Return: 0, and @done has returned true; or -EINTR.
 */
int kthread_files_wait(struct kthread_files *kf, struct wait_queue_head *queue,
		       bool (*done)(void *arg), void *arg)
{
	if (done(arg))
		return 0;
	return would_wait(kf) ? wait_until(queue, done, arg, HZ) : -EINTR;
}
EXPORT_SYMBOL_GPL(kthread_files_wait);

/**
 * kthread_files_flush - wait for what was queued
 * @kf: the table
 *
 * For who can give up: any process may be killed, one that exits waits for a moment
 * only, and kernel threads not at all, but those of other tables.  The thread
 * of @kf doesn't wait for itself.  Who gives up leaves a mark that the thread frees when
 * it gets there: so this is for who has queued something, of which there is a limit.
 *
 * Context: process context without locks; may sleep, killable.
 * Return: 0 if all that the caller had queued before is done; -EINTR if it isn't
 *	known to be, which is no reason to queue it again.
 */
int kthread_files_flush(struct kthread_files *kf)
{
	struct barrier *barrier;
	int err;

	if (!would_wait(kf))
		return -EINTR;

	barrier = kmalloc_obj(*barrier, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	init_waitqueue_head(&barrier->queue);
	barrier->reached = false;
	refcount_set(&barrier->count, 2);
	kthread_files_queue(kf, &barrier->work, reach_barrier);
	err = wait_until(&barrier->queue, is_reached, barrier,
			 MAX_SCHEDULE_TIMEOUT);
	put_barrier(barrier);
	return err;
}
EXPORT_SYMBOL_GPL(kthread_files_flush);

/*
 * The hard limit of the caller is the thread's soft one, too.  A lower soft one keeps
 * programs from numbers that select(2) can't take, and the caller may raise it.
 */
static void inherit_nofile_limit(struct task_struct *task)
{
	struct rlimit rlim;

	task_lock(current->group_leader);
	rlim = current->signal->rlim[RLIMIT_NOFILE];
	task_unlock(current->group_leader);
	rlim.rlim_cur = rlim.rlim_max;

	task_lock(task);
	task->signal->rlim[RLIMIT_NOFILE] = rlim;
	task_unlock(task);
}

/* Take some file out of a table; %NULL if it is empty */
static struct file *close_any(struct files_struct *files)
{
	struct file *file = NULL;
	struct fdtable *fdt;
	unsigned int nr;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	nr = find_first_bit(fdt->open_fds, fdt->max_fds);
	if (nr < fdt->max_fds)
		file = file_close_fd_locked(files, nr);
	spin_unlock(&files->file_lock);

	return file;
}

/* Kernel threads share init_files: give this one a table of its own */
static int unshare_table(struct kthread_files *kf)
{
	struct files_struct *files, *shared;
	struct file *file;

	files = dup_fd(&init_files, NULL);
	if (IS_ERR(files))
		return PTR_ERR(files);

	/* Whatever kernel threads may have open is none of the user's business */
	while ((file = close_any(files)))
		fput(file);

	/* The only reference is the thread's: else growing waits for RCU */
	kf->files = files;

	task_lock(kf->task);
	shared = kf->task->files;
	kf->task->files = files;
	task_unlock(kf->task);
	put_files_struct(shared);
	return 0;
}

/*
 * The user whose thread this is must not bind it to a processor.  It may run where kernel
 * threads may as it starts; which those are may change.
 */
static int fix_affinity(struct task_struct *task)
{
	cpumask_var_t mask;

	if (!alloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	rcu_read_lock();
	cpumask_copy(mask, housekeeping_cpumask(HK_TYPE_KTHREAD));
	rcu_read_unlock();
	kthread_bind_mask(task, mask);
	free_cpumask_var(mask);
	return 0;
}

/* The thread is a process of the user's; who may exceed that, as in fork(2) */
static bool over_process_limit(struct task_struct *task)
{
	return is_rlimit_overlimit(task_ucounts(task), UCOUNT_RLIMIT_NPROC,
				   rlimit(RLIMIT_NPROC)) &&
	       current_real_cred()->user != INIT_USER &&
	       !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN);
}

/* Give @kf->task, which has not run yet, what makes it ours, and let it run */
static int launch_thread(struct kthread_files *kf)
{
	int err;

	err = unshare_table(kf) ?: kthread_unshare_exec_state(kf->task) ?:
	      fix_affinity(kf->task);
	if (err)
		return err;

	kf->cred = prepare_thread_creds();
	if (!kf->cred)
		return -ENOMEM;

	inherit_nofile_limit(kf->task);
	wake_up_process(kf->task);
	wait_for_completion(&kf->ready);

	return over_process_limit(kf->task) ? -EAGAIN : 0;
}

/* The thread is gone, or has nothing more to do with @kf */
static void free_files(struct kthread_files *kf)
{
	put_task_struct(kf->task);
	genradix_free(&kf->numbers);
	kthread_uncharge(&kf->charge);
	kfree(kf);
}

static void stop_thread(struct kthread_files *kf)
{
	kthread_stop(kf->task);
	free_files(kf);
}

__printf(2, 0)
static struct task_struct *create_thread(struct kthread_files *kf,
					 const char *namefmt, va_list args)
{
	struct task_struct *task;
	char *name;

	name = kvasprintf(GFP_KERNEL, namefmt, args);
	if (!name)
		return ERR_PTR(-ENOMEM);
	task = kthread_create(serve_until_stopped, kf, "%s", name);
	kfree(name);
	return task;
}

/**
 * kthread_files_create - start a kernel thread with an empty file table
 * @namefmt: printf-style name of the thread, shown in full by /proc/PID/comm
 *
 * The thread gets the caller's credentials without capabilities and keyrings,
 * and the caller's hard RLIMIT_NOFILE, both as they are now.  It counts as a process
 * of the caller's user; RLIMIT_NPROC of the caller applies as in fork(2).
 * Memory of the table and of the thread itself is charged to the caller's memory
 * cgroup, and its pids cgroup counts the thread as one of its tasks; it is a member
 * of neither.
 *
 * Context: may sleep; killable.  No locks: kthreadd does part of the work.
 * Return: the table, to be ended with kthread_files_destroy() or
 *	kthread_files_exit(); or ERR_PTR() of -EINTR if the caller was killed,
 *	-EAGAIN if the user or the pids cgroup has too many processes, -ENOMEM,
 *	or what else makes a new thread impossible.
 */
struct kthread_files *kthread_files_create(const char *namefmt, ...)
{
	struct kthread_files *kf;
	struct task_struct *task;
	va_list args;
	int err;

	kf = kzalloc_obj(*kf, GFP_KERNEL_ACCOUNT);
	if (!kf)
		return ERR_PTR(-ENOMEM);
	init_completion(&kf->ready);
	init_llist_head(&kf->works);
	genradix_init(&kf->numbers);
	kf->next = 1;

	err = kthread_charge(&kf->charge);
	if (err)
		goto err_free;

	va_start(args, namefmt);
	task = create_thread(kf, namefmt, args);
	va_end(args);
	if (IS_ERR(task)) {
		err = PTR_ERR(task);
		goto err_uncharge;
	}

	kf->task = get_task_struct(task);
	err = launch_thread(kf);
	if (err) {
		stop_thread(kf);
		return ERR_PTR(err);
	}
	return kf;

err_uncharge:
	kthread_uncharge(&kf->charge);
err_free:
	kfree(kf);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(kthread_files_create);

/**
 * kthread_files_destroy - stop the thread and free its empty table
 * @kf: the table
 *
 * The caller must have removed every file, and nobody may use @kf any more:
 * files left to the exit of the thread would be closed at a time that nobody
 * can wait for.  What is queued is done first, so it must not be anything that a
 * user can delay.  The thread disappears from /proc soon after.
 *
 * Context: not the thread's own; may sleep.
 */
void kthread_files_destroy(struct kthread_files *kf)
{
	WARN_ON_ONCE(kf->count);
	stop_thread(kf);
}
EXPORT_SYMBOL_GPL(kthread_files_destroy);

/**
 * kthread_files_exit - the same by the thread itself
 * @kf: the table
 * @module: whose code calls this; the reference that kept it is put
 *
 * For who doesn't wait until the table is empty.
 *
 * Context: called by work, with nothing else queued.
 */
void __noreturn kthread_files_exit(struct kthread_files *kf,
				   struct module *module)
{
	WARN_ON_ONCE(kf->count || !kthread_files_is_current(kf));
	free_files(kf);
#ifdef CONFIG_MODULES
	__module_put_and_kthread_exit(module, 0);
#else
	kthread_exit(0);
#endif
}
EXPORT_SYMBOL_GPL(kthread_files_exit);
