#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The example programs of tools/examples/filter, on a mount of passthrough_modes.
#
# Proves: names that match the pattern are asked for, others are not; each user gets what
# was said of it, at the same time; what is hidden is neither listed nor there; the
# program is shown, by the server's descriptor and by lsfusebacking; when it is gone all is as
# before, and where it was sticky, the server's;
# a server that leaves its replies to the program has each user's file opened as that says,
# and without that nobody's (the control);
# bpftool registers a program by the number of the connection, lists and unregisters it;
# the bpftrace scripts say what was decided, and count what became the server's.
#
# Privilege: root, also to become an ordinary user.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

TOP=/mnt
REPO=${REPO:-/repo}
WORK=$TOP
LSFUSEBACKING=$REPO/build/tools/lsfusebacking/lsfusebacking

. "$(dirname "$0")/passthrough_hp.inc.sh"
. "$(dirname "$0")/bpftrace.inc.sh"
. "$(dirname "$0")/filter.inc.sh"

serve()
{
	run_server "$TOP/bin/passthrough_modes" -f -d -o "$1,timeout=0,allow_other" \
		"$WORK/tree" "$WORK/fuse"
}

ends()
{
	umount "$WORK/fuse" && poll no_thread
}

filter_ends()
{
	kill "$filter" && ! wait "$filter"
	poll is_shown ''
}

# What fdinfo of the server's /dev/fuse says
is_shown()
{
	for fd in /proc/"$server"/fd/*; do
		[ "$(readlink "$fd")" = /dev/fuse ] || continue
		shown=$(sed -n 's/^backing_filter:[^a-z-]*//p' \
			"/proc/$server/fdinfo/${fd##*/}")
		[ "$shown" = "$1" ]
		return
	done
	return 1
}

# Linux 6.12 keeps which map it is to itself
says_ids()
{
	grep -q ' bpf_struct_ops_id$' /proc/kallsyms
}

