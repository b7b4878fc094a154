# SPDX-License-Identifier: GPL-2.0
"""What the boots said: the lines of results.tsv, one value for each boot."""

import collections
import statistics

Row = collections.namedtuple('Row', 'fs way operation size')
UPSTREAM = 'pristine'
OURS = 'base'
TYPES = 'btf'   # ours, with BPF programs


class Results:
    """Values by kernel, row and metric, in the order of the file."""

    def __init__(self, path):
        self.values = collections.defaultdict(list)
        self.rows = {}
        self.boots = set()
        with open(path, encoding='ascii') as lines:
            for line in lines:
                self._add(line.rstrip('\n').split('\t'))

    def _add(self, fields):
        kernel, boot, fs, way, operation, size, metric, value = fields
        row = Row(fs, way, operation, int(size))
        self.boots.add(boot)
        self.rows[row] = None
        self.values[kernel, row, metric].append(float(value))

    def operations(self, metric):
        """(fs, operation, size) that have the metric, in order."""
        seen = {}
        for kernel, row, known in self.values:
            if known == metric and kernel == OURS:
                seen[row.fs, row.operation, row.size] = None
        return list(seen)

    def get(self, kernel, row, metric):
        """The median of all boots, or None."""
        values = self.values.get((kernel, row, metric))
        return statistics.median(values) if values else None

    def range(self, kernel, row, metric):
        """The lowest and the highest value."""
        values = self.values[kernel, row, metric]
        return min(values), max(values)

    def spread(self, row, metric):
        """How far apart the boots are, in percent; the worse kernel's."""
        worst = 0
        for kernel in UPSTREAM, OURS:
            value = self.get(kernel, row, metric)
            if value:
                low, high = self.range(kernel, row, metric)
                worst = max(worst, (high - low) / abs(value) * 100)
        return worst

    def details(self, kernel, row):
        """Requests by opcode: {'GETXATTR': 1.0}."""
        found = {}
        for known, other, metric in self.values:
            if (known, other) == (kernel, row) and '.' in metric:
                name, opcode = metric.split('.')
                if name == 'requests':
                    found[opcode] = self.get(kernel, row, metric)
        return found
