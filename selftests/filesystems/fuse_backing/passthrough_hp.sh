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

. "$(dirname "$0")/passthrough_hp.inc.sh"

# Mounts and their servers go with the namespace.
if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	need_programs passthrough_hp gcc make ar tar unshare sha256sum
	exec unshare --mount --propagation private "$0" inside
fi

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
	pack_sample
}

stop_server()
{
	umount "$WORK/fuse" && wait "$server"
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

echo "TAP version 13"
echo "1..17"
prepare
workload_directly

check "on: server starts" start_server "$WORK/on/tree"
workload on "$WORK/on/tree"
check "on: open files are in the thread's table" in_table
check "on: umount, and then the backing filesystem" \
	sh -c "umount $WORK/fuse && umount $WORK/on"
wait "$server"

check "off: server starts" start_server "$WORK/off/tree" --nopassthrough
workload off "$WORK/off/tree"
check "off: no thread" poll no_thread

stop_server
totals
