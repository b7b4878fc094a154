# SPDX-License-Identifier: LGPL-2.1
# shellcheck shell=bash disable=SC2034 # those that source this use it
# Sourced by the scripts here: check, a directory $work that goes at the end, and $status to
# exit with. They are run in $package, where there is one.

package=.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# check NAME COMMAND...
check()
{
	local name=$1
	shift

	if (cd "$package" && "$@") >"$work/log" 2>&1; then
		echo "PASS $name"
	else
		echo "FAIL $name"
		sed 's/^/  /' "$work/log"
		status=1
	fi
}
