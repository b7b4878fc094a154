# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # for the scripts that source this; top, build: lib.sh
# Sourced after lib.sh by what makes series of patches, and tries them: they are for
# the newest kernel.

variant=base
unset VARIANT GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
. "$top/scripts/kernels.sh"
KERNEL=$(kernel_versions | sort -V | tail -n 1)
export KERNEL
. "$top/scripts/kernels.sh"

work=$build/export
repo=$work/linux

# The same on each machine and each day, but for the author
export GIT_AUTHOR_NAME=${GIT_AUTHOR_NAME:-fuse-backing}
export GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL:-fuse-backing@example.invalid}
export GIT_AUTHOR_DATE='1767225600 +0000'
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
export GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE

# git as nobody has set it up
plain_git()
{
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git "$@"
}
