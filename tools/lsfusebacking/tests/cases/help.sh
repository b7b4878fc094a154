# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
run_command --help
run_command --version
echo "# the manual's"
sed -n 's/^\.Os .*, \(lsfusebacking .*\)"/\1/p' "$here/../lsfusebacking.8"
