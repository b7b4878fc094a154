# SPDX-License-Identifier: GPL-2.0
"""What a row must not exceed."""

from fnmatch import fnmatch

# no row worse than upstream by more than this
UPSTREAM_PERCENT = 3

# instructions of passthrough beyond those of the file itself
OVER_DIRECT = {'read': 200, 'write': 380}

# instructions of opens that don't ask the server, as a multiple of those of the
# file itself
TIMES_DIRECT = {'open, close': 1.5, 'open, read, close': 1.3}

# instructions of a command on the tree, per inode, as a multiple of those in the
# directory itself
TIMES_TREE = {'git status, again': 1.75, 'make': 1.05}

# the same, with directories attached, and requests
TIMES_ANSWERED = {'git status, again': 1.35, 'make': 1.05}
REQUESTS_ANSWERED = {'git status, again': 60}

# the same, with the root attached as a tree, of a file in walks, and of an operation
TIMES_BELOW = {'git status': 2.3, 'git status, again': 1.25, 'make': 1.05,
               'stat and read each': 2.0, 'open, read, close, new file': 2.0,
               'open, read, close, while open': 1.5}
REQUESTS_BELOW = {'git status': 20}

# the same, if changes are passed through, too
TIMES_CHANGES = {'git checkout': 1.3, 'untar': 1.6}
REQUESTS_CHANGES = {'untar': 0}

# requests of walking over a branch, for each name that changed, and for all others
REQUESTS_CHANGED = 10
REQUESTS_OTHERS = 0

# instructions of a name in a directory with rules, beyond those without; a path has the
# directory's name, too, which is the server's then
WITH_RULES = {'stat, from inside': 150}

# where an overlayfs costs more than a bar, we may cost more than that, in percent
OVERLAY_PERCENT = 10

# instructions of walking over a directory below a tree, beyond those of the directory
# itself
COMPONENT_OVER_DIRECT = 250

# instructions of a name below a tree: where programs could decide, but none does,
# beyond those in a kernel without; and where one that does nothing is asked, beyond those
UNFILTERED_OVER_NONE = 5
ASKED_OVER_UNFILTERED = 150

# instructions of what the backing file has the answer to, beyond those of the file
# itself; it makes no request
ANSWERED_OVER_DIRECT = 900

# instructions of reading a member by its extents, as a multiple of those of the
# archive itself
TIMES_ARCHIVE = 1.15

# instructions of the cheapest calls, at any size of the table
AT_MOST = {'register': 1200, 'unregister': 900}

# no more than this beyond what it costs beside nothing, in percent
BESIDE_PERCENT = {'unregister, beside waiting': 3, 'LOOKUP, beside waiting': 3}

# operations that must not make the server work
SILENT = {'read', 'write', 'splice read', 'splice write', 'mmap, fault'}

# once for each mount: starts the thread, which upstream doesn't have
NOT_UPSTREAM = {'register the first'}


class Verdict:
    """Why a row fails; nothing if it passes."""

    def __init__(self):
        self.judged = False
        self.reasons = []
        self.worst = 0
        self.known = ''

    def expect(self, value, limit, what):
        """The row is worth a verdict; @value beyond @limit fails it."""
        self.judged = True
        if value > limit:
            self.reasons.append(what)
            self.worst = max(self.worst, value)

    def look_up(self, known, name):
        """A row that misses its bar, but not by more than is known, and why."""
        for pattern, at_most, why in known:
            if self.failed and fnmatch(name, pattern) and \
                    self.worst <= at_most:
                self.known = why

    def upstream(self, operation, ours, upstream):
        """Compare with upstream; a request more is a request too many."""
        if operation in NOT_UPSTREAM or upstream is None:
            return
        self.expect(ours, upstream * (1 + UPSTREAM_PERCENT / 100),
                    f'> upstream + {UPSTREAM_PERCENT} %')

    @property
    def failed(self):
        """Is there any reason?"""
        return bool(self.reasons)

    def __str__(self):
        if not self.judged:
            return '-'
        if not self.failed:
            return 'pass'
        missed = ', '.join(self.reasons)
        return f'misses {missed}: {self.known}' if self.known \
            else f'**FAIL**: {missed}'


def read_known(path):
    """Lines of pattern, the most that a row may have, and the reason."""
    with open(path, encoding='utf-8') as file:
        lines = [line.rstrip('\n').split('\t') for line in file
                 if line.strip() and not line.startswith('#')]
    return [(pattern, float(at_most), why) for pattern, at_most, why in lines]


def instructions(operation, direct, upstream, ours):
    """A client's operation."""
    verdict = Verdict()
    if operation in OVER_DIRECT:
        limit = OVER_DIRECT[operation]
        verdict.expect(ours - direct, limit, f'> direct + {limit}')
    verdict.upstream(operation, ours, upstream)
    return verdict


def requests(operation, upstream, ours):
    """Requests to the server for each operation."""
    verdict = Verdict()
    if operation in SILENT:
        verdict.expect(ours, 0, '> 0')
    verdict.upstream(operation, ours, upstream)
    return verdict


