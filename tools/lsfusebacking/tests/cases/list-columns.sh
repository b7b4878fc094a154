# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
run_command --list-columns
