# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# Memory and time are linear in the number of mappings
copy_tree empty many
directory=$work/trees/many/sys/fs/fuse/connections/45
mkdir -p "$directory"
echo 0 >"$directory/backing_thread"
echo 200000 >"$directory/backing_limit"
{
	head -n 1 "$work/trees/two/sys/fs/fuse/connections/47/backing_files"
	seq 100000 |
		sed 's,.*,& id rw live 1 0 0 0 0 0 2 254:1 & 4096 0 0 0 /srv/data/some/directory/file&,'
} >"$directory/backing_files"
list many -n -r -o CONN,FILES,USES,SIZE --summary
list many -n -r -o ID,NAME | tail -n 1
list many -n -T -o ID,NAME | tail -n 1
list many -n -o ID,NAME --holders /srv/data/some/directory/file4711
