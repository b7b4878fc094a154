# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion for lsfusebacking

_lsfusebacking_columns()
{
	local column

	while read -r column _; do
		echo "$column"
	done < <(lsfusebacking --list-columns)
}

_lsfusebacking_pids()
{
	lsfusebacking --summary --raw --noheadings --output PID,SERVER \
		2>/dev/null | tr ' ' '\n' | sort -un | sed '/./!d'
}

# From lines, what goes on with a list that was typed so far as $2, with commas; none
# of them is in it yet. $1 comes before it.
_lsfusebacking_list()
{
	local typed=$2 before='' item

	case $typed in
	*,*) before=${typed%,*}, ;;
	+*) before=+ ;;
	esac
	typed=${typed#"$before"}
	while read -r item; do
		[[ ,${before#+} == *,"$item",* || $item != "$typed"* ]] ||
			COMPREPLY+=("$1$before$item")
	done
}

# Those of the words from $3 on that begin with $2, after $1
_lsfusebacking_words()
{
	local prefix=$1 typed=$2 word

	for word in "${@:3}"; do
		[[ $word != "$typed"* ]] || COMPREPLY+=("$prefix$word")
	done
}

_lsfusebacking_paths()
{
	local path

	compopt -o filenames
	while IFS= read -r path; do
		COMPREPLY+=("$1$path")
	done < <(compgen "$3" -- "$2")
}

# Mount points, of which blanks and newlines are \x20 and \x0a here, quoted for the
# command line
_lsfusebacking_mounts()
{
	local typed=${1//\\/} target

	while IFS= read -r target; do
		printf -v target '%b' "$target"
		[[ -z $target || $target != "$typed"* ]] ||
			COMPREPLY+=("$(printf '%q' "$target")")
	done < <(lsfusebacking --summary --raw --noheadings --output TARGET \
		2>/dev/null)
}

_lsfusebacking_options='--ascii --bytes --color --filter --help --holders --json
	--list-columns --noheadings --notruncate --output --output-all --pairs --pid
	--raw --record --shell --sort --summary --sysroot --tree --version --watch'

# The value $3 of option $1, if it is one that has values. $2 is what of the word comes
# before it.
_lsfusebacking_value()
{
	case $1 in
	-o | --output)
		compopt -o nospace
		_lsfusebacking_list "$2" "${3^^}" < <(_lsfusebacking_columns)
		;;
	-p | --pid)
		_lsfusebacking_list "$2" "$3" < <(_lsfusebacking_pids)
		;;
	-x | --sort)
		# shellcheck disable=SC2046 # words are meant
		_lsfusebacking_words "$2" "${3^^}" $(_lsfusebacking_columns)
		;;
	--color)
		_lsfusebacking_words "$2" "$3" auto never always
		;;
	--holders | --record)
		_lsfusebacking_paths "$2" "$3" -f
		;;
	--sysroot)
		_lsfusebacking_paths "$2" "$3" -d
		;;
	-Q | --filter)
		;;
	*)
		return 1
		;;
	esac
}

# What readline replaces begins after the last of these that was typed
_lsfusebacking_cut()
{
	local breaks='' typed=$1 last i

	[[ $COMP_WORDBREAKS != *=* ]] || breaks+='='
	[[ $COMP_WORDBREAKS != *:* ]] || breaks+=':'
	[[ -n $breaks && $typed == *[$breaks]* ]] || return 0
	last=${typed##*["$breaks"]}
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=${COMPREPLY[i]:${#typed}-${#last}}
	done
}

_lsfusebacking()
{
	local line=${COMP_LINE:0:COMP_POINT} word previous option prefix=''

	word=${line##*[[:blank:]]}
	previous=${line%"$word"}
	previous=${previous%"${previous##*[![:blank:]]}"}
	option=${previous##*[[:blank:]]}
	COMPREPLY=()
	case $word in
	--*=*)
		option=${word%%=*}
		prefix=$option=
		;;
	-[opxQ]*)
		option=${word:0:2}
		prefix=$option
		;;
	# it has its value with it, or none
	*)
		[[ $option != --color ]] || option=''
		;;
	esac
	if _lsfusebacking_value "$option" "$prefix" "${word#"$prefix"}"; then
		_lsfusebacking_cut "$word"
	elif [[ $word == -* ]]; then
		# shellcheck disable=SC2086 # words are meant
		_lsfusebacking_words '' "$word" $_lsfusebacking_options
	else
		_lsfusebacking_mounts "${COMP_WORDS[COMP_CWORD]}"
	fi
}

complete -F _lsfusebacking lsfusebacking
