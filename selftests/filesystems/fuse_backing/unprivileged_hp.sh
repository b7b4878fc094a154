#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# libfuse's passthrough_hp, unmodified, run by an ordinary user.
#
# Proves: a user without any capability, mounting with fusermount3, and again
# as root of an unprivileged user namespace with a mount of its own, gets
# passthrough on files that are the user's: read, write, create, append, shared
# mappings, a second open with wider flags, unpacking an archive and building a
# program. That passthrough was engaged shows three times: fdinfo of the
# server's /dev/fuse counts backing files while a file is open, the thread that
# has them is the user's, and the server's debug log has not one READ or WRITE
# (the control, a server without passthrough, has both). More files than the
# thread may have, mapped one after the other, as a linker does, are all passed
# through (mapped at once, they aren't); and what it may have is the server's hard
# limit first.
#
# Privilege: root, but only to become an ordinary user and to clean up.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

TOP=/mnt
OWNER=1000
SAMPLE="include/asm-generic include/fuse3"

# Tests of one server, the user's or that of a namespace's root
EACH=22

# Files to be mapped, how many the thread may have, and the server itself, which
# keeps a descriptor of each that it was asked about
MANY=400
ROOM=24
HARD=1024

. "$(dirname "$0")/passthrough_hp.inc.sh"

prepare()
{
	umask 022
	pack_sample
	write_map_tool
	write_many_tool
}

# map FILE TEXT: write TEXT at the start through a shared mapping, then read
# the same through a private one.
write_map_tool()
{
	cat >"$WORK/map.c" <<-'SOURCE'
		#include <fcntl.h>
		#include <string.h>
		#include <sys/mman.h>

		int main(int argc, char **argv)
		{
			size_t len = argc == 3 ? strlen(argv[2]) : 0;
			int fd = argc == 3 ? open(argv[1], O_RDWR) : -1;
			char *shared = mmap(0, len, PROT_READ | PROT_WRITE,
					    MAP_SHARED, fd, 0);
			char *private;

			if (shared == MAP_FAILED)
				return 2;
			memcpy(shared, argv[2], len);
			private = mmap(0, len, PROT_READ, MAP_PRIVATE, fd, 0);
			if (private == MAP_FAILED)
				return 3;
			return memcmp(private, argv[2], len) ? 4 : 0;
		}
	SOURCE
	gcc -o "$WORK/map" "$WORK/map.c"
}

# many each|all FILE...: open and map, close, read; and with "each" unmap, one after
# the other.
write_many_tool()
{
	cat >"$WORK/many.c" <<-'SOURCE'
		#include <fcntl.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/mman.h>
		#include <unistd.h>

		int main(int argc, char **argv)
		{
			for (int i = 2; i < argc; i++) {
				int fd = open(argv[i], O_RDONLY);
				char *map = mmap(0, 4096, PROT_READ,
						 MAP_PRIVATE, fd, 0);

				if (map == MAP_FAILED || close(fd) ||
				    map[0] != 'x') {
					perror(argv[i]);
					return 1;
				}
				if (!strcmp(argv[1], "each"))
					munmap(map, 4096);
			}
			return 0;
		}
	SOURCE
	gcc -o "$WORK/many" "$WORK/many.c"
}

requests()
{
	grep -c "opcode: $1 (" "$WORK/server.log"
}

# says FILE TEXT: the mount and the backing filesystem agree on the contents.
says()
{
	[ "$(cat "$WORK/fuse/$1")" = "$2" ] && [ "$(cat "$WORK/tree/$1")" = "$2" ]
}

create_and_write()
{
	echo one >"$WORK/fuse/file" && says file one
}

read_and_copy()
{
	head -c 100000 /dev/urandom >"$WORK/tree/big" &&
		cat "$WORK/fuse/big" >"$WORK/fuse/copy" &&
		cmp "$WORK/tree/big" "$WORK/tree/copy"
}

append()
{
	echo two >>"$WORK/fuse/file" && says file "one
two"
}

overwrite()
{
	printf 'ONE' | dd of="$WORK/fuse/file" conv=notrunc 2>/dev/null &&
		says file "ONE
two"
}

truncate_and_write()
{
	echo three >"$WORK/fuse/file" && says file three
}

map_both()
{
	"$WORK/map" "$WORK/fuse/file" THREE && says file THREE
}

# The server registers the first open's descriptor, and that can only be read.
open_wider()
{
	printf 'narrow' >"$WORK/tree/wide" || return
	# shellcheck disable=SC2094 # twice is what this is about
	exec 7<"$WORK/fuse/wide" 8<>"$WORK/fuse/wide" || return
	printf 'WIDE' >&8
	seen=$(cat <&7)
	exec 7<&- 8<&-
	[ "$seen" = WIDEow ] && says wide WIDEow
}

# backing_files of the server's /dev/fuse
backing_files()
{
	sed -n 's/^backing_files:\t\([0-9]*\) .*/\1/p' \
		"/proc/$server/fdinfo/"* 2>/dev/null | sort -n | tail -n 1
}

backing_thread()
{
	sed -n 's/^backing_thread:\t//p' "/proc/$server/fdinfo/"* 2>/dev/null |
		sort -n | tail -n 1
}

counts()
{
	[ "$(backing_files)" = "$1" ]
}

counted_while_open()
{
	touch "$WORK/tree/a" "$WORK/tree/b"
	counts 0 || return
	exec 7<"$WORK/fuse/a" 8<"$WORK/fuse/b" || return
	count=$(backing_files)
	exec 7<&- 8<&-
	rm "$WORK/fuse/a" "$WORK/fuse/b"
	[ "$count" = 2 ] && poll counts 0
}

