#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The example server of tools/examples in each of its modes, run by root and by
# an ordinary user; or another one with such modes that is built there, $NAME.
#
# Proves, for mode=id, open and inode: unpacking an archive, building a program and
# reading everything back gives the same trees as without FUSE; the server's debug log
# has not one READ or WRITE (the control, mode=none, has both); an open file is in the
# table, with its mode, and leaves it in time; when the mount is gone, so are the thread
# and all that pins the backing filesystem. In mode=inode no open, truncation or close
# of a known file is asked for, and what is attached goes with the inode. Where each of
# the server's threads has a device of its own, in which ids are named that were
# registered by another, files are passed through as well. With listings and attributes
# of passthrough_modes, ls, find, du, cp, tar, rsync and git say the same of the mount
# as of the directory itself, and once names are known nothing is asked for; without
# (the control), listings are. In mode=tree nothing is asked for at all, from the first
# look on, but for what is changed; the server is told those names, and no more. With
# changes it isn't asked for those either, and what people, rsync and git gc make of it,
# and inotify tells of it, is the same as in a directory.
#
# Privilege: root, also to become an ordinary user.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

. "$(dirname "$0")/users.inc.sh"

SAMPLE="include/fuse3"
NAME=${NAME:-passthrough_modes}
SERVER=$TOP/bin/$NAME

# Tests of one user, and those of root that are beside them
EACH=64
[ "$NAME" = mirrorfs ] || EACH=$((EACH + 2 + 2 + 6 + 21 + 15 + 12))
OF_ROOT=2

TREES=inode,listings,attributes

# serve MODE: its pid is in $server, which is shown to the tests of a user
serve()
{
	run_server "$SERVER" -f -d -o "mode=$1" "$WORK/tree" "$WORK/fuse"
}

# Nobody waits for the answer to RELEASE
settled_requests()
{
	# the server gets to see this after all that was sent before
	[ ! -e "$WORK/fuse/nothing" ]
	sleep 0.3
	for opcode in OPEN CREATE FLUSH RELEASE READ WRITE; do
		requests "$opcode"
	done
}

no_data_requests()
{
	grep 'opcode: \(READ\|WRITE\) (' "$WORK/server.log" | head -3
	! grep "^$NAME: " "$WORK/server.log" &&
		[ "$(requests CREATE)" -gt 0 ] &&
		[ "$(requests READ)" = 0 ] && [ "$(requests WRITE)" = 0 ]
}

some_data_requests()
{
	[ "$(requests READ)" -gt 0 ] && [ "$(requests WRITE)" -gt 0 ]
}

# says FILE TEXT: the mount and the backing filesystem agree on the contents.
says()
{
	[ "$(cat "$WORK/fuse/$1")" = "$2" ] && [ "$(cat "$WORK/tree/$1")" = "$2" ]
}

# How a file of the backing tree is mapped, nothing if it isn't
mapped_by()
{
	"$LSFUSEBACKING" --noheadings --raw -o MODE,NAME |
		sed -n "s,^\([a-z]*\) $WORK/tree/$1$,\1,p" | sort -u
}

is_mapped_by()
{
	[ "$(mapped_by "$1")" = "$2" ]
}

# A file that no other test has opened, for reading and writing
table_shows()
{
	echo "$1" >"$WORK/tree/shown"
	is_mapped_by shown '' || return
	exec 7<>"$WORK/fuse/shown" || return
	seen=$(mapped_by shown)
	echo "mapped by '$seen'"
	[ "$(id -u)" != 0 ] || lsof -w +c0 "$WORK/tree/shown" | grep '^fuse/'
	status=$?
	exec 7>&-
	[ "$seen" = "$1" ] && [ "$status" = 0 ]
}

# By id and per open, a mapping goes with the last open file
goes_when_closed()
{
	poll is_mapped_by shown ''
}

# Attached, it goes with the inode
goes_with_inode()
{
	is_mapped_by shown inode && rm "$WORK/fuse/shown" &&
		poll is_mapped_by shown ''
}

# What a shell does with a file that is there already
use_file()
{
	[ "$(cat "$WORK/fuse/used")" = old ] &&
		echo more >>"$WORK/fuse/used" && says used "old
more" &&
		echo new >"$WORK/fuse/used" && says used new &&
		printf 'N' | dd of="$WORK/fuse/used" conv=notrunc,fsync \
			2>/dev/null && says used New
}

