# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# Rates are differences; how long a refresh took is not for the test to say
copy_tree two watch
files=$work/trees/watch/sys/fs/fuse/connections/46/backing_files
output=$work/watch.out
: >"$output"
"$work/lsfusebacking" --sysroot "$work/trees/watch" --watch=0.1 -n -r \
	-o ID,WRITTEN,READ/s,WRITTEN/s 46 >"$output" 2>&1 &
pid=$!

lines_of()
{
	[ "$(grep -c "^$1" "$output")" -ge "$2" ]
}

wait_for lines_of '7 1K' 2
# One that moves bytes, and one that is new
{
	sed 's/ 1024 0 / 1073741824 0 /' "$files"
	echo '8 id r live 1 0 0 0 0 0 2 254:1 100 1 1048576 0 0 /home/new'
} >"$files.new"
mv "$files.new" "$files"
wait_for lines_of '8 0B' 2
rm -r "$work/trees/watch/sys/fs/fuse/connections/46"
sed -i '/0:46/d' "$work/trees/watch/proc/self/mountinfo"
sleep 0.3
kill -INT $pid
wait $pid
echo "exit status $?"
# The first refresh, the second, and the first two after the change
grep . "$output" | sed -E 's/[0-9.]+[KMG]B?$/MANY/; s/ [0-9.]+[KMG] 0B$/ MANY 0B/' |
	awk '$0 != last; { last = $0 }' | sort -u
grep -c '^$' "$output" | awk '{ print ($1 > 2) ? "blank lines" : "no blank lines" }'
