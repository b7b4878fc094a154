# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Sourced by tests of the programs in tools/examples/filter, after passthrough_hp.inc.sh.
# Such a test ends with main. It has inside(), which is what it does.

EXAMPLES=$(dirname "$0")/helpers/filter

# filter PROGRAM ARGUMENT...: it decides for the mount; its pid is in $filter
filter()
{
	program=$1
	shift
	"$EXAMPLES/fuse-filter" "$WORK/fuse" "$EXAMPLES/$program.bpf.o" "$@" \
		>"$WORK/filter.log" 2>&1 &
	# shellcheck disable=SC2034 # the tests use it
	filter=$!
	poll grep -q ready "$WORK/filter.log" || {
		cat "$WORK/filter.log"
		return 1
	}
}

# main "$*" PROGRAM...: what it was called for; which programs it needs beside those
# that all of these do
main()
{
	called=$1
	shift
	case $called in
	inside)
		inside
		;;
	*)
		[ "$(id -u)" = 0 ] || skip_all "needs root"
		[ -e /sys/kernel/btf/vmlinux ] || skip_all "the kernel has no BTF"
		need_programs gcc unshare "$@"
		pkg-config --exists 'fuse3 >= 3.17' || skip_all "no libfuse 3.17"
		# Mounts and their servers go with the namespace.
		exec unshare --mount --propagation private "$0" inside
		;;
	esac
}
