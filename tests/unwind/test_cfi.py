#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares every unwind row of ELF files with the ones that readelf interprets.

    test_cfi.py DUMP_UNWIND FILE[=DEBUG-FILE]...

readelf is asked about the file that holds the tables; FILE missing on this machine is skipped.
"""
import os
import re
import subprocess
import sys

X86_64 = ['rax', 'rdx', 'rcx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp'] + ['r%d' % n for n in range(8, 16)]
I386 = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip']
FDE = re.compile(r'^[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)')
CIE = re.compile(r'^([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ CIE "(\w*)" cf=\d+ df=-?\d+ ra=(\d+)')


def registers(path):
    with open(path, 'rb') as file:
        machine = int.from_bytes(file.read(20)[18:20], 'little')
    names = {3: I386, 62: X86_64}[machine]
    return {name: number for number, name in enumerate(names)}


class Reader:
    """The rows of readelf -wF, as {low: (high, first, signal, return column, cfa, rules)}."""

    def __init__(self, path):
        self.names = registers(path)
        self.tables = {}
        self.block = None
        output = subprocess.Popen(['readelf', '-wNF', path], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, errors='replace')
        for line in output.stdout:
            self.line(line.rstrip('\n'))
        self.flush()
        output.wait()

    def number(self, name, ra):
        if name == 'ra':
            return ra
        if name in self.names:
            return self.names[name]
        return int(re.fullmatch(r'r(\d+)', name).group(1))

    def rule(self, text):
        if text[0] in 'cv' and text[1] in '+-':
            return '%s%+d' % (text[0], int(text[1:]))
        if text in ('u', 's', 'exp', 'vexp'):
            return text
        return text # rN, already a number

    def cfa(self, text):
        if text == 'exp':
            return text
        name, sign, offset = re.fullmatch(r'(\w+)([+-])(\d+)', text).groups()
        return 'r%d%s%s' % (self.number(name, None), sign, offset)

    def line(self, line):
        if line.startswith('Contents of the '):
            self.flush()
            self.table = self.tables.setdefault(line.split()[3], {})
            self.cies = {}
            return
        match = FDE.match(line)
        if match:
            self.flush()
            cie = self.cies[int(match.group(1), 16)]
            self.block = dict(fde=True, cie=cie, low=int(match.group(2), 16),
                              high=int(match.group(3), 16), rows=[])
            return
        match = CIE.match(line)
        if match:
            self.flush()
            self.block = dict(fde=False, signal='S' in match.group(2), ra=int(match.group(3)), rows=[])
            self.block['cie'] = self.block
            self.cies[int(match.group(1), 16)] = self.block
            return
        if not self.block or not line or line.endswith(' ZERO terminator'):
            return
        fields = re.sub(r'(r\d+) \(\w+\)', r'\1', line).split()
        if fields[0] == 'LOC':
            self.columns = fields[2:]
        elif re.fullmatch('[0-9a-f]{8,16}', fields[0]) and len(fields) == len(self.columns) + 2:
            ra = self.block['cie']['ra']
            rules = {self.number(name, ra): self.rule(text)
                     for name, text in zip(self.columns, fields[2:])}
            self.block['rows'].append((int(fields[0], 16), self.cfa(fields[1]),
                                       {c: r for c, r in rules.items() if r != 'u'}))

    def flush(self):
        block, self.block = self.block, None
        if not block or not block['fde'] or block['low'] == block['high']:
            return
        # An entry without instructions has no rows of its own in readelf's output.
        rows = block['rows'] or [(block['low'],) + block['cie']['rows'][-1][1:]]
        last = {}
        for low, cfa, rules in rows: # an advance by 0: the later row counts
            if low < block['high']:
                last[low] = (cfa, rules)
        lows = sorted(last)
        for low, high in zip(lows, lows[1:] + [block['high']]):
            self.table[low] = (high, low == block['low'], block['cie']['signal'],
                               block['cie']['ra']) + last[low]


def ours(program, arguments):
    tables = {'1': {}, '2': {}}
    output = subprocess.run([program, 'cfi'] + arguments, stdout=subprocess.PIPE, text=True, check=True)
    for line in output.stdout.splitlines():
        source, low, high, flags, ra, _, cfa, *rules = line.split()
        pairs = (rule.split('=') for rule in rules)
        rules = {int(column): rule.split(':')[0] for column, rule in pairs if rule != 'u'}
        cfa = 'exp' if ':' in cfa else 'r0+0' if cfa == 'u' else cfa
        tables[source][int(low, 16)] = (int(high, 16), bool(int(flags, 16) & 2),
                                        bool(int(flags, 16) & 1), int(ra), cfa, rules)
    return tables


def compare(program, argument):
    path, _, debug = argument.partition('=')
    tables = ours(program, [path] + ([debug] if debug else []))
    total = differences = 0
    for source, section, file in (('1', '.eh_frame', path), ('2', '.debug_frame', debug or path)):
        expected = Reader(file).tables.get(section, {})
        got = tables[source]
        for low in sorted(set(expected) | set(got)):
            total += 1
            if expected.get(low) != got.get(low):
                differences += 1
                if differences <= 20:
                    print('%s %s %#x\n  readelf: %s\n  ours:    %s' %
                          (path, section, low, expected.get(low), got.get(low)))
    print('%s: %d rows, %d differ' % (path, total, differences))
    return differences or (total == 0)


def main():
    failed = False
    compared = 0
    for argument in sys.argv[2:]:
        if not os.path.exists(argument.partition('=')[0]):
            continue
        compared += 1
        failed |= bool(compare(sys.argv[1], argument))
    if not compared:
        return 77
    return 1 if failed else 0


sys.exit(main())
