#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The bpftrace scripts of tools/bpftrace, on a live mount with I/O that is known.
#
# Proves: each script starts, and tells exactly what was done: registrations,
# opens and refusals in their order; as many reads, writes and splices as there
# were, and their bytes; no request for any of them, one for each that isn't
# passed through, and those of a write that removes privileges; a mapping without
# I/O is found, one that was used isn't. Each command finds its mount by mount point,
# device number or connection, prints its help, and says in a line what is missing.
#
# Privilege: root, to trace.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

TOP=/mnt
WORK=$TOP
REPO=${REPO:-/repo}
EVENTS=/sys/kernel/tracing/events/fuse

here=$(cd "$(dirname "$0")" && pwd)
. "$here/passthrough_hp.inc.sh"
. "$here/map_many.inc.sh"
. "$here/bpftrace.inc.sh"

# A mapping that is used must be before it is that many seconds old
leak_after=20

# matches FILE: it has the lines of standard input, and no others
matches()
{
	diff "$1" -
}

repeat()
{
	times=$1
	shift
	while [ "$times" -gt 0 ]; do
		ask "$@" || return
		times=$((times - 1))
	done
}

# fusebackingsnoop

# What is told of the server and its client, without time, process and connection
events()
{
	awk '$3 == "map_many" {
		$1 = $2 = $3 = $4 = ""
		sub("^ *", "")
		print
	}' "$WORK/trace"
}

was_emptied()
{
	grep -q ' remove .* 0 files left' "$WORK/trace"
}

snoop()
{
	start_trace fusebackingsnoop && start_many 3 a b c &&
		ask open 2 b && ask map 4096 && ask release &&
		ask close 3 || return
	ask close 3
	ask list && ask release || return
	kill_many
	poll was_emptied
	umount "$WORK/fuse"
	stop_trace || return
	events | matches /dev/fd/9 9<<-END
		thread - - pid $thread
		register - 1 rw /a
		register - 2 rw /b
		register - 3 rw /c
		open 3 2 /b, to write
		mmap 3 2 4096 bytes at 0, shared
		release 3 2
		close - 3 by id
		remove - 3 2 files left
		reject - 3 unknown-id: No such file or directory
		register - 4 r /
		attach 1 4 directory
		open 1 4 /, not asked
		release 1 4
	END
}

# As the kernel has them
knows_reasons()
{
	sed -n 's/^\t@reason\[\([0-9]*\)] = "\(.*\)";$/\1 \2/p' \
		"$scripts/fusebackingsnoop.bt" >"$WORK/known"
	grep -o '{ *[0-9]*, "[^"]*" }' \
		"$EVENTS/fuse_backing_reject/format" |
		sed 's/{ *\([0-9]*\), "\(.*\)" }/\1 \2/' | matches "$WORK/known"
}

# The others: one mount, and I/O that is known

# 10 reads of 1000 bytes, 5 writes of 2000 and 3 splices of 500 through id 1; 4 reads
# that the server answers; and the root, which it isn't asked to list
do_io()
{
	ask open 1 a && repeat 10 read 1000 && repeat 5 write 2000 &&
		repeat 3 splice 500 && ask map 4096 && ask release &&
		ask plain c && repeat 4 read 100 && ask release && ask list &&
		ask release
}

# trace_io COMMAND ARGUMENT...
trace_io()
{
	start_trace "$@" || return
	do_io
	status=$?
	stop_trace && [ "$status" = 0 ]
}

