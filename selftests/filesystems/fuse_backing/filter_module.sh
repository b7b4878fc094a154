#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# BPF programs where fuse is a module: what they are called by, and what they may call, is
# the module's.
#
# Proves: programs find the module's types and functions, and all that is true of them
# otherwise is; as long as one is attached the module stays, also when the mount that it is
# for is gone (and without it does not, the control); then it unloads, and the next one has
# programs of its own.
#
# Privilege: root, in a kernel whose fuse is not loaded.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

TOP=/mnt
REPO=${REPO:-/repo}
WORK=$TOP

. "$(dirname "$0")/passthrough_hp.inc.sh"
. "$(dirname "$0")/filter.inc.sh"
. "$(dirname "$0")/module.inc.sh"

serves()
{
	run_server "$TOP/bin/passthrough_modes" -f -o mode=tree "$WORK/tree" "$WORK/fuse"
}

# Of the mount nothing is left but the program
ends()
{
	umount "$WORK/fuse" && poll no_thread && wait "$server"
}

stays()
{
	! unload 2>"$WORK/error" && cat "$WORK/error" && ! is_unused
}

detach()
{
	kill "$filter" && ! wait "$filter"
}

# Loaded, used by a program that outlives its mount, and unloaded
life()
{
	check "$1: loads" load
	check "$1: a server mounts" serves
	check "$1: a program is attached" filter pattern '*.tmp'
	check "$1: names are found" cmp "$WORK/tree/a.txt" "$WORK/fuse/a.txt"
	check "$1: umount" ends
	check "$1: stays for the program" stays
	check "$1: the program goes" detach
	check "$1: is not used any more" unused
	check "$1: unloads" unload
}

inside()
{
	mount -t tmpfs -o mode=755 work "$TOP" || exit 1
	mkdir -p "$TOP/fuse" "$TOP/tree"
	mount -t tmpfs -o mode=755 backing "$TOP/tree" || exit 1
	echo a >"$TOP/tree/a.txt"
	echo "TAP version 13"
	echo "1..27"
	check "the server compiles" build_example passthrough_modes
	check "loads" load
	all_pass filter_test filter_open_test filter_names_test filter_change_test \
		attack_filter_test
	check "is not used any more" unused
	check "unloads" unload
	life first
	life second
	totals
}

main "$*" perl
