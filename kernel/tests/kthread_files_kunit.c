// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of kthread_files: numbers, limits, growth, failing allocations,
 * concurrent changes, and what the thread is to do.
 */

#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/kthread_files.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#define DISTANCE	KTHREAD_FILES_REUSE_DISTANCE
/* More than are parked at once */
#define MANY		3000

static const struct file_operations no_operations;

struct fixture {
	struct kthread_files *kf;
	struct file *file;
};

static struct file *open_file(void)
{
	return anon_inode_getfile("[kthread_files]", &no_operations, NULL,
				  O_RDWR);
}

static struct task_struct *thread_of(struct kthread_files *kf)
{
	return get_pid_task(find_vpid(kthread_files_pid(kf, &init_pid_ns)),
			    PIDTYPE_PID);
}

/* What prlimit(2) does, without its permission checks */
static void set_limit(struct kthread_files *kf, unsigned long limit)
{
	struct task_struct *task;

	rcu_read_lock();
	task = thread_of(kf);
	rcu_read_unlock();
	task_lock(task);
	task->signal->rlim[RLIMIT_NOFILE].rlim_cur = limit;
	task_unlock(task);
	put_task_struct(task);
}

static void get_visited(struct file *file, void *data, void *arg)
{
	*(struct file **)arg = get_file(file);
}

/* With a reference, NULL if there is none of this number */
static struct file *file_of(struct fixture *f, unsigned int nr)
{
	struct file *file = NULL;

	kthread_files_visit(f->kf, nr, get_visited, &file);
	return file;
}

static int install(struct fixture *f)
{
	int nr = kthread_files_install(f->kf, get_file(f->file), NULL, NULL);

	if (nr < 0)
		fput(f->file);
	return nr;
}

static bool remove(struct fixture *f, unsigned int nr)
{
	struct file *file = kthread_files_remove(f->kf, nr);

	if (!file)
		return false;
	fput(file);
	return true;
}

static void remove_up_to(struct fixture *f, unsigned int last)
{
	unsigned int nr;

	for (nr = 1; nr <= last; nr++)
		remove(f, nr);
}

static int setup(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->file = open_file();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f->file);
	f->kf = kthread_files_create("kunit/%d", 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f->kf);
	set_limit(f->kf, 1024);
	return 0;
}

static void teardown(struct kunit *test)
{
	struct fixture *f = test->priv;

	if (!IS_ERR_OR_NULL(f->kf)) {
		remove_up_to(f, 4096);
		kthread_files_destroy(f->kf);
	}
	if (!IS_ERR_OR_NULL(f->file))
		fput(f->file);
}

static void test_create_destroy(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct task_struct *task;
	char name[TASK_COMM_LEN];

	rcu_read_lock();
	task = thread_of(f->kf);
	rcu_read_unlock();
	KUNIT_ASSERT_NOT_NULL(test, task);
	KUNIT_EXPECT_STREQ(test, get_task_comm(name, task), "kunit/1");
	KUNIT_EXPECT_TRUE(test, task->flags & PF_KTHREAD);
	KUNIT_EXPECT_TRUE(test, task->flags & PF_NO_SETAFFINITY);
	KUNIT_EXPECT_PTR_NE(test, task->files, current->files);
	rcu_read_lock();
	KUNIT_EXPECT_TRUE(test, cap_isclear(__task_cred(task)->cap_permitted));
	KUNIT_EXPECT_TRUE(test, cap_isclear(__task_cred(task)->cap_bset));
	rcu_read_unlock();
	put_task_struct(task);
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 0);
}

static void test_install_visit_remove(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file;
	int nr = install(f);

	KUNIT_ASSERT_EQ(test, nr, 1);
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 1);

	file = file_of(f, nr);
	KUNIT_ASSERT_PTR_EQ(test, file, f->file);
	fput(file);

	KUNIT_EXPECT_TRUE(test, remove(f, nr));
	KUNIT_EXPECT_NULL(test, file_of(f, nr));
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 0);
	KUNIT_EXPECT_EQ(test, file_count(f->file), 1);
}

static bool get_any(void *data)
{
	return true;
}

static bool get_none(void *data)
{
	return false;
}