# The sum of each histogram, as "key: count"
histograms()
{
	awk '/^@/ { key = $0 }
	     /^\[.*\|$/ { sub("^.*[])] *", ""); sum[key] += $1 }
	     END { for (key in sum) print key, sum[key] }' "$WORK/trace" | sort
}

latency()
{
	trace_io fusebackinglat "$WORK/fuse" || return
	histograms | matches /dev/fd/9 9<<-END
		@ns[$connection, read, backing filesystem]: 10
		@ns[$connection, read, ours]: 10
		@ns[$connection, splice, backing filesystem]: 3
		@ns[$connection, splice, ours]: 3
		@ns[$connection, write, backing filesystem]: 5
		@ns[$connection, write, ours]: 5
	END
}

# What happens while a table is printed may be missing in it and in the next one: all
# of the I/O is in the table that is printed at the end.
top()
{
	trace_io fusebackingtop -s 100000 "$device" || return
	client=$(sed -n 's/^@calls.*, read, \([0-9]*\), map_many.*/\1/p' "$WORK/trace")
	grep -qx map_many "/proc/$client/comm" || return
	grep '^@' "$WORK/trace" | sort | matches /dev/fd/9 9<<-END
		@bytes[$connection, 1, /a, read, $client, map_many]: 11500
		@bytes[$connection, 1, /a, write, $client, map_many]: 10000
		@calls[$connection, 1, /a, read, $client, map_many]: 13
		@calls[$connection, 1, /a, write, $client, map_many]: 5
	END
}

# While it goes on, two tables at least
top_each_second()
{
	start_trace fusebackingtop -s 1 "$connection" && ask open 1 a || return
	tries=0
	until [ "$(grep -c "^@calls.$connection, 1, /a, read, [0-9]*, map_many.: [1-9]" \
		"$WORK/trace")" -ge 2 ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 1800 ] || break
		ask read 1000 || break
		sleep 0.1
	done
	ask release
	stop_trace && [ "$tries" -lt 1800 ] &&
		grep -qE '^[0-9]{2}:[0-9]{2}:[0-9]{2}$' "$WORK/trace"
}

round_trips()
{
	trace_io fuseroundtrips "$connection" || return
	grep '^@' "$WORK/trace" | sort | matches /dev/fd/9 9<<-END
		@operations[$connection, mmap]: 1
		@operations[$connection, open]: 2
		@operations[$connection, read]: 10
		@operations[$connection, release]: 2
		@operations[$connection, splice]: 3
		@operations[$connection, write]: 5
		@requests[$connection, open, OPEN]: 1
		@requests[$connection, other, FLUSH]: 2
		@requests[$connection, other, LOOKUP]: 2
		@requests[$connection, other, OPEN]: 1
		@requests[$connection, other, READ]: 4
		@requests[$connection, other, RELEASE]: 1
		@requests[$connection, release, RELEASE]: 1
	END
}

# Who lacks CAP_FSETID writes to a suid file: the server is asked whether it has
# the bit still
round_trips_of_write()
{
	start_trace fuseroundtrips && ask open 2 suid && ask release || return
	# shellcheck disable=SC2016 # for the inner shell
	setpriv --bounding-set -fsetid sh -c 'echo >>"$0"' "$WORK/fuse/suid"
	stop_trace || return
	grep ', write' "$WORK/trace" | sort | matches /dev/fd/9 9<<-END
		@operations[$connection, write]: 1
		@requests[$connection, write, GETATTR]: 1
	END
}

# One is read, one is mapped, one is open, one has no user at all
leaks()
{
	start_trace fusebackingleak -s "$leak_after" && start_many 4 a b c d &&
		ask open 1 a && ask read 1 && ask open 2 b && ask map 4096 &&
		ask open 3 c || return
	tries=0
	until grep -q '/d$' "$WORK/trace" && grep -q '/c$' "$WORK/trace"; do
		tries=$((tries + 1))
		[ "$tries" -lt 1800 ] || break
		sleep 0.1
	done
	stop_trace || return
	awk '$2 == '"$connection"' { print $3, $4, $5, $6 }' "$WORK/trace" |
		sort | matches /dev/fd/9 9<<-END
		3 1 live /c
		4 0 live /d
	END
}

# What can be said without a trace

commands()
{
	for script in "$scripts"/*.bt; do
		echo "${script%.bt}"
	done
}

own_help()
{
	for command in $(commands); do
		"$command" -h >"$WORK/help" &&
			grep -q "^USAGE: ${command##*/} " "$WORK/help" &&
			! grep -q '\*' "$WORK/help" || return
	done
	[ -n "$command" ]
}

# says TEXT STATUS COMMAND...: in one line, the command's
says()
{
	text=$1
	expected=$2
	shift 2
	"$@" >"$WORK/said" 2>&1
	status=$?
	cat "$WORK/said"
	[ "$status" = "$expected" ] && [ "$(wc -l <"$WORK/said")" = 1 ] &&
		grep -q "$text" "$WORK/said"
}

# Of a kernel without them, and where tracefs is not mounted
no_tracepoints()
{
	for command in $(commands); do
		says "no tracepoint fuse:fuse_" 2 unshare --mount sh -c "
			mount -t tmpfs none /sys/kernel/tracing &&
			mkdir /sys/kernel/tracing/events && $command" &&
			says "tracefs is not mounted" 2 unshare --mount sh -c "
			mount -t tmpfs none /sys/kernel && $command" || return
	done
}

mistakes()
{
	says "not on a FUSE mount" 32 "$scripts/fusebackinglat" "$WORK/backing" &&
		says "name it before --" 32 "$scripts/fusebackinglat" -- -x &&
		says "no such FUSE connection" 32 "$scripts/fusebackinglat" 0:999 &&
		says "not permitted" 2 setpriv --reuid 1000 --regid 1000 --clear-groups \
			"$scripts/fusebackingsnoop" &&
		says "whole number" 2 "$scripts/fusebackingtop" -s soon &&
		! "$scripts/fusebackinglat" -s 3 && ! "$scripts/fusebackingsnoop" 1 2
}

prepare()
{
	mount -t tmpfs -o mode=755 work "$TOP" || exit 1
	mkdir "$TOP/fuse" "$TOP/backing"
	mount_backing || exit 1
	for file in a b c d suid; do
		head -c 50000 /dev/zero >"$WORK/backing/$file"
	done
	chmod 4777 "$WORK/backing/suid"
}

as_root()
{
	echo "TAP version 13"
	echo "1..11"
	prepare

	check "help of each" own_help
	check "no tracepoints" no_tracepoints
	check "mistakes" mistakes
	check "snoop" snoop
	check "snoop: every reason" knows_reasons
	start_many 4 a suid c d
	check "latency" latency
	stop_many
	start_many 4 a suid c d
	check "top" top
	check "top: each second" top_each_second
	stop_many
	start_many 4 a suid c d
	check "round trips" round_trips
	check "round trips of a write" round_trips_of_write
	stop_many
	check "leaks" leaks
	stop_many
	totals
}

case ${1:-} in
root)
	as_root
	;;
*)
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	[ -d "$EVENTS/fuse_passthrough_open" ] || skip_all "no tracepoints"
	need_programs bpftrace unshare setpriv mountpoint
	# Mounts and their servers go with the namespace.
	exec unshare --mount --propagation private "$0" root
	;;
esac
