# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# /proc doesn't say the path of mapping 4: it is one for all that
copy_tree proc no-path
mkdir -p "$work/trees/no-path/srv/data/dir"
touch "$work/trees/no-path/srv/data/file" "$work/trees/no-path/srv/data/other"
dev=$(stat -c '%Hd:%Ld' "$work/trees/no-path/srv/data/file")
sed -i "s/^\(30 20\) 0:33 /\1 $dev /" "$work/trees/no-path/proc/self/mountinfo"
sed -i "s/^ino:.*/ino:	$(stat -c %i "$work/trees/no-path/srv/data/file")/" \
	"$work/trees/no-path/proc/812/fdinfo/4"
list no-path -J -o ID,ACCESS,DELETED,STATE,ERROR,NAME 45 2>&1 | sed -n '/"id": 4/,/}/p'
echo "# it is a holder by inode number, and of the filesystem"
list no-path -r -o ID --holders /srv/data/file
list no-path -r -o ID,ERROR --holders /srv/data
echo "# and isn't one of another file"
list no-path -o ID --holders /srv/data/other
echo "# what isn't known is said"
list no-path -o ID --holders /srv/data/dir
list no-path -o ID --holders /srv/data/ten
echo "# as of records that can't be understood"
list odd -o ID --holders /srv
list odd -r -o ID --holders 254:1
