// SPDX-License-Identifier: GPL-2.0
#include "users.h"

#include <pwd.h>
#include <search.h>
#include <stdlib.h>

#include "root.h"
#include "xalloc.h"

struct user {
	uid_t uid;
	char *name;
};

/* Each is asked for once: the answer may come over a network. */
static void *users;

static int compare(const void *a, const void *b)
{
	uid_t one = ((const struct user *)a)->uid;
	uid_t other = ((const struct user *)b)->uid;

	return (one > other) - (one < other);
}

static char *recorded_name(uid_t uid)
{
	FILE *file = root_open("/etc/passwd");
	struct passwd *entry;
	char *name = NULL;

	if (!file)
		return NULL;
	while (!name && (entry = fgetpwent(file)))
		if (entry->pw_uid == uid)
			name = xstrdup(entry->pw_name);
	fclose(file);
	return name;
}

static char *look_up(uid_t uid)
{
	struct passwd *entry;
	char *name = NULL;

	if (root_recorded()) {
		name = recorded_name(uid);
	} else {
		entry = getpwuid(uid);
		if (entry)
			name = xstrdup(entry->pw_name);
	}
	return name ? name : xasprintf("%u", uid);
}

const char *user_name(uid_t uid)
{
	struct user key = { .uid = uid };
	void *found = tfind(&key, &users, compare);
	struct user *user;

	if (found)
		return (*(struct user **)found)->name;
	user = xcalloc(1, sizeof(*user));
	user->uid = uid;
	user->name = look_up(uid);
	if (!tsearch(user, &users, compare))
		abort();
	return user->name;
}

static void free_user(void *user)
{
	free(((struct user *)user)->name);
	free(user);
}

void users_free(void)
{
	tdestroy(users, free_user);
	users = NULL;
}
