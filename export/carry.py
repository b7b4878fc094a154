#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Bring series of patches from a branch of git into the form that series.py describes

carry.py REPOSITORY SERIES SOURCE BASE END...

The repository has branches "base" and "laid", which is all that is ours as it is laid
on a kernel's source. SOURCE is another repository: its commits from BASE to the first
END are the first series, those from there to the next END the second, and the last
END is all of it. What is only there, as a line in MAINTAINERS, goes to
SERIES/extra.diff; in files that are laid, extra.diff must say itself what is to
differ. Covers are kept, and the tests of patches whose subject is as it was.
"""

import difflib
import os
import re
import shutil
import subprocess
import sys

import definitions
import hunks
import series
import tree


def slug_of(message):
    """A few words of the subject"""
    words = re.sub(r'[^a-z0-9_]+', '-', message.splitlines()[0].lower())
    words = words.strip('-')
    return words if len(words) <= 40 else words[:41].rsplit('-', 1)[0]


def without_number(slug):
    return slug.split('-', 1)[1]


def is_another(before, after):
    """Whether half of a definition's lines, or more, are not those that were there"""
    before, after = ([line for line in lines if re.search(r'\w', line)]
                     for lines in (before, after))
    same = difflib.SequenceMatcher(None, before, after, False)
    return 2 * sum(block.size for block in same.get_matching_blocks()) <= len(after)


def arrivals_in(path, before, after):
    """What is whole in a file with the patch, and wasn't there before; or it was
    something else: then it is taken out whole, too, and the old form put back, so that
    the new one may change"""
    if before is None:
        return [('file', path)]
    if after is None:
        return []
    known = definitions.texts(before)
    return [(kind, path, name)
            for (kind, name), lines in definitions.texts(after).items()
            if is_another(known.get((kind, name), []), lines)]


def make_step(name, slug, message, before, after):
    """The step between two states"""
    if before == after:
        raise SystemExit('export: a commit changes nothing: %s' %
                         message.splitlines()[0])
    arrivals = [arrival for path in tree.differing(before, after)
                for arrival in arrivals_in(path, before.get(path),
                                           after.get(path))]
    less = series.Step(name, slug, message, arrivals, '').less_arrivals(after)
    diffs = [hunks.make(path, less.get(path), before.get(path))
             for path in tree.differing(less, before)]
    return series.Step(name, slug, message, arrivals, ''.join(diffs))


class Branch:
    """Commits of one repository, one after the other"""

    def __init__(self, repository, revisions):
        self.repository = repository
        self.ends = [self.commit(revision) for revision in revisions]
        self.base, self.tip = self.ends[0], self.ends[-1]
        self.series = [self.commits(*ends)
                       for ends in zip(self.ends, self.ends[1:])]
        self.paths = sorted({path for commits in self.series
                             for commit in commits
                             for path in repository.changed(commit + '^',
                                                            commit)})

    def commit(self, revision):
        try:
            return self.repository.lines('rev-parse', '--verify', '--quiet',
                                         revision + '^{commit}')[0]
        except subprocess.CalledProcessError:
            raise SystemExit('export: IMPORT=: %s has no commit %s' % (
                self.repository.directory, revision)) from None

    def commits(self, old, new):
        commits = self.repository.lines('rev-list', '--reverse', '--parents',
                                        '%s..%s' % (old, new))
        parent = old
        for line in commits:
            if line.split()[1:] != [parent]:
                raise SystemExit('export: commits from %s to %s are not one '
                                 'after the other: rebase them' %
                                 (old[:12], new[:12]))
            parent = line.split()[0]
        if parent != new:
            raise SystemExit('export: %s has no commits after %s' %
                             (new[:12], old[:12]))
        return [line.split()[0] for line in commits]

    def state(self, commit):
        return self.repository.texts(commit, self.paths)

    def message(self, commit):
        text = self.repository.git('log', '-1', '--format=%B', commit).decode()
        return text.strip() + '\n'


def check_base(ours, branch):
    """Of files that are changed, it must have what our source has"""
    differing = tree.differing(ours.texts('base', branch.paths),
                               branch.state(branch.base))
    if differing:
        raise SystemExit('export: not as in the kernel source that is in use: '
                         '%s of %s: rebase the branch on it' %
                         (' '.join(differing), branch.base[:12]))


