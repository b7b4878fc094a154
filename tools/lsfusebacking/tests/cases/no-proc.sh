# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
mkdir "$work/trees/no-proc"
list no-proc
