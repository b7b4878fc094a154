# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# Names are cut at the left, numbers never
copy_tree two wide
files=$work/trees/wide/sys/fs/fuse/connections/45/backing_files
long=/srv/data/a/directory/with/as/many/levels/as/anybody/likes/file
sed -i "s,/srv/data/a.db,$long.db,; s/ 3,7 / 13998 /" "$files"
at_terminal 80 24 wide
at_terminal 80 24 wide --tree
at_terminal 80 24 wide --summary 47 51
at_terminal 80 24 wide -o TARGET,ID,NODES,EXTENTS,ATTACHED,PENDING,USES,SIZE,NAME /mnt/a
at_terminal 80 24 wide -T -i -o NAME,ID,SIZE,READ,WRITTEN,MODE,ACCESS,STATE,USES /mnt/a
echo "# what has no room at all"
at_terminal 40 24 wide -o ID,NODES,SIZE,READ,WRITTEN,NAME 45
echo "# wide characters, and bytes that are none"
sed -i "s,$long.db,/srv/data/漢字漢字漢字漢字漢字漢字漢字漢字\\\\377/x," "$files"
at_terminal 40 24 wide -o ID,SIZE,NAME 45
echo "# all of it"
at_terminal 40 24 wide -u -o ID,SIZE,NAME 45
