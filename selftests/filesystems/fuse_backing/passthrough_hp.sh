#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# libfuse's passthrough_hp, unmodified, under a workload of real programs.
#
# Proves: unpacking an archive, building a program and reading everything
# back gives byte-identical trees directly on the backing filesystem, through
# passthrough_hp with passthrough, and through it without. That passthrough
# was engaged shows twice: the files that are open are in the table of the
# mount's kernel thread, and passthrough_hp in this mode answers every READ
# and WRITE with EIO, so that no byte can have come through it.
#
# Privilege: root; CAP_SYS_ADMIN in the initial user namespace.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

WORK=/mnt
SAMPLE="include/asm-generic include/fuse3 include/linux/netfilter include/sound"

skip_all()
{
	echo "TAP version 13"
	echo "1..0 # SKIP $1"
	exit 4
}

# Mounts and their servers go with the namespace.
if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	for program in passthrough_hp gcc make ar tar unshare sha256sum; do
		command -v "$program" >/dev/null || skip_all "no $program"
	done
	exec unshare --mount --propagation private "$0" inside
fi

number=0
failed=0
server=

# check NAME COMMAND...: one line of TAP for the command's exit status.
check()
{
	name=$1
	shift
	number=$((number + 1))
	if "$@" >"$WORK/log" 2>&1; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' "$WORK/log"
		failed=$((failed + 1))
	fi
}

# poll COMMAND...: until it succeeds, with a generous bound.
poll()
{
	tries=0
	until "$@" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 150 ] || return 1
		sleep 0.1
	done
}

prepare()
{
	mount -t tmpfs -o mode=755 work "$WORK" || exit 1
	mkdir "$WORK/direct" "$WORK/fuse"
	for mode in on off; do
		mkdir "$WORK/$mode"
		mount -t tmpfs -o mode=755 "backing-$mode" "$WORK/$mode" ||
			exit 1
		mkdir "$WORK/$mode/tree"
	done
	dirs=
	for dir in $SAMPLE; do
		if [ -d "/usr/$dir" ]; then
			dirs="$dirs $dir"
		fi
	done
	# shellcheck disable=SC2086 # one argument per directory
	tar -C /usr -cf "$WORK/sample.tar" $dirs
	write_program "$WORK/program"
	tar -C "$WORK" -rf "$WORK/sample.tar" program
	rm -r "$WORK/program"
}

# A library, a program and a generated file: reads, writes, appends, renames.
write_program()
{
	mkdir "$1"
	for i in 1 2 3; do
		printf '#include "all.h"\nint f%d(int x)\n{\n\treturn x * %d;\n}\n' \
			"$i" "$i" >"$1/f$i.c"
	done
	printf 'int f1(int x);\nint f2(int x);\nint f3(int x);\n' >"$1/all.h"
	cat >"$1/main.c" <<-'SOURCE'
		#include <stdio.h>
		#include "all.h"

		int main(void)
		{
			printf("%d\n", f1(10) + f2(10) + f3(10));
			return 0;
		}
	SOURCE
	# The shell strips tabs here: recipes start with another character.
	cat >"$1/Makefile" <<-'MAKEFILE'
		.RECIPEPREFIX = >
		main: main.o libf.a
		>gcc -o $@ $^
		libf.a: f1.o f2.o f3.o
		>ar rcsD $@ $^
		%.o: %.c all.h
		>gcc -O1 -c -o $@ $<
		log: main
		>for i in 1 2 3; do ./main >>log.tmp; done
		>mv log.tmp log
	MAKEFILE
}

start_server() # MODE OPTION...
{
	source=$WORK/$1/tree
	shift
	passthrough_hp --foreground "$@" "$source" "$WORK/fuse" \
		>"$WORK/server.log" 2>&1 &
	server=$!
	poll mountpoint -q "$WORK/fuse"
}

stop_server()
{
	umount "$WORK/fuse" && wait "$server"
}

# passthrough_hp refuses to set times (as built here): -m leaves them.
unpack()
{
	tar -C "$1" -xmf "$WORK/sample.tar"
}

build()
{
	make -s -C "$1/program" log && [ "$(cat "$1/program/log")" = "60
60
60" ]
}

# Names, modes, sizes and contents, as they are read below a directory.
fingerprint()
{
	(cd "$1" && find . -printf '%y %m %p\n' | sort &&
	 find . -type f -printf '%s %p\n' | sort &&
	 find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

same()
{
	cmp "$WORK/$1.list" "$WORK/$2.list" || {
		diff "$WORK/$1.list" "$WORK/$2.list" | head -20
		return 1
	}
}

threads()
{
	grep -l '^fuse/' /proc/[0-9]*/comm 2>/dev/null
}

# A file held open through the mount is in the thread's table, by its path.
in_table()
{
	exec 7<"$WORK/fuse/program/main.c" || return
	found=1
	for comm in $(threads); do
		for fd in "${comm%/comm}"/fd/*; do
			[ "$(readlink "$fd")" = "$WORK/on/tree/program/main.c" ] &&
				found=0
		done
	done
	exec 7<&-
	return "$found"
}

no_thread()
{
	! threads
}

no_thread_soon()
{
	poll no_thread
}

workload() # MODE
{
	check "$1: unpack" unpack "$WORK/fuse"
	check "$1: build and run a program" build "$WORK/fuse"
	fingerprint "$WORK/fuse" >"$WORK/$1.list"
	check "$1: tree equals the one made directly" same direct "$1"
	fingerprint "$WORK/$1/tree" >"$WORK/$1-backing.list"
	check "$1: backing tree equals what the mount shows" \
		same "$1" "$1-backing"
	check "$1: diff -r finds nothing" \
		diff -r --no-dereference "$WORK/direct" "$WORK/fuse"
}

echo "TAP version 13"
echo "1..17"
prepare
check "directly: unpack" unpack "$WORK/direct"
check "directly: build and run a program" build "$WORK/direct"
fingerprint "$WORK/direct" >"$WORK/direct.list"

check "on: server starts" start_server on
workload on
check "on: open files are in the thread's table" in_table
check "on: umount, and then the backing filesystem" \
	sh -c "umount $WORK/fuse && umount $WORK/on"
wait "$server"

check "off: server starts" start_server off --nopassthrough
workload off
check "off: no thread" no_thread_soon

stop_server
echo "# $((number - failed)) passed, $failed failed"
[ "$failed" = 0 ]
