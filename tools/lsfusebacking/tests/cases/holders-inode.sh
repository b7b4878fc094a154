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
