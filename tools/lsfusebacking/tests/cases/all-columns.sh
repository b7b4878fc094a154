# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
all=$(run_command --list-columns | cut -d' ' -f1 | paste -sd,)
list two --output "$all"
list two --output "$all" --json
# The owner of an unused mount's directory is whoever runs this
list two --output "$all" --json --summary 45 46 51
