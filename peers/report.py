#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the peers' suites said in each guest, as tables, and why it differs.

report.py VERSION SAID RESULTS >peers.md

SAID has a directory KERNEL-WAY of what peers/run left in each guest. A line of
PASS, FAIL or SKIP for each test is added to RESULTS: a test fails when it ends
otherwise on our kernel than on Debian's, or on both in another way than well, and
peers/reasons does not say why; and a reason does that nothing needs.
"""

import collections
import difflib
import fnmatch
import os
import re
import sys
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS = ['pristine-off', 'base-off', 'pristine-on', 'base-on']
USERS = ['root', 'alice']
BACKING = ['tmpfs', 'ext4']
PACKAGES = ['fs', 'fuse', 'fuse-test', 'posixtest']
WITHOUT_SWITCH = 'go-fuse, *'
REFUSED = 'disabling rw passthrough'

HEAD = """# Peers' suites

Others' tests, unmodified, in guests with Debian's %s and with ours, with
passthrough off and on: libfuse's own, as root and as an ordinary user; those that the
kernel has for FUSE; and the exercisers fsx and fsstress on libfuse's `passthrough_hp`,
over tmpfs and ext4, each with the same seed everywhere. Those of go-fuse, which passes
through what it can, are run with passthrough on. `make peers` runs them, and writes this.
"""


def read(*path):
    try:
        with open(os.path.join(*path), encoding='utf-8',
                  errors='replace') as file:
            return file.read()
    except FileNotFoundError:
        return ''


def libfuse_tests(directory):
    """{(suite, test): outcome}"""
    tests = {}
    for user in USERS:
        text = read(directory, 'libfuse-%s.xml' % user)
        root = xml.etree.ElementTree.fromstring(text or '<none/>')
        for case in root.iter('testcase'):
            outcome = 'passed'
            for child in case:
                if child.tag in ('failure', 'error'):
                    outcome = 'failed'
                elif child.tag == 'skipped':
                    outcome = 'skipped'
            name = '%s::%s' % (case.get('classname').rsplit('.', 1)[-1],
                               case.get('name'))
            tests['libfuse, ' + user, name] = outcome
    return tests


def go_fuse_tests(directory):
    """The same; a package whose tests ended early has one that failed, of its name"""
    words = {'PASS': 'passed', 'FAIL': 'failed', 'SKIP': 'skipped'}
    tests = {}
    for user in USERS:
        for package in PACKAGES:
            log = read(directory, 'go-fuse-%s-%s.log' % (user, package))
            for word, name in re.findall(
                    r'^[ \x16]*--- (PASS|FAIL|SKIP): (\S+) ', log, flags=re.M):
                tests['go-fuse, ' + user,
                      '%s::%s' % (package, name)] = words[word]
            if log and not re.search(r'^\x16?(PASS|FAIL)$', log, flags=re.M):
                tests['go-fuse, ' + user, package] = 'failed'
    return tests


def servers(directory):
    """{(server, version, user): number of requests, or that it failed}"""
    return {tuple(line.split('\t')[:3]): line.split('\t')[3]
            for line in read(directory, 'servers').splitlines()}


def exercises(directory):
    """The same, and {(suite, test): digest}"""
    tests, digests = {}, {}
    for line in read(directory, 'results').splitlines():
        suite, test, status, digest = line.split('\t')
        tests[suite, test] = 'passed' if status == '0' else 'failed'
        if digest:
            digests[suite, test] = digest
    return tests, digests


def refusals(directory):
    """How often passthrough_hp was refused passthrough, which it does without
    from then on: by who ran it, by the exercisers"""
    logs = {'libfuse, ' + user: ['libfuse-%s.xml' % user] for user in USERS}
    logs['fsx, fsstress'] = ['server-%s.log' % fs for fs in BACKING]
    return {suite: sum(read(directory, name).count(REFUSED) for name in names)
            for suite, names in logs.items()}


def operations(directory, backing):
    """What fsstress says of each of its operations; without blocks, of which
    ext4 has more or less as it has written back, and without the flags that it
    did not get, which it prints all the same"""
    log = read(directory, 'fsstress-%s-one process.log' % backing)
    log = re.sub(r'\[[-0-9 ]+ ([0-9]+)\]', r'[\1]', log)
    log = re.sub(r'(: getattr \S+) [0-9]+ -1$', r'\1 -1', log, flags=re.M)
    return log.splitlines()


class Reasons:
    """Lines of: suite, pattern of tests, what was seen, why; tabs between"""

    def __init__(self):
        self.lines = [line.split('\t')
                      for line in read(HERE, 'reasons').splitlines()
                      if line and not line.startswith('#')]
        self.used = set()

    def why(self, suite, test, seen):
        for number, line in enumerate(self.lines):
            if (fnmatch.fnmatchcase(suite, line[0]) and
                    fnmatch.fnmatchcase(test, line[1]) and
                    fnmatch.fnmatchcase(seen, line[2])):
                self.used.add(number)
                return line[3]
        return None

    def unused(self):
        return [line for number, line in enumerate(self.lines)
                if number not in self.used]


class Report:
    def __init__(self, version, said, results):
        self.version = version
        self.results = results
        self.reasons = Reasons()
        self.said = {column: os.path.join(said, column)
                     for column in COLUMNS}
        self.tests = collections.defaultdict(dict)
        self.digests = collections.defaultdict(dict)
        for column, directory in self.said.items():
            ran, digests = exercises(directory)
            for key, outcome in {**libfuse_tests(directory), **ran,
                                 **go_fuse_tests(directory)}.items():
                self.tests[key][column] = outcome
            for key, digest in digests.items():
                self.digests[key][column] = digest

    def result(self, word, suite, test):
        self.results.write('%s peers: %s: %s\n' % (word, suite, test))

    @staticmethod
    def row(*cells):
        print('| %s |' % ' | '.join(str(c).replace('|', '\\|') for c in cells))

    def header(self, *names):
        self.row(*names, *('%s, %s' % (kernel, way) for way in ('off', 'on')
                           for kernel in (self.version, 'ours')))
        self.row(*('---' for _ in names), *('---:' for _ in COLUMNS))

    def outcomes(self, key):
        return [self.tests[key].get(column, 'did not run')
                for column in COLUMNS
                if not (column.endswith('-off') and
                        fnmatch.fnmatchcase(key[0], WITHOUT_SWITCH))]

    def print_summary(self):
        print('\nPassed, failed, skipped:\n')
        self.header('suite')
        for suite in dict.fromkeys(suite for suite, _ in self.tests):
            cells = []
            for column in COLUMNS:
                said = collections.Counter(
                    outcomes.get(column) for key, outcomes
                    in self.tests.items() if key[0] == suite)
                cells.append('%d, %d, %d' % (said['passed'], said['failed'],
                                             said['skipped'])
                             if said.keys() - {None} else '')
            self.row(suite, *cells)
        refused = [refusals(self.said[column]) for column in COLUMNS]
        print('\nServers that were refused passthrough, and went on without:\n')
        self.header('suite')
        for suite in refused[0]:
            self.row(suite, *(of[suite] for of in refused))

    def judge(self, suite, test, seen, fine, skipped=False):
        """Whether it is as it should be, and why not"""
        why = None if fine else self.reasons.why(suite, test, seen)
        word = 'SKIP' if skipped else 'PASS'
        self.result(word if fine or why else 'FAIL', suite, test)
        return why or ('' if fine else '**unexplained**')

    def print_differing(self, differing):
        print('\n## Tests that end otherwise in one guest than in another\n')
        if not differing:
            print('None.')
            return
        self.header('suite', 'test')
        for suite, test in differing:
            seen = self.outcomes((suite, test))
            self.row(suite, '`%s`' % test,
                     *[''] * (len(COLUMNS) - len(seen)), *seen)

    @staticmethod
    def print_reasons(whys):
        """Tests with the same reason together"""
        tests = collections.defaultdict(list)
        for (suite, test), why in whys.items():
            tests[suite, why].append(test)
        for (suite, why), names in tests.items():
            print('- %s: %s: %s' % (
                suite, ', '.join('`%s`' % name for name in names), why))

    def print_outcomes(self):
        differ, alike = {}, {}
        for key in sorted(self.tests):
            seen = self.outcomes(key)
            why = self.judge(*key, ', '.join(seen),
                             all(word == 'passed' for word in seen),
                             all(word == 'skipped' for word in seen))
            if why:
                (alike if len(set(seen)) == 1 else differ)[key] = why
        self.print_differing(differ)
        if differ:
            print()
        self.print_reasons(differ)
        print('\n## Tests that pass nowhere\n')
        self.print_reasons(alike)

    def compare(self, suite, test, what, pairs):
        """A row of what is equal on both kernels, of each way"""
        cells, notes = [], []
        for way, (theirs, ours) in pairs.items():
            differs = sum(1 for line in difflib.unified_diff(
                theirs, ours, n=0, lineterm='')
                if re.match(r'^[-+](?![-+])', line))
            fine = bool(theirs) and not differs
            cells.append('the same' if fine else
                         '%d lines differ' % differs if theirs and ours
                         else 'nothing to compare')
            why = self.judge(suite, '%s, %s, passthrough %s' %
                             (test, what, way), cells[-1], fine)
            if why:
                notes.append('passthrough %s: %s' % (way, why))
        self.row(suite, test, what, *cells, '; '.join(notes))

    def print_comparison(self):
        print('\n## What the exercisers saw and left, ours against %s\n' %
              self.version)
        self.row('suite', 'run', 'what', 'off', 'on', 'why')
        self.row('---', '---', '---', '---', '---', '---')
        for key in sorted(self.digests):
            self.compare(*key, 'tree that is left', {
                way: [[self.digests[key].get('%s-%s' % (kernel, way), '')]
                      for kernel in ('pristine', 'base')]
                for way in ('off', 'on')})
        for backing in BACKING:
            logs = {way: [operations(self.said['%s-%s' % (kernel, way)],
                                     backing)
                          for kernel in ('pristine', 'base')]
                    for way in ('off', 'on')}
            self.compare('fsstress', 'one process, ' + backing,
                         'result of each operation, %d lines' %
                         len(logs['on'][1]), logs)

    def print_servers(self):
        """Ours has to do without READ and WRITE, for any user, and the control not"""
        print('\n## Servers as they are\n\n'
              'READ and WRITE requests of what makes, reads and changes a file of a\n'
              'million bytes, as the kernel counts them; none where it is passed '
              'through.\n')
        self.row('server', 'version', 'user', self.version, 'ours', 'why')
        self.row('---', '---', '---', '---:', '---:', '---')
        said = {kernel: servers(self.said['%s-on' % kernel])
                for kernel in ('pristine', 'base')}
        for key in sorted({**said['pristine'], **said['base']}):
            theirs, ours = (said[kernel].get(key, 'did not run')
                            for kernel in ('pristine', 'base'))
            fine = ours.isdigit() and theirs.isdigit() and \
                (ours == '0') == ('--nopassthrough' not in key[0])
            why = self.judge('servers', '%s, %s' % (key[0], key[2]),
                             '%s, %s' % (theirs, ours), fine)
            self.row(*key, theirs, ours, why)

    def print_all(self):
        print(HEAD % self.version, end='')
        self.print_summary()
        self.print_servers()
        self.print_outcomes()
        self.print_comparison()
        for line in self.reasons.unused():
            self.result('FAIL', *line[:2])
            print('\nA reason that nothing needs: %s, %s' % tuple(line[:2]))


def main():
    version, said, results = sys.argv[1:]
    with open(results, 'a', encoding='utf-8') as file:
        Report(version, said, file).print_all()


main()
