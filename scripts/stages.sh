# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # build: lib.sh
# Sourced by .ci/run and scripts/test-all, after lib.sh: stages that end in a line
# of totals each, a table of what took how long, and the sum of all of them.

totals_form='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
passed=0
failed=0
skipped=0
table=''

# add_totals STATUS TOTALS: a stage that failed, or died before its totals, has
# failed in one way at least. True if it did not.
add_totals()
{
	local status=$1 p f s

	read -r p _ f _ s _ <<<"${2:-0 passed, 1 failed, 0 skipped}"
	[ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	[ "$f" -eq 0 ]
}

# add_row SECONDS WHAT
add_row()
{
	table+="$(printf '%7s  %s' "$(minutes "$1")" "$2")"$'\n'
}

# stage NAME COMMAND...: run it, show what it shows, and leave its last line in
# $totals; the steps of it that took longest get rows of their own.
stage()
{
	local name=$1 log=$build/log/stage-${1//[^a-z0-9.]/-}.log
	local start=$SECONDS status=0 seconds what
	shift

	echo "==> $name"
	export TIMES=$build/log/times
	: >"$TIMES"
	"$@" 2>&1 | tee "$log" || status=$?
	totals=$(grep -E "$totals_form" "$log" | tail -n 1 || true)
	add_row $((SECONDS - start)) "$name: ${totals:-no totals}"
	while IFS=$'\t' read -r seconds what; do
		[ "$seconds" -lt 5 ] || add_row "$seconds" "  $what"
	done <"$TIMES"
	add_totals $status "$totals"
}

# The table and the line of totals; false if anything failed or nothing passed
report_stages()
{
	echo
	printf '%s' "$table"
	echo "$(printf '%7s' "$(minutes $SECONDS)")  all of it, on $(nproc) processors"
	echo
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
