# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
echo "# sizes as numbers, whatever they look like"
list two --sort SIZE -o ID,SIZE
list two -x size -b -o ID,SIZE
echo "# by what isn't printed, and what isn't known first"
list lives -x SERVER -o CONN
list two -x NAME -o ID,NAME
echo "# digits in a text count"
list two -x DEV -o DEV,ID
list two --summary -x FILES -o CONN,FILES
echo "# below their mount"
list two -T -x SIZE -o NAME,SIZE
list two -x FILE
