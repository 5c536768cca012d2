#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares every ORC row of kernel files with the raw tables, decoded here on their own.

    test_orc.py DUMP_UNWIND FILE...

Missing files are skipped. The program only tells where it placed the sections of a
relocatable file (`dump_unwind sections`): relocations are applied here.
"""
import os
import struct
import subprocess
import sys

HEADERS = {'db84aed4103b31dd51e017f8f79783ca985c2c51': 2,
           'fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24': 3,
           'edfa4d15552fdd2e1d56679728416379f2fe4534': 3}
# asm/orc_types.h up to version 3, as DWARF numbers.
BASES = {'dx': 1, 'di': 5, 'bp': 6, 'sp': 7, 'r10': 10, 'r13': 13, 'ax': 0}
NAMES = ['undefined', 'prev_sp', 'dx', 'di', 'bp', 'sp', 'r10', 'r13', 'bp_indirect', 'sp_indirect', 'ax']
PT_REGS = 'r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss'.split()
DWARF = 'ax dx cx bx si di bp sp r8 r9 r10 r11 r12 r13 r14 r15 ip'.split()


class Elf:
    def __init__(self, path):
        with open(path, 'rb') as file:
            self.data = file.read()
        (self.type,) = struct.unpack_from('<H', self.data, 16)
        (offset,) = struct.unpack_from('<Q', self.data, 40)
        count, strings = struct.unpack_from('<HH', self.data, 60)
        self.sections = []
        for i in range(count):
            name, kind, flags, address, at, size, link, info, _, _ = struct.unpack_from(
                '<IIQQQQIIQQ', self.data, offset + 64 * i)
            self.sections.append(dict(name=name, kind=kind, flags=flags, address=address, at=at,
                                      size=size, link=link, info=info))
        at = self.sections[strings]['at']
        for section in self.sections:
            start = at + section['name']
            section['name'] = self.data[start:self.data.index(b'\0', start)].decode()

    def section(self, name):
        for index, section in enumerate(self.sections):
            if section['name'] == name and section['kind'] != 8:
                return index, section
        return None, None

    def content(self, section):
        return self.data[section['at']:section['at'] + section['size']]

    def relocated(self, index, places):
        """Section INDEX with its R_X86_64_PC32 applied."""
        content = bytearray(self.content(self.sections[index]))
        for rela in self.sections:
            if rela['kind'] != 4 or rela['info'] != index:
                continue
            symbols = self.content(self.sections[rela['link']])
            for at, info, addend in struct.iter_unpack('<QQq', self.content(rela)):
                assert info & 0xffffffff == 2
                _, _, _, home, value, _ = struct.unpack_from('<IBBHQQ', symbols, 24 * (info >> 32))
                value += places[home] + addend - (places[index] + at)
                struct.pack_into('<I', content, at, value & 0xffffffff)
        return bytes(content)


def version_of(elf, entries):
    _, header = elf.section('.orc_header')
    if header:
        return HEADERS[elf.content(header).hex()]
    return 1 # 4.14 to 6.2, the only ones without a header that are tested


def decode(version, entry):
    """The text of an entry after its addresses, and whether it is a terminator."""
    sp_offset, bp_offset, fields = entry
    sp, bp = NAMES[fields & 15], NAMES[fields >> 4 & 15]
    if version == 3:
        kind = ['undefined', 'end', 'call', 'regs', 'partial'][fields >> 8 & 7]
        signal = fields >> 11 & 1
    else:
        kind = ['call', 'regs', 'partial'][fields >> 8 & 3]
        end = fields >> (10 if version == 1 else 11) & 1
        signal = kind != 'call' if version == 1 else fields >> 10 & 1
        if sp == 'undefined':
            kind = 'end' if end else 'undefined'
            signal = version == 2 and signal
    number = ['undefined', 'end', 'call', 'regs', 'partial'].index(kind)
    head = '%x 16 %d ' % (4 if signal else 0, number)
    if kind in ('undefined', 'end'):
        return head + 'u', kind == 'undefined'
    if sp == 'sp_indirect':
        cfa = 'vexp:7700060b%s22' % struct.pack('<h', sp_offset).hex()
    elif sp == 'bp_indirect':
        cfa = '*r6%+d' % sp_offset
    else:
        cfa = 'r%d%+d' % (BASES[sp], sp_offset)
    rules = {}
    if kind == 'regs':
        rules = {column: 8 * PT_REGS.index(name) for column, name in enumerate(DWARF)}
    elif kind == 'partial':
        rules = {7: 24, 16: 0}
    else:
        rules = {16: -8}
    rules = {column: 'c%+d' % offset for column, offset in rules.items()}
    if bp == 'prev_sp':
        rules[6] = 'c%+d' % bp_offset
    elif bp == 'bp':
        rules[6] = 'r6%+d' % bp_offset
    else:
        assert bp == 'undefined'
    return head + cfa + ''.join(' %d=%s' % rule for rule in sorted(rules.items())), False


def expected(program, path):
    elf = Elf(path)
    ip_index, ip_section = elf.section('.orc_unwind_ip')
    _, entry_section = elf.section('.orc_unwind')
    if not ip_section:
        return None
    places = [section['address'] for section in elf.sections]
    if elf.type == 1:
        output = subprocess.run([program, 'sections', path], stdout=subprocess.PIPE, text=True, check=True)
        for line in output.stdout.splitlines():
            index, address = line.split()[:2]
            places[int(index)] = int(address, 16)
        ips = elf.relocated(ip_index, places)
    else:
        ips = elf.content(ip_section)
    entries = list(struct.iter_unpack('<hhH', elf.content(entry_section)))
    version = version_of(elf, entries)
    rows = []
    for i, (offset,) in enumerate(struct.iter_unpack('<i', ips)):
        text, terminator = decode(version, entries[i])
        rows.append(((places[ip_index] + 4 * i + offset) & (1 << 64) - 1, not terminator, i, text))
    rows.sort()
    best = {row[0]: row[3] for row in rows} # the last of each address
    lows = sorted(best)
    last = lows[-1] + 1
    for index, section in enumerate(elf.sections):
        if section['flags'] & 4 and places[index] <= lows[-1] < places[index] + section['size']:
            last = places[index] + section['size']
    return ['3 %x %x %s' % (low, high, best[low]) for low, high in zip(lows, lows[1:] + [last])]


def compare(program, path):
    want = expected(program, path)
    if want is None:
        print('%s: no ORC' % path)
        return 1
    output = subprocess.run([program, 'orc', path], stdout=subprocess.PIPE, text=True, check=True)
    got = output.stdout.splitlines()
    differences = sum(a != b for a, b in zip(want, got)) + abs(len(want) - len(got))
    for a, b in zip(want, got):
        if a != b:
            print('%s\n  raw table: %s\n  ours:      %s' % (path, a, b))
            break
    print('%s: %d rows, %d differ' % (path, len(want), differences))
    return differences


def main():
    paths = [path for path in sys.argv[2:] if os.path.exists(path)]
    if not paths:
        return 77
    return 1 if sum(compare(sys.argv[1], path) for path in paths) else 0


sys.exit(main())