static void test_find_next(struct kunit *test)
{
	struct fixture *f = test->priv;
	int data[2] = {}, nr;

	KUNIT_EXPECT_EQ(test, kthread_files_next(f->kf, 0), 0);
	KUNIT_ASSERT_EQ(test, install(f), 1);
	nr = kthread_files_install(f->kf, get_file(f->file), &data[0],
				   &data[1]);
	KUNIT_ASSERT_EQ(test, nr, 2);
	KUNIT_EXPECT_EQ(test, data[1], nr);

	KUNIT_EXPECT_PTR_EQ(test, kthread_files_find(f->kf, nr, get_any),
			    (void *)&data[0]);
	KUNIT_EXPECT_NULL(test, kthread_files_find(f->kf, nr, get_none));
	KUNIT_EXPECT_NULL(test, kthread_files_find(f->kf, nr + 1, get_any));
	KUNIT_EXPECT_NULL(test, kthread_files_find(f->kf, 0, get_any));
	KUNIT_EXPECT_NULL(test, kthread_files_find(f->kf, UINT_MAX, get_any));

	KUNIT_EXPECT_TRUE(test, remove(f, 1));
	KUNIT_EXPECT_NULL(test, kthread_files_find(f->kf, 1, get_any));
	KUNIT_EXPECT_EQ(test, kthread_files_next(f->kf, 1), nr);
	KUNIT_EXPECT_EQ(test, kthread_files_next(f->kf, nr + 1), 0);
	KUNIT_EXPECT_EQ(test, kthread_files_next(f->kf, UINT_MAX), 0);
}

static void test_seal(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, install(f), 1);
	kthread_files_seal(f->kf);
	KUNIT_EXPECT_EQ(test, install(f), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 1);
	KUNIT_EXPECT_TRUE(test, remove(f, 1));
	KUNIT_EXPECT_EQ(test, install(f), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, file_count(f->file), 1);
}

static void test_remove_unknown(struct kunit *test)
{
	static const unsigned int unknown[] = {
		0, 1, 63, 64, 1024, INT_MAX, UINT_MAX
	};
	struct fixture *f = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		KUNIT_EXPECT_FALSE(test, remove(f, unknown[i]));
		KUNIT_EXPECT_NULL(test, file_of(f, unknown[i]));
	}
	KUNIT_EXPECT_EQ(test, install(f), 1);
	KUNIT_EXPECT_TRUE(test, remove(f, 1));
	KUNIT_EXPECT_FALSE(test, remove(f, 1));
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 0);
}

static void test_limit(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i;

	set_limit(f->kf, 0);
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);
	set_limit(f->kf, 1);
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);

	set_limit(f->kf, 10);
	KUNIT_EXPECT_EQ(test, kthread_files_limit(f->kf), 10);
	for (i = 1; i < 10; i++)
		KUNIT_EXPECT_EQ(test, install(f), i);
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);

	set_limit(f->kf, RLIM_INFINITY);
	KUNIT_EXPECT_EQ(test, kthread_files_limit(f->kf), INT_MAX);
	KUNIT_EXPECT_EQ(test, install(f), 10);
}

/* Lowering the limit evicts nothing and forbids the numbers beyond it */
static void test_limit_lowered(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i;

	for (i = 1; i <= 100; i++)
		KUNIT_ASSERT_EQ(test, install(f), i);

	set_limit(f->kf, 50);
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 100);

	/* as many as the limit allows, though most are numbered beyond it */
	KUNIT_EXPECT_TRUE(test, remove(f, 60));
	remove_up_to(f, 50);
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 49);
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);

	/* 60 was closed before all others, and is not to be had */
	KUNIT_EXPECT_TRUE(test, remove(f, 51));
	KUNIT_EXPECT_EQ(test, install(f), 1);

	/* raised again, nothing was lost */
	set_limit(f->kf, 101);
	for (i = 0; i < 51; i++)
		KUNIT_EXPECT_GT(test, install(f), 0);
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 100);
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);
	for (i = 1; i <= 100; i++)
		KUNIT_EXPECT_TRUE(test, remove(f, i));
}

/* More numbers are forbidden than are parked at once, and the oldest of all */
static void test_limit_lowered_far(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i, nr;

	set_limit(f->kf, MANY + 1);
	for (i = 1; i <= MANY; i++)
		KUNIT_ASSERT_EQ(test, install(f), i);
	for (i = MANY; i; i--)
		KUNIT_ASSERT_TRUE(test, remove(f, i));

	for (i = 99; i >= 50; i--) {
		set_limit(f->kf, i + 1);
		KUNIT_ASSERT_EQ(test, install(f), i);
	}
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);

	/* in between, others come first: all are still there, in their order */
	set_limit(f->kf, MANY + 1);
	for (i = MANY; i; i--) {
		if (i < 100 && i >= 50)
			continue;
		nr = install(f);
		KUNIT_ASSERT_EQ(test, nr, i);
	}
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), MANY);
}

