# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list two --pairs -o ID,NAME,DELETED,READ/s
list two -P -y -o ID,MAJ:MIN,READ/s,EXTENT-BYTES /mnt/a
list two -r -y -o ID,READ/s 46
list two -T -i /mnt/a
echo "# every column, once each"
list two --output-all -J 46
list two --list-columns --json
