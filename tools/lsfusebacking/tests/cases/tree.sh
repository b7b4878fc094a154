# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list two --tree
list two --tree -o ID,NAME,SIZE /mnt/a
list two --tree -o TARGET,ID /mnt/a
list two --tree --noheadings -o NAME /mnt/a