static void test_cyclic_numbers(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i;

	for (i = 1; i <= DISTANCE + 1; i++) {
		KUNIT_ASSERT_EQ(test, install(f), i);
		KUNIT_ASSERT_TRUE(test, remove(f, i));
	}
	/* as many others as needed were handed out since each was closed */
	for (i = 1; i <= DISTANCE + 1; i++) {
		KUNIT_ASSERT_EQ(test, install(f), i);
		KUNIT_ASSERT_TRUE(test, remove(f, i));
	}
}

/* A number just closed isn't the next, wherever the numbering stands */
static void test_no_early_reuse(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i, nr;

	for (i = 1; i <= 300; i++)
		KUNIT_ASSERT_EQ(test, install(f), i);
	KUNIT_EXPECT_TRUE(test, remove(f, 7));
	for (i = 0; i < DISTANCE; i++) {
		nr = install(f);
		KUNIT_ASSERT_GT(test, nr, 0);
		KUNIT_ASSERT_NE(test, nr, 7);
	}
	KUNIT_EXPECT_EQ(test, install(f), 7);
}

static void test_forced_reuse(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i;

	set_limit(f->kf, 6);
	for (i = 1; i <= 5; i++)
		KUNIT_ASSERT_EQ(test, install(f), i);
	KUNIT_EXPECT_TRUE(test, remove(f, 4));
	KUNIT_EXPECT_TRUE(test, remove(f, 2));
	KUNIT_EXPECT_TRUE(test, remove(f, 5));
	/* the one closed longest ago first */
	KUNIT_EXPECT_EQ(test, install(f), 4);
	KUNIT_EXPECT_EQ(test, install(f), 2);
	KUNIT_EXPECT_EQ(test, install(f), 5);
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);
}

static void test_growth(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct file *file;
	int i;

	set_limit(f->kf, 4097);
	for (i = 1; i <= 4096; i++)
		KUNIT_ASSERT_EQ(test, install(f), i);
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);
	for (i = 1; i <= 4096; i++) {
		file = file_of(f, i);
		KUNIT_ASSERT_PTR_EQ(test, file, f->file);
		fput(file);
	}
	KUNIT_EXPECT_EQ(test, file_count(f->file), 4097);
}

static void test_many_threads(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct fixture *many;
	int i, n = 100;

	many = kunit_kcalloc(test, n, sizeof(*many), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, many);
	for (i = 0; i < n; i++) {
		many[i].file = f->file;
		many[i].kf = kthread_files_create("kunit/%d", i);
		if (IS_ERR(many[i].kf))
			break;
		KUNIT_EXPECT_EQ(test, install(&many[i]), 1);
	}
	KUNIT_EXPECT_EQ(test, i, n);
	KUNIT_EXPECT_EQ(test, file_count(f->file), 1 + i);
	while (i--) {
		KUNIT_EXPECT_TRUE(test, remove(&many[i], 1));
		kthread_files_destroy(many[i].kf);
	}
	KUNIT_EXPECT_EQ(test, file_count(f->file), 1);
}

#ifdef CONFIG_FAULT_INJECTION
/*
 * Fail the n-th allocation of the current task for every n until none is left
 * to fail.  Allocations that may sleep fail only if the tester allowed it, and
 * then has the suite run again:
 * echo N > /sys/kernel/debug/failslab/ignore-gfp-wait
 * echo 1 > /sys/kernel/debug/kunit/kthread_files/run
 */
static bool allocation_failed(void)
{
	bool failed = !current->fail_nth;

	current->fail_nth = 0;
	return failed;
}

/*
 * Install number 64, the first that needs more memory of every kind, in a new
 * table, while the n-th allocation fails.  Returns whether it came to that.
 */
