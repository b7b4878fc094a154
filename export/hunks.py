# SPDX-License-Identifier: GPL-2.0
"""Unified diffs whose hunks are found by what they say alone

Line numbers are for readers: files that a diff is for go on changing above and below
its hunks. So each has as much context, one line at least, as makes it fit in one
place only; where it fits in none, or in several, it is not applied.
"""

import collections
import re
import subprocess
import tempfile

CONTEXT = 1
NOTHING = '/dev/null'

# Where it is in the diff, and lines before and after
Hunk = collections.namedtuple('Hunk', 'number old new')
# Of a file that there is before, and of one that there is after
Patch = collections.namedtuple('Patch', 'before after hunks')


class Misfit(Exception):
    """A hunk that does not fit in exactly one place"""

    def __init__(self, number, places):
        super().__init__('its hunk at line %d fits %s' % (
            number, 'in %d places' % places if places else 'nowhere'))


def parse(text):
    """{path: Patch}"""
    patches = {}
    path, patch, hunk = None, None, None
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.startswith('diff --git a/'):
            path = line.split(' b/')[-1].rstrip('\n')
            patch = patches[path] = Patch([], [], [])
            hunk = None
        elif line.startswith('@@'):
            hunk = Hunk(number, [], [])
            patch.hunks.append(hunk)
        elif hunk is None:
            for sign, side in (('--- ', 0), ('+++ ', 1)):
                if line.startswith(sign) and NOTHING not in line:
                    patch[side].append(path)
        else:
            # an editor may have taken an empty line's blank away
            if line[0] in ' -\n':
                hunk.old.append(line[1:] or '\n')
            if line[0] in ' +\n':
                hunk.new.append(line[1:] or '\n')
    return patches


def places(lines, wanted):
    """Where these lines are among the others"""
    return [first for first in range(len(lines) - len(wanted) + 1)
            if lines[first:first + len(wanted)] == wanted]


def apply(text, patch):
    """What a text, or None, becomes; raises Misfit"""
    if bool(patch.before) != (text is not None):
        raise Misfit(patch.hunks[0].number, 0)
    lines = (text or '').splitlines(keepends=True)
    changes = []
    for hunk in patch.hunks:
        found = places(lines, hunk.old)
        if len(found) != 1:
            raise Misfit(hunk.number, len(found))
        changes.append((found[0], hunk))
    for first, hunk in sorted(changes, key=lambda change: -change[0]):
        lines[first:first + len(hunk.old)] = hunk.new
    return ''.join(lines) if patch.after else None


def changed_lines(old, new):
    """[((first, end) of the old lines, (first, end) of the new ones)]"""
    with tempfile.NamedTemporaryFile() as a, tempfile.NamedTemporaryFile() as b:
        for file, lines in ((a, old), (b, new)):
            file.write(''.join(lines).encode(errors='surrogateescape'))
            file.flush()
        diff = subprocess.run(
            ['git', 'diff', '--no-index', '--no-ext-diff', '--no-color',
             '--histogram', '--inter-hunk-context=0', '-U0', a.name, b.name],
            stdout=subprocess.PIPE, check=False).stdout
    changes = []
    for head in re.finditer(rb'^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@',
                            diff, re.M):
        ranges = []
        for first, size in (head.group(1, 2), head.group(3, 4)):
            size = int(size or 1)
            # of nothing, the number is that of the line before
            first = int(first) - (1 if size else 0)
            ranges.append((first, first + size))
        changes.append(tuple(ranges))
    return changes


class Group:
    """Changes that one hunk shows, and how much around them"""

    def __init__(self, change):
        self.changes = [change]
        self.context = CONTEXT

    def old(self, size):
        """(first, end) of the lines before"""
        return (max(self.changes[0][0][0] - self.context, 0),
                min(self.changes[-1][0][1] + self.context, size))

    def new(self, size):
        """The same of the lines after, if there are so many of those before"""
        first, end = self.old(size)
        return (first + self.changes[0][1][0] - self.changes[0][0][0],
                end + self.changes[-1][1][1] - self.changes[-1][0][1])


def merge(groups, size):
    """Groups that touch each other, as one"""
    merged = groups[:1]
    for group in groups[1:]:
        if group.old(size)[0] <= merged[-1].old(size)[1]:
            merged[-1].changes += group.changes
            merged[-1].context = max(merged[-1].context, group.context)
        else:
            merged.append(group)
    return merged


def unique_groups(old, changes):
    groups = [Group(change) for change in changes]
    while True:
        groups = merge(groups, len(old))
        crowded = [group for group in groups if len(places(
            old, old[slice(*group.old(len(old)))])) != 1]
        if not crowded:
            return groups
        for group in crowded:
            group.context += 1


def body(group, old, new):
    """A hunk's lines"""
    first, end = group.old(len(old))
    for (begin, until), (new_begin, new_until) in group.changes:
        yield from (' ' + line for line in old[first:begin])
        yield from ('-' + line for line in old[begin:until])
        yield from ('+' + line for line in new[new_begin:new_until])
        first = until
    yield from (' ' + line for line in old[first:end])


def span(first, end):
    return '%d,%d' % (first + (end > first), end - first)


def make(path, before, after, mode='100644'):
    """The diff of a file's two texts, either of which may be None"""
    old = (before or '').splitlines(keepends=True)
    new = (after or '').splitlines(keepends=True)
    changes = changed_lines(old, new)
    groups = unique_groups(old, changes) if old else \
        [Group(change) for change in changes]
    diff = ['diff --git a/%s b/%s\n' % (path, path)]
    if before is None:
        diff.append('new file mode %s\n' % mode)
    if after is None:
        diff.append('deleted file mode %s\n' % mode)
    diff.append('--- %s\n' % (NOTHING if before is None else 'a/' + path))
    diff.append('+++ %s\n' % (NOTHING if after is None else 'b/' + path))
    for group in groups:
        diff.append('@@ -%s +%s @@\n' % (span(*group.old(len(old))),
                                         span(*group.new(len(old)))))
        diff += body(group, old, new)
    return ''.join(diff)