opens_are_asked_for()
{
	echo old >"$WORK/tree/used"
	before=$(requests OPEN)
	use_file && [ "$(requests OPEN)" -gt "$before" ]
}

opens_are_not_asked_for()
{
	echo old >"$WORK/tree/used"
	before=$(settled_requests)
	use_file || return
	after=$(settled_requests)
	echo "before: $before, after: $after" | tr '\n' ' '
	[ "$before" = "$after" ]
}

# Found in a directory that was read, not by a lookup: the first open asks
attached_when_opened()
{
	mkdir "$WORK/tree/listed" && echo old >"$WORK/tree/listed/file"
	ls -l "$WORK/fuse/listed" >/dev/null &&
		is_mapped_by listed/file '' &&
		[ "$(cat "$WORK/fuse/listed/file")" = old ] &&
		is_mapped_by listed/file inode || return
	before=$(settled_requests)
	[ "$(cat "$WORK/fuse/listed/file")" = old ] &&
		[ "$before" = "$(settled_requests)" ]
}

# Listings and attributes

# What else trees have
dress_tree()
{
	mkdir "$WORK/fuse/empty" "$WORK/fuse/more" "$WORK/fuse/more/deep" &&
		ln "$WORK/fuse/program/main" "$WORK/fuse/more/main" &&
		ln -s ../program/main "$WORK/fuse/more/link" &&
		mkfifo "$WORK/tree/more/fifo" && chmod 700 "$WORK/fuse/empty" &&
		seq 1000 | (cd "$WORK/fuse/more/deep" && xargs touch)
}

# same_output COMMAND: the shell line says the same here and there
same_output()
{
	# made before, as making them changes what .. looks like
	touch "$WORK/here" "$WORK/there"
	(cd "$WORK/tree" && sh -c "$1") >"$WORK/here" &&
		(cd "$WORK/fuse" && sh -c "$1") >"$WORK/there" &&
		[ -s "$WORK/here" ] && diff "$WORK/here" "$WORK/there" | head -5 &&
		cmp "$WORK/here" "$WORK/there"
}

# Not what links say, which is the server's
list_all()
{
	ls -aisR "$WORK/fuse" >/dev/null
}

# How many requests a command makes
asked_by()
{
	before=$(grep -c 'opcode: ' "$WORK/server.log")
	"$@" || return
	[ ! -e "$WORK/fuse/nothing" ]
	# that one, too
	echo $(($(grep -c 'opcode: ' "$WORK/server.log") - before - 1))
}

# With listings but once that names are known
asks_nothing()
{
	list_all
	count=$(asked_by list_all)
	echo "$count requests"
	tail -n "$count" "$WORK/server.log"
	[ "$count" = 0 ]
}

listings_are_requests()
{
	list_all
	before=$(requests OPENDIR)
	list_all
	[ "$(requests OPENDIR)" -gt "$before" ]
}

trees_are_in_the_table()
{
	"$LSFUSEBACKING" --noheadings --raw -o MODE,NAME | grep "^tree $WORK/tree\$" &&
		is_mapped_by more/deep tree
}

# copied_alike HOW: a shell line that copies . to $copy
copied_alike()
{
	for from in tree fuse; do
		copy=$WORK/copy-$from
		mkdir "$copy" && (cd "$WORK/$from" && copy=$copy sh -c "$1") &&
			(cd "$copy" && find . -printf '%y %m %n %s %T@ %l %p\n' |
				sort) >"$WORK/$from.copied" || return
		rm -r "$copy"
	done
	[ -s "$WORK/tree.copied" ] && cmp "$WORK/tree.copied" "$WORK/fuse.copied"
}

# Nothing to do for rsync where it has done its work from the directory itself
rsync_finds_nothing()
{
	rsync -a --delete "$WORK/tree/" "$WORK/synced" &&
		said=$(rsync -ai --delete "$WORK/fuse/" "$WORK/synced") &&
		echo "$said" && [ -z "$said" ]
}

# Numbers and times are what git's index has of them: it has nothing to refresh
git_agrees()
{
	(cd "$WORK/tree" && git init -q && git add program && git status >/dev/null &&
		echo more >>program/all.h && rm "$WORK/fuse/program/f3.c") || return
	same_output "git status --porcelain" || return
	index=$(sha256sum <"$WORK/tree/.git/index")
	(cd "$WORK/fuse" && git status >/dev/null) &&
		[ "$index" = "$(sha256sum <"$WORK/tree/.git/index")" ]
}

