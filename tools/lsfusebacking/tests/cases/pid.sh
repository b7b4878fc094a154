# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list two -o CONN,ID -p 812
list two -o CONN,ID -p 700
list two -o CONN,ID --pid 701,900
list two -o CONN,ID -p 899 -p 1001
echo "# with blanks, as ps and pgrep print them"
list two -o CONN,ID -p '701, 900'
list two -o CONN,ID -p $' 701\n900\n'
echo "# the mount and the process"
list two -o CONN,ID -p 812 46
list two -o CONN,ID -p 812,900 46
echo "# not those that only look like one"
list two -o CONN,ID -p 1200
list two -o CONN,ID -p 1200,812
