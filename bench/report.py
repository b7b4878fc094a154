#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Make tables and plots of results: report.py RESULTS INFO DIRECTORY [README]

Writes results.md and the plots into DIRECTORY, and the headline table into
README, between its two marks. INFO is text for the head of the report. The last
line of the output is how many rows passed, failed, and missed a bar as the file
"reasons" says they do: those count as skipped. Exits with 1 if any failed.
"""

import os
import re
import sys

import bars
import plots
from results import OURS, TYPES, UPSTREAM, Results, Row

HEADLINE = [
    ('read', 1), ('read', 4096), ('read', 1 << 20),
    ('write', 1), ('write', 4096), ('write', 1 << 20),
    ('splice read', 4096), ('mmap, fault', 4096), ('open, close', 0),
    ('open, close', 0, 'per inode'),
    ('open, read, close', 4096, 'per inode'),
]
MARKS = '<!-- make bench: begin -->', '<!-- make bench: end -->'


def number(value):
    """For people: no more digits than mean something."""
    if value is None:
        return ''
    return f'{value:,.2f}' if abs(value) < 10 and value % 1 else f'{value:,.0f}'


def times(value, reference):
    """A ratio."""
    return f'{value / reference:.2f}' if value and reference else ''


def size_name(size):
    """Bytes of an operation."""
    for limit, unit in (1 << 20, 'MiB'), (4096, 'KiB'):
        if size >= limit:
            return f' {size // (1 << 20 if unit == "MiB" else 1024)} {unit}'
    return f' {size} B' if size else ''


HERE = os.path.dirname(os.path.abspath(__file__))


class Table:
    """Lines of Markdown; knows how many rows passed."""

    def __init__(self):
        self.lines = []
        self.passed = 0
        self.failed = 0
        self.known = 0
        self.missed = {}
        self.unjudged = []
        self.reasons = bars.read_known(os.path.join(HERE, 'reasons'))

    def text(self, *lines):
        """A paragraph."""
        self.lines += [*lines, '']

    def head(self, *columns):
        """The first column is text, the others numbers."""
        self.row(*columns)
        self.row('---', *['---:' for _ in columns[1:]])

    def row(self, *cells):
        """One line of a table."""
        self.lines.append('| ' + ' | '.join(cells) + ' |')

    def judged(self, verdict, *cells):
        """One line with a verdict in its last cell."""
        if verdict.judged:
            verdict.look_up(self.reasons, ', '.join(cells[:2]))
            self.passed += not verdict.failed
            self.known += bool(verdict.known)
            self.failed += verdict.failed and not verdict.known
            if verdict.failed:
                self.missed.setdefault(cells[0], []).append(str(verdict))
        self.row(*cells, str(verdict))

    def verdicts(self):
        """How many rows passed, and which did not: lines of Markdown."""
        lines = [f'- {name}{rows_of(said)}: {max(said, key=len)}'
                 for name, said in self.missed.items()] + self.beyond()
        return [f'{self.passed} rows pass, {self.failed} fail, {self.known} '
                f'miss a bar for a known reason{":" if lines else "."}', '', *lines]

    def beside(self, operation, inode, upstream):
        """Per inode there is no bar against upstream; if it isn't kept, say so."""
        if None not in (inode, upstream):
            percent = 100 * (inode / upstream - 1)
            if percent > bars.UPSTREAM_PERCENT:
                self.unjudged.append(f'{operation} {percent:.0f} %')

    def beyond(self):
        """A line of those, if there are any."""
        return [f'- without a bar: per inode, {", ".join(self.unjudged)} more than '
                'upstream: each file that is found or made is attached'
                ] if self.unjudged else []


def rows_of(said):
    """How many rows of the same name, if it isn't one."""
    return f', {len(said)} rows' if len(said) > 1 else ''


def instruction_rows(res, filesystem):
    """Each with direct, upstream, ours and server."""
    for fs, operation, size in res.operations('instructions'):
        ways = [res.get(kernel, Row(fs, way, operation, size), 'instructions')
                for kernel, way in ((OURS, 'direct'), (UPSTREAM, 'passthrough'),
                                    (OURS, 'passthrough'), (OURS, 'server'))]
        if fs == filesystem and None not in ways:
            yield operation, size, ways


