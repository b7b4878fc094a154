#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest, for scripts/test-powercut: append records in each way, until the
# power is cut; and in the next guest, see what is there.
#
#   powercut.sh append          says "mapped WAY", and "WAY N" for each sync
#   powercut.sh check WAY=N...  TAP: what became of the N that were synced
#
# The disks are /dev/scratch0 and so on. A loop device before each is the
# disk's volatile cache: what was written and not flushed is in its page cache,
# and lost with the guest's memory.
#
#   direct    to ext4
#   by-id     by libfuse's passthrough_hp, unmodified
#   inode     by passthrough_modes, attached to the inode: fsync asks nobody
#   control   to ext4 that doesn't flush the disk: records must be lost

ways="direct by-id inode control"
records=/repo/build/selftests-$KERNEL/helpers/records

# attach_disk N: the device is in $device
attach_disk()
{
	device=$(losetup --find --show "/dev/scratch$1") || exit 1
}

mount_disks()
{
	n=0
	for way in $ways; do
		mkdir -p "/cut/$way" "/fuse/$way"
		attach_disk $n
		# what is left for later would be flushed once it is done
		mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 \
			"$device" || exit 1
		case $way in
		control) mount -o barrier=0 "$device" "/cut/$way" || exit 1 ;;
		*) mount "$device" "/cut/$way" || exit 1 ;;
		esac
		n=$((n + 1))
	done
}

# serve WAY COMMAND...
serve()
{
	way=$1
	shift
	"$@" "/cut/$way" "/fuse/$way" >"/tmp/$way.log" 2>&1 &
	for _ in $(seq 100); do
		! mountpoint -q "/fuse/$way" || return 0
		sleep 0.1
	done
	echo "no server: $way"
	exit 1
}

# tell_mapped WAY: by a thread, which holds the file
tell_mapped()
{
	for comm in /proc/[0-9]*/comm; do
		grep -qs '^fuse/' "$comm" || continue
		for fd in "${comm%/comm}"/fd/*; do
			[ "$(readlink "$fd")" != "/cut/$1/records" ] ||
				echo "mapped $1"
		done
	done
}

# The disks' cache writes nothing of its own accord: neither what is old, nor
# because a disk has more than its share of what may be dirty, which for one
# that is rarely flushed is next to nothing
keep_cache()
{
	echo 360000 >/proc/sys/vm/dirty_expire_centisecs
	echo 90 >/proc/sys/vm/dirty_ratio
	echo 80 >/proc/sys/vm/dirty_background_ratio
	for disk in /dev/scratch?; do
		echo 20 >"/sys/block/$(basename "$(realpath "$disk")")/bdi/min_ratio" ||
			exit 1
	done
}

append()
{
	make -s -C /repo/tools/examples O=/tmp || exit 1
	mount_disks
	serve by-id passthrough_hp --foreground
	serve inode /tmp/passthrough_modes -f -o mode=inode
	keep_cache
	sync
	for way in direct control; do
		"$records" append "/cut/$way/records" "$way" &
	done
	for way in by-id inode; do
		"$records" append "/fuse/$way/records" "$way" &
	done
	sleep 1
	tell_mapped by-id
	tell_mapped inode
	wait
}

# tap NAME COMMAND...
tap()
{
	name=$1
	shift
	number=$((number + 1))
	if "$@" >/tmp/log 2>&1; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
	fi
	sed 's/^/# /' /tmp/log
}

not()
{
	! "$@"
}

# Mounting replays the journal
check()
{
	number=0
	n=0
	echo "1..$((3 * $# - 2))"
	for argument in "$@"; do
		way=${argument%=*}
		mkdir -p "/cut/$way"
		attach_disk $n
		n=$((n + 1))
		if [ "$way" = control ]; then
			mount "$device" "/cut/$way"
			tap "$way: without flushes, synced records are lost" \
				not "$records" check "/cut/$way/records" \
				"${argument#*=}"
			continue
		fi
		tap "$way: ext4 mounts" mount "$device" "/cut/$way"
		tap "$way: synced records are there, and nothing strange" \
			"$records" check "/cut/$way/records" "${argument#*=}"
		umount "/cut/$way"
		tap "$way: ext4 is clean" e2fsck -fn "$device"
	done
}

"$@"
