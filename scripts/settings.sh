# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # top: lib.sh
# Sourced after lib.sh: what the selftests' "settings", which are kselftest's, and
# "project.settings" say, see scripts/test-variant.

selftests=selftests/filesystems/fuse_backing

# The last line that sets it
setting()
{
	cat "$top/$selftests"/{,project.}settings 2>/dev/null |
		sed -n "s/^$1=//p" | tail -n 1
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