def write_instructions(table, res, fs):
    """What an operation costs in each way."""
    table.text(f'### Backing files on {fs}')
    table.head('operation', 'direct', 'upstream', 'ours', 'ours − direct',
               'ours ÷ upstream', 'server', 'spread', 'verdict')
    for operation, size, ways in instruction_rows(res, fs):
        direct, upstream, ours, server = ways
        row = Row(fs, 'passthrough', operation, size)
        table.judged(bars.instructions(operation, direct, upstream, ours),
                     operation + size_name(size),
                     *(number(v) for v in (direct, upstream, ours,
                                           ours - direct)),
                     times(ours, upstream), number(server),
                     f'{res.spread(row, "instructions"):.1f} %')
    table.text('')


def opcodes(res, kernel, row):
    """GETXATTR, 8 READ"""
    return ', '.join((number(count) + ' ' if count != 1 else '') + opcode
                     for opcode, count in res.details(kernel, row).items())


def same_requests(res, row, other):
    """Do both kernels make as many requests on another filesystem?"""
    return all(res.get(kernel, row, 'requests') ==
               res.get(kernel, row._replace(fs=other), 'requests')
               for kernel in (UPSTREAM, OURS))


def write_requests(table, res, usual):
    """What the server sees of an operation; not twice if it is the same."""
    table.head('operation', 'upstream', 'ours', 'which', 'server', 'verdict')
    for known, operation, size in res.operations('requests'):
        row = Row(known, 'passthrough', operation, size)
        if known != usual and same_requests(res, row, usual):
            continue
        upstream = res.get(UPSTREAM, row, 'requests')
        ours = res.get(OURS, row, 'requests')
        server = res.get(OURS, row._replace(way='server'), 'requests')
        table.judged(bars.requests(operation, upstream, ours),
                     operation + size_name(size) +
                     (f' ({known})' if known != usual else ''),
                     number(upstream), number(ours), opcodes(res, OURS, row),
                     number(server))
    table.text('')


# Ways of opening a file through the mount, and whose they are
OPENS = [(UPSTREAM, 'passthrough'), (OURS, 'passthrough'), (OURS, 'per open'),
         (OURS, 'per inode')]


def open_rows(res, fs):
    """Operations that were measured in each mode, without their way."""
    for known, operation, size in res.operations('instructions'):
        row = Row(fs, 'per inode', operation, size)
        if known == fs and (OURS, row, 'instructions') in res.values:
            yield row


def write_opens(table, res):
    """What an open costs, by how the file is mapped."""
    table.head('operation', 'direct', 'upstream, by id', 'by id', 'per open',
               'per inode', 'per inode ÷ direct', 'spread', 'verdict')
    for fs in 'tmpfs', 'ext4':
        for row in open_rows(res, fs):
            direct = res.get(OURS, row._replace(way='direct'), 'instructions')
            ways = [res.get(kernel, row._replace(way=way), 'instructions')
                    for kernel, way in OPENS]
            asked = res.get(OURS, row, 'requests')
            table.judged(bars.opens(row.operation, direct, ways[-1], asked),
                         f'{row.operation}{size_name(row.size)} ({fs})',
                         number(direct), *(number(value) for value in ways),
                         times(ways[-1], direct),
                         f'{res.spread(row, "instructions"):.1f} %')
    table.text('')
    table.head('requests', 'upstream, by id', 'by id', 'per open', 'per inode')
    for row in open_rows(res, 'tmpfs'):
        table.row(row.operation + size_name(row.size),
                  *(number(res.get(kernel, row._replace(way=way), 'requests'))
                    for kernel, way in OPENS))
    table.text('')


def answered_rows(res, metric):
    """Operations that were measured with ops, as rows of that way."""
    for fs, operation, size in res.operations(metric):
        row = Row(fs, 'answered', operation, size)
        if (OURS, row, metric) in res.values:
            yield row


def write_answers(table, res):
    """What the backing file has the answer to."""
    table.head('operation', 'direct', 'by id', 'answered', 'answered − direct',
               'requests, by id', 'requests', 'spread', 'verdict')
    for row in answered_rows(res, 'instructions'):
        direct, by_id, ours = (
            res.get(OURS, row._replace(way=way), 'instructions')
            for way in ('direct', 'passthrough', 'answered'))
        before, asked = (res.get(OURS, row._replace(way=way), 'requests')
                         for way in ('passthrough', 'answered'))
        table.judged(bars.answers(direct, ours, asked),
                     f'{row.operation}{size_name(row.size)} ({row.fs})',
                     *(number(value) for value in (direct, by_id, ours,
                                                   ours - direct, before, asked)),
                     f'{res.spread(row, "instructions"):.1f} %')
    table.text('')


