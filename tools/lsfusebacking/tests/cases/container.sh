# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list container
list container --summary
list container -J /mnt/a
list container --holders /srv/data/a
