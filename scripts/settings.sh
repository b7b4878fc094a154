# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # top: lib.sh
# Sourced after lib.sh: what the selftests' "settings" say, see scripts/test-variant.

selftests=selftests/filesystems/fuse_backing

# The last line that sets it
setting()
{
	sed -n "s/^$1=//p" "$top/$selftests/settings" 2>/dev/null | tail -n 1 ||
		true
}

limit_of()
{
	local limit

	limit=$(setting "$1\\.timeout")
	: "${limit:=$(setting timeout)}"
	echo "${limit:-60}"
}

# Scratch disks of a guest
disks_of_tests()
{
	local disks

	disks=$(setting disks)
	echo "${disks:-2G 2G}"
}