def split_diff(text):
    """{path: its part}"""
    parts = re.split(r'^(?=diff --git )', text, flags=re.M)[1:]
    return {next(iter(hunks.parse(part))): part for part in parts}


def check_tip(laid, wanted, branch):
    """All that is laid is in the branch as it is laid, but for extra.diff"""
    differing = tree.differing(laid, wanted)
    if differing:
        raise SystemExit('export: not in %s as they are laid: %s: make them so '
                         'there, or let extra.diff say what is to differ; %s' %
                         (branch.tip[:12], ' '.join(differing), series.SEE))


def check_modes(laid, wanted, branch):
    both = laid.keys() & wanted.keys()
    check_tip(*({path: modes[path] for path in both}
                for modes in (laid, wanted)), branch)


def with_extra(laid, extra):
    """What is laid, and then changed by extra.diff"""
    state = dict(laid)
    for path, part in extra.items():
        try:
            text = hunks.apply(state.pop(path, None), hunks.parse(part)[path])
        except hunks.Misfit as misfit:
            raise SystemExit('export: extra.diff: %s: %s: mend it, or take this '
                             'part out' % (path, misfit)) from None
        if text is not None:
            state[path] = text
    return state


def extra_diff(ours, branch, kept):
    """What is to be added to what is laid, for the branch's tip"""
    laid_paths = set(ours.changed('base', 'laid'))
    paths = sorted(laid_paths.union(branch.paths, kept))
    laid = ours.texts('laid', paths)
    wanted = branch.repository.texts(branch.tip, paths)
    modes = branch.repository.modes(branch.tip, paths)
    check_modes(ours.modes('laid', paths), modes, branch)
    extra = {path: part for path, part in kept.items() if path in laid_paths}
    extra.update((path, hunks.make(path, laid.get(path), wanted.get(path),
                                   modes.get(path)))
                 for path in tree.differing(laid, wanted)
                 if path not in laid_paths)
    check_tip(with_extra(laid, extra), wanted, branch)
    return ''.join(extra[path] for path in sorted(extra))


def check_round_trip(steps, states):
    if series.states(steps, states[-1]) != states:
        raise SystemExit('export: what was imported does not make the same '
                         'again: a fault of carry.py')


def make_steps(branch):
    """All of them, in the form that is carried"""
    steps, states = [], [branch.state(branch.base)]
    for name, commits in enumerate(branch.series, 1):
        for number, commit in enumerate(commits, 1):
            message = branch.message(commit)
            states.append(branch.state(commit))
            steps.append(make_step(
                str(name), '%02d-%s' % (number, slug_of(message)), message,
                *states[-2:]))
    check_round_trip(steps, states)
    return steps


def take_tests(carried):
    """{(series, slug without its number): tests}; the steps go"""
    tests = {}
    for name in series.series_names(carried):
        for slug in series.slugs(carried, name):
            text = series.read(carried, name, slug, 'tests')
            if text:
                tests[name, without_number(slug)] = text
            shutil.rmtree(os.path.join(carried, name, slug))
    return tests


def write(carried, steps, extra):
    tests = take_tests(carried)
    for step in steps:
        series.write_step(step, carried)
        kept = tests.pop((step.series, without_number(step.slug)), None)
        if kept:
            series.write(kept, carried, step.series, step.slug, 'tests')
    for (name, slug), text in tests.items():
        print('export: no patch is %s/%s any more; its tests were: %s' %
              (name, slug, ' '.join(text.split())), file=sys.stderr)
    if extra:
        series.write(extra, carried, 'extra.diff')
    elif os.path.exists(os.path.join(carried, 'extra.diff')):
        os.remove(os.path.join(carried, 'extra.diff'))


def main():
    directory, carried, source, *revisions = sys.argv[1:]
    ours = tree.Repository(directory)
    branch = Branch(tree.Repository(source), revisions)
    check_base(ours, branch)
    kept = split_diff(series.read(carried, 'extra.diff'))
    extra = extra_diff(ours, branch, kept)
    write(carried, make_steps(branch), extra)


main()
