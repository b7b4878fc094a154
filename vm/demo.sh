#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: an unmodified libfuse server maps files, goes away, and the
# files stay where everyone can see and count them. Ends with a verdict.
# shellcheck disable=SC2317,SC2329 # functions are arguments of expect

data=/srv/data
mnt=/mnt
log=/tmp/server.log
failed=0

say()
{
	printf '\n# %s\n' "$*"
}

# Show a command as one would type it, and what it prints. The guest has no
# Internet protocols, which is not what fuser is asked about.
show()
{
	printf '$ %s\n' "$*"
	eval "$*" 2>&1 | grep -v '^Cannot open a network socket'
}

# expect 'WHAT' COMMAND...: a line of the verdict
expect()
{
	what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		printf '  yes: %s\n' "$what"
	else
		printf '  NO:  %s\n' "$what"
		failed=$((failed + 1))
	fi
}

verdict()
{
	echo
	if [ $failed -eq 0 ]; then
		echo "VERDICT: mapped files stayed visible, counted and limited" \
			"from start to end."
	else
		echo "VERDICT: FAILED, $failed of the expectations above did not hold."
	fi
	exit $((failed > 0))
}

give_up()
{
	echo
	echo "VERDICT: FAILED, $*"
	exit 1
}

wait_for()
{
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}

requests()
{
	grep -c "opcode: $1 (" $log
}

is()
{
	[ "$1" = "$2" ]
}

not()
{
	! "$@"
}

# The commands of those who have files open on the backing filesystem
holders()
{
	lsof -w +c0 -F c $data | sed -n 's/^c//p' | sort -u | paste -sd' '
}

backing_filesystem()
{
	mkfs.ext4 -q /dev/scratch0
	mount /dev/scratch0 $data
	for f in a b c d; do
		seq 1000 >$data/$f.db
	done
}

start_server()
{
	say "An unmodified libfuse server, passthrough_hp, serves $data at $mnt"
	echo "\$ passthrough_hp $data $mnt"
	passthrough_hp --foreground --debug-fuse $data $mnt >$log 2>&1 &
	server=$!
	wait_for mountpoint -q $mnt || give_up "the server did not mount"
	show "grep ' $mnt ' /proc/self/mountinfo"
	thread=fuse/$(mountpoint -d $mnt)
}

# The shell is the client: it holds three files open
open_files()
{
	say "A client opens a.db, b.db and c.db and keeps them open; the server has" \
		"registered each with the kernel"
	exec 3<>$mnt/a.db 4<>$mnt/b.db 5<>$mnt/c.db
	pid=$(pgrep -x "$thread") ||
		give_up "no kernel thread is called $thread: this kernel" \
			"does not keep backing files in a table"
	show "lsof +c0 $data"
	mount -t fusectl none /sys/fs/fuse/connections
	show "lsfusebacking $mnt"
	expect "the thread $thread holds three files" \
		is "$(lsof -w -t -a -p "$pid" $data/a.db $data/b.db $data/c.db |
			wc -l)" 1
	expect "its table has three entries" \
		is "$(find "/proc/$pid/fd" -type l | wc -l)" 3
}

read_and_write()
{
	say "A write and a read through the mount, and what the server saw of them"
	show "echo hello >>$mnt/a.db"
	show "tail -n 1 $data/a.db"
	show "head -n 2 $mnt/b.db"
	echo "requests to the server: OPEN $(requests OPEN)," \
		"READ $(requests READ), WRITE $(requests WRITE)"
	expect "the data is in the backing file" \
		is "$(tail -n 1 $data/a.db)" hello
	expect "the server saw neither" is "$(requests READ)$(requests WRITE)" 00
}

lower_limit()
{
	say "The thread's limit began as the server's hard one; lower it to what is in use"
	show "grep 'open files' /proc/$pid/limits"
	show "prlimit --pid $pid --nofile=4"
	say "A fourth file has no room there: the server reads it itself"
	show "head -n 1 $mnt/d.db"
	show "grep passthrough_open $log"
	expect "the fourth registration failed with EMFILE" \
		grep -q 'passthrough_open: Too many open files' $log
	expect "the open went on without passthrough" \
		is "$(head -n 1 $mnt/d.db)" 1
}

kill_server()
{
	say "The server dies, and every descriptor of its own with it"
	show "kill -9 $server"
	wait "$server" 2>/dev/null
	wait_for is "$(holders)" "$thread"
	show "lsof -w +c0 $data"
	show "fuser -vm $data"
	show "lsfusebacking --holders $data -o TARGET,ID,USES,READ,WRITTEN,NAME"
	expect "lsof finds the thread, and nobody else" \
		is "$(holders)" "$thread"
	expect "lsfusebacking names the mount" \
		is "$(lsfusebacking -n -r --holders $data -o TARGET |
			sort -u)" $mnt
	expect "fuser finds it too" is "$(fuser -m $data 2>/dev/null |
		tr -dc '0-9 ' | xargs)" "$pid"
	expect "the client still reads its file" \
		is "$(dd bs=4 count=1 <&5 2>/dev/null | head -n 1)" 1
}

unmount()
{
	say "The client closes its files; both filesystems unmount, one after the other"
	exec 3<&- 4<&- 5<&-
	show "umount $mnt"
	show "umount $data"
	expect "$mnt is unmounted" not mountpoint -q $mnt
	expect "$data is unmounted" not mountpoint -q $data
	expect "the thread is gone" wait_for not pgrep -x "$thread"
}

backing_filesystem
start_server
open_files
read_and_write
lower_limit
kill_server
unmount
verdict
