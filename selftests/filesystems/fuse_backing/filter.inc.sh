# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Sourced by tests of the programs in tools/examples/filter, after passthrough_hp.inc.sh.

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
