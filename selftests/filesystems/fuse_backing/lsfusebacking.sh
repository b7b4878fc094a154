#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The command lsfusebacking, on live mounts.
#
# Proves: it lists what lsof, lsfd and /proc say of the mount's kernel thread,
# for some mappings, a thousand and a hundred thousand; uses, counters and rates
# are those of the clients; strange names survive JSON; mounts are found by
# mount point, device number, connection and pid, and the exit status says
# whether they were; it names the holders of a filesystem that can't be
# unmounted; it knows a mount whose server is dead from one that is mounted no
# more; what it records is listed as it was; root and the owner see all of it,
# without fusectl what that leaves to be seen, also of a path that is too long for
# /proc, and the owner also in a container;
# another user sees nothing and is told so.
#
# Privilege: root, to mount and to become others.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

TOP=/mnt
WORK=$TOP
OWNER=1000
OTHER=2000

# An inode in /proc for each is too much where kmemleak looks after all of them
most=100000
[ ! -e /sys/kernel/debug/kmemleak ] || most=5000

here=$(cd "$(dirname "$0")" && pwd)
. "$here/passthrough_hp.inc.sh"
. "$here/map_many.inc.sh"

# Beside the directory of built selftests, or installed
tool=$here/../tools/lsfusebacking/lsfusebacking
[ -x "$tool" ] || tool=$(command -v lsfusebacking)

