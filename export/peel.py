#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Take the series of patches off the whole, one by one, and make commits of them

peel.py REPOSITORY SERIES STUCK

The repository's branch "base" is the source as it was, "tip" has all that is ours;
SERIES is a folder as series.py describes it. Says what git fast-import makes branches
series-1 and so on of, with the name, address and date of GIT_AUTHOR_NAME and so on.
Where it can't go on, STUCK gets the file that a step doesn't fit, as it was then, and
one line says why.
"""

import difflib
import os
import sys

import series
import tree


def data(text):
    content = text.encode(errors='surrogateescape')
    return b'data %d\n%s\n' % (len(content), content)


def identity(role):
    return '%s %s <%s> %s' % (role.lower(), *(
        os.environ['GIT_%s_%s' % (role, what)]
        for what in ('NAME', 'EMAIL', 'DATE')))


def commit(step, mark, parent, before, after, modes):
    """What makes one commit"""
    yield ('commit refs/heads/series-%s\nmark :%d\n%s\n%s\n' % (
        step.series, mark, identity('AUTHOR'), identity('COMMITTER'))).encode()
    yield data(step.message)
    yield ('from %s\n' % parent).encode()
    for path in tree.differing(before, after):
        if path in after:
            yield ('M %s inline %s\n' % (
                modes.get(path, '100644'), path)).encode()
            yield data(after[path])
        else:
            yield ('D %s\n' % path).encode()


def stream(steps, states, base, modes):
    parent = base
    for mark, step in enumerate(steps, 1):
        yield from commit(step, mark, parent, states[mark - 1], states[mark],
                          modes)
        parent = ':%d' % mark


def remains(pristine, left):
    """What is still there when all is taken off, as a diff"""
    for path in tree.differing(pristine, left):
        yield from difflib.unified_diff(
            *(state.get(path, '').splitlines(keepends=True)
              for state in (pristine, left)), 'pristine/' + path, 'left/' + path)


def peel(steps, pristine, tip, stuck):
    """The states from the pristine one to the tip"""
    try:
        states = series.states(steps, tip)
    except series.Stuck as why:
        against = ''
        if why.text is not None:
            where = os.path.join(stuck, why.path)
            series.write(why.text, where)
            against = ' against ' + os.path.relpath(where)
        raise SystemExit('export: %s%s, or rebase and import; %s' % (
            why, against, series.SEE)) from None
    left = tree.differing(pristine, states[0])
    if left:
        where = os.path.join(stuck, 'left.diff')
        series.write(''.join(remains(pristine, states[0])), where)
        raise SystemExit('export: with all patches taken off, not as they were: '
                         '%s: with which patch do the lines of %s come? Its '
                         '"arrives" or before.diff must say so; %s' % (
                             ' '.join(left), os.path.relpath(where),
                             series.SEE))
    return states


def main():
    directory, carried, stuck = sys.argv[1:]
    repository = tree.Repository(directory)
    steps = series.read_all(carried)
    if not steps:
        raise SystemExit('export: no patch is in export/: IMPORT= brings them; ' +
                         series.SEE)
    paths = set(repository.changed('base', 'tip'))
    paths = sorted(paths.union(*(step.paths() for step in steps)))
    pristine = repository.texts('base', paths)
    states = peel(steps, pristine, repository.texts('tip', paths), stuck)
    modes = {**repository.modes('base', paths), **repository.modes('tip', paths)}
    base = repository.lines('rev-parse', 'base^{commit}')[0]
    for part in stream(steps, states, base, modes):
        sys.stdout.buffer.write(part)


main()
