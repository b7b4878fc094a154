# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # for the scripts that source this
# Sourced where sparse is asked.

# kbuild doesn't run a sparse that has no __typeof_unqual__, as Debian's, and only says so
sparse='sparse -D__typeof_unqual__=__typeof__'

# said_of_ours LISTED LOG: what compiler and sparse say about these files. What sparse
# doesn't know to be constant is the length of a string in MODULE_INFO(); nor that nobody
# declares what BPF programs call, which __bpf_kfunc_start_defs() tells the compiler.
said_of_ours()
{
	grep -vE "error: bad constant expression\$|symbol 'bpf_[a-z_]*' was not declared" "$2" |
		grep -A4 -F -f <(sed -n 's/\.[ch]$/&:/p' "$1")
}