# Whatever the server said, and however long that is good for
changes_show_at_once()
{
	[ "$(stat -c %s "$WORK/fuse/program/all.h")" = \
		"$(stat -c %s "$WORK/tree/program/all.h")" ] &&
		echo "even more" >>"$WORK/tree/program/all.h" &&
		touch "$WORK/tree/empty/new" &&
		[ "$(stat -c %s "$WORK/fuse/program/all.h")" = \
			"$(stat -c %s "$WORK/tree/program/all.h")" ] &&
		[ "$(ls "$WORK/fuse/empty")" = new ]
}

opcodes()
{
	sed -n 's/.*opcode: \([A-Z]*\) .*/\1/p' "$WORK/server.log" | sort -u
}

# What the kernel has the answer to
not_asked_for()
{
	opcodes
	! opcodes | grep -E '^(OPENDIR|READDIR|READDIRPLUS|FSYNC|FSYNCDIR)$'
}

# How often the server is asked for a name that two look for, which isn't there
asked_for_missing()
{
	before=$(requests LOOKUP)
	[ ! -e "$WORK/fuse/missing" ] && [ ! -e "$WORK/fuse/missing" ] || return
	asked=$(($(requests LOOKUP) - before))
	echo "asked $asked times"
	[ "$asked" = "$1" ]
}

made_is_seen()
{
	echo made >"$WORK/fuse/missing" && says missing made && rm "$WORK/fuse/missing" &&
		[ ! -e "$WORK/fuse/missing" ] && [ ! -e "$WORK/tree/missing" ]
}

missing_tests()
{
	tag=$who-missing
	check "$tag: server starts" serve inode,timeout=1000
	check "$tag: control: a name that isn't there is asked for each time" asked_for_missing 2
	check "$tag: umount, the server ends, the table is gone" stop_server
	serve inode,timeout=1000,negative_timeout=1000
	check "$tag: with a timeout for it, once" asked_for_missing 1
	check "$tag: what is made through the mount is seen" made_is_seen
	check "$tag: umount, the server ends, the table is gone, again" stop_server
}

tree_tests()
{
	tag=$who-trees
	check "$tag: server starts" serve "$TREES,timeout=1000"
	workload "$tag" "$WORK/tree"
	check "$tag: links, names, directories" dress_tree
	check "$tag: directories are in the table" trees_are_in_the_table
	check "$tag: once names are known, nothing is asked for" asks_nothing
	check "$tag: ls" same_output "ls -laiR --time-style=full-iso"
	check "$tag: find" same_output \
		"find . -printf '%i %n %y %m %u %g %s %b %T@ %C@ %l %p\\n'"
	check "$tag: find -inum" same_output \
		"find . -inum $(stat -c %i "$WORK/tree/program/main")"
	check "$tag: du" same_output "du -a --block-size=1 && du --inodes"
	check "$tag: tar" same_output "tar -cf - . | sha256sum"
	check "$tag: tar, unpacked" copied_alike "tar -cf - . | tar -C \$copy -xf -"
	check "$tag: cp -a" copied_alike "cp -a . \$copy"
	check "$tag: rsync" rsync_finds_nothing
	check "$tag: git status" git_agrees
	check "$tag: changes of the directory itself show at once" changes_show_at_once
	check "$tag: listings are no requests" not_asked_for
	check "$tag: umount, the server ends, the table is gone" stop_server
	find "$WORK/tree" -mindepth 1 -delete
}

# Whole trees

