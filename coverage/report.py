#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What gcov counted, as a table, and each line that did not run with its reason.

report.py TREE OBJECTS COUNTS SOURCE... >table.md

TREE is the kernel's source, OBJECTS where it was built, COUNTS has a directory of
.gcda files for each guest, SOURCE are our files by their paths from the top. Fails when a line
did not run that coverage/reasons does not name, when a reason there names
nothing, and when fewer lines ran than the bar asks for.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile

BAR = 95.0
HERE = os.path.dirname(os.path.abspath(__file__))

Line = collections.namedtuple('Line', 'path number function text')


def gcov(objects, source, counts):
    """The records of one object of one guest, as gcov has them"""
    stem = os.path.splitext(source)[0]
    gcda = os.path.join(counts, os.path.basename(stem) + '.gcda')
    gcno = os.path.join(objects, stem + '.gcno')
    with tempfile.TemporaryDirectory() as work:
        os.symlink(os.path.abspath(gcda), os.path.join(work, 'object.gcda'))
        os.symlink(os.path.abspath(gcno), os.path.join(work, 'object.gcno'))
        said = subprocess.run(['gcov', '--json-format', '--stdout',
                               'object.gcda'], cwd=work, check=True,
                              stdout=subprocess.PIPE).stdout
    return json.loads(said)['files']


def count(objects, sources, counts):
    """{(path, number): (function, how often)} of all guests together"""
    lines = {}
    for guest in sorted(os.listdir(counts)):
        for source in sources:
            for record in gcov(objects, source, os.path.join(counts, guest)):
                if not record['file'].endswith('/' + source):
                    continue
                for line in record['lines']:
                    key = (source, line['line_number'])
                    before = lines.get(key, ('', 0))[1]
                    lines[key] = (line.get('function_name', ''),
                                  before + line['count'])
    return lines


def read_reasons():
    """Lines of: file, function, text of the line or *, reason; tabs between.
    A reason that begins with "sometimes" may also name what did run."""
    reasons = []
    with open(os.path.join(HERE, 'reasons'), encoding='utf-8') as file:
        for line in file:
            if line.strip() and not line.startswith('#'):
                reasons.append(tuple(line.rstrip('\n').split('\t')))
    return reasons


def matches(reason, line):
    path, function, text, _ = reason
    return (path == line.path and function == line.function and
            text in ('*', line.text))


def missed_lines(lines, tree):
    texts = {}
    for (path, number), (function, ran) in sorted(lines.items()):
        if path not in texts:
            with open(os.path.join(tree, path), encoding='utf-8') as file:
                texts[path] = file.read().splitlines()
        if not ran:
            yield Line(path, number, function,
                       texts[path][number - 1].strip())


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def print_table(lines, sources):
    total = covered = 0
    print('| file | lines | covered | |')
    print('| --- | ---: | ---: | ---: |')
    for source in sources:
        ran = [n for (path, _), (_, n) in lines.items() if path == source]
        print('| `%s` | %d | %d | %.1f %% |' %
              (source, len(ran), sum(map(bool, ran)),
               percent(sum(map(bool, ran)), len(ran))))
        total += len(ran)
        covered += sum(map(bool, ran))
    print('| all | %d | %d | %.1f %% |' %
          (total, covered, percent(covered, total)))
    return percent(covered, total)


def print_missed(missed, reasons):
    """How many lines have no reason"""
    unknown = 0
    print('\n## Lines that did not run\n')
    print('| function | line | reason |')
    print('| --- | --- | --- |')
    for line in missed:
        reason = next((r[3] for r in reasons if matches(r, line)), None)
        if reason is None:
            unknown += 1
            print('%s:%d: %s() did not run, and has no reason: %s' % line,
                  file=sys.stderr)
        print('| `%s()` | `%s` | %s |' %
              (line.function, line.text.replace('|', '\\|'), reason or '?'))
    return unknown


def stale_reasons(missed, reasons):
    for reason in reasons:
        if not reason[3].startswith('sometimes') and \
           not any(matches(reason, line) for line in missed):
            print('coverage/reasons names what ran: ' + ' '.join(reason[:3]),
                  file=sys.stderr)
            yield reason


def main():
    tree, objects, counts, *sources = sys.argv[1:]
    lines = count(objects, sources, counts)
    reasons = read_reasons()
    missed = list(missed_lines(lines, tree))
    share = print_table(lines, sources)
    unknown = print_missed(missed, reasons)
    stale = len(list(stale_reasons(missed, reasons)))
    if share < BAR:
        print('%.1f %% of lines ran, %.1f %% are asked for' % (share, BAR),
              file=sys.stderr)
    return unknown > 0 or stale > 0 or share < BAR


sys.exit(main())
