#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The server that fuse-backing-library.rst builds: its code is compiled after each of
# the page's steps, and the last one does all that modes.sh asks of a server.
#
# Privilege, output: as modes.sh.

export NAME=mirrorfs

command -v git >/dev/null || {
	echo "TAP version 13"
	echo "1..0 # SKIP no git"
	exit 4
}
exec "$(dirname "$0")/modes.sh"