fill_tree()
{
	(cd "$WORK/tree" && mkdir -p program more/deep empty &&
		cp "$REPO"/tools/examples/*.[ch] program &&
		ln program/mirror.c more/main && ln -s ../program/mirror.c more/link &&
		chmod 700 empty && cd more/deep && seq 1000 | xargs touch)
}

asked()
{
	grep -c 'opcode: ' "$WORK/server.log"
}

# From the first look on
asks_nothing_ever()
{
	list_all
	before=$(asked)
	list_all && (cd "$WORK/fuse" && tar -cf - . >/dev/null) &&
		[ "$(cat "$WORK/fuse/more/link")" = \
			"$(cat "$WORK/tree/program/mirror.c")" ] || return
	opcodes | tr '\n' ' '
	! opcodes | grep -qE '^(LOOKUP|OPENDIR|OPEN|READ|READLINK)$' &&
		[ "$(asked)" = "$before" ]
}

# Each directory on the way, and the file
introduces()
{
	before=$(requests LOOKUP)
	chmod 600 "$WORK/fuse/more/deep/7" &&
		[ "$(stat -c %a "$WORK/tree/more/deep/7")" = 600 ] &&
		[ "$(requests LOOKUP)" = $((before + 3)) ]
}

tree_agrees()
{
	(cd "$WORK/tree" && git init -q && git add program && git status >/dev/null &&
		echo more >>program/mirror.c && rm program/session.c) &&
		same_output "git status --porcelain"
}

open_files_are_in_the_table()
{
	exec 7<"$WORK/fuse/program/mirror.h" || return
	is_mapped_by program/mirror.h inode
	status=$?
	exec 7>&-
	[ "$status" = 0 ] && is_mapped_by program/mirror.h ''
}

name_tests()
{
	tag=$who-tree
	check "$tag: a tree" fill_tree
	check "$tag: server starts" serve "tree,timeout=1000"
	check "$tag: nothing is asked for, from the first look on" asks_nothing_ever
	check "$tag: what is open is in the table" open_files_are_in_the_table
	check "$tag: ls" same_output "ls -laiR --time-style=full-iso"
	check "$tag: find" same_output \
		"find . -printf '%i %n %y %m %u %g %s %b %T@ %C@ %l %p\\n'"
	check "$tag: du" same_output "du -a --block-size=1 && du --inodes"
	check "$tag: tar" same_output "tar -cf - . | sha256sum"
	check "$tag: tar, unpacked" copied_alike "tar -cf - . | tar -C \$copy -xf -"
	check "$tag: cp -a" copied_alike "cp -a . \$copy"
	check "$tag: rsync" rsync_finds_nothing
	check "$tag: git status" tree_agrees
	check "$tag: a change has the server know the names" introduces
	check "$tag: what it wrote reads the same" same_output \
		"find . -type f -exec cat {} + | sha256sum"
	check "$tag: umount, the server ends, the table is gone" stop_server
	find "$WORK/tree" -mindepth 1 -delete
}

# Changes

commit()
{
	git -c user.name=nobody -c user.email=nobody@localhost "$@" >/dev/null
}

# work_in DIRECTORY: what people do there, in a shell of its own
work_in()
(
	cd "$1" && cp -r "$REPO/tools/examples" program && cd program &&
		git init -q && git add . && commit commit -qm one && mkdir sub &&
		git mv session.c sub/ && echo more >>mirror.c &&
		commit commit -qam two && git checkout -q HEAD~1 &&
		git checkout -q master && git status --porcelain && cd .. &&
		tar -cf archive.tar program && mkdir unpacked &&
		tar -C unpacked -xf archive.tar && mv unpacked/program moved &&
		chmod -R go-w moved && touch -d @1000 moved/mirror.c && mkdir d &&
		ln moved/mirror.c d/link && ln -s ../moved d/symlink &&
		truncate -s 10 moved/tree.c && sed -i s/int/long/ moved/session.h &&
		: >archive.tar && rm -r program/sub && rmdir unpacked &&
		mv -T d moved/d && cp -a moved copy
)

# All but git's own files and the times that it wrote down
as_it_is()
{
	(cd "$1" && find . -name .git -prune -o -printf '%y %m %n %s %l %p\n' | sort)
}

works_alike()
{
	work_in "$WORK/direct/plain" && as_it_is "$WORK/direct/plain" >"$WORK/here" &&
		as_it_is "$WORK/fuse" >"$WORK/there" && [ -s "$WORK/here" ] &&
		diff "$WORK/here" "$WORK/there" && cmp "$WORK/here" "$WORK/there"
}

no_change_is_asked_for()
{
	! opcodes | grep -E '^(SETATTR|CREATE|MK|SYMLINK|LINK|UNLINK|RMDIR|RENAME|READ|WRITE)'
}

# But what is no change: ioctls, of files that aren't there yet for the server, and ACLs
works_without_asking()
{
	list_all
	work_in "$WORK/fuse" || return
	sed -n 's/.*opcode: \([A-Z]*\) .*/\1/p' "$WORK/server.log" | sort | uniq -c
	no_change_is_asked_for
}

# sync_in DIRECTORY: what rsync says, and makes of synced, twice: the second time some of
# it is others, and some is gone. It compares whole seconds, so what changes says when.
sync_in()
(
	cd "$1" && rm -rf from && cp -r "$REPO/tools/examples" from && mkdir -p synced &&
		ln from/mirror.c from/link && ln -s mirror.c from/symlink &&
		touch -d @1000 from/tree.c from && rsync -aHi --delete from/ synced &&
		echo more >>from/mirror.h && rm from/session.c && chmod 600 from/tree.c &&
		touch -d @2000 from/mirror.h from && rsync -aHi --delete from/ synced &&
		rsync -aHi --delete from/ synced && rm -r from
)

# The names of the root's own directory are in what it says
syncs_alike()
{
	sync_in "$WORK/direct/plain" >"$WORK/here" && sync_in "$WORK/fuse" >"$WORK/there" &&
		[ -s "$WORK/here" ] && diff "$WORK/here" "$WORK/there" &&
		as_it_is "$WORK/direct/plain/synced" >"$WORK/here" &&
		as_it_is "$WORK/fuse/synced" >"$WORK/there" &&
		diff "$WORK/here" "$WORK/there"
}

# What is there before and after, but for the names of commits, which have times
collect_in()
(
	cd "$1/program" && git gc -q --prune=now && git fsck --strict &&
		git count-objects -v | grep -v '^size' && git log --format='%T %s' &&
		git status --porcelain && find .git -type f | grep -c .
)

collects_alike()
{
	collect_in "$WORK/direct/plain" >"$WORK/here" &&
		collect_in "$WORK/fuse" >"$WORK/there" && [ -s "$WORK/here" ] &&
		diff "$WORK/here" "$WORK/there"
}

# It tells of this when it is ready
is_watching()
{
	: >dir/ready && grep -q ready "$WORK/events"
}

# events_in DIRECTORY: what inotify tells of a few changes; of the same twice, once or
# twice, whether or not it was read meanwhile
events_in()
(
	cd "$1" && mkdir -p watched/dir watched/new && cd watched && echo text >dir/old ||
		return
	inotifywait -qm --format '%w %e %f' dir new >"$WORK/events" 2>"$WORK/watching" &
	watcher=$!
	poll is_watching
	echo more >>dir/old && mkdir new/sub && mv dir/old new && ln new/old dir/link &&
		chmod 600 new/old && truncate -s 2 new/old && cat new/old >/dev/null &&
		touch -d @1000 new/old && rm dir/link && ls dir >/dev/null && rm -r new &&
		touch dir/end
	status=$?
	poll grep -q 'CREATE end' "$WORK/events"
	kill "$watcher"
	wait "$watcher"
	sed '1,/ready$/d' "$WORK/events" | grep -v 'ready$' | uniq
	return "$status"
)

tells_alike()
{
	events_in "$WORK/direct/plain" >"$WORK/here" && events_in "$WORK/fuse" >"$WORK/there" &&
		[ -s "$WORK/here" ] && diff "$WORK/here" "$WORK/there"
}

is_below_too()
{
	as_it_is "$WORK/tree" >"$WORK/here" && as_it_is "$WORK/fuse" >"$WORK/there" &&
		cmp "$WORK/here" "$WORK/there"
}

change_tests()
{
	tag=$who-changes
	mkdir -p "$WORK/direct/plain"
	check "$tag: server starts" serve "tree,changes,timeout=1000"
	check "$tag: no change is asked for" works_without_asking
	check "$tag: it is what it is without FUSE" works_alike
	check "$tag: and in the directory itself" is_below_too
	check "$tag: ls" same_output "ls -laiR --time-style=full-iso"
	check "$tag: find -inum" same_output \
		"find . -inum $(stat -c %i "$WORK/tree/moved/mirror.c")"
	check "$tag: rsync" syncs_alike
	check "$tag: git gc" collects_alike
	check "$tag: inotify" tells_alike
	check "$tag: no change was asked for" no_change_is_asked_for
	check "$tag: rm" rm -r "$WORK/fuse/copy" "$WORK/fuse/moved"
	check "$tag: umount, the server ends, the table is gone" stop_server
	find "$WORK/tree" "$WORK/direct/plain" -mindepth 1 -delete
}

# What can't be started says so, in a line

# refuses TEXT ARGUMENT...
refuses()
{
	wanted=$1
	shift
	! "$SERVER" "$@" "$WORK/fuse" 2>"$WORK/said" && cat "$WORK/said" &&
		[ "$(cat "$WORK/said")" = "$NAME: $wanted" ]
}

refuses_no_source()
{
	refuses "$WORK/nowhere: No such file or directory" "$WORK/nowhere"
}

refuses_timeouts()
{
	refuses "timeout and negative_timeout are 0 or more" -o "$1=-1" "$WORK/tree"
}

# falls_back MODE: of proc not even root may have directories passed through
falls_back()
{
	run_server "$SERVER" -f -d -o "mode=$1,timeout=0" /proc/sys/fs "$WORK/fuse" || return
	for _ in 1 2; do
		ls -R "$WORK/fuse" >/dev/null || return
	done
	stop_server && [ "$(requests OPENDIR)" -gt 4 ] || return
	grep "^$NAME: " "$WORK/server.log"
	# proc counts as stacked as deep as can be, which is looked at where root may all else
	why="on a pseudo filesystem, or a directory of an overlayfs: serve it"
	[ "$who" != root ] ||
		why="on too many stacked filesystems: raise max_backing_stack_depth"
	[ "$(grep "^$NAME: the kernel asks" "$WORK/server.log")" = \
		"$NAME: the kernel asks for listings: $why" ]
}

falling_tests()
{
	check "$who: a timeout below 0 is refused" refuses_timeouts timeout
	check "$who: and one for missing names" refuses_timeouts negative_timeout
	check "$who-trees: what isn't passed through is served, and said once" \
		falls_back inode,listings
	check "$who-tree: the same of a whole tree" falls_back tree
}

has_clones()
{
	# one that has answered has its device
	stat "$WORK/fuse" >/dev/null
	devices=$(find "/proc/$server/fd" -lname /dev/fuse | wc -l)
	echo "$devices devices"
	[ "$devices" -gt 1 ]
}

# The server's threads don't read the device that ioctls are on
cloned_tests()
{
	tag=$who-$1-cloned
	check "$tag: server starts" serve "$1,clone_fd"
	check "$tag: a thread has a device of its own" has_clones
	check "$tag: unpack" unpack "$WORK/fuse"
	check "$tag: build and run a program" build "$WORK/fuse"
	check "$tag: table and lsfusebacking show the mode" table_shows "$1"
	check "$tag: not one READ or WRITE" no_data_requests
	check "$tag: umount, the server ends, the table is gone" stop_server
	find "$WORK/tree" -mindepth 1 -delete
}

stop_server()
{
	ends && poll holds 0
}

# Once it serves: libfuse doesn't take a signal while it mounts for a good end
terminate_server()
{
	ls "$WORK/fuse" >/dev/null &&
		kill "$server" && wait "$server" && ! mountpoint -q "$WORK/fuse"
}

# One mode; direct.list is there
mode_tests()
{
	tag=$who-$1
	check "$tag: server starts" serve "$1"
	workload "$tag" "$WORK/tree"
	if [ "$1" = none ]; then
		check "$tag: control: reads and writes are requests" \
			some_data_requests
	else
		check "$tag: table and lsfusebacking show the mode" \
			table_shows "$1"
	fi
	case $1 in
	id | open)
		check "$tag: a mapping goes when the file is closed" \
			goes_when_closed
		check "$tag: opens are asked for" opens_are_asked_for
		;;
	inode)
		check "$tag: a mapping goes with the inode" goes_with_inode
		check "$tag: nobody is asked to open, empty and close" \
			opens_are_not_asked_for
		check "$tag: what was listed is attached when it is opened" \
			attached_when_opened
		check "$tag: control: listings are requests" listings_are_requests
		;;
	esac
	[ "$1" != inode ] || [ "$who" != root ] || reclaim_tests
	[ "$1" = none ] || check "$tag: not one READ or WRITE" no_data_requests
	check "$tag: umount, the server ends, the table is gone" stop_server
	serve "$1"
	check "$tag: SIGTERM, the server ends well, nothing is mounted" \
		terminate_server
	find "$WORK/tree" -mindepth 1 -delete
}

# Inodes that memory pressure evicts are forgotten, and attached again
evict()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	holds 0
}

reclaim_tests()
{
	check "$tag: memory pressure empties the table" poll evict
	check "$tag: and the next lookup attaches again" opens_are_not_asked_for
}

tests()
{
	pack_sample
	workload_directly
	for mode in none id open inode; do
		mode_tests "$mode"
	done
	cloned_tests open
	cloned_tests inode
	check "$who: a directory that isn't there is named" refuses_no_source
	[ "$NAME" = mirrorfs ] || {
		falling_tests
		missing_tests
		tree_tests
		name_tests
		change_tests
	}
}

as_root()
{
	make_places tree direct
	echo "TAP version 13"
	echo "1..$((2 * EACH + OF_ROOT + 4))"
	check "the server compiles" build_example "$NAME"
	as_both
	leave tree
}

main "$*" make ar tar sha256sum lsof rsync inotifywait
