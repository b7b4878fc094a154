# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
columns=TARGET,CONN,SERVER,FILES,STATE
list lives --summary -o $columns
list lives --tree -o NAME,STATE
echo "# where something was kept from us, nobody is said to be missing"
copy_tree lives blind
mkdir -p "$work/trees/blind/proc/703/fd"
chmod 0 "$work/trees/blind/proc/703/fd"
run_command()
{
	as_nobody "$work/lsfusebacking" "$@" 2>&1
}
list blind --summary -o $columns
copy_tree lives inside
rm "$work/trees/inside/proc/2/stat"
list inside --summary -o $columns