static bool install_failing(struct kunit *test, struct file *file, int n,
			    unsigned int *failures)
{
	struct fixture f = { .file = file };
	bool failed;
	int i, nr;

	f.kf = kthread_files_create("kunit/fails");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f.kf);
	for (i = 1; i < 64; i++)
		KUNIT_EXPECT_EQ(test, install(&f), i);

	current->fail_nth = n;
	nr = install(&f);
	failed = allocation_failed();
	if (nr < 0) {
		(*failures)++;
		KUNIT_EXPECT_EQ(test, nr, -ENOMEM);
		KUNIT_EXPECT_EQ(test, kthread_files_count(f.kf), 63);
		KUNIT_EXPECT_EQ(test, file_count(file), 64);
		nr = install(&f);
	}
	/* large arrays may come from elsewhere, so that nothing fails */
	KUNIT_EXPECT_EQ(test, nr, 64);

	remove_up_to(&f, 64);
	kthread_files_destroy(f.kf);
	return failed;
}

static void test_install_allocation_fails(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int failures = 0;
	int n = 1;

	while (install_failing(test, f->file, n, &failures))
		n++;
	kunit_info(test, "%u failures", failures);
}

static void test_create_allocation_fails(struct kunit *test)
{
	struct kthread_files *kf;
	unsigned int failures = 0;
	int n;

	for (n = 1; ; n++) {
		current->fail_nth = n;
		kf = kthread_files_create("kunit/fails");
		if (!allocation_failed())
			break;
		if (IS_ERR(kf)) {
			failures++;
			KUNIT_EXPECT_EQ(test, PTR_ERR(kf), -ENOMEM);
		} else {
			/* an allocation that its caller can do without */
			kthread_files_destroy(kf);
		}
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kf);
	kthread_files_destroy(kf);
	kunit_info(test, "%u failures", failures);
}
#else
static void test_install_allocation_fails(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FAULT_INJECTION");
}

static void test_create_allocation_fails(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FAULT_INJECTION");
}
#endif

struct worker {
	struct fixture *f;
	struct task_struct *task;
	unsigned int wrong;
};

static int install_and_remove(void *data)
{
	struct worker *w = data;
	int i, nr[8];

	while (!kthread_should_stop()) {
		for (i = 0; i < ARRAY_SIZE(nr); i++)
			nr[i] = install(w->f);
		for (i = 0; i < ARRAY_SIZE(nr); i++)
			if (nr[i] <= 0 || !remove(w->f, nr[i]))
				w->wrong++;
		cond_resched();
	}
	return 0;
}

static void test_concurrent(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct worker workers[4] = {};
	struct worker *w;

	for (w = workers; w < workers + ARRAY_SIZE(workers); w++) {
		w->f = f;
		w->task = kthread_run(install_and_remove, w, "kunit-worker");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w->task);
	}
	msleep(300);
	for (w = workers; w < workers + ARRAY_SIZE(workers); w++) {
		kthread_stop(w->task);
		KUNIT_EXPECT_EQ(test, w->wrong, 0);
	}
	KUNIT_EXPECT_EQ(test, kthread_files_count(f->kf), 0);
	KUNIT_EXPECT_EQ(test, file_count(f->file), 1);
}

/* The limit changes, again and again, in the middle of what it makes necessary */
static void test_concurrent_limits(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct worker workers[2] = {};
	struct worker *w;
	unsigned long *had;
	int i, nr;

	had = kunit_kzalloc(test, BITS_TO_LONGS(MANY + 1) * sizeof(*had), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, had);
	set_limit(f->kf, MANY + 1);
	for (i = 1; i <= MANY; i++)
		KUNIT_ASSERT_EQ(test, install(f), i);
	for (i = MANY; i; i--)
		KUNIT_ASSERT_TRUE(test, remove(f, i));

	for (w = workers; w < workers + ARRAY_SIZE(workers); w++) {
		w->f = f;
		w->task = kthread_run(install_and_remove, w, "kunit-worker");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w->task);
	}
	for (i = 0; i < 500; i++) {
		set_limit(f->kf, i % 2 ? MANY + 1 : 64);
		usleep_range(100, 200);
	}
	for (w = workers; w < workers + ARRAY_SIZE(workers); w++) {
		kthread_stop(w->task);
		KUNIT_EXPECT_EQ(test, w->wrong, 0);
	}

	/* each number is there, and once */
	set_limit(f->kf, MANY + 1);
	for (i = 1; i <= MANY; i++) {
		nr = install(f);
		KUNIT_ASSERT_GT(test, nr, 0);
		KUNIT_ASSERT_LE(test, nr, MANY);
		KUNIT_ASSERT_FALSE(test, __test_and_set_bit(nr, had));
	}
	KUNIT_EXPECT_EQ(test, install(f), -EMFILE);
}

