#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# fuse-branchfs of tools/examples: a writable branch over a directory that nobody
# touches, most of whose names the server never hears of.
#
# Proves, for an ordinary user and for root, with both directories on one filesystem and
# on two: what isn't changed is looked up, listed and read without a request; files and
# directories are changed, created, removed, made anew and renamed, near the root and far
# below it, by path, through a working directory and through open files, and each time the
# mount shows what the same commands make of a copy; LOWER stays as it was. So it is with
# attributes of directories, with a hundred changed names in one and with more than the
# kernel is told, with git and make; and the next server on the same two directories shows
# the same. What can't be done says so, and leaves what there was: renaming a directory of
# LOWER's, removing a name that is too long, names that the branch has for itself, two
# servers at once, a kernel that doesn't permit it, a server without descriptors. What a
# server left that was killed is no hindrance.
#
# Privilege: root, also to become an ordinary user, and to evict inodes.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

. "$(dirname "$0")/users.inc.sh"

SERVER=$TOP/bin/fuse-branchfs
# More than rules are said of (RULES_MAX)
LARGE=1500
LISTED=400
# Names that are too long to be hidden (NAME_MAX, less .wh.)
LONG_DIR=long/d$(printf %0251d 0)
LONG_FILE=long/f$(printf %0251d 0)
# Descriptors of a server that has too few, and files that use them up
FEW=64
FILLING=80

# Tests of one user, and those beside them
EACH=74
OTHERS=6

# The directories

make_repository()
{
	cd "$1" && git init -q -b main . && git config user.name t &&
		git config user.email t@example.org && mkdir -p sub/deep other &&
		for i in 1 2 3 4 5; do
			echo "$i" >sub/file$i
			echo "$i" >sub/deep/file$i
			echo "$i" >other/file$i
		done && git add . && git commit -qm one && git checkout -qb next &&
		echo changed >sub/file1 && git rm -q sub/deep/file2 && echo new >added &&
		git mv other/file3 other/moved && git add . && git commit -qm two &&
		git checkout -q main
}

make_lower()
{
	mkdir -p "$1/one/two/three" "$1/side/empty" "$1/many" "$1/gone/below" \
		"$1/spare" "$1/special" "$1/repository" "$1/marked/with" \
		"$1/marked/without" "$1/marked/still" "$1/$LONG_DIR" "$1/left" \
		"$1/half" "$1/shut" && cd "$1" || return
	touch "$LONG_FILE" "$LONG_DIR/f" left/f half/f half/g shut/f && chmod 555 shut &&
		setfattr -n user.there -v value marked/with || return
	for i in 1 2 3 4 5 6 7 8; do
		echo "$i" >"file$i"
		echo "one $i" >"one/file$i"
		echo "three $i" >"one/two/three/file$i"
		echo "side $i" >"side/file$i"
		echo "gone $i" >"gone/below/file$i"
		echo "spare $i" >"spare/file$i"
	done
	printf '#!/bin/sh\necho ran\n' >script && chmod 755 script
	ln -s one/file1 link && ln -s /nowhere one/dangling && mkfifo special/fifo
	chmod 700 side/empty && chmod 640 one/file2
	head -c 300000 /dev/urandom >large && truncate -s 1M holes &&
		printf end >>holes
	(cd many && seq "$LARGE" | xargs touch) || return
	write_program "$1/program"
	(make_repository "$1/repository")
}

make_directories()
{
	(make_lower "$WORK/lower") && cp -a "$WORK/lower" "$WORK/copy" &&
		all_of_lower >"$WORK/lower-before.list"
}

# Names, types, modes and links. What git has for itself is other with other inodes, and
# the large directory is looked at only where something becomes of it
names_of()
{
	(cd "$1" && find . \( -path ./repository/.git -o -path ./many \) -prune -o \
		-type d -printf '%y %m %p\n' -o -printf '%y %m %s %l %p\n' | sort)
}

# And bytes
all_of()
{
	names_of "$1"
	(cd "$1" && find . \( -path ./repository/.git -o -path ./many \) -prune -o \
		-type f -print0 | sort -z | xargs -0 sha256sum)
}

# And when it was changed
all_of_lower()
{
	all_of "$WORK/lower"
	(cd "$WORK/lower" && find . -printf '%T@ %C@ %p\n' | sort)
}

agrees()
{
	names_of "$WORK/copy" >"$WORK/copy.list"
	names_of "$WORK/fuse" >"$WORK/fuse.list"
	same copy fuse && diff -r --no-dereference -x .git -x fifo -x pipe -x many \
		"$WORK/copy" "$WORK/fuse"
}

