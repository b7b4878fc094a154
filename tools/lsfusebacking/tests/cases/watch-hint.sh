# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
timeout 10 "$work/lsfusebacking" --sysroot "$work/trees/two" -w 2 -n 2>&1
echo "exit status $?"
