# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# The file's inode is that of a mapping with another name
copy_tree two inode
mkdir -p "$work/trees/inode/home"
touch "$work/trees/inode/home/linked"
device=$(stat -c '%Hd:%Ld' "$work/trees/inode/home/linked")
inode=$(stat -c %i "$work/trees/inode/home/linked")
sed -i "s/254:1 99 /$device $inode /" \
	"$work/trees/inode/sys/fs/fuse/connections/46/backing_files"
list inode -o ID,NAME --holders /home/linked
touch "$work/trees/inode/home/another"
list inode -o ID,NAME --holders /home/another
# and a directory's, which was registered by another path
copy_tree two dir
mkdir -p "$work/trees/dir/home/dir"
inode=$(stat -c %i "$work/trees/dir/home/dir")
sed -i "s/254:1 99 /$device $inode /" \
	"$work/trees/dir/sys/fs/fuse/connections/46/backing_files"
list dir -o ID,NAME --holders /home/dir