# skip NAME REASON: instead of check
skip()
{
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

# check_with PROGRAM NAME COMMAND...: skipped where there is no such program
check_with()
{
	program=$1
	shift
	if command -v "$program" >/dev/null; then
		check "$@"
	else
		skip "$1" "no $program"
	fi
}

fails_with()
{
	expected=$1
	shift
	"$@"
	[ $? = "$expected" ]
}

# Listings: "id inode name", in the order of the ids

of_tool()
{
	"$tool" --raw --noheadings -o ID,INO,NAME "$@"
}

of_lsof()
{
	lsof -w -a -p "$thread" -d 0-999999 -F fin |
		awk '/^f/ { id = substr($0, 2) }
			/^i/ { ino = substr($0, 2) }
			/^n/ { print id, ino, substr($0, 2) }' | sort -n
}

# It takes kernel threads for threads
of_lsfd()
{
	lsfd --threads --raw --noheadings -p "$thread" -o ASSOC,INODE,NAME |
		grep '^[0-9]' | sort -n
}

# The control: there is something to agree about
same_list()
{
	[ -s "$1" ] || return
	cmp "$1" "$2" || {
		diff "$1" "$2" | head -20
		return 1
	}
}

agrees_with()
{
	of_tool "$WORK/fuse" >"$WORK/tool.list" || return
	"$1" >"$WORK/other.list"
	same_list "$WORK/tool.list" "$WORK/other.list"
}

# lists COUNT OPTION...: so many lines
lists()
{
	count=$1
	shift
	lines=$("$tool" --raw --noheadings "$@" | wc -l)
	echo "$lines lines of $count"
	[ "$lines" = "$count" ]
}

# shows TEXT OPTION...: these lines and no others
shows()
{
	text=$1
	shift
	seen=$("$tool" --raw --noheadings "$@")
	echo "$seen"
	[ "$seen" = "$text" ]
}

# Finding mounts

by_any_name()
{
	of_tool "$WORK/fuse" >"$WORK/1" &&
		of_tool "$device" >"$WORK/2" &&
		of_tool "$connection" >"$WORK/3" &&
		of_tool >"$WORK/4" &&
		(cd "$WORK" && of_tool ./fuse/) >"$WORK/5" || return
	for i in 2 3 4 5; do
		same_list "$WORK/1" "$WORK/$i" || return
	done
}

by_pid()
{
	of_tool --pid "$thread" >"$WORK/1" &&
		of_tool --pid "$many" >"$WORK/2" &&
		of_tool --pid "$thread,$many" >"$WORK/3" &&
		same_list "$WORK/1" "$WORK/2" && same_list "$WORK/1" "$WORK/3"
}

exit_statuses()
{
	fails_with 0 "$tool" &&
		fails_with 0 "$tool" "$WORK/fuse" &&
		fails_with 2 "$tool" --no-such-option &&
		fails_with 2 "$tool" -o no-such-column &&
		fails_with 2 "$tool" -J -r &&
		fails_with 1 "$tool" --holders "$WORK/owner" &&
		fails_with 2 "$tool" --holders "$WORK/nothing" &&
		fails_with 32 "$tool" "$WORK/backing" &&
		fails_with 32 "$tool" 999999 0:999999 &&
		fails_with 32 "$tool" --pid 1 &&
		fails_with 64 "$tool" "$WORK/fuse" "$WORK/backing" &&
		! "$tool" >/dev/full
}

helps()
{
	"$tool" --help | grep -q -e --holders && "$tool" --version &&
		"$tool" --list-columns | grep -q '^NODES '
}

# What is said

headings()
{
	"$tool" "$WORK/fuse" | head -n 1 | tr -s ' ' '\n' | tr '\n' ' ' |
		grep -qx 'TARGET SERVER COMMAND USER ID USES SIZE READ WRITTEN STATE NAME '
}

as_a_tree()
{
	"$tool" -T -n "$WORK/fuse" | head -n 1 | grep -q "^$WORK/fuse" &&
		[ "$("$tool" -T -n -o NAME "$WORK/fuse" |
		     grep -c "─$WORK/backing/")" = "$1" ]
}

in_numbers()
{
	limit=$(cat "$FUSECTL/$connection/backing_limit")
	shows "$WORK/fuse $connection $thread $many $1 $limit" --summary \
		-o TARGET,CONN,PID,SERVER,FILES,LIMIT "$WORK/fuse" &&
		grep -q "^Max open files  *$limit " "/proc/$thread/limits"
}

row()
{
	shows "$1" -b -o ID,ACCESS,STATE,OPENS,NODES,SIZE,READ,WRITTEN,DELETED \
		--holders "$WORK/backing/a" "$WORK/fuse"
}

uses()
{
	row "1 rw live 0  5000 0 0 0" &&
		ask open 1 a && ask read 700 && ask write 30 &&
		row "1 rw live 1 2 5000 700 30 0" &&
		ask open 1 b && ask read 1 &&
		row "1 rw live 2 2,3 5000 701 30 0"
}

closing()
{
	ask close 1 && row "1 rw closing 2 2,3 5000 701 30 0" &&
		ask release && ! row "1 rw closing 0 - 5000 701 30 0" &&
		fails_with 1 "$tool" --holders "$WORK/backing/a"
}

deleted()
{
	rm "$WORK/backing/b" &&
		shows "2 1 $WORK/backing/b" -o ID,DELETED,NAME -p "$thread" \
			--holders "$WORK/backing/b"
}

has_rate()
{
	awk '$1 == 2 && $2 > 0' "$WORK/watched" | grep .
}

rates()
{
	ask open 2 b || return
	"$tool" --watch=0.5 -r -n -b -o ID,READ/s "$WORK/fuse" \
		>"$WORK/watched" 8>&- &
	watching=$!
	# what is read before the first listing is no difference
	poll test -s "$WORK/watched" && ask read 5000 && poll has_rate
	result=$?
	kill "$watching"
	wait "$watching" 2>/dev/null
	head -n 20 "$WORK/watched"
	ask release && return "$result"
}

# By what isn't printed, or is printed for people
filtered()
{
	shows "$WORK/backing/b" -o NAME -Q DELETED "$WORK/fuse" &&
		shows "" -o NAME -Q 'SIZE > 1M' "$WORK/fuse"
	[ "$("$tool" -n -T -o NAME -Q 'SIZE > 1K and not DELETED' \
		"$WORK/fuse" | grep -c "─$WORK/backing/")" = 1 ]
}

# The tables of expressions that are made without a mount
filter_cases()
{
	REPO=${REPO:-/repo}
	[ -d "$REPO/tools/lsfusebacking/tests" ] || return
	"$REPO/tools/lsfusebacking/tests/run" "$tool" filter
}

# What is recorded here is listed in the same way from there
recorded()
{
	columns=TARGET,CONN,PID,SERVER,COMMAND,USER,LIMIT,MODE,USES,STATE,NAME
	rm -rf "$WORK/tree"
	mkdir "$WORK/tree"
	"$tool" --record "$WORK/tree.tar" &&
		tar -xf "$WORK/tree.tar" -C "$WORK/tree" || return
	for form in "" --summary; do
		"$tool" -r -o "$columns" $form >"$WORK/1"
		"$tool" -r -o "$columns" $form --sysroot "$WORK/tree" \
			>"$WORK/2"
		same_list "$WORK/1" "$WORK/2" || return
	done
}

# Lives of a mount

state_of()
{
	seen=$("$tool" --summary -r -n -o CONN,TARGET,STATE "$connection")
	echo "$seen"
	[ "$seen" = "$connection $1" ]
}

dead()
{
	state_of "$WORK/fuse live" && kill_many &&
		poll state_of "$WORK/fuse dead"
}

# Of the mount, which goes when nobody uses it any more
detached()
{
	(
		cd "$WORK/fuse" && umount -l "$WORK/fuse" &&
			poll state_of " detached"
	) && poll fails_with 32 "$tool" --summary "$connection"
}

# In the mount namespace of others it is mounted still
elsewhere()
{
	unshare --mount --propagation private sleep 1000 &
	sleeper=$!
	poll grep -q "$WORK/fuse" "/proc/$sleeper/mountinfo" &&
		umount "$WORK/fuse" && state_of " live"
	result=$?
	kill "$sleeper"
	wait "$sleeper" 2>/dev/null
	return "$result"
}

# Names

strange_names()
{
	printf 'new\nline\0tab\tulator\0back\\slash\\040\0 blanks \0'
	printf 'quote"s'\''\0escape\033[31m\177\0bytes\200\377\0gr\303\274n\0'
	printf 'kept (deleted)\0{"name": null}\0'
}

start_strange()
{
	(cd "$WORK/backing" && strange_names | xargs -0 touch) || return
	set --
	for file in "$WORK/backing/"* "$WORK/backing/ "*; do
		set -- "$@" "${file##*/}"
	done
	strange=$(strange_names | tr -dc '\0' | wc -c)
	start_many "$strange" "$@"
}

# As the directory itself has them; what isn't UTF-8 can't be said in JSON.
names_in_json()
{
	"$tool" -J "$WORK/fuse" >"$WORK/json" || return
	python3 - "$WORK/json" "$WORK/backing" <<-'PYTHON'
		import json, os, sys

		with open(sys.argv[1], encoding="utf-8") as f:
		    mappings = json.load(f)["mappings"]
		listed = sorted(m["name"] for m in mappings)
		there = sorted((os.fsencode(sys.argv[2]) + b"/" + name)
		               .decode("utf-8", "replace")
		               for name in os.listdir(os.fsencode(sys.argv[2])))
		print(listed, there, sep="\n")
		sys.exit(listed != there or any(m["deleted"] for m in mappings))
	PYTHON
}

# One line each and two words in it, whatever they are
names_in_raw()
{
	[ "$("$tool" -r -n -o ID,NAME "$WORK/fuse" |
	     awk 'NF == 2 && $1 == NR' | wc -l)" = "$strange" ]
}

# What a terminal is sent has no control characters
names_in_a_table()
{
	[ "$("$tool" -n -o ID,NAME "$WORK/fuse" | wc -l)" = "$strange" ] &&
		! "$tool" -n -o NAME "$WORK/fuse" | tr -d '\n' |
			grep -q '[[:cntrl:]]'
}

# Holders

busy()
{
	! umount "$WORK/backing" && mountpoint -q "$WORK/backing"
}

holders()
{
	lists "$1" --holders "$WORK/backing" &&
		lists "$1" --holders "$(mountpoint -d "$WORK/backing")" &&
		shows "$WORK/backing/dir/c" -o NAME --holders \
			"$WORK/backing/dir" &&
		shows "$WORK/backing/a" -o NAME --holders "$WORK/backing/a" &&
		shows "$WORK/backing/a" -o NAME --holders "$WORK/backing/link"
}

no_holders()
{
	poll umount "$WORK/backing" &&
		fails_with 1 "$tool" --holders "$WORK/backing" &&
		lists 0 --holders "$WORK/backing"
}

# Many

agrees_with_proc()
{
	"$tool" -r -n -o ID "$WORK/fuse" >"$WORK/tool.list" || return
	find "/proc/$thread/fd" -mindepth 1 -printf '%f\n' | sort -n \
		>"$WORK/other.list"
	same_list "$WORK/tool.list" "$WORK/other.list" &&
		seq "$1" | cmp - "$WORK/tool.list"
}

many_in_json()
{
	"$tool" -J -o ID "$WORK/fuse" >"$WORK/json" || return
	python3 - "$WORK/json" "$1" <<-'PYTHON'
		import json, sys

		with open(sys.argv[1], encoding="utf-8") as f:
		    ids = [m["id"] for m in json.load(f)["mappings"]]
		sys.exit(ids != list(range(1, int(sys.argv[2]) + 1)))
	PYTHON
}

# Others, and without fusectl

run_as()
{
	id=$1
	shift
	setpriv --reuid "$id" --regid "$id" --clear-groups --inh-caps=-all \
		env HOME="$TOP" "$@"
}

without_fusectl()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private \
		sh -c 'umount "$0" && exec "$@"' "$FUSECTL" "$@"
}

# From /proc: files, but no states and counters
root_without_fusectl()
{
	of_tool "$WORK/fuse" >"$WORK/1" &&
		without_fusectl "$tool" -r -n -o ID,INO,NAME "$WORK/fuse" \
			>"$WORK/2" 2>"$WORK/3" &&
		same_list "$WORK/1" "$WORK/2" &&
		grep -q "mount -t fusectl" "$WORK/3" &&
		! without_fusectl "$tool" "$WORK/fuse" | grep live
}

# The path of $WORK/backing/top/in/a gets longer than any that a system call takes
lengthen()
{
	name=$(printf '%0250d' 0)
	for _ in $(seq 20); do
		mkdir "$WORK/backing/next" &&
			mv "$WORK/backing/top" "$WORK/backing/next/$name" &&
			mv "$WORK/backing/next" "$WORK/backing/top" || return
	done
}

# of_holder COMMAND...: finds the file by what isn't its path, and no other
of_holder()
{
	for holder in in/a "$WORK/backing"; do
		[ "$("$@" "$tool" -r -n -o ID --holders "$holder")" = 1 ] ||
			return
	done
	fails_with 1 "$@" "$tool" --holders in/b
}

# Who is in the directory has no need of its path
too_long()
{
	below=$WORK/backing/top/$(printf '%0250d' 0)
	(
		cd "$WORK/backing/top" && lengthen || exit
		[ "$("$tool" -r -n -o NAME "$WORK/fuse" | wc -c)" -gt 5000 ] &&
			shows 1 -o ID --holders "$below" &&
			shows 1 -o ID --holders in && of_holder || exit
		without_fusectl "$tool" -r -n -o ID,INO,STATE "$WORK/fuse" |
			grep -x "1 $(stat -c %i in/a) unreadable" &&
			of_holder without_fusectl &&
			fails_with 2 without_fusectl "$tool" --holders "$below" \
				2>"$WORK/3" &&
			grep -q "may hold it too: cannot read its path" "$WORK/3"
	)
}

# refused COMMAND...: fails for who asks for one mount, and shows no path
refused()
{
	fails_with 2 "$@" "$tool" "$WORK/fuse" >"$WORK/1" 2>&1 &&
		grep -q 'not permitted' "$WORK/1" &&
		! grep -q "$WORK/backing" "$WORK/1" || return
	"$@" "$tool" -J >"$WORK/1"
	! grep -q "$WORK/backing" "$WORK/1"
}

# A mount of the owner's, by libfuse's server and fusermount3, with a file that
# is open
start_owners()
{
	run_as "$OWNER" passthrough_hp --foreground "$TOP/owner/tree" \
		"$TOP/owner/fuse" >"$TOP/server.log" 2>&1 8>&- &
	poll findmnt "$TOP/owner/fuse" || return
	# root can't open it, the mount is the owner's alone
	# shellcheck disable=SC2016 # for the inner shell
	run_as "$OWNER" sh -c 'exec sleep 1000 <"$0"' "$TOP/owner/fuse/a" \
		>/dev/null 2>&1 8>&- &
	poll owner_has_one
}

owner_has_one()
{
	owners=$(findmnt -n -r -o MAJ:MIN "$TOP/owner/fuse")
	[ "$(wc -l <"$FUSECTL/${owners#*:}/backing_files")" = 2 ]
}

owner_sees()
{
	seen=$(run_as "$OWNER" "$tool" -r -n -o USER,ID,ACCESS,STATE,OPENS,NAME \
		"$TOP/owner/fuse") || return
	echo "$seen"
	[ "$seen" = "$(id -un "$OWNER") 1 r live 1 $TOP/owner/tree/a" ]
}

# Others' mounts are there, but nothing of what they map
owner_sees_all()
{
	run_as "$OWNER" "$tool" >"$TOP/1"
	cat "$TOP/1"
	grep -q "$TOP/owner/tree/a" "$TOP/1" &&
		! grep -q "$WORK/backing" "$TOP/1"
}

# /proc of the thread is root's: what is left is fdinfo of the own server
owner_without_fusectl()
{
	seen=$(without_fusectl setpriv --reuid "$OWNER" --regid "$OWNER" \
		--clear-groups --inh-caps=-all "$tool" --summary -r -n \
		-o FILES,TARGET "$TOP/owner/fuse")
	echo "$seen"
	[ "$seen" = "1 $TOP/owner/fuse" ]
}

stop_owners()
{
	pkill -u "$OWNER" -x sleep
	poll run_as "$OWNER" fusermount3 -u "$TOP/owner/fuse"
}

in_container()
{
	seen=$(run_as "$OWNER" unshare --user --map-root-user --mount --pid \
		--fork --mount-proc "$0" container) || return
	echo "$seen"
	[ "$seen" = "live 1 $TOP/owner/tree/a" ]
}

# Root of namespaces of its own
as_container()
{
	WORK=$TOP/owner
	start_server "$WORK/tree" || exit 2
	exec 7<"$WORK/fuse/a" || exit 3
	"$tool" -r -n -o STATE,OPENS,NAME "$WORK/fuse"
	status=$?
	exec 7<&-
	umount "$WORK/fuse"
	exit "$status"
}

prepare()
{
	mount -t tmpfs -o mode=755 work "$TOP" || exit 1
	mkdir -p "$TOP/fuse" "$TOP/backing" "$TOP/owner/tree" "$TOP/owner/fuse"
	echo contents >"$TOP/owner/tree/a"
	chown -R "$OWNER:$OWNER" "$TOP/owner"
	mount_backing || exit 1
	mkdir "$WORK/backing/dir"
	for file in a b dir/c; do
		head -c 5000 /dev/zero >"$WORK/backing/$file"
	done
	ln "$WORK/backing/a" "$WORK/backing/link"
}

as_root()
{
	echo "TAP version 13"
	echo "1..42"
	prepare

	check "nothing to list" lists 0
	check "server of three mappings starts" start_many 3 a b dir/c
	check_with lsof "agrees with lsof" agrees_with of_lsof
	check_with lsfd "agrees with lsfd" agrees_with of_lsfd
	check "mounts by path, device number and connection" by_any_name
	check "mounts by pid" by_pid
	check "exit status" exit_statuses
	check "help, version, columns" helps
	check "headings" headings
	check "tree" as_a_tree 3
	check "summary" in_numbers 3
	check "root without fusectl" root_without_fusectl
	check "another user" refused run_as "$OTHER"
	check "another user without fusectl" \
		refused without_fusectl setpriv --reuid "$OTHER" \
		--regid "$OTHER" --clear-groups --inh-caps=-all
	check "backing filesystem is busy" busy
	check "holders" holders 3
	check "uses and counters" uses
	check "closing" closing
	check "watch shows rates" rates
	check "deleted" deleted
	check "filter" filtered
	check "filter, of recorded tables" filter_cases
	check "recorded" recorded
	check "owner's server starts" start_owners
	check "owner sees its own" owner_sees
	check "owner sees nothing of others" owner_sees_all
	check "owner without fusectl" owner_without_fusectl
	check "owner's mount ends" stop_owners
	check "owner in a container" in_container
	kill_many
	check "no holders when the server is gone" no_holders
	umount "$WORK/fuse"

	mount_backing
	for file in a b; do
		head -c 5000 /dev/zero >"$WORK/backing/$file"
	done
	start_many 2 a b
	check "mount of a dead server" dead
	umount "$WORK/fuse"
	start_many 2 a b
	check "detached mount" detached
	kill_many
	start_many 2 a b
	check "mounted elsewhere" elsewhere
	kill_many
	mkdir -p "$WORK/backing/top/in"
	touch "$WORK/backing/top/in/a" "$WORK/backing/top/in/b"
	start_many 1 top/in/a
	check "a path that is too long for /proc" too_long
	stop_many
	rm -r "$WORK/backing/"*
	check "strange names" start_strange
	check_with python3 "strange names in JSON" names_in_json
	check "strange names, raw" names_in_raw
	check "strange names in a table" names_in_a_table
	stop_many

	head -c 5000 /dev/zero >"$WORK/backing/a"
	start_many 1000 a
	check_with lsof "1000 mappings: agrees with lsof" agrees_with of_lsof
	stop_many

	start_many "$most" a
	check "$most mappings: agrees with /proc" agrees_with_proc "$most"
	check_with python3 "$most mappings in JSON" many_in_json "$most"
	check "$most mappings: summary" in_numbers "$most"
	stop_many
	totals
}

case ${1:-} in
container)
	as_container
	;;
root)
	as_root
	;;
*)
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	[ -x "$tool" ] || skip_all "no lsfusebacking"
	need_programs passthrough_hp fusermount3 unshare setpriv mountpoint
	# Mounts and their servers go with the namespace.
	exec unshare --mount --propagation private "$0" root
	;;
esac