def write_listings(table, res):
    """A directory that is listed again and again."""
    table.head('operation', 'entries', 'direct', 'by id', 'per inode', 'answered',
               'answered ÷ direct', 'requests, per inode', 'requests', 'verdict')
    for row in answered_rows(res, 'per listing'):
        direct, *ways = (res.get(OURS, row._replace(way=way), 'per listing')
                         for way in ('direct', 'passthrough', 'per inode',
                                     'answered'))
        before, asked = (res.get(OURS, row._replace(way=way),
                                 'requests per listing')
                         for way in ('per inode', 'answered'))
        table.judged(bars.listings(ways[-1], ways[-2], asked), row.operation,
                     number(row.size),
                     *(number(value) for value in (direct, *ways)),
                     times(ways[-1], direct), number(before), number(asked))
    table.text('')


def write_tree_commands(table, res):
    """Commands on the tree, with directories attached."""
    table.head('command', 'files', 'direct', 'per inode', 'answered',
               'answered ÷ direct', 'verdict')
    for row in answered_rows(res, 'per command'):
        direct, inode, ours = (
            res.get(OURS, row._replace(way=way), 'per command') / 1e6
            for way in ('direct', 'per inode', 'answered'))
        table.judged(bars.tree_commands(row.operation, direct, ours),
                     f'{row.operation}, answered', number(row.size),
                     *(number(value) for value in (direct, inode, ours)),
                     times(ours, direct))
    table.text('')
    table.head('requests for each command', 'per inode', 'answered', 'verdict')
    for row in answered_rows(res, 'requests per command'):
        before, asked = (res.get(OURS, row._replace(way=way),
                                 'requests per command')
                         for way in ('per inode', 'answered'))
        table.judged(bars.tree_requests(row.operation, asked),
                     f'{row.operation}, requests', number(before), number(asked))
    table.text('')


WALKS = [*(known for known in OPENS if known[1] != 'per open'),
         (OURS, 'answered')]


def write_workload(table, res):
    """A tree that is walked through, for each of its files."""
    table.head('walk', 'files', 'direct', 'upstream, by id', 'by id',
               'per inode', 'answered', 'per inode ÷ direct')
    for fs, operation, size in res.operations('per file'):
        row = Row(fs, 'direct', operation, size)
        direct = res.get(OURS, row, 'per file')
        ways = [res.get(kernel, row._replace(way=way), 'per file')
                for kernel, way in WALKS]
        table.row(operation, number(size), number(direct),
                  *(number(value) for value in ways), times(ways[-2], direct))
    table.text('')
    table.head('requests for each file', 'upstream, by id', 'by id',
               'per inode', 'answered')
    for fs, operation, size in res.operations('requests per file'):
        row = Row(fs, 'direct', operation, size)
        table.row(operation, *(number(res.get(kernel, row._replace(way=way),
                                              'requests per file'))
                               for kernel, way in WALKS))
    table.text('')


COMMAND_WAYS = [*OPENS, (OURS, 'server')]


def command_values(res, row, metric):
    """Of a command, in each way; millions of instructions."""
    scale = 1e6 if metric == 'per command' else 1
    values = [res.get(kernel, row._replace(way=way), metric)
              for kernel, way in [(OURS, 'direct'), *COMMAND_WAYS]]
    return [None if value is None else value / scale for value in values]


def write_commands(table, res):
    """Commands that work on the tree, each as a whole."""
    table.head('command', 'files', 'direct', 'upstream, by id', 'by id',
               'per open', 'per inode', 'server', 'per inode ÷ direct',
               'verdict')
    for fs, operation, size in res.operations('per command'):
        row = Row(fs, 'direct', operation, size)
        values = command_values(res, row, 'per command')
        direct, upstream, by_id, _, inode, _ = values
        table.beside(operation, inode, upstream)
        table.judged(bars.commands(operation, direct, upstream, by_id, inode),
                     operation, number(size),
                     *(number(value) for value in values),
                     times(inode, direct))
    table.text('')
    table.head('requests for each command', 'upstream, by id', 'by id',
               'per open', 'per inode', 'server')
    for fs, operation, size in res.operations('requests per command'):
        row = Row(fs, 'direct', operation, size)
        _, *values = command_values(res, row, 'requests per command')
        table.row(operation, *(number(value) for value in values))
    table.text('')


# Ways to a tree whose root is attached, and beside it
BELOW = ['direct', 'answered', 'tree', 'overlayfs']
BELOW_METRICS = [
    # instructions, their unit, requests
    ('per command', 1e6, 'requests per command'),
    ('per file', 1, 'requests per file'),
    ('per name', 1, None),
]


