#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A table and a plot of what programs cost on a container's root.

Usage: containers.py RESULTS INFO DIRECTORY
"""

import csv
import sys
from pathlib import Path

from plots import data, gnuplot

WAYS = {'overlayfs': "the kernel's overlayfs",
        'passthrough': 'fuse-overlayfs, passed through',
        'served': 'fuse-overlayfs, served'}
PLOT = '''
set title 'Instructions of a program in a new container, on overlayfs = 1'
set format y '%g×'
set yrange [0:*]
plot $d using 2:xtic(1) ls 2 title 'fuse-overlayfs, passed through', \
     '' using 3 ls 3 title 'fuse-overlayfs, served', \
     1 with lines ls 9 title "the kernel's overlayfs"
'''


def read(path):
    """What was measured of (way, workload, metric)."""
    with open(path, encoding='utf-8') as file:
        return {(way, workload, metric): int(value) for way, workload, metric,
                value in csv.reader(file, delimiter='\t')}


def workloads(values):
    """Their names, in the order in which they ran."""
    return list(dict.fromkeys(workload for _, workload, _ in values))


def row(cells):
    """A line of a table."""
    return '| ' + ' | '.join(cells) + ' |'


def table(values, metric, text):
    """@metric of all workloads and ways; @text makes a cell of it."""
    lines = [row(['', *WAYS.values()]),
             row(['---', *['---:'] * len(WAYS)])]
    for workload in workloads(values):
        lines.append(row([workload, *(text(values, way, workload, metric)
                                      for way in WAYS)]))
    return '\n'.join(lines)


def times(values, way, workload):
    """As a multiple of the kernel's own."""
    metric = 'instructions'
    return values[way, workload, metric] / values['overlayfs', workload,
                                                  metric]


def in_millions(values, way, workload, metric):
    """Instructions."""
    said = f'{values[way, workload, metric] / 1e6:,.0f} M'
    return said if way == 'overlayfs' else \
        f'{said} ({times(values, way, workload):.2f})'


def of_reads(values, way, workload, metric):
    """All requests, and how many of them are READ."""
    return f'{values[way, workload, metric]:,} ' \
        f'({values[way, workload, "READ"]:,})'


def main(results, info, directory):
    """Write both."""
    values = read(results)
    lines = [[workload, *(times(values, way, workload)
                          for way in ('passthrough', 'served'))]
             for workload in workloads(values)]
    gnuplot(Path(directory) / 'containers.svg', data('d', lines) + PLOT)
    (Path(directory) / 'containers.md').write_text(f'''\
# Programs in a rootless container

{Path(info).read_text(encoding='utf-8').strip()}

Each in a new container of its own, whose setting up is in it (it is all there is of
"nothing"); once, of alice's processes and the server, with the files of the image in the
page cache.

![instructions](containers.svg)

## Instructions

In brackets, as a multiple of those on the kernel's own overlayfs in the same user namespace.

{table(values, 'instructions', in_millions)}

## Requests to the server

All, and of these READ.

{table(values, 'requests', of_reads)}
''', encoding='utf-8')


if __name__ == '__main__':
    main(*sys.argv[1:])