/* Something for the thread to do, and what became of it */
struct job {
	struct kthread_files_work work;
	struct kthread_files *kf;
	/* where to go on; NULL if it is not to wait for that */
	struct completion *go;
	struct completion done;
	unsigned int *nr_done;
	unsigned int nr;
	bool is_thread;
};

static void do_job(struct kthread_files_work *work)
{
	struct job *job = container_of(work, struct job, work);

	if (job->go)
		wait_for_completion(job->go);
	job->is_thread = kthread_files_is_current(job->kf);
	job->nr = (*job->nr_done)++;
	complete(&job->done);
}

static void queue_job(struct fixture *f, struct job *job, unsigned int *nr_done,
		      struct completion *go)
{
	*job = (struct job){ .kf = f->kf, .nr_done = nr_done, .go = go };
	init_completion(&job->done);
	kthread_files_queue(f->kf, &job->work, do_job);
}

static void test_queue(struct kunit *test)
{
	struct fixture *f = test->priv;
	DECLARE_COMPLETION_ONSTACK(go);
	unsigned int nr_done = 0, i;
	struct job jobs[16];

	/* the first one has the others queued before they are done */
	for (i = 0; i < ARRAY_SIZE(jobs); i++)
		queue_job(f, &jobs[i], &nr_done, i ? NULL : &go);
	KUNIT_EXPECT_EQ(test, nr_done, 0);
	complete(&go);
	for (i = 0; i < ARRAY_SIZE(jobs); i++) {
		wait_for_completion(&jobs[i].done);
		KUNIT_EXPECT_EQ(test, jobs[i].nr, i);
		KUNIT_EXPECT_TRUE(test, jobs[i].is_thread);
	}
	KUNIT_EXPECT_FALSE(test, kthread_files_is_current(f->kf));
}

/* What was queued is done before the thread ends */
static void test_destroy_queued(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int nr_done = 0, round;
	struct job job;

	for (round = 1; round <= 100; round++) {
		queue_job(f, &job, &nr_done, NULL);
		kthread_files_destroy(f->kf);
		KUNIT_ASSERT_EQ(test, nr_done, round);
		f->kf = kthread_files_create("kunit/%d", 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f->kf);
	}
}

/* A flush by the thread of one table, of another or of its own */
struct flush {
	struct kthread_files_work work;
	struct kthread_files *kf;
	struct completion done;
	int err;
};

static void do_flush(struct kthread_files_work *work)
{
	struct flush *flush = container_of(work, struct flush, work);

	flush->err = kthread_files_flush(flush->kf);
	complete(&flush->done);
}

static void queue_flush(struct kthread_files *kf, struct flush *flush,
			struct kthread_files *of)
{
	flush->kf = of;
	init_completion(&flush->done);
	kthread_files_queue(kf, &flush->work, do_flush);
}

static void test_flush(struct kunit *test)
{
	struct fixture *f = test->priv;
	DECLARE_COMPLETION_ONSTACK(go);
	struct kthread_files *other;
	unsigned int nr_done = 0;
	struct flush flush;
	struct job job;

	other = kthread_files_create("kunit/%d", 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);

	/* this is a kernel thread, and works for others */
	KUNIT_EXPECT_FALSE(test, kthread_files_may_wait());
	queue_job(f, &job, &nr_done, &go);
	KUNIT_EXPECT_EQ(test, kthread_files_flush(f->kf), -EINTR);
	KUNIT_EXPECT_EQ(test, nr_done, 0);

	/* another such thread waits until it is done */
	queue_flush(other, &flush, f->kf);
	KUNIT_EXPECT_FALSE(test, completion_done(&flush.done));
	complete(&go);
	wait_for_completion(&flush.done);
	KUNIT_EXPECT_EQ(test, flush.err, 0);
	KUNIT_EXPECT_EQ(test, nr_done, 1);

	/* and none for itself */
	queue_flush(f->kf, &flush, f->kf);
	wait_for_completion(&flush.done);
	KUNIT_EXPECT_EQ(test, flush.err, -EINTR);
	kthread_files_destroy(other);
}

