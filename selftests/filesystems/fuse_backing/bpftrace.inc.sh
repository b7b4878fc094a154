# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Sourced by tests that run the bpftrace scripts. They set WORK and REPO.

scripts=$REPO/tools/bpftrace

# Generous: the compiler starts slowly in an emulated guest
is_attached()
{
	tries=0
	until grep -qE '^(Tracing|TIME)' "$WORK/trace"; do
		tries=$((tries + 1))
		if [ "$tries" -gt 1800 ] || ! kill -0 "$tracer"; then
			cat "$WORK/trace"
			return 1
		fi
		sleep 0.1
	done
}

# start_trace COMMAND ARGUMENT...: what it prints goes to $WORK/trace. What BEGIN
# prints is taken in when all probes are attached.
start_trace()
{
	script=$1
	shift
	"$scripts/$script" "$@" >"$WORK/trace" 2>&1 8>&- &
	tracer=$!
	is_attached
}

stop_trace()
{
	kill -INT "$tracer"
	wait "$tracer"
	status=$?
	cat "$WORK/trace"
	[ "$status" = 0 ] && ! grep -qE 'ERROR|WARNING|Lost' "$WORK/trace"
}