# is_listed NAME: by lsfusebacking, with the id if this kernel says that
is_listed()
{
	listed=$("$LSFUSEBACKING" --raw --noheadings -o FILTER "$WORK/fuse" | sort -u)
	echo "$listed instead of $1"
	says_ids || {
		[ "$listed" = "$1"/0 ]
		return
	}
	case $listed in
	"$1"/*[!0-9]* | "$1"/ | "$1"/0)	return 1 ;;
	"$1"/*)				;;
	*)				return 1 ;;
	esac
}

lists_nothing()
{
	[ -z "$("$LSFUSEBACKING" --raw --noheadings -o FILTER "$WORK/fuse" | tr -d '[:space:]-')" ]
}

# A sticky one that was detached
lists_the_left()
{
	[ "$("$LSFUSEBACKING" --raw --noheadings -o FILTER "$WORK/fuse" | sort -u)" = -/0 ]
}

# looks_up COUNT PATH: to use the name makes so many LOOKUPs
looks_up()
{
	before=$(requests LOOKUP)
	cat "$WORK/fuse/$2" >"$WORK/read" || return
	cmp "$WORK/read" "$WORK/tree/$2" || return
	after=$(requests LOOKUP)
	echo "$((after - before)) instead of $1"
	[ $((after - before)) = "$1" ]
}

# as_user UID COMMAND...
as_user()
{
	uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all "$@"
}

is_hidden_from()
{
	! as_user "$1" cat "$WORK/fuse/$2" 2>"$WORK/error" &&
		grep 'No such file' "$WORK/error" &&
		! as_user "$1" ls "$WORK/fuse" | grep -x "$2"
}

is_opened_by()
{
	before=$(requests OPEN)
	as_user "$1" cat "$WORK/fuse/$2" >/dev/null || return
	after=$(requests OPEN)
	echo "$((after - before)) OPENs instead of $3"
	[ $((after - before)) = "$3" ]
}

# asks_for OPCODE none|some COMMAND...
asks_for()
{
	opcode=$1
	wanted=$2
	shift 2
	before=$(requests "$opcode")
	"$@" || return
	after=$(requests "$opcode")
	echo "$((after - before)) times $opcode instead of $wanted"
	case $wanted in
	none)	[ "$after" = "$before" ] ;;
	some)	[ "$after" -gt "$before" ] ;;
	esac
}

# reads UID PATH
reads()
{
	as_user "$1" cat "$WORK/fuse/$2" >"$WORK/read" && cmp "$WORK/read" "$WORK/tree/$2"
}

has_no_file()
{
	! as_user "$1" cat "$WORK/fuse/$2" 2>"$WORK/error" &&
		grep 'No such file' "$WORK/error"
}

# for_connection FROM TO: a program that is for this mount, without a loader that says so
for_connection()
{
	python3 - "$1" "$2" "$(stat -c %Ld "$WORK/fuse")" <<-'PYTHON'
		import struct, sys
		elf = bytearray(open(sys.argv[1], "rb").read())
		at, = struct.unpack_from("<Q", elf, 40)
		size, count, names = struct.unpack_from("<HHH", elf, 58)
		header = lambda n: struct.unpack_from("<IIQQQQ", elf, at + n * size)
		text = header(names)[4]
		for n in range(count):
		    name, _, _, _, offset, _ = header(n)
		    end = elf.index(b"\0", text + name)
		    if elf[text + name:end] == b".struct_ops.link":
		        struct.pack_into("<I", elf, offset + 28, int(sys.argv[3]))
		open(sys.argv[2], "wb").write(elf)
	PYTHON
}

bpftool_registers()
{
	for_connection "$EXAMPLES/pattern.bpf.o" "$WORK/mine.bpf.o" &&
		bpftool struct_ops register "$WORK/mine.bpf.o" /sys/fs/bpf &&
		is_shown "${1:-pattern}" &&
		bpftool struct_ops list | grep fuse_backing_bpf_ops
}

bpftool_unregisters()
{
	bpftool link detach pinned /sys/fs/bpf/filter && rm /sys/fs/bpf/filter &&
		poll is_shown ''
}

# One name that is the server's, one that is passed through, and what a script says of it
traced()
{
	start_trace "$1" "$WORK/fuse" && looks_up 1 a.tmp && looks_up 0 b.txt &&
		stop_trace
}

snoop_says_verdicts()
{
	traced fusebackingsnoop && grep ' filter .* name: server$' "$WORK/trace" &&
		grep ' filter .* name: pass$' "$WORK/trace"
}

# Nobody has a function for opens
round_trips_are_counted()
{
	traced fuseroundtrips &&
		grep "^@filtered\[$(stat -c %Ld "$WORK/fuse"), name\]: [1-9]" "$WORK/trace" &&
		! grep '^@filtered.*open' "$WORK/trace"
}

tests()
{
	check "the server compiles" build_example passthrough_modes
	serve mode=tree
	check "nothing decides yet" is_shown ''
	check "lsfusebacking lists none" lists_nothing
	check "a name is passed through" looks_up 0 a.tmp
	check "pattern: attached" filter pattern '*.tmp'
	check "pattern: shown" is_shown pattern
	check "pattern: lsfusebacking lists it" is_listed pattern
	check "pattern: what matches is asked for" looks_up 1 a.tmp
	check "pattern: what doesn't is passed through" looks_up 0 b.txt
	check "pattern: below, too" looks_up 2 dir/c.tmp
	check "pattern: and there" looks_up 0 dir/d.txt
	check "pattern: snoop says the verdicts" snoop_says_verdicts
	check "pattern: round trips are counted" round_trips_are_counted
	check "pattern: detached" filter_ends
	# what the server has answered for stays its own while it is known
	check "pattern: a name is passed through" looks_up 0 e.tmp

	check "uid: attached" filter uid 0=pass 1000=hide 1001=server 1002=pass
	check "uid: one is passed through" is_opened_by 1002 b.txt 0
	check "uid: from one it is hidden" is_hidden_from 1000 b.txt
	check "uid: one is the server's" is_opened_by 1001 b.txt 1
	check "uid: who isn't named, too" is_opened_by 1003 b.txt 1
	check "uid: and one is passed through again" is_opened_by 1002 b.txt 0
	check "uid: detached, and everything is the server's" sticks
	check "uid: lsfusebacking lists that" lists_the_left
	check "uid: attached again" filter uid 0=pass
	check "uid: and root is passed through" is_opened_by 0 b.txt 0
	kill "$filter"
	wait "$filter"
	mount -t bpf bpf /sys/fs/bpf
	check "bpftool registers a program" bpftool_registers
	check "which decides" filter_of_bpftool
	check "bpftool unregisters it" bpftool_unregisters
	check "umount, and no thread is left" ends
}

# No tree, so that nothing is opened but by replies
reply_tests()
{
	serve mode=open,filter
	check "reply: nothing decides, it is passed through" asks_for READ none reads 1002 b.txt
	check "reply: uid: attached" filter uid 0=server 1000=hide 1002=pass
	check "reply: one is passed through" asks_for READ none reads 1002 b.txt
	check "reply: for one there is no file" has_no_file 1000 b.txt
	check "reply: one is the server's" asks_for READ some reads 1001 b.txt
	check "reply: umount" ends
	kill "$filter"
	wait "$filter"
	serve mode=open
	check "control: attached, and not asked about replies" filter uid 0=server 1002=pass
	check "control: all is passed through" asks_for READ none reads 1001 b.txt
	check "control: umount" ends
	kill "$filter"
	wait "$filter"
}

# It has no pattern: nothing matches but the empty name
filter_of_bpftool()
{
	looks_up 0 e.txt
}

sticks()
{
	kill "$filter"
	wait "$filter"
	poll is_shown - && is_opened_by 1002 b.txt 1
}

inside()
{
	mount -t tmpfs -o mode=755 work "$TOP" || exit 1
	mkdir -p "$TOP/fuse" "$TOP/tree"
	mount -t tmpfs -o mode=755 backing "$TOP/tree" || exit 1
	mkdir "$TOP/tree/dir"
	for f in a.tmp b.txt dir/c.tmp dir/d.txt e.tmp e.txt; do
		echo "$f" >"$TOP/tree/$f"
	done
	echo "TAP version 13"
	echo "1..38"
	tests
	reply_tests
	totals
}

[ -x "$LSFUSEBACKING" ] || skip_all "no lsfusebacking"
main "$*" make setpriv python3 bpftool bpftrace
