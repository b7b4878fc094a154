# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# What is unpacked is listed as the system was that it was recorded from
all=$(run_command --list-columns | cut -d' ' -f1 | paste -sd,)

# record TREE: also where names have a colon, which isn't another machine
record()
{
	rm -rf "$work/trees/again"
	mkdir "$work/trees/again"
	list "$1" --record "$work/a:b.tar"
	tar -C "$work/trees/again" -xf "$work/a:b.tar" --force-local
	for options in "" --summary --tree; do
		list "$1" -o "$all" $options >"$work/one"
		list again -o "$all" $options >"$work/other"
		diff "$work/one" "$work/other" && echo "$1 $options: the same"
	done
}

record lives
record two
record names
record proc
echo "# of a server, nothing but what makes it one"
tar -tf "$work/a:b.tar" --force-local | grep -c '/proc/700/fd/0'
echo "# what can't be written, and no remains"
list two --record "$work/no/such/directory/a.tar" | sed 's/^tar: .*/tar: why/'
TMPDIR=$work/no list two --record "$work/b.tar" | sed 's/\.[a-zA-Z0-9]*;/.XXXXXX;/'
TMPDIR=$work list two --record "$work/b.tar"
find "$work" -maxdepth 1 -name 'lsfusebacking.*'
