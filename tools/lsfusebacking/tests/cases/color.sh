# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# Escape sequences as ^[, and terminal-colors.d of a user of our own
colors=$work/config/terminal-colors.d

show()
{
	at_terminal 80 24 "$@" | cat -v | sed 's/M-bM-\^@M-&/.../g'
}

show two -o ID,STATE,NAME /mnt/a
show lives --summary -o CONN,STATE
echo "# never, where the terminal could, and where it is none"
show two --color=never -o ID,STATE,NAME /mnt/a
list two -o ID,STATE,NAME /mnt/a
echo "# always"
list two --color=always -o ID,STATE,NAME /mnt/a | cat -v
echo "# the user's own"
mkdir -p "$colors"
printf '%s\n' '# comment' 'deleted 1;34' 'closing \e[7m' 'dead green' 'other red' \
	>"$colors/lsfusebacking.scheme"
printf 'deleted cyan\n' >"$colors/scheme"
show two -o ID,STATE,NAME /mnt/a
show lives --summary -o CONN,STATE
echo "# switched off for all, and on for this one"
touch "$colors/disable"
show two -o ID,STATE,NAME /mnt/a
touch "$colors/lsfusebacking@xterm.enable"
show two -o ID,STATE,NAME /mnt/a
rm -r "$colors"
list two --color=pink