def opens(operation, direct, inode, asked):
    """An open of what is attached to its inode, and requests that it makes."""
    verdict = Verdict()
    limit = TIMES_DIRECT[operation]
    verdict.expect(inode, direct * limit, f'> {limit} × direct')
    verdict.expect(asked, 0, 'asks the server')
    return verdict


def answers(direct, answered, asked):
    """An operation that the backing file has the answer to, and its requests."""
    verdict = Verdict()
    verdict.expect(answered - direct, ANSWERED_OVER_DIRECT,
                   f'> direct + {ANSWERED_OVER_DIRECT}')
    verdict.expect(asked, 0, 'asks the server')
    return verdict


def listings(answered, inode, asked):
    """A listing of an attached directory: no request, and no worse than asking."""
    verdict = Verdict()
    verdict.expect(answered, inode, '> per inode')
    verdict.expect(asked, 0, 'asks the server')
    return verdict


def tree_commands(operation, direct, answered):
    """A command on the tree, with directories attached."""
    verdict = Verdict()
    if operation in TIMES_ANSWERED:
        limit = TIMES_ANSWERED[operation]
        verdict.expect(answered, direct * limit, f'> {limit} × direct')
    return verdict


def tree_requests(operation, asked):
    """The requests that it makes."""
    verdict = Verdict()
    if operation in REQUESTS_ANSWERED:
        limit = REQUESTS_ANSWERED[operation]
        verdict.expect(asked, limit, f'> {limit} requests')
    return verdict


def beside_overlay(operation, values, asked, bars):
    """@values are direct, ours, and the overlayfs; @bars times and requests."""
    direct, ours, overlay = values
    times, requests_ = bars
    verdict = Verdict()
    if operation in times:
        limit = direct * times[operation]
        what = f'> {times[operation]} × direct'
        if overlay > limit:
            limit = overlay * (1 + OVERLAY_PERCENT / 100)
            what = f'> overlayfs + {OVERLAY_PERCENT} %'
        verdict.expect(ours, limit, what)
    if operation in requests_:
        limit = requests_[operation]
        verdict.expect(asked, limit, f'> {limit} requests')
    return verdict


def below(operation, values, asked):
    """A command on the root's tree, a walk, an operation, and requests if counted."""
    return beside_overlay(operation, values, asked, (TIMES_BELOW, REQUESTS_BELOW))


def changes(operation, values, asked):
    """A command on the root's tree that makes changes, and requests."""
    return beside_overlay(operation, values, asked,
                          (TIMES_CHANGES, REQUESTS_CHANGES))


def changed(asked, others):
    """Requests for each name of a branch that changed, and for what did not."""
    verdict = Verdict()
    verdict.expect(asked, REQUESTS_CHANGED, f'> {REQUESTS_CHANGED} requests')
    verdict.expect(others, REQUESTS_OTHERS, 'asks the server for others')
    return verdict


def rules(operation, without, ours):
    """An operation in a directory that has rules."""
    verdict = Verdict()
    if operation in WITH_RULES:
        limit = WITH_RULES[operation]
        verdict.expect(ours - without, limit, f'> without + {limit}')
    return verdict


def component(direct, tree):
    """One more directory to walk over."""
    verdict = Verdict()
    verdict.expect(tree - direct, COMPONENT_OVER_DIRECT,
                   f'> direct + {COMPONENT_OVER_DIRECT}')
    return verdict


def filtered(none, unfiltered, asked):
    """One more name that a program could be, and is, asked about."""
    verdict = Verdict()
    verdict.expect(unfiltered - none, UNFILTERED_OVER_NONE,
                   f'> without + {UNFILTERED_OVER_NONE}')
    verdict.expect(asked - unfiltered, ASKED_OVER_UNFILTERED,
                   f'> no program + {ASKED_OVER_UNFILTERED}')
    return verdict


def commands(operation, direct, upstream, by_id, inode):
    """A command on the tree."""
    verdict = Verdict()
    if operation in TIMES_TREE:
        limit = TIMES_TREE[operation]
        verdict.expect(inode, direct * limit, f'> {limit} × direct')
    verdict.upstream(operation, by_id, upstream)
    return verdict


def archive(itself, extents, asked):
    """A read of a member, and requests that it makes."""
    verdict = Verdict()
    verdict.expect(extents, itself * TIMES_ARCHIVE,
                   f'> {TIMES_ARCHIVE} × archive')
    verdict.expect(asked, 0, 'asks the server')
    return verdict


def mappings(operation, upstream, ours, alone):
    """An operation on the table; @alone, beside nothing, if it was measured."""
    verdict = Verdict()
    if operation in BESIDE_PERCENT and alone is not None:
        limit = BESIDE_PERCENT[operation]
        verdict.expect(ours, alone * (1 + limit / 100),
                       f'> beside none + {limit} %')
    if operation in AT_MOST:
        limit = AT_MOST[operation]
        verdict.expect(ours, limit, f'> {limit:,}')
    verdict.upstream(operation, ours, upstream)
    return verdict
