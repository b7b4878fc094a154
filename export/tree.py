# SPDX-License-Identifier: GPL-2.0
"""Files of commits: {path: text}"""

import os
import subprocess


class Repository:
    def __init__(self, directory):
        self.directory = directory

    def git(self, *arguments, stdin=b''):
        return subprocess.run(['git', '-C', self.directory, *arguments],
                              input=stdin, stdout=subprocess.PIPE,
                              check=True).stdout

    def lines(self, *arguments):
        return self.git(*arguments).decode().splitlines()

    def changed(self, old, new):
        """Paths that differ between two commits"""
        names = self.git('diff-tree', '-r', '-z', '--no-renames', '--name-only',
                         old, new)
        return [os.fsdecode(name) for name in names.split(b'\0') if name]

    def entries(self, commit, paths):
        """{path: (mode, object)} of those paths that there are"""
        entries = {}
        listed = self.git('ls-tree', '-z', commit, '--', *paths) if paths else b''
        for line in listed.split(b'\0'):
            if line:
                head, path = line.split(b'\t', 1)
                mode, _, name = head.decode().split()
                entries[os.fsdecode(path)] = (mode, name)
        return entries

    def modes(self, commit, paths):
        return {path: mode for path, (mode, _)
                in self.entries(commit, paths).items()}

    def texts(self, commit, paths):
        """{path: text} of those paths that there are"""
        entries = self.entries(commit, paths)
        said = self.git('cat-file', '--batch', stdin=''.join(
            name + '\n' for _, name in entries.values()).encode())
        texts = {}
        for path in entries:
            head, said = said.split(b'\n', 1)
            size = int(head.split()[-1])
            texts[path] = said[:size].decode(errors='surrogateescape')
            said = said[size + 1:]
            if texts[path] and not texts[path].endswith('\n'):
                raise SystemExit('export: %s has no newline at its end' % path)
        return texts


def differing(one, other):
    """Paths that are not the same in both"""
    return sorted(path for path in {**one, **other}
                  if one.get(path) != other.get(path))
