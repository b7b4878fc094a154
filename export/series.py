# SPDX-License-Identifier: GPL-2.0
"""Series of patches as export/ carries them: what to take off the whole, step by step

export/SERIES/cover               the cover letter: subject, blank line, body
export/SERIES/NUMBER-SLUG/        a patch:
    message                       the commit's
    arrives                       what is whole with this patch, and wasn't there before
                                  it, or was something else: lines of "file PATH", or
                                  "KIND PATH NAME" with a kind of definitions.py
    before.diff                   the rest: from the files with this patch, less what
                                  arrives, to those before it
    tests                         programs of the selftests that pass from here on
"""

import os
import re

import definitions
import hunks

SEE = 'see HACKING.md, A series of patches'


def read(*path):
    """A file's text, empty if there is none"""
    try:
        with open(os.path.join(*path), encoding='utf-8',
                  errors='surrogateescape') as file:
            return file.read()
    except FileNotFoundError:
        return ''


def write(text, *path):
    path = os.path.join(*path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8', errors='surrogateescape') as file:
        file.write(text)


class Stuck(Exception):
    """A file that a step can't be taken off"""

    def __init__(self, step, path, text, why):
        super().__init__('%s: %s: %s' % (step, path, why))
        self.path = path
        self.text = text


def take_out(state, arrival):
    """The state without one thing that arrives; raises KeyError if it has none"""
    kind, path, *name = arrival
    if kind == 'file':
        del state[path]
        return
    text = definitions.without(state[path], kind, *name)
    if text is None:
        raise KeyError
    state[path] = text


class Step:
    """A patch"""

    def __init__(self, series, slug, message, arrivals, before):
        self.series = series
        self.slug = slug
        self.message = message
        self.arrivals = arrivals
        self.before = hunks.parse(before)
        self.text = before

    def __str__(self):
        return '%s/%s' % (self.series, self.slug)

    def paths(self):
        """All that it may change"""
        return {arrival[1] for arrival in self.arrivals} | set(self.before)

    def less_arrivals(self, state):
        state = dict(state)
        for arrival in self.arrivals:
            try:
                take_out(state, arrival)
            except KeyError:
                raise Stuck(self, arrival[1], state.get(arrival[1]),
                            'no "%s" is there to arrive: if it has another '
                            'name now, mend the line in export/%s/arrives' %
                            (' '.join(arrival), self)) from None
        return state

    def peel(self, state):
        """The state before it, of that with it"""
        state = self.less_arrivals(state)
        for path, patch in self.before.items():
            text = state.pop(path, None)
            try:
                after = hunks.apply(text, patch)
            except hunks.Misfit as misfit:
                raise Stuck(self, path, text, '%s in what is left of it: mend '
                            'export/%s/before.diff' % (misfit, self)) from None
            if after is not None:
                state[path] = after
        return state


def parse_arrivals(text, step):
    arrivals = [tuple(line.split()) for line in text.splitlines() if line]
    for arrival in arrivals:
        if len(arrival) != (2 if arrival[0] == 'file' else 3) or \
                arrival[0] not in definitions.KINDS | {'file'}:
            raise SystemExit('export: export/%s/arrives: neither "file PATH" nor '
                             '"KIND PATH NAME": %s' % (step, ' '.join(arrival)))
    return arrivals


def series_names(directory):
    return sorted((name for name in os.listdir(directory) if name.isdigit()),
                  key=int)


def slugs(directory, series):
    return sorted(name for name in os.listdir(os.path.join(directory, series))
                  if re.match(r'\d+-', name))


def read_steps(directory, series):
    steps = []
    for slug in slugs(directory, series):
        path = os.path.join(directory, series, slug)
        name = '%s/%s' % (series, slug)
        steps.append(Step(series, slug, read(path, 'message'),
                          parse_arrivals(read(path, 'arrives'), name),
                          read(path, 'before.diff')))
    return steps


def read_all(directory):
    return [step for name in series_names(directory)
            for step in read_steps(directory, name)]


def write_step(step, directory):
    path = os.path.join(directory, step.series, step.slug)
    write(step.message, path, 'message')
    if step.arrivals:
        write(''.join(' '.join(arrival) + '\n' for arrival in step.arrivals),
              path, 'arrives')
    if step.text:
        write(step.text, path, 'before.diff')


def states(steps, tip):
    """[the state before the first, after the first, ...]; raises Stuck"""
    reached = [tip]
    for step in reversed(steps):
        reached.append(step.peel(reached[-1]))
    return reached[::-1]
