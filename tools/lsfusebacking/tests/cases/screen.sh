# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # of tests/run
# What is refreshed fits the screen: the first of several
limit="timeout 2"

first_screen()
{
	at_terminal "$1" "$2" two --watch=0.5 --color=never "${@:3}" |
		awk 'BEGIN { RS = "\033[[]H\033[[]2J" } NR == 2 { printf "%s", $0 }'
}

first_screen 80 5
first_screen 80 24 -n -o ID,NAME
echo "# a screen of two lines has no room for less"
first_screen 80 2 -n -o ID,NAME