def in_ways(ways, res, row, metric):
    """A value for each way; None if one wasn't measured."""
    values = [res.get(OURS, row._replace(way=way), metric) for way in ways]
    return None if None in values else values


def write_below(table, res):
    """What is done in a tree whose root is attached."""
    table.head('', 'direct', 'answered', 'tree', 'overlayfs', 'tree ÷ direct',
               'overlayfs ÷ direct', 'requests, answered', 'requests', 'verdict')
    for metric, unit, counted in BELOW_METRICS:
        for fs, operation, size in res.operations(metric):
            row = Row(fs, 'tree', operation, size)
            values = in_ways(BELOW, res, row, metric)
            if not values:
                continue
            direct, _, tree, overlay = values
            before, asked = (res.get(OURS, row._replace(way=way), counted)
                             for way in ('answered', 'tree'))
            table.judged(bars.below(operation, (direct, tree, overlay), asked),
                         f'{operation}, tree',
                         *(number(value / unit) for value in values),
                         times(tree, direct), times(overlay, direct),
                         number(before), number(asked))
    write_component(table, res)
    table.text('')


CHANGES = ['direct', 'tree', 'changes', 'overlayfs']


def write_changes(table, res):
    """Commands on the tree, with changes passed through."""
    table.head('command', 'direct', 'tree', 'with changes', 'overlayfs',
               'with changes ÷ direct', 'overlayfs ÷ direct', 'requests, tree',
               'requests', 'verdict')
    for fs, operation, size in res.operations('per command'):
        row = Row(fs, 'changes', operation, size)
        values = in_ways(CHANGES, res, row, 'per command')
        if not values:
            continue
        direct, _, ours, overlay = values
        before, asked = (res.get(OURS, row._replace(way=way),
                                 'requests per command')
                         for way in ('tree', 'changes'))
        table.judged(bars.changes(operation, (direct, ours, overlay), asked),
                     f'{operation}, with changes',
                     *(number(value / 1e6) for value in values),
                     times(ours, direct), times(overlay, direct),
                     number(before), number(asked))
    table.text('')


def write_rules(table, res):
    """What rules cost: for names that they are of, and for all others."""
    table.head('walk', 'names that changed', 'requests for each', 'for others',
               'verdict')
    for fs, operation, size in res.operations('requests per changed name'):
        row = Row(fs, 'changed', operation, size)
        asked, others = (res.get(OURS, row, metric)
                         for metric in ('requests per changed name',
                                        'requests for others'))
        table.judged(bars.changed(asked, others), f'{operation}, changed',
                     number(size), number(asked), number(others))
    table.text('')
    table.head('', 'without rules', 'with rules', 'more', 'verdict')
    for fs, operation, size in res.operations('per name'):
        row = Row(fs, 'changed', operation, size)
        without, ours = (res.get(OURS, row._replace(way=way), 'per name')
                         for way in ('branch', 'changed'))
        if ours is None:
            continue
        table.judged(bars.rules(operation, without, ours),
                     f'{operation}, rules', number(without), number(ours),
                     number(ours - without))
    table.text('')


BRANCH = ['direct', 'overlayfs', 'branch']


def write_branch(table, res):
    """Commands in a branch of the tree, and in the kernel's."""
    table.head('command', 'direct', 'overlayfs', 'branch', 'branch ÷ direct',
               'branch ÷ overlayfs', 'requests')
    for fs, operation, size in res.operations('per command'):
        row = Row(fs, 'branch', operation, size)
        values = in_ways(BRANCH, res, row, 'per command')
        if not values:
            continue
        direct, overlay, branch = values
        table.row(operation, *(number(value / 1e6) for value in values),
                  times(branch, direct), times(branch, overlay),
                  number(res.get(OURS, row, 'requests per command')))
    table.text('')


def write_component(table, res):
    """One more directory in a path."""
    near, far = ([row for row in res.rows if row.operation == name]
                 for name in ('stat', 'stat, 8 directories deeper'))
    if not far or not in_ways(BELOW, res, far[0], 'per name'):
        return
    values = [(b - a) / 8 for a, b in
              zip(in_ways(BELOW, res, near[0], 'per name'),
                  in_ways(BELOW, res, far[0], 'per name'))]
    table.judged(bars.component(values[0], values[2]), 'each directory deeper',
                 *(number(value) for value in values),
                 times(values[2], values[0]), times(values[3], values[0]), '', '')


