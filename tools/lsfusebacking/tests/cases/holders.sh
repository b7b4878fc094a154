# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
columns=CONN,ID,NAME
echo "# a file by its name, and as something that was deleted"
list two -o $columns --holders /srv/data/a.db
list two -o $columns --holders /srv/data/c.db
list two -o $columns --holders '/srv/data/d (deleted)'
echo "# a directory, not what has a name that begins alike"
list two -o $columns --holders /home
list two -o $columns --holders /hom
echo "# a filesystem, by its mount point or device"
list two -o $columns --holders /srv/data
list two -o $columns --holders /srv/data//
list two -o $columns --holders 254:1
echo "# some mounts only, and in a tree"
list two -o $columns --holders /srv/data 51
list two -T --holders /srv/data/elsewhere
echo "# nobody"
list two --holders /srv/nobody
list two --holders /mnt/a
list two -J --holders 8:1
