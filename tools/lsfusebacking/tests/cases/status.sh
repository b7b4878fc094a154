# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# As grep's: found, none, can't tell
status()
{
	local expected=$1 tree=$2 got=0
	shift 2

	run_command --sysroot "$work/trees/$tree" "$@" >/dev/null 2>&1 || got=$?
	if [ $got -eq "$expected" ]; then
		echo "$got: $tree $*"
	else
		echo "$got, not $expected: $tree $*"
	fi
}

copy_tree two here
mkdir -p "$work/trees/here/srv"
touch "$work/trees/here/srv/nobody"
mkdir -p "$work/trees/empty/srv"
status 0 two
status 0 two --summary
status 0 two --holders /home
status 0 two /mnt/a
status 1 two /mnt/sshfs
status 1 two --holders 8:1
status 1 here --holders /srv/nobody
status 2 two --holders /srv/nobody
status 2 two -o nothing
status 2 odd /mnt/b
status 2 old-kernel
status 2 new-kernel
status 32 two /mnt
status 64 two /mnt /mnt/a
echo "# without any FUSE mount"
status 1 empty
status 1 empty --summary
status 1 empty --holders /srv
status 2 empty --holders /srv/nobody
status 32 empty /mnt/a
