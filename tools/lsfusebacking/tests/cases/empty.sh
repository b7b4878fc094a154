# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list empty
list empty -J
list empty --summary
list empty --summary -J 45
list empty /mnt/a
list empty --holders /
