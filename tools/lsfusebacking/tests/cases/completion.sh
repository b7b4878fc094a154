# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of tests/run
# What a shell makes of keys: the arguments that it calls the command with
cat >"$work/bashrc" <<END
PS1='> '
bind 'set bell-style none'
bind 'set enable-bracketed-paste off'
. "$here/../lsfusebacking.bash"
lsfusebacking()
{
	case "\$*" in
	--list-columns | "--summary --raw "*)
		"$work/lsfusebacking" --sysroot "$work/trees/two" "\$@"
		;;
	*)
		echo "=called with:\$(printf ' [%s]' "\$@")"
		;;
	esac
}
END

# Keys are typed ahead; a tab completes, and two of them list
type_keys()
{
	{
		printf '%b\n' "$@"
		echo exit
	} >"$work/keys"
	# shellcheck disable=SC2094 # the file is read
	timeout 20 script -qec "stty cols 80 rows 24; bash --rcfile $work/bashrc -i" \
		/dev/null <"$work/keys" | tr -d '\r' | sed -n 's/.*=called with/called with/p'
}

type_keys 'lsfusebacking -o+OP\t' 'lsfusebacking -oTARG\t' 'lsfusebacking -o op\t' \
	'lsfusebacking --output=NA\t' 'lsfusebacking --output=+ID,na\t' \
	'lsfusebacking -o ID,NAM\t' 'lsfusebacking -o MAJ:\t' 'lsfusebacking --output=maj:m\t'
echo "# a column once"
type_keys 'lsfusebacking -o OPENS,OP\t' 'lsfusebacking -o id,i\t' \
	'lsfusebacking --output=+MODE,MO\t'
echo "# pids"
type_keys 'lsfusebacking --pid=8\t' 'lsfusebacking -p 700,9\t' 'lsfusebacking -p1\t' \
	'lsfusebacking --pid=812,8\t'
echo "# others"
type_keys 'lsfusebacking --su\t' 'lsfusebacking --sort=REA\t' 'lsfusebacking -x writt\t' \
	'lsfusebacking --color=al\t' "lsfusebacking --holders=$work/bashr\t" \
	"lsfusebacking --sysroot $work/trees/tw\t" 'lsfusebacking -Q D\t' \
	'lsfusebacking --output-\t' 'lsfusebacking --re\t'
echo "# mounts"
type_keys 'lsfusebacking /mnt/w\t' 'lsfusebacking /mnt/with\\ bl\t' \
	'lsfusebacking -T /mnt/s\t' 'lsfusebacking --color /mnt/s\t'
