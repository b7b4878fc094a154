# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# What bash suggests for the last word of a command line
lsfusebacking()
{
	run_command --sysroot "$work/trees/two" "$@"
}

# Not while a line is being edited
compopt()
{
	:
}

# shellcheck source=/dev/null
. "$here/../lsfusebacking.bash"

suggest()
{
	COMP_WORDS=(lsfusebacking "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_lsfusebacking
	echo "$*: ${COMPREPLY[*]}"
}

suggest --s
suggest ''
suggest /mnt/w
suggest -o ''
suggest -o mo
suggest -o ID,WR
suggest --output +ID,de
suggest --pid 7
suggest -p 700,9
