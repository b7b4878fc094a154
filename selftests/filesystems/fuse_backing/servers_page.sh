#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The server that fuse-backing-servers.rst shows as a whole, taken from the page with
# the command that compiles it, in each mode, run by root and by an ordinary user. The
# functions that fuse-backing-trees.rst shows are compiled, too.
#
# Proves: it compiles without a word, and is as short as the page says; its file reads,
# is written and emptied (O_TRUNC) like the one that it serves; requests are those of its
# mode, and where the kernel lacks that, as Debian's does (VARIANT pristine) and one
# without FUSE_PASSTHROUGH (nopt), those of the mode that it falls back to. mode=none,
# whose reads and writes are requests, is the control. As long as the mount's thread is one
# process too many, the file is served, or open(2) says so, as the page has it; root, whom
# that limit doesn't bind, is the control.
#
# Privilege: root, also to become an ordinary user.
#
# Output is TAP: `1..N`, then `ok` or `not ok` per test.

set -u

. "$(dirname "$0")/users.inc.sh"

PAGE=$REPO/Documentation/filesystems/fuse/fuse-backing-servers.rst
LINES=120

# Tests of one user
EACH=32

# block CAPTION [PAGE]: what the page has in blocks with this caption
block()
{
	awk -v caption="  :caption: $1" '
		/^[^ ]/ { inside = 0 }
		inside { sub(/^  /, ""); print }
		$0 == caption { inside = 1 }' "${2:-$PAGE}"
}

take_from_page()
{
	block server.c >"$TOP/server.c" && block "to compile it" >"$TOP/compile" &&
		[ -s "$TOP/server.c" ] && [ -s "$TOP/compile" ]
}

is_short()
{
	[ "$(grep -c . "$TOP/server.c")" -le "$LINES" ]
}

# In a tree with the sources, as the page has it; the guest's can't be written to
compiles_silently()
{
	ln -s "$REPO/include" "$TOP/include" && (cd "$TOP" && sh ./compile) 2>&1 |
		tee "$TOP/said" && [ -x "$TOP/server" ] && ! [ -s "$TOP/said" ]
}

# functions_compile NAME WORD: those of the page on trees, which have that in them
functions_compile()
{
	block "$1.c" "${PAGE%/*}/fuse-backing-trees.rst" >"$TOP/$1.c" &&
		grep -q "$2" "$TOP/$1.c" &&
		gcc -O2 -Wall -Wextra -Werror -idirafter "$REPO/include/uapi" -c \
			-o "$TOP/$1.o" "$TOP/$1.c"
}

# The mode that the kernel can do of this one
mode_here()
{
	case ${VARIANT:-base}-$who-$1 in
	nopt-* | pristine-user-*) echo none ;;
	pristine-root-none) echo none ;;
	pristine-root-*) echo id ;;
	*) echo "$1" ;;
	esac
}

serve()
{
	seq 10000 >"$WORK/backing/file"
	run_server "$TOP/server" "$1" "$WORK/backing/file" "$WORK/fuse" -d
}

same_bytes()
{
	cmp "$WORK/fuse/file" "$WORK/backing/file"
}

says()
{
	[ "$(cat "$WORK/fuse/file")" = "$1" ] && same_bytes
}

# Shorter than what was there
use_file()
{
	same_bytes && echo hi >"$WORK/fuse/file" && says hi &&
		echo more >>"$WORK/fuse/file" && says "hi
more" &&
		printf H | dd of="$WORK/fuse/file" conv=notrunc,fsync &&
		says "Hi
more" && truncate -s 2 "$WORK/fuse/file" && says Hi
}

requests_are_of()
{
	echo "OPEN $(requests OPEN), READ $(requests READ), WRITE $(requests WRITE)"
	case $1 in
	none) [ "$(requests READ)" -gt 0 ] && [ "$(requests WRITE)" -gt 0 ] ;;
	inode) [ "$(requests OPEN)$(requests READ)$(requests WRITE)" = 000 ] ;;
	*) [ "$(requests OPEN)" -gt 0 ] &&
		[ "$(requests READ)$(requests WRITE)" = 00 ] ;;
	esac
}

# falls_back FROM TO: with a word of why, unless the kernel didn't offer passthrough
falls_back()
{
	[ "$1" = "$2" ] || [ "${VARIANT:-base}" = nopt ] ||
		grep "mode $2 from here on: " "$WORK/server.log"
}

# requests_fit MODE HERE: they are those of the mode that the kernel can do
requests_fit()
{
	requests_are_of "$2" && falls_back "$1" "$2"
}

# What lsfusebacking shows of a file that is open; only our kernels have that
is_mapped_by()
{
	shown=$1
	[ "$shown" != none ] || shown=
	case ${VARIANT:-base} in
	nopt | pristine) return ;;
	esac
	exec 7<"$WORK/fuse/file"
	[ "$("$LSFUSEBACKING" --noheadings --raw -o MODE "$WORK/fuse")" = "$shown" ]
	status=$?
	exec 7<&-
	return $status
}

mode_tests()
{
	here=$(mode_here "$1")
	check "$who-$1: starts" serve "$1"
	check "$who-$1: reads, writes, empties" use_file
	check "$who-$1: is mapped as mode $here has it" is_mapped_by "$here"
	check "$who-$1: requests are those of mode $here" requests_fit "$1" "$here"
	check "$who-$1: umount, the server ends well" ends
}

# What becomes of a file while there can't be a thread
for_now()
{
	case $who-$(mode_here "$1") in
	user-open) echo refused ;;
	user-*) echo none ;;
	*) mode_here "$1" ;;
	esac
}

serve_without_thread()
{
	serve "$1" && before=$(prlimit --pid "$server" --nproc --raw --noheadings -o SOFT) &&
		prlimit --pid "$server" --nproc=0:
}

is_served_for_now()
{
	case $(for_now "$1") in
	refused) head -n 1 "$WORK/fuse/file" 2>&1 | grep "Resource temporarily unavailable" ;;
	*) use_file && requests_are_of "$(for_now "$1")" ;;
	esac
}

is_passed_through_later()
{
	prlimit --pid "$server" --nproc="$before:" && use_file &&
		is_mapped_by "$(mode_here "$1")"
}

thread_tests()
{
	check "$who-$1: starts, there can't be a thread" serve_without_thread "$1"
	check "$who-$1: $(for_now "$1") for now" is_served_for_now "$1"
	check "$who-$1: is mapped when there can be" is_passed_through_later "$1"
	check "$who-$1: umount, the server ends well, too" ends
}

tests()
{
	for mode in none id open inode; do
		mode_tests "$mode"
	done
	for mode in id open inode; do
		thread_tests "$mode"
	done
}

as_root()
{
	make_places backing
	echo "TAP version 13"
	echo "1..$((2 * EACH + 8))"
	check "the page has a server, and how to compile it" take_from_page
	check "it has no more than $LINES lines" is_short
	check "it compiles as it stands" compiles_silently
	check "so do functions that attach directories" \
		functions_compile attach BACKING_TREE
	check "and that say rules" functions_compile rules BACKING_RULES
	as_both
	leave backing
}

main "$*" truncate prlimit
