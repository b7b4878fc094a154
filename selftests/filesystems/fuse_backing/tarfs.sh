#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# fuse-tarfs of tools/examples: archives that are mounted, whose members the
# kernel reads where they are in the archive.
#
# Proves, for an ordinary user, for tar archives of each format, with and without
# sparse members, and for a zip archive with stored ones: names, modes, links and
# all bytes are those that tar extracts, by read(2) at odd offsets, sendfile(2)
# and mmap(2); holes are holes; a program and its library run from there. The
# server's debug log has not one OPEN and not one READ (the control, without
# passthrough, has both), and the archive is in the table once. An archive of
# 100,000 members and 10 GB of holes is mounted with little memory. Members that
# are compressed, and a kernel that doesn't permit passthrough, are left to the
# server, which says so. When the mount is gone, nothing pins the filesystem of
# the archive.
#
# Privilege: root, only to become an ordinary user, for lsof, and to evict inodes.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

. "$(dirname "$0")/users.inc.sh"

SERVER=$TOP/bin/fuse-tarfs

# How tar archives are made: a name, and options of tar
FORMATS="ustar:--format=ustar gnu:--format=gnu pax:--format=pax
gnu-sparse:--format=gnu_-S pax-0.0:--format=pax_-S_--sparse-version=0.0
pax-0.1:--format=pax_-S_--sparse-version=0.1
pax-1.0:--format=pax_-S_--sparse-version=1.0"
PAGE=4096
LARGE=3000001
MANY=100000
# kB that the server may need for MANY members, beside pages of the archive
MEMORY=32768

# Tests of each tar archive, all of the user, and all of root
OF_TAR=8
EACH=$((1 + 7 * OF_TAR + 6 + 1 + 7 + 4 + 4 + 7))
OF_ROOT=12

# Archives

# Sizes around those of tar's blocks and of pages, and names that it makes long
make_files()
{
	mkdir -p "$1/dir/sub" && for size in 0 1 511 512 513 \
		$((PAGE - 1)) $PAGE $((PAGE + 1)) $LARGE; do
		head -c "$size" /dev/urandom >"$1/dir/$size" || return
	done
	ln "$1/dir/513" "$1/hard"
	ln "$1/dir/513" "$1/dir/sub/harder"
	ln -s dir/4096 "$1/symbolic"
	ln -s /nowhere "$1/dangling"
	echo deep >"$1/dir/sub/$(printf 'n%.0s' $(seq 80))"
	echo snow >"$1/dir/☃ and ünïcödé"
	chmod 640 "$1/dir/511"
	chmod 555 "$1/dir/512"
}

# A hole before, between, behind; nothing but one; edges that are no block's
make_sparse()
{
	truncate -s 5M "$1/dir/between" &&
		head -c 100000 /dev/urandom | dd of="$1/dir/between" bs=$PAGE \
			seek=900 conv=notrunc &&
		printf abc | dd of="$1/dir/between" bs=1 seek=1000001 \
			conv=notrunc &&
		truncate -s 1M "$1/dir/hole" &&
		printf start >"$1/dir/behind" &&
		truncate -s 100001 "$1/dir/behind" &&
		truncate -s 70001 "$1/dir/before" && printf end >>"$1/dir/before"
}

# With a library that it needs, and data of its own
make_program()
{
	mkdir "$1/bin" && cat >"$1/answer.c" <<-'SOURCE' && \
		cat >"$1/main.c" <<-'SOURCE2' || return
		int answers[4096] = { [4095] = 42 };

		int answer(void)
		{
			return answers[4095]++;
		}
	SOURCE
		#include <stdio.h>

		int answer(void);

		int main(void)
		{
			printf("%d\n", answer());
			return answer() == 43 ? 0 : 1;
		}
	SOURCE2
	gcc -shared -fPIC -o "$1/bin/libanswer.so" "$1/answer.c" &&
		gcc -o "$1/bin/program" "$1/main.c" -L"$1/bin" -lanswer
}

make_tree()
{
	mkdir "$WORK/files" && make_files "$WORK/files" &&
		make_sparse "$WORK/files" && make_program "$WORK/files"
}

make_tar()
{
	# shellcheck disable=SC2046 # one word for each option
	tar $(echo "$2" | tr _ ' ') -C "$WORK/files" -cf "$WORK/tree/$1" .
}

