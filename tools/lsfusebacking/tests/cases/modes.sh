# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
why=ID,MODE,STATE,OPENS,MMAPS,ATTACHED,PENDING,USES,EXTENTS,EXTENT-BYTES,NODES
list modes
list modes --tree
list modes -o "$why,NAME"
list modes --raw --bytes -o "$why"
list modes --json -o MODE,ATTACHED,PENDING,USES,EXTENTS,EXTENT-BYTES
list modes --summary -o "TARGET,FILES,$why"
echo "# who holds a directory: dir-to-come only begins alike"
list modes -o ID,MODE,NAME --holders /srv/data/dir
echo "# of a kernel that attaches nothing"
list names --raw -o "$why"
list names --summary -o "TARGET,FILES,$why"