thread_is_the_users()
{
	thread=$(backing_thread)
	[ "$thread" -gt 0 ] && [ "$(stat -c %u "/proc/$server")" = "$(id -u)" ] &&
		grep -q "^Uid:	$(id -u)	" "/proc/$thread/status" &&
		grep -q '^CapEff:	0*$' "/proc/$thread/status"
}

no_data_requests()
{
	grep 'opcode: \(READ\|WRITE\) (' "$WORK/server.log" | head -3
	grep -i 'passthrough_open\|fuse_passthrough' "$WORK/server.log" | head -3
	[ "$(requests OPEN)" -gt 0 ] && [ "$(requests READ)" = 0 ] &&
		[ "$(requests WRITE)" = 0 ]
}

some_data_requests()
{
	echo control >"$WORK/fuse/file" && says file control &&
		cmp "$WORK/fuse/big" "$WORK/tree/big" &&
		[ "$(requests READ)" -gt 0 ] && [ "$(requests WRITE)" -gt 0 ]
}

# What the thread may have; there is one once a file was opened
backing_limit()
{
	sed -n 's/^backing_files:\t[0-9]* \([0-9]*\).*/\1/p' \
		"/proc/$server/fdinfo/"* 2>/dev/null | sort -n | tail -n 1
}

# start_small: a server whose thread may have ROOM files
start_small()
{
	mkdir -p "$WORK/tree/many"
	for i in $(seq "$MANY"); do
		echo x >"$WORK/tree/many/$i"
	done
	run_server prlimit --nofile="$ROOM:$HARD" passthrough_hp --foreground \
		--debug-fuse "$WORK/tree" "$WORK/fuse" || return
	"$WORK/many" each "$WORK/fuse/many/1" || return
	[ "$(backing_limit)" = "$HARD" ] || return
	prlimit --pid "$(backing_thread)" --nofile="$ROOM"
}

none_refused()
{
	"$WORK/many" each "$WORK/fuse/many/"* && no_data_requests &&
		! grep -qi passthrough_open "$WORK/server.log"
}

some_refused()
{
	"$WORK/many" all "$WORK/fuse/many/"* && [ "$(requests READ)" -gt 0 ] &&
		grep 'passthrough_open: Too many open files' "$WORK/server.log"
}

stop_server()
{
	$unmount "$WORK/fuse" && wait "$server"
}

start_plain()
{
	start_server "$WORK/tree" --debug-fuse --nopassthrough
}

# with START COMMAND: while there is the server that START starts
with()
{
	"$1" && "$2"
	result=$?
	stop_server && return "$result"
}

# as WHO UNMOUNT FIRST: number tests from FIRST on, exit with how many failed
as()
{
	who=$1
	unmount=$2
	number=$(($3 - 1))
	prepare
	workload_directly
	check "$who: server starts" start_server "$WORK/tree" --debug-fuse
	check "$who: fdinfo counts files while they are open" counted_while_open
	workload "$who" "$WORK/tree"
	check "$who: create and write" create_and_write
	check "$who: read, write what was read" read_and_copy
	check "$who: append" append
	check "$who: write in the middle of a file" overwrite
	check "$who: truncate and write" truncate_and_write
	check "$who: shared and private mappings" map_both
	check "$who: second open with wider flags" open_wider
	check "$who: the thread is the user's, without capabilities" \
		thread_is_the_users
	check "$who: not one READ or WRITE" no_data_requests
	check "$who: umount, and the server ends" stop_server
	check "$who: control, without passthrough there are both" \
		with start_plain some_data_requests
	check "$who: $MANY files mapped in turn, by a thread that may have $ROOM" \
		with start_small none_refused
	check "$who: control, mapped at once they aren't all passed through" \
		with start_small some_refused
}

as_user()
{
	WORK=$TOP/user
	as user "fusermount3 -u" 1
	exit "$failed"
}

# The backing filesystem, too, is a mount of the namespace's own.
as_namespace()
{
	WORK=$TOP/namespace
	mount -t tmpfs -o mode=755 backing "$WORK/tree" || exit 1
	as namespace umount $((EACH + 2))
	check "namespace: umount of the backing filesystem" umount "$WORK/tree"
	exit "$failed"
}

as_root()
{
	WORK=$TOP
	mount -t tmpfs -o mode=755 work "$TOP" || exit 1
	for who in user namespace; do
		mkdir -p "$TOP/$who/tree" "$TOP/$who/direct" "$TOP/$who/fuse"
		chown -R "$OWNER:$OWNER" "$TOP/$who"
	done
	mount -t tmpfs -o "mode=755,uid=$OWNER,gid=$OWNER" backing \
		"$TOP/user/tree" || exit 1

	echo "TAP version 13"
	echo "1..$((2 * EACH + 2))"
	run_as_user "$0" user
	failed=$?
	number=$EACH
	check "user: umount of the backing filesystem" umount "$TOP/user/tree"
	run_as_user unshare --user --map-root-user --mount "$0" namespace
	failed=$((failed + $?))
	number=$((2 * EACH + 2))
	totals
}

case ${1:-} in
user)
	as_user
	;;
namespace)
	as_namespace
	;;
root)
	as_root
	;;
*)
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	need_programs passthrough_hp fusermount3 gcc make ar tar unshare \
		setpriv prlimit sha256sum
	# Mounts and their servers go with the namespace.
	exec unshare --mount --propagation private "$0" root
	;;
esac
