# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list two -o ID,FILE
list two -o ID,
list two -o ''
list two -J -r
list two -J -P
list two -r -P
list two -T -r
list two -T -P
list two -T --summary
list two -o ID --output-all
list two --summary --holders /
list two -p 1,x
list two -p ''
list two --watch=0
list two --watch=soon
list two --frobnicate
list no-such-tree
