# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # top, build and variant: lib.sh
# Sourced after lib.sh: the line of kernels.conf that KERNEL= names, or the first one.
# In build/, what is a kernel's is named NAME-VERSION; NAME alone is for all of them.

# kernels_conf [VERSION]: its line, or all of them
kernels_conf()
{
	awk -v want="${1:-}" \
		'!/^#/ && NF && (want == "" || $1 == want)' "$top/kernels.conf"
}

# The versions, the default one first
kernel_versions()
{
	kernels_conf | awk '{ print $1 }'
}

# shellcheck disable=SC2034 # for the scripts that source this
read -r kernel_version kernel_package kernel_suite kernel_fragment kernel_hooks \
	< <(kernels_conf "${KERNEL:-}") || true
[ -n "${kernel_hooks:-}" ] ||
	die "kernels.conf has no line of five columns for kernel '${KERNEL:-}'"
# shellcheck disable=SC2034
read -r kernel_default < <(kernel_versions)
# What pages of results are named after: nothing, or -VERSION where it isn't the default
# shellcheck disable=SC2034
if [ "$kernel_version" = "$kernel_default" ]; then
	kernel_suffix=
else
	kernel_suffix=-$kernel_version
fi

# Where trees and their objects are; with TREES= somewhere else, and whoever laid a tree
# there says what to make of it
trees=${TREES:-$build}
kernel_tree=$trees/linux-$kernel_version
kernel_fragments=(base "$kernel_fragment")
# shellcheck disable=SC2034
case $variant in
pristine)
	# Debian's source as it is, for comparisons: a tree of its own
	kernel_tree+=-pristine
	;;
base) ;;
btf-module)
	# whatever makes a mistake loud, for what programs and the module have of each other
	kernel_fragments+=(debug btf module btf-module)
	;;
*)
	kernel_fragments+=("$variant")
	;;
esac
# shellcheck disable=SC2034
kernel_out=$trees/obj-$kernel_version/$variant
# shellcheck disable=SC2034
kernel_selftests=$build/selftests-$kernel_version
# What tests left
# shellcheck disable=SC2034
kernel_tested=$build/test-$kernel_version

# The source, with what is ours; kernels of several variants may be made at once of it
lay_tree()
{
	lock "tree-$(basename "$kernel_tree")"
	"$top/scripts/kernel-source" "$kernel_tree"
	[ "$variant" = pristine ] ||
		"$top/scripts/overlay" "$kernel_tree" "$top/$kernel_hooks"
	unlock
}
