#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# With CONFIG_FUSE_FS=m: the module loads, has all that it needs of the kernel,
# mounts leave nothing behind in it, and it unloads. As root, in a kernel whose
# fuse is not loaded.

# shellcheck disable=SC2034 # they use it
WORK=/tmp
. "$(dirname "$0")/passthrough_hp.inc.sh"
. "$(dirname "$0")/module.inc.sh"

echo "1..6"
check "loads" load
all_pass visibility_test ids_test lifetime_test
check "is not used any more" unused
check "unloads" unload
totals
