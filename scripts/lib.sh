# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the other scripts: paths, messages, long steps.

set -euo pipefail
umask 022
export LC_ALL=C
# The makes that we run are nobody's sub-makes
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build
# What every clone of this user can use: compiled objects, sources, images,
# each named by what it depends on; scripts/cache looks after it
# shellcheck disable=SC2034 # for the scripts that source this
cache=${CACHE:-${XDG_CACHE_HOME:-~/.cache}/fuse-backing}
# Objects are found by what they are made of, whichever clone that is in
export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache} CCACHE_NOHASHDIR=1
export CCACHE_BASEDIR=$top CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-6G}
compiler=gcc
# shellcheck disable=SC2034 # for the scripts that source this
! command -v ccache >/dev/null || compiler="ccache gcc"
# shellcheck disable=SC2034 # for the scripts that source this
variant=${VARIANT:-base}
# shellcheck disable=SC2034
jobs=$(nproc)
mkdir -p "$build"

# Progress goes to stderr: stdout belongs to what the user asked for.
note()
{
	printf '%s\n' "$*" >&2
}

die()
{
	note "${0##*/}: $*"
	exit 1
}

# matches NAME PATTERN: the shell pattern is found anywhere in the name
matches()
{
	# shellcheck disable=SC2053 # a pattern is meant
	[[ $1 == *$2* ]]
}

# files_of DIRECTORY WHERE...: no leavings of editors or of patch
files_of()
{
	(cd "$1" 2>/dev/null && shift && find "$@" -type f \
		! -name '*~' ! -name '.*' ! -name '*.orig' ! -name '*.rej' \
		2>/dev/null | sed 's,^\./,,' | sort) || true
}

minutes()
{
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# For the time table of .ci/run: what took so many seconds
record_time()
{
	[ -z "${TIMES:-}" ] || printf '%d\t%s\n' "$2" "${1#\[*\] }" >>"$TIMES"
}

# Print the lines of a log that say what went wrong.
log_excerpt()
{
	local log=$1 first

	first=$(grep -m1 -nE '(error|Error|ERROR|undefined reference|^E:)' "$log" |
		cut -d: -f1 || true)
	if [ -n "$first" ] && [ "$(wc -l <"$log")" -gt $((first + 25)) ]; then
		sed -n "${first},$((first + 12))p" "$log" >&2
		note "  ..."
	fi
	tail -n 25 "$log" >&2
	note "whole log: $log"
}

# A long step: long 'LABEL' LOG COMMAND...; a sign of life every 30 seconds.
long()
{
	local label=$1 log=$2 start=$SECONDS pid beat=0
	shift 2

	mkdir -p "$(dirname "$log")"
	note "$label ..."
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	# Background jobs ignore the interrupt key, so pass it on
	trap 'kill $pid 2>/dev/null; exit 130' INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		beat=$((beat + 1))
		[ $((beat % 150)) -ne 0 ] ||
			note "      $(minutes $((SECONDS - start))) elapsed," \
				"$(wc -l <"$log") lines of log"
	done
	if ! wait "$pid"; then
		note "$label: FAILED after $(minutes $((SECONDS - start)))"
		log_excerpt "$log"
		return 1
	fi
	trap - INT TERM
	record_time "$label" $((SECONDS - start))
	note "$label: done in $(minutes $((SECONDS - start)))"
}

# Serialise what changes build/, or with DIRECTORY that: several makes may run
# at once. lock NAME [DIRECTORY]
lock()
{
	mkdir -p "${2:-$build}"
	exec {lock_fd}>"${2:-$build}/.lock-$1"
	if ! flock -n "$lock_fd"; then
		note "waiting for another run to finish: $1"
		flock "$lock_fd"
	fi
}

# Give back what lock took last
unlock()
{
	exec {lock_fd}>&-
}

# guest_says FILE: what vm/run prints goes there; again if the emulator's fault ended the
# guest, and what that one said is lost. Its status.
guest_says()
{
	local tries=3 status

	while :; do
		status=0
		"$top/vm/run" >"$1" || status=$?
		[ $status -eq 126 ] && [ $((tries -= 1)) -gt 0 ] || return $status
		note "the emulator's fault: another guest does it all"
	done
}

# What a guest of QEMU's microvm has to be told, as words of a kernel's command line: that
# a timer which is late, on a busy machine, isn't broken, and how many thousand cycles a
# second has there: those of this machine, or KHZ. guest_clock "" or KHZ
guest_clock()
{
	echo "no_timer_check tsc=reliable tsc_early_khz=${1:-$("$build/vm/clock")}"
}
