# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list two --summary
list two --summary --bytes
list two --summary --raw
