# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list two --json
list two --json --summary 45
list two --json --tree 0:46
list two --json --output ID,NODES,MORENODES,DELETED,READ/s /mnt/a