FILTERED = [(OURS, 'tree'), (TYPES, 'tree'), (TYPES, 'asked'), (TYPES, 'by user'),
            (TYPES, 'by pattern')]


def filtered_values(res, row):
    """By each kernel and program."""
    return [res.get(kernel, row._replace(way=way), 'per filtered name')
            for kernel, way in FILTERED]


def write_filters(table, res):
    """What it costs to ask a program."""
    rows = [row for row in res.rows
            if (TYPES, row, 'per filtered name') in res.values and row.way == 'tree']
    if not rows:
        table.text('Not measured: `VARIANT=btf make kernel` makes a kernel that has them.')
        return
    table.head('', 'without', 'no program', 'asked', 'by user', 'by pattern',
               'no program − without', 'asked − no program', 'verdict')
    found = {row.operation: filtered_values(res, row) for row in rows}
    for operation, values in found.items():
        none, unfiltered, asked, *_ = values
        table.row(operation, *(number(value) for value in values),
                  number(unfiltered - none), number(asked - unfiltered), '-')
    near, far = (found[name] for name in ('stat', 'stat, 8 directories deeper'))
    values = [(b - a) / 8 for a, b in zip(near, far)]
    none, unfiltered, asked, *_ = values
    table.judged(bars.filtered(none, unfiltered, asked), 'each name, filters',
                 *(number(value) for value in values), number(unfiltered - none),
                 number(asked - unfiltered))
    table.text('')


ARCHIVE = ['archive', 'extents', 'server', 'archivemount']


def write_archive(table, res):
    """Reads of a member of an archive, by what serves it."""
    table.head('read', 'archive itself', 'extents', 'server', 'archivemount',
               'extents ÷ archive', 'verdict')
    for fs, operation, size in res.operations('per read'):
        rows = [Row(fs, way, operation, size) for way in ARCHIVE]
        itself, extents, *others = [res.get(OURS, row, 'per read')
                                    for row in rows]
        asked = res.get(OURS, rows[1], 'requests per read')
        table.judged(bars.archive(itself, extents, asked),
                     operation + ',' + size_name(size),
                     *(number(value) for value in (itself, extents, *others)),
                     times(extents, itself))
    table.text('')
    table.head('requests for each read', *ARCHIVE[1:])
    for fs, operation, size in res.operations('requests per read'):
        table.row(operation + ',' + size_name(size),
                  *(number(res.get(OURS, Row(fs, way, operation, size),
                                   'requests per read'))
                    for way in ARCHIVE[1:]))
    table.text('')


def mapping_rows(res, metric):
    """Rows about the table of a mount, which have no way or one of two."""
    rows = [row for row in res.rows
            if (OURS, row, metric) in res.values and
            (row.way == '-' or row.operation.startswith('open by id'))]
    order = list(dict.fromkeys(row.operation for row in rows))
    return sorted(rows, key=lambda row: (order.index(row.operation), row.size))


def write_mappings(table, res, metric):
    """What the table costs as it grows."""
    table.head('operation', 'mappings', 'upstream', 'ours', 'ours ÷ upstream',
               'spread', 'verdict')
    for row in mapping_rows(res, metric):
        upstream = res.get(UPSTREAM, row, metric)
        ours = res.get(OURS, row, metric)
        alone = res.get(OURS, row._replace(size=0), metric)
        table.judged(bars.mappings(row.operation, upstream, ours, alone),
                     row.operation, number(row.size), number(upstream),
                     number(ours), times(ours, upstream),
                     f'{res.spread(row, metric):.1f} %')
    table.text('')


def write_waiting(table, res):
    """Time that nobody worked; what there is of it is no cost."""
    table.head('operation', 'mappings', 'upstream', 'ours')
    for row in mapping_rows(res, 'ns'):
        table.row(row.operation, number(row.size),
                  *(number(res.get(kernel, row, 'ns') / 1e6)
                    for kernel in (UPSTREAM, OURS)))
    table.text('')


def write_parallel(table, res):
    """Two processes against one."""
    def cell(kernel, row):
        low, high = res.range(kernel, row, 'speedup')
        value = res.get(kernel, row, 'speedup')
        return f'{value:.2f} ({low:.2f} to {high:.2f})'

    table.head('4 KiB', 'upstream, direct', 'upstream, passthrough',
               'ours, direct', 'ours, passthrough')
    for fs, operation, size in res.operations('speedup'):
        table.row(operation,
                  *(cell(kernel, Row(fs, way, operation, size))
                    for kernel in (UPSTREAM, OURS)
                    for way in ('direct', 'passthrough')))
    table.text('')


