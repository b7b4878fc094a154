# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list old-kernel
list old-kernel --summary /mnt/a
