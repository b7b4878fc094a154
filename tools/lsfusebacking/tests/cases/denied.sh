# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# Somebody who owns 46 and 47, but not 45 and 51
copy_tree two denied
for conn in 45 51; do
	chmod 0 "$work/trees/denied/sys/fs/fuse/connections/$conn"
	mkdir -p "$work/trees/denied/proc/812/fd" \
		"$work/trees/denied/proc/1001/fd"
	chmod 0 "$work/trees/denied/proc/812/fd" \
		"$work/trees/denied/proc/1001/fd" \
		"$work/trees/denied/proc/700/fd" \
		"$work/trees/denied/proc/701/fd"
done
run_command()
{
	as_nobody "$work/lsfusebacking" "$@" 2>&1
}
list denied
list denied --summary
list denied -T
list denied -J -o CONN,ID,STATE,ERROR,NAME /mnt/a
list denied -o CONN,ID --holders /home
list denied -o CONN,ID --holders /srv/data