def headline_commands(table, res):
    """Commands on the tree, with a mapping for each inode."""
    def millions(kernel, row):
        return number(res.get(kernel, row, 'per command') / 1e6) + ' M'

    for fs, operation, size in res.operations('per command'):
        before = Row(fs, 'passthrough', operation, size)
        row = before._replace(way='per inode')
        table.row(f'{operation}, {number(size)} files, per inode',
                  millions(OURS, row._replace(way='direct')),
                  millions(UPSTREAM, before), millions(OURS, row),
                  number(res.get(UPSTREAM, before, 'requests per command')),
                  number(res.get(OURS, row, 'requests per command')))


def write_headline(res, verdicts):
    """The lines that the README shows."""
    table = Table()
    table.head('', 'direct file', 'upstream', 'this project', 'requests before',
               'and now')
    for operation, size, *way in HEADLINE:
        before = Row('tmpfs', 'passthrough', operation, size)
        row = before._replace(way=way[0]) if way else before
        if (OURS, row, 'instructions') not in res.values:
            continue
        table.row(', '.join([operation + size_name(size), *way]),
                  number(res.get(OURS, row._replace(way='direct'),
                                 'instructions')),
                  number(res.get(UPSTREAM, before, 'instructions')),
                  number(res.get(OURS, row, 'instructions')),
                  number(res.get(UPSTREAM, before, 'requests')),
                  number(res.get(OURS, row, 'requests')))
    headline_commands(table, res)
    for operation, size, metric, unit in (
            ('register', 100000, 'instructions', ''),
            ('unregister', 100000, 'instructions', ''),
            ('memory', 100000, 'bytes', ' bytes')):
        row = Row('tmpfs', '-', operation, size)
        table.row(operation + ', 100,000 mappings', '',
                  *(number(res.get(kernel, row, metric)) + unit
                    for kernel in (UPSTREAM, OURS)), '', '')
    table.lines.append('')
    table.text(*verdicts)
    return table.lines


def put_between_marks(path, lines):
    """Replace what a file has between the marks."""
    with open(path, encoding='utf-8') as file:
        text = file.read()
    pattern = '(%s\n).*(\n%s)' % tuple(map(re.escape, MARKS))
    body = '\n'.join(lines).strip()
    if not re.search(pattern, text, re.S):
        sys.exit(f'report: {path} lacks the lines {MARKS}')
    text = re.sub(pattern, lambda m: m[1] + body + m[2], text, flags=re.S)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


TEXT = os.path.join(HERE, 'template.md')


def fill(template, parts):
    """Each line {{name}} of the template becomes that part."""
    lines = []
    for line in template.splitlines():
        match = re.fullmatch(r'{{(.*)}}', line)
        lines += parts[match[1]].splitlines() if match else [line]
    return re.sub(r'\n{3,}', '\n\n', '\n'.join(lines)).rstrip() + '\n'


def main():
    """See above."""
    path, info, out, *readme = sys.argv[1:]
    res = Results(path)
    table = Table()
    parts = {}

    def part(name, write, *args):
        table.lines = []
        write(table, res, *args)
        parts[name] = '\n'.join(table.lines)

    part('tmpfs', write_instructions, 'tmpfs')
    part('ext4', write_instructions, 'ext4')
    part('requests', write_requests, 'tmpfs')
    part('opens', write_opens)
    part('workload', write_workload)
    part('commands', write_commands)
    part('answers', write_answers)
    part('listings', write_listings)
    part('tree_commands', write_tree_commands)
    part('below', write_below)
    part('filters', write_filters)
    part('changes', write_changes)
    part('branch', write_branch)
    part('rules', write_rules)
    part('archive', write_archive)
    part('mappings', write_mappings, 'instructions')
    part('waiting', write_waiting)
    part('memory', write_mappings, 'bytes')
    part('parallel', write_parallel)
    with open(info, encoding='utf-8') as file:
        parts['info'] = file.read()
    parts['verdicts'] = '\n'.join(table.verdicts())
    with open(TEXT, encoding='utf-8') as file:
        text = fill(file.read(), parts)
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, 'results.md'), 'w', encoding='utf-8') as file:
        file.write(text)
    plots.draw(res, out)
    for name in readme:
        put_between_marks(name, write_headline(res, table.verdicts()))
    print(f'{table.passed} passed, {table.failed} failed, '
          f'{table.known} skipped')
    return table.failed > 0


sys.exit(main())
