# SPDX-License-Identifier: GPL-2.0
"""SVG plots, one of each kind, by gnuplot."""

import os
import statistics
import subprocess

from results import OURS, UPSTREAM, Row

STYLE = '''
set terminal svg size %d,%d font 'sans-serif,13' background '#ffffff'
set encoding utf8
set output '%s'
set style line 1 lc rgb '#9aa5b1' lw 2 pt 7 ps 0.6
set style line 2 lc rgb '#1f6feb' lw 2 pt 7 ps 0.6
set style line 3 lc rgb '#e3b341' lw 2 pt 7 ps 0.6
set style line 4 lc rgb '#2da44e' lw 2 pt 7 ps 0.6
set style line 9 lc rgb '#24292f' lw 1 dt 2
set style line 10 lc rgb '#d8dee4' lw 1
set border 3 lc rgb '#57606a'
set tics nomirror out scale 0.5 textcolor rgb '#24292f'
set grid ytics ls 10
set key outside top center horizontal reverse Left samplen 1
set style fill solid noborder
set style data histograms
set style histogram clustered gap 1
set boxwidth 0.9
set xtics rotate by 35 right
set datafile separator '\\t'
set title font ',14'
'''
NAMES = {UPSTREAM: 'upstream', OURS: 'this project'}


def size_name(size):
    """For labels, which have little room."""
    if size >= 1 << 20:
        return f' {size >> 20} M'
    if size >= 1024:
        return f' {size >> 10} K'
    return f' {size} B' if size else ''


def data(name, lines):
    """A table within the script."""
    body = '\n'.join('\t'.join(str(cell) for cell in line) for line in lines)
    return f'${name} << END\n{body}\nEND\n'


def gnuplot(path, script, width=860, height=420):
    """Run it; an error of gnuplot's is ours."""
    subprocess.run(['gnuplot'], env=os.environ | {'LC_ALL': 'C.UTF-8'},
                   input=STYLE % (width, height, path) + script,
                   text=True, encoding='utf-8', check=True)


def draw_instructions(res, path):
    """How many times the direct file's cost, both filesystems."""
    script = 'set multiplot layout 2,1\nset logscale y\n' \
        "set format y '%g×'\nset yrange [0.5:]\n"
    for fs in 'tmpfs', 'ext4':
        lines = []
        for known, operation, size in res.operations('instructions'):
            row = Row(fs, 'passthrough', operation, size)
            direct = res.get(OURS, row._replace(way='direct'), 'instructions')
            if known != fs or not direct:
                continue
            values = (res.get(UPSTREAM, row, 'instructions'),
                      res.get(OURS, row, 'instructions'),
                      res.get(OURS, row._replace(way='server'),
                              'instructions'))
            lines.append([operation + size_name(size),
                          *(value / direct for value in values)])
        script += data(fs, lines) + f"set title 'Instructions, direct file " \
            f"on {fs} = 1'\n" \
            f"plot ${fs} using 2:xtic(1) ls 1 title 'upstream', " \
            "'' using 3 ls 2 title 'this project', " \
            "'' using 4 ls 3 title 'through the server', " \
            "1 with lines ls 9 title 'direct file'\nunset key\n"
    gnuplot(path, script + 'unset multiplot\n', height=860)


def draw_requests(res, path):
    """Requests by operation; the same on all filesystems."""
    lines = []
    for fs, operation, size in res.operations('requests'):
        if fs != 'tmpfs':
            continue
        row = Row(fs, 'passthrough', operation, size)
        lines.append([operation + size_name(size),
                      res.get(UPSTREAM, row, 'requests'),
                      res.get(OURS, row, 'requests'),
                      res.get(OURS, row._replace(way='server'), 'requests')])
    gnuplot(path, data('d', lines) + '''
set title 'Requests to the server per operation'
plot $d using 2:xtic(1) ls 1 title 'upstream', '' using 3 ls 2 \
     title 'this project', '' using 4 ls 3 title 'through the server'
''')


