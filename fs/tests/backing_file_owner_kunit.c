// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of owners of a backing file: each is told once, by the last put, and the
 * path that it named is there until then, whatever another owner lets go of.
 */

#include <kunit/test.h>
#include <linux/backing-file.h>
#include <linux/backing-file-owner.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>

#define OWNERS	2

struct told {
	struct backing_file_owner owner;
	struct dentry *dentry;	/* of its path */
	int users;		/* of that when it was told */
	int times;
};

struct fixture {
	struct file *user;	/* what was opened */
	struct file *real;	/* what is below it */
	struct file *backing;
	struct told told[OWNERS];
};

static void released(struct backing_file_owner *owner)
{
	struct told *told = container_of(owner, struct told, owner);

	told->users = d_count(told->dentry);
	told->times++;
}

static void name_owner(struct fixture *f, struct told *told, const void *key)
{
	told->owner.key = key;
	told->owner.path = f->user->f_path;
	told->owner.released = released;
	told->dentry = f->user->f_path.dentry;
}

static int open_files(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->user = shmem_kernel_file_setup("user", PAGE_SIZE, EMPTY_VMA_FLAGS);
	f->real = shmem_kernel_file_setup("real", PAGE_SIZE, EMPTY_VMA_FLAGS);
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->user));
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->real));
	f->backing = backing_file_open(f->user, O_RDWR, &f->real->f_path,
				       current_cred());
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->backing));
	for (i = 0; i < OWNERS; i++)
		name_owner(f, &f->told[i], &f->told[i]);
	return 0;
}

static void close_files(struct kunit *test)
{
	struct fixture *f = test->priv;

	fput(f->user);
	fput(f->real);
}

static void test_told_once(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i;

	for (i = 0; i < OWNERS; i++)
		KUNIT_EXPECT_TRUE(test, backing_file_add_owner(f->backing,
							       &f->told[i].owner));
	__fput_sync(get_file(f->backing));
	KUNIT_EXPECT_EQ(test, 0, f->told[0].times);
	__fput_sync(f->backing);
	for (i = 0; i < OWNERS; i++)
		KUNIT_EXPECT_EQ(test, 1, f->told[i].times);
}

static void test_one_per_key(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct told again = {};

	name_owner(f, &again, &f->told[0]);
	KUNIT_EXPECT_TRUE(test, backing_file_add_owner(f->backing,
						       &f->told[0].owner));
	KUNIT_EXPECT_FALSE(test, backing_file_add_owner(f->backing,
							&again.owner));
	__fput_sync(f->backing);
	KUNIT_EXPECT_EQ(test, 1, f->told[0].times);
	KUNIT_EXPECT_EQ(test, 0, again.times);
}

/* The backing file itself has one reference on it, and each owner that isn't told */
static void test_path_is_kept(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct dentry *dentry = f->user->f_path.dentry;
	int users = d_count(dentry), i;

	for (i = 0; i < OWNERS; i++)
		backing_file_add_owner(f->backing, &f->told[i].owner);
	KUNIT_EXPECT_EQ(test, users + OWNERS, d_count(dentry));
	__fput_sync(f->backing);
	/* the last to come is the first to be told */
	KUNIT_EXPECT_EQ(test, users + 2, f->told[1].users);
	KUNIT_EXPECT_EQ(test, users + 1, f->told[0].users);
	KUNIT_EXPECT_EQ(test, users - 1, d_count(dentry));
}

static struct kunit_case backing_file_owner_cases[] = {
	KUNIT_CASE(test_told_once),
	KUNIT_CASE(test_one_per_key),
	KUNIT_CASE(test_path_is_kept),
	{}
};

static struct kunit_suite backing_file_owner_suite = {
	.name = "backing_file_owner",
	.init = open_files,
	.exit = close_files,
	.test_cases = backing_file_owner_cases,
};

kunit_test_suite(backing_file_owner_suite);

MODULE_DESCRIPTION("KUnit tests of owners of a backing file");
MODULE_LICENSE("GPL");
