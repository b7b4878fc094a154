# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # top, build and variant: lib.sh
# Sourced after lib.sh: the line of kernels.conf that KERNEL= names, or the first one.

# shellcheck disable=SC2034 # for the scripts that source this
read -r kernel_version kernel_package kernel_hooks < <(
	awk -v want="${KERNEL:-}" \
		'!/^#/ && NF == 3 && (want == "" || $1 == want) { print; exit }' \
		"$top/kernels.conf")
[ -n "${kernel_hooks:-}" ] || die "kernels.conf has no kernel '${KERNEL:-}'"

# shellcheck disable=SC2034
case $variant in
pristine)
	# Debian's source as it is, for comparisons: a tree of its own
	kernel_tree=$build/linux-$kernel_version-pristine
	kernel_fragments=(base)
	;;
base)
	kernel_tree=$build/linux-$kernel_version
	kernel_fragments=(base)
	;;
*)
	kernel_tree=$build/linux-$kernel_version
	kernel_fragments=(base "$variant")
	;;
esac
kernel_out=$build/obj-$kernel_version/$variant
