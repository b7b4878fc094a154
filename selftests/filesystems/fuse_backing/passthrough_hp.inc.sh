# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Sourced by the tests that run libfuse's passthrough_hp: TAP, and a workload
# of real programs.
#
# The workload unpacks an archive, builds a program and reads everything back;
# its tree must be the same wherever it was made. Tests set WORK, a directory
# for all of this, and SAMPLE, directories below /usr to be packed.

number=0
failed=0

skip_all()
{
	echo "TAP version 13"
	echo "1..0 # SKIP $1"
	exit 4
}

need_programs()
{
	for program in "$@"; do
		command -v "$program" >/dev/null || skip_all "no $program"
	done
}

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

# The last line, and the exit status.
totals()
{
	echo "# $((number - failed)) passed, $failed failed"
	[ "$failed" = 0 ]
}

# poll COMMAND...: until it succeeds, with a generous bound.
poll()
{
	tries=0
	until "$@" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt $((150 * ${PATIENCE:-1})) ] || return 1
		sleep 0.1
	done
}

# Of mounts: the names of files with the names of their threads
threads()
{
	grep -l '^fuse/' /proc/[0-9]*/comm 2>/dev/null
}

no_thread()
{
	! threads
}

# run_as_user COMMAND...: as OWNER, at home in TOP, without capabilities
run_as_user()
{
	setpriv --reuid "$OWNER" --regid "$OWNER" --clear-groups \
		--inh-caps=-all env HOME="$TOP" "$@"
}

pack_sample()
{
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

# passthrough_hp refuses to set times (as built here): -m leaves them. Owners
# may not exist in a user namespace.
unpack()
{
	tar -C "$1" --no-same-owner -xmf "$WORK/sample.tar"
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

# What the other trees are compared with: the workload without FUSE.
workload_directly()
{
	check "directly: unpack" unpack "$WORK/direct"
	check "directly: build and run a program" build "$WORK/direct"
	fingerprint "$WORK/direct" >"$WORK/direct.list"
}

# workload MODE BACKING: five tests
workload()
{
	check "$1: unpack" unpack "$WORK/fuse"
	check "$1: build and run a program" build "$WORK/fuse"
	fingerprint "$WORK/fuse" >"$WORK/$1.list"
	check "$1: tree equals the one made directly" same direct "$1"
	fingerprint "$2" >"$WORK/$1-backing.list"
	check "$1: backing tree equals what the mount shows" \
		same "$1" "$1-backing"
	check "$1: diff -r finds nothing" \
		diff -r --no-dereference "$WORK/direct" "$WORK/fuse"
}

# build_example NAME: a server of tools/examples
build_example()
{
	make -s -C "$REPO/tools/examples" O="$TOP/bin" "$1"
}

# run_server COMMAND...: until the mount is there; its pid is in $server
run_server()
{
	"$@" >"$WORK/server.log" 2>&1 &
	# shellcheck disable=SC2034 # the tests use it
	server=$!
	poll mountpoint -q "$WORK/fuse"
}

# start_server BACKING OPTION...
start_server()
{
	source=$1
	shift
	run_server passthrough_hp --foreground "$@" "$source" "$WORK/fuse"
}

# requests OPCODE: how many the server, with its debug log, had so far
requests()
{
	grep -c "opcode: $1 (" "$WORK/server.log"
}
