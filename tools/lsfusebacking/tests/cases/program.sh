# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Only the server's descriptor says it, whatever else is asked for
list two --output TARGET,FILTER
list two --raw --noheadings --output FILTER 46
