# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by run, in an empty repository: a source, and two series of commits on it that
# do all that a split may do. What is "laid" is the last state less one line in MAINTAINERS.

# commit MESSAGE...: a subject, and paragraphs
commit()
{
	local paragraphs=()

	for paragraph; do
		paragraphs+=(-m "$paragraph")
	done
	git add -A
	git commit -q "${paragraphs[@]}"
}

source_as_it_was()
{
	mkdir -p fs Documentation
	cat >fs/old.c <<'END'
// SPDX-License-Identifier: GPL-2.0
#include "old.h"

int old_open(struct file *file)
{
	int err;

	err = old_check(file);
	if (err)
		return err;
	return 0;
}

int old_close(struct file *file)
{
	int err;

	/* Once more */
	err = old_check(file);
	if (err)
		return err;
	return 0;
}
END
	cat >fs/old.h <<'END'
/* SPDX-License-Identifier: GPL-2.0 */
struct file;

int old_open(struct file *file);
int old_close(struct file *file);
END
	printf 'A FILESYSTEM\nM:\tnobody\n\nTHE REST\nM:\tnobody\n' >MAINTAINERS
	printf 'obj-y += old.o\n' >fs/Makefile
	commit base
	git branch base
}

# A file that is new, with one function
first_patch()
{
	cat >fs/new.c <<'END'
// SPDX-License-Identifier: GPL-2.0
#include "old.h"
#include "new.h"

/* What there is of it */
struct new_table {
	int count;
};

/**
 * new_init - make it
 * @table: of this
 */
void new_init(struct new_table *table)
{
	table->count = 0;
}
EXPORT_SYMBOL_GPL(new_init);
END
	cat >fs/new.h <<'END'
/* SPDX-License-Identifier: GPL-2.0 */
struct new_table;

void new_init(struct new_table *table);
END
	sed -i 's/old.o/& new.o/' fs/Makefile
	commit "fs: new tables" "Old ones are too small:  one line," "and another."
}

# Functions in the middle, a line that is twice in its file, and a hook that goes again
second_patch()
{
	cat >middle <<'END'
/* How many there may be */
#define NEW_MAX		16

static const char *const new_names[] = {
	"one",
	"two",
};

/*
 * Any more?
 */
static inline bool new_has_room(const struct new_table *table)
{
	return table->count < NEW_MAX;
}

__printf(1, 2)
int new_add(const char *format,
	    ...)
{
	return 0;
}

END
	sed -i '/^\/\*\*$/e cat middle' fs/new.c
	rm middle
	sed -i '$a int new_add(const char *format, ...);' fs/new.h
	sed -i '/^int old_close/,$s/\treturn 0;/\tnew_forget(file);\n&/' fs/old.c
	# another function of the same name
	sed -i '/^int old_open/,/^}/{
		/^int\|^[{}]/!d
		/^{/a \	return new_add("%p", file);
	}' fs/old.c
	printf 'int passing;\n' >fs/passing.c
	sed -i '/^struct file;/a struct passing;' fs/old.h
	commit "fs: more of them"
}

# What was there, and what the first patch made, is changed
third_patch()
{
	sed -i 's/table->count = 0;/table->count = 1;/; s/What there is of it/All of it/' \
		fs/new.c
	sed -i '/^struct passing;/d' fs/old.h
	rm fs/passing.c
	# what is left is as it is in the other function
	sed -i '/Once more/d' fs/old.c
	cat >>fs/new.c <<'END'

TRACE_EVENT(new_event,
	TP_PROTO(int n),
	TP_printk("(%d", n)
);
END
	commit "fs: count from one"
}

fourth_patch()
{
	printf 'Tables\n======\n' >Documentation/new.rst
	printf '#!/bin/sh\n' >test.sh
	chmod 755 test.sh
	sed -i 's/^THE REST/TABLES\nM:\tnobody\n\n&/' MAINTAINERS
	commit "Documentation: tables"
}

source_as_it_was
first_patch
second_patch
git branch first
third_patch
fourth_patch
git branch second
git branch reworded "$(git commit-tree -p second^ -m "docs: tables" 'second^{tree}')"
git checkout -q --detach base
git checkout -q second -- .
git checkout -q base -- MAINTAINERS
commit laid
git branch laid