# Stored, but for one; "dir" is a member of its own, "bin" isn't
make_zips()
{
	(cd "$WORK/files" &&
	 zip -q -0 -y -r "$WORK/tree/stored.zip" dir symbolic &&
	 zip -q -0 -y -D "$WORK/tree/stored.zip" bin/* &&
	 cp "$WORK/tree/stored.zip" "$WORK/tree/packed.zip" &&
	 zip -q -9 "$WORK/tree/packed.zip" main.c)
}

# What a zip archive doesn't keep: the links, and holes
extract()
{
	mkdir "$WORK/direct" || return
	case $1 in
	*.zip)
		(cd "$WORK/files" && cp -r --sparse=always --no-dereference \
			dir symbolic bin "$WORK/direct" && case $1 in
			packed*) cp main.c "$WORK/direct" ;;
			esac)
		;;
	*)
		tar -C "$WORK/direct" -xpf "$WORK/tree/$1"
		;;
	esac
}

# Some members of some size, each with its number; some of a GiB that is a hole
make_many()
{
	python3 - "$WORK/tree/many.tar" "$MANY" <<-'PYTHON'
		import sys

		def header(name, size):
		    text = bytearray(512)
		    text[0:len(name)] = name
		    text[100:108] = b'0000644\0'
		    text[108:124] = b'0001750\0' * 2
		    text[124:136] = b'%011o\0' % size
		    text[136:148] = b'%011o\0' % 1700000000
		    text[148:156] = b' ' * 8
		    text[156:157] = b'0'
		    text[257:265] = b'ustar\x0000'
		    text[148:156] = b'%06o\0 ' % sum(text)
		    return text

		count = int(sys.argv[2])
		with open(sys.argv[1], 'wb') as archive:
		    for i in range(count):
		        if i % (count // 10) == 0:
		            archive.write(header(b'holes/%d' % i, (1 << 30) + 513))
		            archive.seek((1 << 30) + 1024, 1)
		        text = b'member %d\n' % i
		        archive.write(header(b'many/%d/%d' % (i // 1000, i), len(text)))
		        archive.write(text.ljust(512, b'\0'))
		    archive.write(bytes(1024))
	PYTHON
}

# The server

# serve ARCHIVE [OPTION...]: its pid is in $server
serve()
{
	archive=$WORK/tree/$1
	shift
	run_server "$SERVER" -f -d "$@" "$archive" "$WORK/fuse"
}

complaints()
{
	grep '^fuse-tarfs: ' "$WORK/server.log"
}

not_asked()
{
	grep 'opcode: \(OPEN\|READ\|LSEEK\) (' "$WORK/server.log" | head -3
	! complaints && [ "$(requests INIT)" = 1 ] &&
		[ "$(requests OPEN)" = 0 ] && [ "$(requests READ)" = 0 ]
}

asked()
{
	[ "$(requests OPEN)" -gt 0 ] && [ "$(requests READ)" -gt 0 ]
}

# Once, for as many inodes as have bytes in it
shows()
{
	inodes=$(find "$WORK/fuse" -type f -printf '%b %i\n' | grep -v '^0 ' |
		sort -u | wc -l)
	seen=$("$LSFUSEBACKING" --noheadings --raw -o MODE,ATTACHED,NAME)
	echo "$seen"
	[ "$seen" = "block $inodes $WORK/tree/$1" ]
}

stop_server()
{
	ends && poll holds 0
}

# What clients see

# Names, types, modes, links and sizes
listing()
{
	(cd "$1" && find . -mindepth 1 -printf '%y %m %n %P %l\n' | sort &&
	 find . -type f -printf '%s %T@ %P\n' | sort)
}

# A zip archive has times of two seconds, and no modes of directories made here
short_listing()
{
	(cd "$1" && find . -mindepth 1 -printf '%y %P %l\n' | sort &&
	 find . -type f -printf '%m %s %P\n' | sort)
}

same_listing()
{
	$1 "$WORK/direct" >"$WORK/direct.list"
	$1 "$WORK/fuse" >"$WORK/fuse.list"
	same direct fuse
}

same_contents()
{
	diff -r --no-dereference "$WORK/direct" "$WORK/fuse"
}

# Each file, in other ways than from start to end
same_pieces()
{
	python3 - "$WORK/direct" "$WORK/fuse" <<-'PYTHON'
		import mmap, os, random, sys

		def pieces(fd, text):
		    size = len(text)
		    for pos in [0, 1, 510, 511, 512, 4095, 4096, 4097, size - 1,
		                size] + [random.randrange(size + 2)
		                         for _ in range(20)]:
		        count = random.randrange(1, 9000)
		        if pos >= 0 and os.pread(fd, count, pos) != \
		           text[pos:pos + count]:
		            sys.exit(f'pread {count} at {pos}')
		    parts = [bytearray(511), bytearray(1), bytearray(4097)]
		    count = os.preadv(fd, parts, size // 3)
		    if b''.join(parts)[:count] != text[size // 3:size // 3 + count]:
		        sys.exit('preadv')
		    if count != min(4609, size - size // 3):
		        sys.exit('preadv is short')

		def sent(fd, text):
		    to = os.memfd_create('copy')
		    pos = size = len(text)
		    pos = size // 2
		    while pos < size:
		        pos += os.sendfile(to, fd, pos, size - pos)
		    return os.pread(to, size, 0) == text[size // 2:]

		def mapped(fd, text):
		    for flags in mmap.MAP_PRIVATE, mmap.MAP_SHARED:
		        with mmap.mmap(fd, len(text), flags, mmap.PROT_READ) as m:
		            if m[:] != text:
		                return False
		    return True

		random.seed(1)
		for top, _, names in os.walk(sys.argv[1]):
		    for name in names:
		        path = os.path.join(top, name)
		        if os.path.islink(path):
		            continue
		        print(path)
		        with open(path, 'rb') as file:
		            text = file.read()
		        fd = os.open(path.replace(*sys.argv[1:3], 1), os.O_RDONLY)
		        pieces(fd, text)
		        if not sent(fd, text):
		            sys.exit('sendfile')
		        if text and not mapped(fd, text):
		            sys.exit('mmap')
		        os.close(fd)
	PYTHON
}

runs_program()
{
	LD_LIBRARY_PATH=$WORK/fuse/bin "$WORK/fuse/bin/program" >"$WORK/said" &&
		[ "$(cat "$WORK/said")" = 42 ]
}

# Where data and holes begin, as SEEK_DATA and SEEK_HOLE say
map_of()
{
	python3 - "$1" <<-'PYTHON'
		import os, sys
		fd = os.open(sys.argv[1], os.O_RDONLY)
		pos, size = 0, os.fstat(fd).st_size
		while pos < size:
		    try:
		        data = os.lseek(fd, pos, os.SEEK_DATA)
		    except OSError:
		        break
		    pos = os.lseek(fd, data, os.SEEK_HOLE)
		    print(data, pos)
	PYTHON
}

# tar takes pages of the files that it packed for data
has_holes()
{
	map_of "$WORK/fuse/dir/hole" >"$WORK/said"
	[ ! -s "$WORK/said" ] || return
	map_of "$WORK/fuse/dir/between" | tee "$WORK/said"
	[ "$(wc -l <"$WORK/said")" = 2 ] &&
		[ "$(head -n 1 "$WORK/said")" = "$((244 * PAGE)) $((245 * PAGE))" ]
}

# Without holes in the archive, it is all data
has_no_holes()
{
	[ "$(map_of "$WORK/fuse/dir/hole")" = "0 $((1024 * 1024))" ]
}

# Links are one inode
has_links()
{
	[ "$(stat -c %i "$WORK/fuse/hard")" = \
		"$(stat -c %i "$WORK/fuse/dir/sub/harder")" ] &&
		[ "$(stat -c %h "$WORK/fuse/hard")" = 3 ]
}

is_read_only()
{
	! touch "$WORK/fuse/new" 2>"$WORK/said" && grep -q 'Read-only' \
		"$WORK/said" && ! printf x 2>/dev/null >>"$WORK/fuse/dir/513"
}

# Tests of one archive

tar_tests()
{
	check "$1: is mounted" serve "$1.tar"
	extract "$1.tar"
	check "$1: names, modes, links and times are what tar extracts" \
		same_listing listing
	check "$1: all bytes are what tar extracts" same_contents
	check "$1: in pieces, by sendfile(2) and mmap(2) too" same_pieces
	case $1 in
	*sparse | pax-?.?)
		check "$1: holes are holes" has_holes
		;;
	*)
		check "$1: without holes, all is data" has_no_holes
		;;
	esac
	check "$1: the server isn't asked to open or read" not_asked
	check "$1: lsfusebacking shows the archive once, with its inodes" \
		shows "$1.tar"
	check "$1: umount, the server ends, the table is gone" stop_server
	rm -r "$WORK/direct"
}

program_tests()
{
	check "program: is mounted" serve "$1"
	check "program: runs with its library" runs_program
	check "program: links are one inode" has_links
	check "program: nothing can be written" is_read_only
	check "program: the server isn't asked to open or read" not_asked
	check "program: umount" stop_server
}

zip_tests()
{
	check "zip: is mounted" serve stored.zip
	extract stored.zip
	check "zip: names, modes and sizes are those of the files" \
		same_listing short_listing
	check "zip: all bytes are those of the files" same_contents
	check "zip: in pieces, by sendfile(2) and mmap(2) too" same_pieces
	check "zip: a program runs with its library" runs_program
	check "zip: the server isn't asked to open or read" not_asked
	check "zip: umount" stop_server
	rm -r "$WORK/direct"
}

only_packed_is_asked_for()
{
	cat "$WORK/fuse/dir/513" >/dev/null && [ "$(requests OPEN)" = 0 ] &&
		cmp "$WORK/files/main.c" "$WORK/fuse/main.c" &&
		[ "$(requests OPEN)" = 1 ] && [ "$(requests READ)" -gt 0 ]
}

packed_tests()
{
	check "packed: is mounted" serve packed.zip
	extract packed.zip
	check "packed: a member that is compressed is left to the server" \
		only_packed_is_asked_for
	check "packed: all bytes are those of the files" same_contents
	check "packed: umount" stop_server
	rm -r "$WORK/direct"
}

many_are_there()
{
	[ "$(find "$WORK/fuse/many" -type f | wc -l)" = $MANY ] &&
		[ "$(stat -c %s "$WORK/fuse/holes/"* | sort -u)" = \
			$(((1 << 30) + 513)) ] &&
		[ "$(find "$WORK/fuse/holes" -type f | wc -l)" = 10 ]
}

# Ends of holes, and members between them
many_are_right()
{
	for i in 0 1 999 1000 $((MANY / 2)) $((MANY - 1)); do
		[ "$(cat "$WORK/fuse/many/$((i / 1000))/$i")" = "member $i" ] ||
			return
	done
	tail -c +1000000001 "$WORK/fuse/holes/0" | head -c 1000000 |
		cmp -n 1000000 - /dev/zero &&
		tail -c 600 "$WORK/fuse/holes/$((MANY * 9 / 10))" |
		cmp -n 600 - /dev/zero
}

many_take_little()
{
	grep Rss "/proc/$server/status"
	[ "$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' \
		"/proc/$server/status")" -lt $MEMORY ]
}

many_tests()
{
	check "$MANY members, 10 GB of holes: archive is made" make_many
	check "$MANY members: are mounted" serve many.tar
	check "$MANY members: all are there" many_are_there
	check "$MANY members: with their bytes" many_are_right
	check "$MANY members: the server isn't asked to open or read" not_asked
	check "$MANY members: with little memory" many_take_little
	check "$MANY members: umount" stop_server
	rm "$WORK/tree/many.tar"
}

# The control: what the log shows if the kernel reads nothing
control_tests()
{
	check "nopassthrough: is mounted" serve gnu-sparse.tar -o nopassthrough
	extract gnu-sparse.tar
	check "nopassthrough: all bytes are what tar extracts" same_contents
	check "nopassthrough: holes are holes" has_holes
	check "nopassthrough: opens and reads are requests" asked
	stop_server
	rm -r "$WORK/direct"
}

user_tests()
{
	check "user: files are made" make_tree
	for format in $FORMATS; do
		make_tar "${format%%:*}.tar" "${format#*:}"
		tar_tests "${format%%:*}"
	done
	program_tests gnu.tar
	check "zip: archives are made" make_zips
	zip_tests
	packed_tests
	control_tests
	many_tests
}

# Of root's own server

lsof_shows_it_once()
{
	cat "$WORK/fuse/dir/513" "$WORK/fuse/dir/$LARGE" >/dev/null
	lsof -w +c0 "$WORK/tree/gnu.tar" | tee "$WORK/said"
	[ "$(grep -c '^fuse/' "$WORK/said")" = 1 ]
}

evict()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(requests FORGET)" != 0 ] || [ "$(requests BATCH_FORGET)" != 0 ]
}

read_again()
{
	poll evict && cmp "$WORK/files/dir/$LARGE" "$WORK/fuse/dir/$LARGE" &&
		same_contents
}

root_tests()
{
	check "root: files are made" make_tree
	make_tar gnu.tar --format=gnu
	check "root: is mounted" serve gnu.tar
	extract gnu.tar
	check "root: lsof shows the archive, once" lsof_shows_it_once
	check "root: all bytes are what tar extracts" same_contents
	check "root: and after memory pressure" read_again
	check "root: the server wasn't asked to open or read" not_asked
	check "root: umount" stop_server
}

# The old rule: the server reads for the user, and says why
is_told()
{
	run_as_user "$SERVER" "$TOP/user/tree/gnu.tar" "$TOP/user/fuse" \
		>"$WORK/told" 2>&1 </dev/null
	cat "$WORK/told"
	run_as_user cmp "$TOP/user/files/dir/$LARGE" \
		"$TOP/user/fuse/dir/$LARGE" &&
		[ "$(wc -l <"$WORK/told")" = 1 ] &&
		grep -q "^fuse-tarfs: .*unprivileged_passthrough" "$WORK/told"
}

is_not_permitted()
{
	not_permitted is_told
	told=$?
	run_as_user fusermount3 -u "$TOP/user/fuse" && return "$told"
}

tests()
{
	case $who in
	user) user_tests ;;
	root) root_tests ;;
	esac
}

as_root()
{
	make_places tree
	echo "TAP version 13"
	echo "1..$((EACH + OF_ROOT))"
	check "the server compiles" build_example fuse-tarfs
	as_both
	check "not permitted: the server reads, and says why" is_not_permitted
	leave tree
}

pkg-config --exists libarchive || skip_all "no libarchive"
main "$*" make tar zip python3 lsof sha256sum
