# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Sourced by tests of servers that an ordinary user runs, and then root, in a mount
# namespace that goes with the test.
#
# Such a test ends with main. It has as_root(), what is done once, which calls as_both();
# and tests(), EACH of them, which are done for $who, in $WORK, with $unmount.

. "$(dirname "$0")/passthrough_hp.inc.sh"

TOP=/mnt
OWNER=1000
REPO=${REPO:-/repo}
LSFUSEBACKING=$REPO/build/tools/lsfusebacking/lsfusebacking
SWITCH=/sys/module/fuse/parameters/unprivileged_passthrough

# make_places DIRECTORY...: for both, beside a mount point; the first is a filesystem of
# its own
make_places()
{
	WORK=$TOP
	mount -t tmpfs -o mode=755 work "$TOP" || exit 1
	for who in user root; do
		for place in fuse "$@"; do
			mkdir -p "$TOP/$who/$place"
		done
		mount -t tmpfs -o mode=755 backing "$TOP/$who/$1" || exit 1
	done
	chown -R "$OWNER:$OWNER" "$TOP/user"
}

# as WHO UNMOUNT
as()
{
	who=$1
	unmount=$2
	WORK=$TOP/$who
	cd "$WORK" || exit 1
	umask 022
	tests
}

# The tests' numbers go on from this process's to the user's, and back
as_both()
{
	run_as_user "$0" user "$number"
	failed=$((failed + $?))
	number=$((number + EACH))
	as root umount
	cd "$TOP" || exit 1
	WORK=$TOP
}

# leave DIRECTORY: that of make_places() which is a filesystem
leave()
{
	check "umount of the user's backing filesystem" umount "$TOP/user/$1"
	check "umount of root's backing filesystem" umount "$TOP/root/$1"
	check "no thread is left" poll no_thread
	totals
}

# Backing files in the table, below the user's tree or root's
holds()
{
	[ "$("$LSFUSEBACKING" --noheadings --raw -o NAME |
		grep -c " *$WORK/tree/")" = "$1" ]
}

ends()
{
	$unmount "$WORK/fuse" && wait "$server"
}

# not_permitted COMMAND...: while users may not pass files through
not_permitted()
{
	old=$(cat "$SWITCH")
	echo N >"$SWITCH"
	"$@"
	result=$?
	echo "$old" >"$SWITCH"
	return "$result"
}

# main "$*" PROGRAM...: what it was called for; which programs it needs beside those
# that all of these do
main()
{
	called=$1
	shift
	case $called in
	user*)
		number=${called#user }
		as user "fusermount3 -u"
		exit "$failed"
		;;
	inside)
		as_root
		;;
	*)
		[ "$(id -u)" = 0 ] || skip_all "needs root"
		need_programs fusermount3 gcc unshare setpriv "$@"
		pkg-config --exists 'fuse3 >= 3.17' || skip_all "no libfuse 3.17"
		[ -x "$LSFUSEBACKING" ] || skip_all "no lsfusebacking"
		# Mounts and their servers go with the namespace.
		exec unshare --mount --propagation private "$0" inside
		;;
	esac
}