# both COMMAND: the shell line does the same to the copy and to the branch
both()
{
	(cd "$WORK/copy" && sh -ec "$1") >"$WORK/copy.said" 2>&1
	said=$?
	(cd "$WORK/fuse" && sh -ec "$1") >"$WORK/fuse.said" 2>&1
	[ $? = "$said" ] && cmp "$WORK/copy.said" "$WORK/fuse.said" && agrees && return
	cat "$WORK/fuse.said"
	return 1
}

# The same in the large directory, if there is one
both_many()
{
	both "[ ! -d many ] || cd many; $1" || return
	[ ! -d "$WORK/copy/many" ] ||
		diff -r "$WORK/copy/many" "$WORK/fuse/many"
}

# Who lists names while they are copied up finds each of them once
listed_once()
{
	(cd "$WORK/fuse/many" && python3 -c 'import os, sys
seen = []
for entry in os.scandir():
    seen.append(entry.name)
    if len(seen) < int(sys.argv[1]):
        open(entry.name, "a").close()
print("\n".join(sorted(seen)))' "$LISTED") >"$WORK/seen" || return
	(cd "$WORK/copy/many" && ls) | LC_ALL=C sort >"$WORK/there"
	diff "$WORK/there" "$WORK/seen" && both_many ls
}

lower_is_untouched()
{
	all_of_lower >"$WORK/lower-after.list"
	same lower-before lower-after
}

# The server

serve()
{
	run_server "$SERVER" -f -d "$WORK/lower" "$WORK/upper" "$WORK/fuse" &&
		ls "$WORK/fuse" >/dev/null
}

stop_server()
{
	ends && ! grep '^fuse-branchfs: ' "$WORK/server.log"
}

serves_again()
{
	stop_server && serve && agrees
}

asked()
{
	# the server gets to see this after all that was sent before
	sleep 0.2
	grep -c 'opcode: ' "$WORK/server.log"
}

# read_all NAMES: names, attributes, links and bytes; not pipes, which are the server's, nor
# by what asks how large the filesystem is, as find(1) does
read_all()
{
	# shellcheck disable=SC2086 # patterns are meant
	(cd "$WORK/fuse" && ls -aisR $1 >/dev/null && tar -cf - $1 | wc -c)
}

asks_nothing()
{
	before=$(asked)
	read_all "$1" || return
	after=$(asked)
	tail -n 20 "$WORK/server.log"
	echo "$((after - before)) requests"
	[ "$before" = "$after" ]
}

# What commands can't say

# By the working directory, whose name stays what it is
in_working_directory()
{
	both "cd one/two/three && echo here >here && rm file8 && mkdir -p sub/sub &&
		echo there >sub/sub/there && ls .. && basename \$(pwd -P) &&
		cat ../three/here"
}

# A file that is open is what it was; the next who opens it sees the other
open_file_stays()
{
	exec 7<"$WORK/fuse/one/two/three/file7" || return
	echo more >>"$WORK/fuse/one/two/three/file7"
	echo more >>"$WORK/copy/one/two/three/file7"
	[ "$(cat <&7)" = "three 7" ] && exec 7<&- && agrees
}

# fchmod(2) of descriptor 7
is_stale()
{
	python3 -c 'import errno, os, sys
try:
    os.fchmod(7, 0o700)
except OSError as e:
    sys.exit(0 if e.errno == errno.ESTALE else str(e))
sys.exit("no error")'
}

# descriptor_is_stale NAME: what changes through one of LOWER's can't be looked up again
descriptor_is_stale()
{
	exec 7<"$WORK/fuse/$1" || return
	is_stale && agrees && both "chmod 700 $1"
	result=$?
	exec 7<&-
	return "$result"
}

inode_of()
{
	stat -c %i "$WORK/fuse/$1"
}

is_another()
{
	[ "$(inode_of "$1")" != "$2" ]
}

# A rename that fails has copied the file: LOWER's isn't copied again, over what became of it
failed_rename_loses_nothing()
{
	both "chmod 711 long" && exec 7<"$WORK/fuse/$LONG_FILE" || return
	inode=$(inode_of "$LONG_FILE")
	renames_like_this "$WORK/fuse/$LONG_FILE" "$WORK/fuse/long/x" 36 &&
		poll is_another "$LONG_FILE" "$inode" &&
		both "echo NEW >>$LONG_FILE" && is_stale
	result=$?
	exec 7<&-
	[ "$result" = 0 ] && serves_again
}

unlinked_file_lives()
{
	exec 7<>"$WORK/fuse/new file" || return
	rm "$WORK/fuse/new file"
	echo written >&7
	[ "$(cat "/proc/$$/fd/7")" = written ] && exec 7<&- &&
		[ ! -e "$WORK/fuse/new file" ]
}

renames_like_this()
{
	python3 -c 'import os, sys
try:
    os.rename(sys.argv[1], sys.argv[2])
except OSError as e:
    sys.exit(0 if e.errno == int(sys.argv[3]) else str(e))
sys.exit(0 if sys.argv[3] == "0" else "no error")' "$1" "$2" "$3"
}

# EXDEV, which mv(1) knows what to do about
lower_directory_stays()
{
	renames_like_this "$WORK/fuse/spare" "$WORK/fuse/elsewhere" 18 &&
		both "mv spare elsewhere && mv elsewhere spare"
}

reserved_names()
{
	! touch "$WORK/fuse/.wh.x" && ! mkdir "$WORK/fuse/one/.wh..wh.opaque" &&
		! mv "$WORK/fuse/file1" "$WORK/fuse/.wh.x" && agrees
}

# Times are what they were set to, of LOWER's files and directories, too
times_are_kept()
{
	touch -d 2001-02-03 "$WORK/fuse/one/file3" "$WORK/fuse/one" &&
		[ "$(stat -c %y "$WORK/fuse/one" | cut -c 1-10)" = 2001-02-03 ] &&
		[ "$(stat -c %y "$WORK/fuse/one/file3" | cut -c 1-10)" = 2001-02-03 ] &&
		agrees
}

# A file that is copied up keeps its time, mode, owner and holes
copy_is_the_same()
{
	before=$(stat -c '%a %U %Y %s' "$WORK/fuse/holes")
	chmod u+x "$WORK/fuse/holes" && chmod u-x "$WORK/fuse/holes" &&
		[ "$(stat -c '%a %U %Y %s' "$WORK/fuse/holes")" = "$before" ] &&
		[ "$(stat -c %b "$WORK/fuse/holes")" -lt 100 ] && agrees
}

# Of LOWER's files, where the server is asked for names, too: by path, without an open
times_of_served_are_kept()
{
	both "touch -c -d 2001-02-03 side/file8; stat -c %y side/file8" &&
		lower_is_untouched
}

# What can't be removed stays empty
long_directory_stays()
{
	both "rm $LONG_DIR/f" && ! rmdir "$WORK/fuse/$LONG_DIR" && agrees && serves_again
}

# left_by COMMAND...: in UPPER, by a server that was killed
left_by()
{
	stop_server && (cd "$WORK/upper" && "$@") && serve
}

unfinished_copy_goes()
{
	both "rm left/f" && left_by mkdir left/.wh..wh.copy &&
		both "rmdir left; ls" && serves_again
}

# Of an empty directory
unfinished_removal_shows_nothing()
{
	both "rm half/f half/g" && left_by sh -c "touch .wh.half && rm half/.wh.f" &&
		both "ls half; rmdir half" && serves_again
}

xattrs_are_kept()
{
	setfattr -n user.test -v value "$WORK/fuse/file3" || return
	[ "$(getfattr --only-values -n user.test "$WORK/fuse/file3")" = value ] &&
		setfattr -x user.test "$WORK/fuse/file3" && agrees
}

# What says how a directory is, is in it or beside it, whoever may write to it
closed_directories()
{
	both "chmod 755 shut; rm shut/f; chmod 555 shut; rmdir shut; ls" &&
		mkdir -m 0 "$WORK/copy/shut" "$WORK/fuse/shut" && stop_server && serve &&
		both "stat -c %a shut; chmod 755 shut; ls shut; touch shut/new; ls shut"
}

# Of directories that nothing was changed in; each is done once
xattrs_of_directories()
{
	both "python3 -c 'import os
os.setxattr(\"marked/without\", \"user.new\", b\"value\", os.XATTR_CREATE)' &&
		getfattr -d marked/without" &&
		both "setfattr -x user.there marked/with && getfattr -d marked/with"
}

# By who made it
truncates_what_is_closed_to_others()
{
	both "python3 -c 'import os
fd = os.open(\"read only\", os.O_RDWR | os.O_CREAT, 0o444)
os.write(fd, b\"more than three\")
os.ftruncate(fd, 3)'; cat 'read only'"
}

# Each lookup takes one
use_up_descriptors()
{
	for i in $(seq "$FILLING"); do
		stat "$WORK/fuse/filling/$i" >/dev/null 2>&1 || return 0
	done
	return 1
}

# And each file that goes makes room for one
make_room_for()
{
	for i in $(seq "$FILLING"); do
		rm -f "$WORK/fuse/filling/$i"
		ls "$WORK/fuse/$1" >"$WORK/listed" 2>&1 && return
	done
	return 1
}

# What there is no descriptor for is there all the same
few_descriptors()
{
	both "rm -r spare; mkdir filling; seq $FILLING | (cd filling && xargs touch)" &&
		ls "$WORK/copy/one/two" >"$WORK/wanted" && stop_server || return
	run_server sh -c "ulimit -n $FEW && exec \"\$@\"" sh \
		"$SERVER" -f -d "$WORK/lower" "$WORK/upper" "$WORK/fuse" &&
		use_up_descriptors && ! mkdir "$WORK/fuse/spare" && make_room_for one/two &&
		diff "$WORK/wanted" "$WORK/listed" &&
		rm -r "$WORK/fuse/filling" "$WORK/copy/filling" && serves_again
}

# git's index has inodes and times of what it checked out
git_agrees()
{
	# made by LOWER's inodes: it refreshes that once
	(cd "$WORK/fuse/repository" && git status --porcelain) >"$WORK/said" &&
		! grep . "$WORK/said" &&
		both "cd repository && git checkout -q next && git status --porcelain &&
			git log --format=%s" &&
		both "cd repository && echo mine >mine && git add mine && rm sub/file5 &&
			git commit -qam three && git checkout -q main && git merge -q next &&
			git status --porcelain && git fsck" &&
		both "cd repository && git gc -q && git status --porcelain"
}

# While names go, each listing has those that are left
lists_what_is_left()
{
	for i in 1 2 3 4 5; do
		both_many "rm $i $((i + 400)) $((i + 900)); ls" || return
	done
}

# More than the kernel is told; whoever has it open goes on
removes_most()
{
	both_many "seq 20 $((LARGE - 20)) | xargs rm -f; ls; touch 300 new; ls" &&
		both_many "rm new; ls"
}

evict()
{
	sync
	[ "$(id -u)" != 0 ] || echo 3 >/proc/sys/vm/drop_caches
}

tests()
{
	check "$who: directories are made" make_directories
	check "$who: server starts" serve
	check "$who: all is read, and nothing asked for" \
		asks_nothing "[a-r]* script side spare"
	check "$who: it is what LOWER has" agrees

	check "$who: a file is appended to" both "echo more >>file1"
	check "$who: one far below" both "echo more >>one/two/three/file1"
	check "$who: others are read without a request" asks_nothing side
	check "$who: overwritten" both "echo new >one/file1; cat link"
	check "$who: emptied" both ": >one/two/three/file2"
	check "$who: truncated" both "truncate -s 3 one/two/three/file3"
	check "$who: written in the middle" both \
		"printf X | dd of=large bs=1 seek=100000 conv=notrunc status=none"
	check "$who: its mode is changed" both "chmod 600 one/two/three/file4 file2"
	check "$who: attributes of a copy are the same" copy_is_the_same
	check "$who: times" times_are_kept
	check "$who: extended attributes" xattrs_are_kept
	check "$who: those of a directory" xattrs_of_directories
	check "$who: a directory that nobody may search" both \
		"chmod 0 marked/without; stat -c %a marked/without; chmod 755 marked/without"
	check "$who: one that nobody may write to" closed_directories
	check "$who: sed -i" both "sed -i s/one/two/ one/file4 one/file5"
	check "$who: by a link" both "echo by link >>link; cat one/file1"
	check "$who: a program runs, and again when it is another" both \
		"./script; echo echo again >>script; ./script"

	check "$who: a file is created" both "echo mine >mine; echo mine >one/two/mine"
	check "$who: a directory" both "mkdir -p side/new/newer; echo 1 >side/new/newer/1"
	check "$who: a symbolic link, a pipe" both "ln -s mine side/link; mkfifo side/pipe"
	check "$who: a hard link" both "ln mine side/hard; echo more >>side/hard; cat mine"
	check "$who: a hard link of LOWER's" both "ln file6 one/hard6; echo x >>file6; cat one/hard6"
	check "$who: one that nobody may write to" both \
		"umask 222; echo closed >closed; cat closed"
	check "$who: which is truncated" truncates_what_is_closed_to_others

	check "$who: a file is removed" both "rm file3; ls"
	check "$who: far below" both "rm one/two/three/file5; ls one/two/three"
	check "$who: what was created" both "rm mine side/pipe; ls"
	check "$who: a tree" both "rm -r gone; ls"
	check "$who: an empty directory" both "rmdir side/empty"
	check "$who: one that isn't can't be" both "rmdir one/two 2>/dev/null || echo no"
	check "$who: made anew" both "echo again >file3; echo again >one/two/three/file5"
	check "$who: a directory that is empty then" both "mkdir -p gone/below; ls gone/below"
	check "$who: a file instead of a directory" both "rm -r side/new; echo >side/new"
	check "$who: a directory instead of a file" both "rm file4; mkdir file4; echo >file4/x"

	check "$who: a file is renamed" both "mv file5 renamed; ls"
	check "$who: to another directory" both "mv one/two/three/file6 side/moved"
	check "$who: over another" both "mv side/file1 side/file2; cat side/file2"
	check "$who: over what is changed" both "mv side/file3 one/file1; cat one/file1"
	check "$who: and back" both "mv renamed file5; mv side/moved one/two/three/file6"
	check "$who: a new directory" both "mv file4 one/dir; mkdir d; mv d one/d; ls one/dir"
	check "$who: over an empty one" both "mkdir x y; echo >x/z; mv -T x y; ls y"
	check "$who: one of LOWER's is copied" lower_directory_stays
	check "$who: names that aren't to be used" reserved_names
	check "$who: one that is too long to be removed" long_directory_stays
	check "$who: or renamed" failed_rename_loses_nothing
	check "$who: what a server left when it copied" unfinished_copy_goes
	check "$who: when it removed" unfinished_removal_shows_nothing

	check "$who: in a working directory" in_working_directory
	check "$who: who has a file of LOWER's open goes on" open_file_stays
	check "$who: a descriptor of LOWER's is stale when it is changed" \
		descriptor_is_stale side/file5
	check "$who: one of a directory, too" descriptor_is_stale marked/still
	check "$who: a file without a name" unlinked_file_lives
	check "$who: the mode of a directory" both "chmod 711 one/two side; stat -c %a one/two"
	check "$who: times of what is in there" times_of_served_are_kept
	check "$who: and what is in there" both "echo >>side/file7; rm one/two/three/file7; touch one/two/n"

	check "$who: a hundred names" both_many \
		"for i in \$(seq 200 299); do echo \$i >\$i; done; ls"
	check "$who: names that go one by one" lists_what_is_left
	check "$who: names that are changed while they are listed" listed_once
	check "$who: the next server shows the same" serves_again
	check "$who: many names are removed" removes_most
	check "$who: a large directory is" both "rm -rf many; ls"
	check "$who: and is there again" both_many "mkdir many; cd many; touch 1; ls"
	check "$who: make" both "cd program; make -s log; cat log; make -s log; rm f1.o; make -s log"
	check "$who: git" git_agrees
	check "$who: a server with few descriptors" few_descriptors
	check "$who: when inodes are forgotten, too" poll evict
	check "$who: it is the same" agrees
	check "$who: and with the next server" serves_again
	check "$who: LOWER is as it was" lower_is_untouched
	check "$who: umount, the server ends" stop_server
}

# says TEXT COMMAND...: it ends with an error, in a line, and nothing is mounted
says()
{
	text=$1
	shift
	! "$@" >"$WORK/told" 2>&1 </dev/null || return
	cat "$WORK/told"
	[ "$(wc -l <"$WORK/told")" = 1 ] && grep -q "^fuse-branchfs: .*$text" "$WORK/told"
}

as_owner()
{
	run_as_user "$SERVER" "$TOP/user/lower" "$TOP/user/upper" "$TOP/user/fuse"
}

is_not_permitted()
{
	not_permitted says unprivileged_passthrough as_owner &&
		! mountpoint -q "$TOP/user/fuse"
}

# The second of the two
is_in_use()
{
	as_owner || return
	says "another branch" as_owner
	result=$?
	run_as_user fusermount3 -u "$TOP/user/fuse" && return $result
}

as_root()
{
	WORK=$TOP
	mount -t tmpfs -o mode=755 work "$TOP" || exit 1
	mkdir -p "$TOP/user" "$TOP/root"
	mount -t tmpfs -o mode=755 root "$TOP/root" || exit 1
	for who in user root; do
		mkdir "$TOP/$who/lower" "$TOP/$who/upper" "$TOP/$who/fuse"
	done
	mount -t tmpfs -o mode=755 lower "$TOP/user/lower" || exit 1
	chown -R "$OWNER:$OWNER" "$TOP/user"

	echo "TAP version 13"
	echo "1..$((2 * EACH + OTHERS))"
	check "the server compiles" build_example fuse-branchfs
	as_both
	check "not permitted: it says so" is_not_permitted
	check "two servers at once: the second one says so" is_in_use
	check "umount of LOWER" umount "$TOP/user/lower"
	check "umount of both" umount "$TOP/root"
	check "no thread is left" poll no_thread
	totals
}

main "$*" make git getfattr setfattr python3 sha256sum