/* Room for so many, and who waits for it */
struct room {
	wait_queue_head_t queue;
	atomic_t left;
};

static bool take_room(void *arg)
{
	struct room *room = arg;

	return atomic_dec_if_positive(&room->left) >= 0;
}

static int wait_for_room(struct kthread_files *kf, struct room *room)
{
	return kthread_files_wait(kf, &room->queue, take_room, room);
}

/* A wait by the thread of another table */
struct waiting {
	struct kthread_files_work work;
	struct kthread_files *kf;
	struct room *room;
	struct completion done;
	int err;
};

static void do_wait(struct kthread_files_work *work)
{
	struct waiting *waiting = container_of(work, struct waiting, work);

	waiting->err = wait_for_room(waiting->kf, waiting->room);
	complete(&waiting->done);
}

static void test_wait(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct room room = { .left = ATOMIC_INIT(1) };
	struct waiting waiting = { .kf = f->kf, .room = &room };
	struct kthread_files *other;
	int patience = 1000;

	init_waitqueue_head(&room.queue);
	init_completion(&waiting.done);
	other = kthread_files_create("kunit/%d", 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);

	/* a kernel thread doesn't wait, but takes what there is */
	KUNIT_EXPECT_EQ(test, wait_for_room(f->kf, &room), 0);
	KUNIT_EXPECT_EQ(test, wait_for_room(f->kf, &room), -EINTR);

	/* another such thread waits, and takes one */
	kthread_files_queue(other, &waiting.work, do_wait);
	/* needs no barrier: whoever isn't seen yet is seen later */
	while (!waitqueue_active(&room.queue) && --patience)
		msleep(20);
	KUNIT_EXPECT_NE(test, patience, 0);
	wake_up(&room.queue);
	msleep(20);
	KUNIT_EXPECT_FALSE(test, completion_done(&waiting.done));
	atomic_set(&room.left, 2);
	wake_up(&room.queue);
	wait_for_completion(&waiting.done);
	KUNIT_EXPECT_EQ(test, waiting.err, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&room.left), 1);
	kthread_files_destroy(other);
}

static void do_exit_work(struct kthread_files_work *work)
{
	struct flush *exit = container_of(work, struct flush, work);

	kthread_files_exit(exit->kf, THIS_MODULE);
}

static void test_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct task_struct *task;
	struct flush exit = { .kf = f->kf };
	int patience = 1000;

	rcu_read_lock();
	task = thread_of(f->kf);
	rcu_read_unlock();
	KUNIT_ASSERT_NOT_NULL(test, task);
	kthread_files_queue(f->kf, &exit.work, do_exit_work);
	f->kf = NULL;
	while (!READ_ONCE(task->exit_state) && --patience)
		msleep(20);
	KUNIT_EXPECT_NE(test, task->exit_state, 0);
	put_task_struct(task);
}

static struct kunit_case kthread_files_cases[] = {
	KUNIT_CASE(test_create_destroy),
	KUNIT_CASE(test_install_visit_remove),
	KUNIT_CASE(test_find_next),
	KUNIT_CASE(test_seal),
	KUNIT_CASE(test_remove_unknown),
	KUNIT_CASE(test_limit),
	KUNIT_CASE(test_limit_lowered),
	KUNIT_CASE(test_limit_lowered_far),
	KUNIT_CASE(test_cyclic_numbers),
	KUNIT_CASE(test_no_early_reuse),
	KUNIT_CASE(test_forced_reuse),
	KUNIT_CASE(test_growth),
	KUNIT_CASE_SLOW(test_many_threads),
	KUNIT_CASE(test_install_allocation_fails),
	KUNIT_CASE(test_create_allocation_fails),
	KUNIT_CASE(test_concurrent),
	KUNIT_CASE(test_concurrent_limits),
	KUNIT_CASE(test_queue),
	KUNIT_CASE(test_destroy_queued),
	KUNIT_CASE(test_flush),
	KUNIT_CASE(test_wait),
	KUNIT_CASE(test_exit),
	{}
};

static struct kunit_suite kthread_files_suite = {
	.name = "kthread_files",
	.init = setup,
	.exit = teardown,
	.test_cases = kthread_files_cases,
};

kunit_test_suite(kthread_files_suite);

MODULE_DESCRIPTION("KUnit tests of kernel threads with a file table");
MODULE_LICENSE("GPL");
