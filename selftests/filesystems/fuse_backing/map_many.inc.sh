# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Sourced by tests whose server is map_many; see there for what it can be asked
# for. They set WORK, with the directories fuse and backing, and here, and source
# passthrough_hp.inc.sh.

FUSECTL=/sys/fs/fuse/connections

mount_backing()
{
	mount -t tmpfs -o mode=755 backing "$WORK/backing"
}

# Generous: a hundred thousand ioctls in an emulated guest under KASAN
is_ready()
{
	for _ in 1 2 3 4 5 6 7 8; do
		if poll grep -q ready "$WORK/out"; then
			return
		fi
	done
	cat "$WORK/out"
	return 1
}

# start_many COUNT NAME...
start_many()
{
	rm -f "$WORK/in" "$WORK/out"
	mkfifo "$WORK/in"
	"${here:?}/helpers/map_many" "$WORK/fuse" "$WORK/backing" "$@" \
		<"$WORK/in" >"$WORK/out" 2>&1 7<&- &
	many=$!
	exec 8>"$WORK/in"
	is_ready || return
	device=$(mountpoint -d "$WORK/fuse")
	connection=${device#*:}
	# shellcheck disable=SC2034 # the tests use it
	thread=$(cat "$FUSECTL/$connection/backing_thread")
}

kill_many()
{
	exec 8>&-
	kill -9 "$many"
	wait "$many" 2>/dev/null
	return 0
}

stop_many()
{
	kill_many
	umount "$WORK/fuse"
}

answered()
{
	[ "$(wc -l <"$WORK/out")" -gt "$answers" ]
}

# ask COMMAND...: succeeds if the server's client did
ask()
{
	answers=$(wc -l <"$WORK/out")
	echo "$*" >&8
	poll answered && [ "$(tail -n 1 "$WORK/out")" = 0 ]
}
