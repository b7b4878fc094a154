# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # for and of the scripts that source this
# Sourced after kernels.sh: checkpatch, and what it is not asked about which files.

# Trace events, and lists for them: they have a layout of their own
checkpatch_lists='_(trace|reasons)\.h$'
checkpatch_no_lists=PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE,COMPLEX_MACRO,MACRO_ARG_UNUSED,TRAILING_SEMICOLON
# ENOSYS is how a FUSE server says that it lacks an operation
checkpatch_no_kernel=ENOSYS
# C's own integer types, ENOSYS as FUSE servers use it, and sscanf() inside an assertion
# of the harness is checked, which needs braces where it is all of a loop
checkpatch_no_programs=PREFER_KERNEL_TYPES,NAKED_SSCANF,ENOSYS,BRACES
# Nor has a header that is installed the kernel's macros
checkpatch_no_library=$checkpatch_no_programs,BIT_MACRO
# A line that a hook changes keeps what upstream's form of it has: a printk() whose
# caller says the level, and how its arguments are laid out
checkpatch_no_hooks=PRINTK_WITHOUT_KERN_LEVEL,PARENTHESIS_ALIGNMENT

# checkpatch IGNORED ARGUMENT...: fails if it says anything. Nobody has signed off here,
# or moved a file past MAINTAINERS. Without a git directory it takes a tracked patch
# for a patch, and needs no Python modules for licence tags. It does not know that
# GENRADIX(type) declares: paragraphs about such a line are left out.
checkpatch()
{
	local ignored=$1
	shift

	# what it says counts, not its status: a paragraph may be left out
	! { GIT_DIR=/nonexistent perl "$kernel_tree/scripts/checkpatch.pl" \
		--root="$kernel_tree" \
		--strict --quiet --no-summary --show-types --no-signoff \
		--ignore="FILE_PATH_CHANGES,$ignored" "$@" 2>&1 || true; } |
		awk -v RS= -v ORS='\n\n' '!/GENRADIX\(/' | grep .
}