def draw_opens(res, path):
    """How many times the direct file's cost, by mode."""
    ways = [(UPSTREAM, 'passthrough'), (OURS, 'passthrough'),
            (OURS, 'per open'), (OURS, 'per inode')]
    lines = []
    for fs, operation, size in res.operations('instructions'):
        rows = [(kernel, Row(fs, way, operation, size))
                for kernel, way in ways]
        if (*rows[-1], 'instructions') not in res.values:
            continue
        direct = res.get(OURS, rows[0][1]._replace(way='direct'),
                         'instructions')
        lines.append([f'{operation}{size_name(size)}, {fs}',
                      *(res.get(*row, 'instructions') / direct
                        for row in rows)])
    gnuplot(path, data('d', lines) + '''
set title 'Instructions of an open by mode, direct file = 1'
set format y '%g×'
set yrange [0:*]
plot $d using 2:xtic(1) ls 1 title 'upstream, by id', \
     '' using 3 ls 2 title 'by id', '' using 4 ls 3 title 'per open', \
     '' using 5 ls 4 title 'per inode', 1 with lines ls 9 title 'direct file'
''')


def draw_mappings(res, path):
    """Lines over the number of mappings."""
    script = '''
set multiplot layout 2,2
set logscale x
set format x '%.0s%c'
set xtics norotate center
set yrange [0:*]
'''
    for i, (operation, way) in enumerate((
            ('register', '-'), ('unregister', '-'), ('empty', '-'),
            ('open by id, close', 'passthrough'))):
        rows = [row for row in res.rows
                if (row.operation, row.way) == (operation, way) and
                # the fixed part of the end is not the table's
                not (operation == 'empty' and row.size == 1)]
        lines = [[row.size, res.get(UPSTREAM, row, 'instructions'),
                  res.get(OURS, row, 'instructions')]
                 for row in sorted(rows, key=lambda row: row.size)]
        script += data(f'd{i}', lines) + \
            f"set title '{operation}, instructions'\n" \
            f"plot $d{i} using 1:2 with linespoints ls 1 title 'upstream', " \
            "'' using 1:3 with linespoints ls 2 title 'this project'\n" \
            'unset key\n'
    gnuplot(path, script + 'unset multiplot\n', height=620)


def draw_memory(res, path):
    """Bytes per mapping."""
    lines = [[f'{row.size:,} mappings', res.get(UPSTREAM, row, 'bytes'),
              res.get(OURS, row, 'bytes')]
             for row in res.rows if row.operation == 'memory']
    gnuplot(path, data('d', lines) + '''
set title 'Kernel memory per mapping, bytes'
set xtics norotate center
set yrange [0:*]
plot $d using 2:xtic(1) ls 1 title 'upstream', '' using 3 ls 2 \
     title 'this project'
''', width=560, height=320)


def draw_parallel(res, path):
    """Medians, and quartiles as error bars."""
    lines = []
    columns = [(OURS, 'direct'), (UPSTREAM, 'passthrough'),
               (OURS, 'passthrough')]
    for fs, operation, size in res.operations('speedup'):
        cells = [operation]
        for kernel, way in columns:
            values = res.values[kernel, Row(fs, way, operation, size),
                                'speedup']
            low, middle, high = statistics.quantiles(values, n=4)
            cells += [middle, low, high]
        lines.append(cells)
    gnuplot(path, data('d', lines) + '''
set title 'Two processes on two processors, one process = 1, with quartiles'
set xtics norotate center
set yrange [0:*]
set style histogram errorbars gap 1 lw 1
set errorbars 0.5 front lc rgb '#24292f' lw 1
plot $d using 2:3:4:xtic(1) ls 9 lc rgb '#57606a' dt 1 title 'direct file', \
     '' using 5:6:7 ls 1 title 'upstream', \
     '' using 8:9:10 ls 2 title 'this project', 1 with lines ls 9 notitle
''')


def draw(res, out):
    """All of them."""
    for name, function in (('instructions', draw_instructions),
                           ('requests', draw_requests),
                           ('opens', draw_opens),
                           ('mappings', draw_mappings),
                           ('memory', draw_memory),
                           ('parallel', draw_parallel)):
        function(res, os.path.join(out, name + '.svg'))
