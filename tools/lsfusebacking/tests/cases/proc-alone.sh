# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list proc
list proc -o ID,ACCESS,DEV,INO,DELETED,NAME -J 45
list proc --summary
list proc -T
list proc -o ID,NAME -p 812
