# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list two -o ID,NAME 45
list two -n -o id,name 45
list two -b -o ID,SIZE,READ,WRITTEN
list two -o +DEV,INO 0:46
list two -r -o ID,READ,NAME 45
list two -u 51
list two -o ID -n -r 45 46
