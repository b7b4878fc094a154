# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
echo "# every mount point of a connection, its numbers, and ways to write them"
list two -o ID /mnt/a
list two -o ID /mnt/again
list two -o ID 45
list two -o ID 0:45
list two -o ID //mnt/./again/
list two -o CONN,ID $'/mnt/with blank\\and\ttab'
list two -o CONN,ID 46 51 46
echo "# a thread's name, as lsof has it"
list two -o CONN,ID fuse/0:46
list two fuse/0:99
echo "# a file on a mount, or what was one"
list two -o CONN,ID /mnt/a/some/file
list two -o CONN,ID /mnt/again/.. /mnt/abc
echo "# nothing mapped"
list two /mnt/sshfs
echo "# none is there, and only some are"
list two /mnt
list two / 99 0:99
list two -o CONN,ID /mnt/a 99 0:46
list two 99999999999999999999
list two 4294967341
list two 4096:45
echo "# an option behind --, and what is none"
list two -- -J --summary
list two -o ID -- /mnt/a
