# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
list names
list names -r -o NAME,DELETED,MODE,STATE
list names -J -o NAME,DELETED
echo "# in a locale without UTF-8"
LC_ALL=C list names -n -o NAME
