# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list odd
list odd -J -o ID,ACCESS,NODES,MORENODES,STATE,ERROR,NAME
list odd --summary
list odd /mnt/b
