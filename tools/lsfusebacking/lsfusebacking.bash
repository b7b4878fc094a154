# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion for lsfusebacking

_lsfusebacking_columns()
{
	local prefix='' current=$1 column

	case $current in
	*,*) prefix=${current%,*}, ;;
	+*) prefix=+ ;;
	esac
	while read -r column _; do
		echo "$prefix$column"
	done < <(lsfusebacking --list-columns)
}

_lsfusebacking_pids()
{
	local prefix=''

	case $1 in
	*,*) prefix=${1%,*}, ;;
	esac
	lsfusebacking --summary --raw --noheadings --output PID,SERVER \
		2>/dev/null | tr ' ' '\n' | sort -un | sed "/./!d; s/^/$prefix/"
}

# One suggestion a line, quoted for the command line as far as it is a path
_lsfusebacking_suggest()
{
	local suggestion

	COMPREPLY=()
	while IFS= read -r suggestion; do
		[[ $suggestion != "$1"* ]] ||
			COMPREPLY+=("$(printf '%q' "$suggestion")")
	done
}

# Blanks and newlines in mount points are \x20 and \x0a here
_lsfusebacking_mounts()
{
	local target

	while IFS= read -r target; do
		printf '%b\n' "$target"
	done < <(lsfusebacking --summary --raw --noheadings --output TARGET \
		2>/dev/null) | sed '/./!d'
}

_lsfusebacking()
{
	local current=${COMP_WORDS[COMP_CWORD]}
	local previous=${COMP_WORDS[COMP_CWORD - 1]}

	case $previous in
	-o | --output)
		compopt -o nospace
		mapfile -t COMPREPLY < <(compgen -W \
			"$(_lsfusebacking_columns "${current^^}")" -- \
			"${current^^}")
		return
		;;
	-p | --pid)
		mapfile -t COMPREPLY < <(compgen -W \
			"$(_lsfusebacking_pids "$current")" -- "$current")
		return
		;;
	--holders)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--sysroot)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	esac
	case $current in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "
			--bytes --help --holders --json --list-columns
			--noheadings --notruncate --output --pid --raw
			--summary --sysroot --tree --version --watch" \
			-- "$current")
		;;
	*)
		_lsfusebacking_suggest "$current" < <(_lsfusebacking_mounts)
		;;
	esac
}

complete -F _lsfusebacking lsfusebacking
