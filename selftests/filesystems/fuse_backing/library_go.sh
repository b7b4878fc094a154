#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The tests of the library's package for Go, on a mount that they make.
#
# Proves: each of its calls does what it says, and errors have the kernel's reason,
# whichever thread a goroutine is on.
#
# Privilege: root, to mount.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

WORK=/tmp
PROGRAM=${REPO:-/repo}/build/lib/tests/go.test

. "$(dirname "$0")/passthrough_hp.inc.sh"

# One that skips itself has found no table of backing files
passes()
{
	"$PROGRAM" -test.v -test.run "^$1\$" >"$WORK/said" 2>&1
	status=$?
	cat "$WORK/said"
	[ "$status" = 0 ] && grep -q "^--- PASS: $1 " "$WORK/said"
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -x "$PROGRAM" ] || skip_all "no Go when the library was tested"
tests=$("$PROGRAM" -test.list .)
echo "TAP version 13"
echo "1..$(echo "$tests" | wc -l)"
for test in $tests; do
	check "$test" passes "$test"
done
totals
