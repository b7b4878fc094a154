#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Patches of branches as a table: number, lines of code that change, files, subject

table.py REPOSITORY BASE END...

The first series is from BASE to the first END, and so on. Lines of code are those of
the kernel's .c and .h files, added and removed, that are not empty and not only
comment. More than LARGE of them in a patch are a failure, but for tests and the
thread with a file table, which is one thing.
"""

import re
import sys

import series
import tree

LARGE = 400
CODE = re.compile(r'(?!Documentation/|tools/).*\.[ch]$')
MAY_BE_LARGE = re.compile(r'.*/tests/|kernel/kthread_files\.c$')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'',
                     re.S)
RANGES = re.compile(rb'^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@', re.M)


def blanked(found):
    """Nothing but a comment's ends of lines; strings as they are"""
    text = found.group()
    return text if text[0] in '"\'' else '\n' * text.count('\n')


def code_lines(text):
    """Whether each line has code"""
    return [bool(line.strip())
            for line in COMMENT.sub(blanked, text).split('\n')]


def changed_code(repository, parent, commit, path):
    """How many lines of code are removed and added"""
    diff = repository.git('diff-tree', '-p', '-U0', '--no-renames', parent,
                          commit, '--', path)
    is_code = [code_lines(repository.texts(revision, [path]).get(path, ''))
               for revision in (parent, commit)]
    count = 0
    for found in RANGES.finditer(diff):
        for side, lines in enumerate(is_code):
            first, size = found.group(1 + 2 * side, 2 + 2 * side)
            first, size = int(first) - 1, int(size or 1)
            count += sum(lines[first:first + size]) if size else 0
    return count


def is_large(code):
    return LARGE < sum(lines for path, lines in code.items()
                       if not MAY_BE_LARGE.match(path))


def patches(repository, ends):
    """(number, commit before, commit)"""
    for name, (old, new) in enumerate(zip(ends, ends[1:]), 1):
        commits = repository.lines('rev-list', '--reverse', '%s..%s' % (old, new))
        for number, (parent, commit) in enumerate(
                zip([old] + commits, commits), 1):
            yield '%d/%02d' % (name, number), parent, commit


def main():
    directory, *ends = sys.argv[1:]
    repository = tree.Repository(directory)
    large = []
    print('%-5s %5s  %5s  %s' % ('patch', 'code', 'files', 'subject'))
    for name, parent, commit in patches(repository, ends):
        paths = repository.changed(parent, commit)
        code = {path: changed_code(repository, parent, commit, path)
                for path in paths if CODE.match(path)}
        if is_large(code):
            large.append(name)
        print('%-5s %5d%s %5d  %s' % (
            name, sum(code.values()), '!' if is_large(code) else ' ', len(paths),
            repository.lines('log', '-1', '--format=%s', commit)[0]))
    if large:
        raise SystemExit('export: more than %d lines of code in %s: make several '
                         'of it; %s' % (LARGE, ' '.join(large), series.SEE))


main()
