# SPDX-License-Identifier: GPL-2.0
"""What is defined at the top level of a C file, and the file without it

Found by how the kernel's style lays code out, not by C's grammar: a body ends at the
next brace that begins a line, whatever #ifdef does within it.
"""

import collections
import re

# Lines [first, end), with the comment directly above and the symbol's export below
Definition = collections.namedtuple('Definition', 'kind name first end')

HEADS = [
    ('macro', re.compile(r'#\s*define\s+(\w+)')),
    ('event', re.compile(r'(?:TRACE_EVENT|DECLARE_EVENT_CLASS)\(\s*(\w+)')),
    ('event', re.compile(r'DEFINE_EVENT\(\s*\w+,\s*(\w+)')),
    ('struct', re.compile(r'struct\s+(\w+)\s*\{')),
    ('union', re.compile(r'union\s+(\w+)\s*\{')),
    ('enum', re.compile(r'enum\s+(\w+)\s*\{')),
    ('variable', re.compile(r'[a-z_][\w\s*]*[\s*](\w+)(?:\[[^]]*\])*\s*=\s*\{')),
    ('function', re.compile(r'(?:__\w+\([^)]*\)\s+)?'
                            r'[a-z_][\w\s*]*[\s*](\w*[a-z]\w*)\(')),
]
KINDS = {kind for kind, _ in HEADS}
NO_CODE = re.compile(r'/\*.*?(?:\*/|$)|//.*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')


def end_where(lines, number, is_last):
    """The number after the first line from this one on that is the last one"""
    while number < len(lines) and not is_last(lines[number]):
        number += 1
    return min(number + 1, len(lines))


def end_of_code(lines, first):
    """Of a declaration, or of a definition with its body"""
    depth = 0
    for number in range(first, len(lines)):
        code = NO_CODE.sub('', lines[number]).strip()
        depth += code.count('(') - code.count(')')
        if depth > 0:
            continue
        if code.endswith('{'):
            return end_where(lines, number + 1,
                             lambda line: line.startswith('}'))
        if not code or code.endswith((';', '}')):
            return number + 1
    return len(lines)


def end_of_block(lines, first):
    """Of what begins with this line at the top level"""
    if lines[first].startswith('/*'):
        return end_where(lines, first, lambda line: '*/' in line)
    if lines[first].startswith('#'):
        return end_where(lines, first,
                         lambda line: not line.endswith('\\\n'))
    return end_of_code(lines, first)


def name_of(lines, first, end):
    """(kind, name), or (None, None)"""
    text = ''.join(lines[first:end])
    for kind, head in HEADS:
        found = head.match(text)
        if found:
            return kind, found.group(1)
    return None, None


def end_with_export(lines, name, end):
    export = re.compile(r'(EXPORT_SYMBOL\w*|ALLOW_ERROR_INJECTION)\(%s\b' % name)
    while end < len(lines) and export.match(lines[end]):
        end += 1
    return end


def find(lines):
    """All definitions, and what declares a function. A comment above the latter is
    about more than one of them, and not its own."""
    found = []
    first, comment = 0, None
    while first < len(lines):
        if not lines[first].strip():
            first += 1
            continue
        end = end_of_block(lines, first)
        if lines[first].startswith('/*'):
            comment = (first, end)
            first = end
            continue
        kind, name = name_of(lines, first, end)
        begin = first
        if comment and comment[1] == first and (
                kind != 'function' or '}' in lines[end - 1]):
            begin = comment[0]
        if kind == 'function':
            end = end_with_export(lines, name, end)
        if kind:
            found.append(Definition(kind, name, begin, end))
        first = end
    return found


def cut(lines, first, end):
    """These lines less; of the blank lines around them, one is enough"""
    before, after = lines[:first], lines[end:]
    if before and not before[-1].strip() and not (after and after[0].strip()):
        before.pop()
    return before + after


def without(text, kind, name):
    """The text without what has this name; None if it has no such thing"""
    lines = text.splitlines(keepends=True)
    named = [d for d in find(lines) if (d.kind, d.name) == (kind, name)]
    for definition in reversed(named):
        lines = cut(lines, definition.first, definition.end)
    return ''.join(lines) if named else None


def texts(text):
    """{(kind, name): lines} in their order; where a name is there twice, of both"""
    lines = text.splitlines(keepends=True)
    found = {}
    for definition in find(lines):
        key = (definition.kind, definition.name)
        found.setdefault(key, []).extend(lines[definition.first:definition.end])
    return found
