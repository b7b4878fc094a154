# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
columns=CONN,ID,SIZE,NAME
# that of Debian 13 forgets something of each expression
# shellcheck disable=SC2154 # work: tests/run
echo leak:libsmartcols.so >"$work/forgotten"
export LSAN_OPTIONS=suppressions=$work/forgotten:print_suppressions=0
list two -o $columns -Q DELETED
list two -o $columns --filter 'SIZE > 1M'
echo "# by what isn't printed, or is printed otherwise"
list two -o ID -Q 'COMMAND == "server"'
list two -T -o NAME -Q 'USER == "alice" and NAME =~ "[bc]\.db$"'
list two -J -o ID -Q 'USES >= 3'
list two --summary -o CONN -Q 'STATE == "full" or FILES == 0'
list two -o $columns -Q 'NODES == "3,7"'
echo "# together with others"
list two -o $columns -Q 'SIZE > 1K' --holders /srv/data 45
list two -o $columns -Q 'not DELETED' -x SIZE
echo "# nothing"
list two -o $columns -Q 'SIZE > 1T'
echo "# mistakes"
list two -Q 'SIZE >' | sed 's,filter: .*; see,filter: why; see,'
list two -Q 'COLOR == "red"'
