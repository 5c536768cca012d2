#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what the BTF of ELF files becomes with the raw BTF and with pahole.

    test_btf.py DUMP_BTF VMLINUX [MODULE...]

Every type, function and variable of VMLINUX is decoded here on its own and compared; the
layouts of all its structs and unions are compared with what `pahole -F btf` prints. MODULEs, whose
BTF continues that of VMLINUX, are decoded and compared in the same way.
"""
import os
import re
import shutil
import struct
import subprocess
import sys

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 12)
FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)
ELEMENTS = {STRUCT: 'III', UNION: 'III', ENUM: 'Ii', FUNC_PROTO: 'II', DATASEC: 'III', ENUM64: 'IIi'}
FIXED = {INT: 'I', ARRAY: 'III', VAR: 'I', DECL_TAG: 'i'}
REFERS = (PTR, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DECL_TAG, TYPE_TAG)
# enum sdb_type_kind
MODEL = {INT: 1, FLOAT: 1, PTR: 2, CONST: 6, VOLATILE: 7, RESTRICT: 8, TYPEDEF: 10, ARRAY: 11,
         STRUCT: 12, FWD: 12, UNION: 14, ENUM: 15, ENUM64: 15, FUNC_PROTO: 16}


def section(path, wanted):
    with open(path, 'rb') as file:
        header = file.read(64)
        (table,) = struct.unpack_from('<Q', header, 40)
        count, strings = struct.unpack_from('<HH', header, 60)
        file.seek(table)
        rows = list(struct.iter_unpack('<IIQQQQIIQQ', file.read(64 * count)))
        file.seek(rows[strings][4])
        names = file.read(rows[strings][5])
        for row in rows:
            if names[row[0]:names.index(b'\0', row[0])].decode() == wanted and row[1] != 8:
                file.seek(row[4])
                return file.read(row[5])
    return None


class Btf:
    def __init__(self, data, base=None):
        _, _, _, size, at, length, strings, string_size = struct.unpack_from('<HBBIIIII', data)
        self.strings = (base.strings if base else b'') + data[size + strings:size + strings + string_size]
        self.types = list(base.types) if base else [None]
        self.first = len(self.types)
        at += size
        end = at + length
        while at < end:
            name, info, value = struct.unpack_from('<III', data, at)
            at += 12
            kind, count = info >> 24 & 31, info & 0xffff
            extra = ()
            if kind in FIXED:
                extra = struct.unpack_from('<' + FIXED[kind], data, at)
                at += struct.calcsize(FIXED[kind])
            elements = []
            if kind in ELEMENTS:
                form = '<' + ELEMENTS[kind]
                for _ in range(count):
                    elements.append(struct.unpack_from(form, data, at))
                    at += struct.calcsize(form)
            self.types.append((kind, self.text(name), info >> 31, count, value, extra, elements))

    def text(self, offset):
        return self.strings[offset:self.strings.index(b'\0', offset)].decode() or '-'

    def references(self, index):
        kind, _, _, _, value, extra, elements = self.types[index]
        if kind in REFERS:
            yield value
        if kind == ARRAY:
            yield extra[0]
            yield extra[1]
        for element in elements:
            if kind in (STRUCT, UNION, FUNC_PROTO):
                yield element[1]
            elif kind == DATASEC:
                yield element[0]

    def wanted(self):
        """Own types and what they need of the base."""
        seen = set(range(self.first, len(self.types)))
        pending = list(seen)
        while pending:
            for other in self.references(pending.pop()):
                if other and other not in seen:
                    seen.add(other)
                    pending.append(other)
        return sorted(seen)

    def lines(self):
        """What dump_btf prints, without code and without what depends on symbols."""
        wanted = self.wanted()
        ids = {}
        for index in wanted:
            if self.types[index][0] in MODEL:
                ids[index] = len(ids) + 1
        def number(index):
            while index and self.types[index][0] == TYPE_TAG:
                index = self.types[index][4]
            return ids.get(index, 0)
        signed = any(t[0] == ENUM64 or (t[0] == ENUM and t[2]) for t in self.types[1:])
        out = []
        for index in wanted:
            kind, name, flag, _, value, extra, elements = self.types[index]
            if kind not in MODEL:
                continue
            size = encoding = bit_offset = target = flags = 0
            rest = []
            model = MODEL[kind]
            if kind in (INT, FLOAT, PTR, STRUCT, UNION, ENUM, ENUM64):
                size, flags = (8 if kind == PTR else value), 0x40
            if kind == FLOAT:
                encoding = 4
            if kind == INT:
                bits, bit_offset, how = extra[0] & 0xff, extra[0] >> 16 & 0xff, extra[0] >> 24
                encoding = 2 if how & 4 else {0: 7, 1: 5, 2: 8, 3: 6}[how & 3]
                assert bits == 8 * value
            if kind in (PTR, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC_PROTO):
                target = number(value)
            if kind == FWD:
                model, flags = (14 if flag else 12), 1
            if kind == ARRAY:
                target = number(extra[0])
                rest.append(' dimension %d %d' % (extra[2], number(extra[1])))
            for element in elements:
                if kind in (STRUCT, UNION):
                    member, of, offset = element
                    bits = offset >> 24 if flag else 0
                    offset = offset & 0xffffff if flag else offset
                    rest.append(' member %s %d %x %d %d' % (self.text(member), number(of),
                                                            4 if bits else 0, offset, bits))
                elif kind == ENUM:
                    v = element[1] if flag or not signed else element[1] & 0xffffffff
                    rest.append(' enumerator %s %d' % (self.text(element[0]), v))
                elif kind == ENUM64:
                    v = element[2] << 32 | element[1]
                    rest.append(' enumerator %s %d' % (self.text(element[0]),
                                                       v if flag else v & (1 << 64) - 1))
            if kind == FUNC_PROTO:
                flags = 8
                if elements and elements[-1] == (0, 0):
                    flags, elements = 0x18, elements[:-1]
                rest = [' parameter %s %d' % (self.text(n), number(t)) for n, t in elements]
            out.append('type %d %d %x %s %d %d %d %d' % (ids[index], model, flags, name, size, encoding,
                                                        bit_offset, target))
            out += rest
        functions = [t for t in self.types[self.first:] if t[0] == FUNC]
        for i, (_, name, _, _, value, _, _) in enumerate(functions):
            _, _, _, _, returned, _, elements = self.types[value]
            variadic = bool(elements) and elements[-1] == (0, 0)
            out.append('function %d %s %d %d' % (i + 1, name, variadic, number(returned)))
            out += [' parameter %s %d' % (self.text(n), number(t))
                    for n, t in (elements[:-1] if variadic else elements)]
        sections = {}
        for t in self.types[self.first:]:
            if t[0] == DATASEC:
                for index, offset, _ in t[6]:
                    sections[index] = (t[1], offset)
        variables = [i for i in range(self.first, len(self.types)) if self.types[i][0] == VAR]
        for i, index in enumerate(variables):
            _, name, _, _, value, extra, _ = self.types[index]
            home, offset = sections.get(index, ('', 0))
            percpu = home.startswith('.data..percpu')
            out.append('variable %d %s %x %d %s' % (i + 1, name, (4 if extra[0] else 0) | (64 if percpu else 0),
                                                    number(value), '%x' % offset if percpu and self.first == 1 else '?'))
        return out


def dump(program, path, base):
    output = subprocess.run([program, path] + ([base] if base else []), stdout=subprocess.PIPE,
                            text=True, check=True)
    lines = []
    for line in output.stdout.splitlines():
        word, *rest = line.split(' ')
        if word in ('unit', 'code'):
            continue
        if word == 'function': # of the flags only whether it is variadic does not come from symbols
            line = 'function %s %s %d %s' % (*rest[:-2], int(rest[-2], 16) >> 8 & 1, rest[-1])
        if word == 'variable' and (base or not int(rest[-3], 16) & 64):
            line = ' '.join([word] + rest[:-1] + ['?'])
        lines.append(line)
    return lines


def compare(path, want, got):
    differences = abs(len(want) - len(got))
    for a, b in zip(want, got):
        if a != b:
            differences += 1
            if differences < 10:
                print('%s\n  raw BTF: %s\n  ours:    %s' % (path, a, b))
    print('%s: %d records, %d differ' % (path, len(want), differences))
    return differences


# ---- pahole ---------------------------------------------------------------------------------

MEMBER = re.compile(r'^(\t+)(.*?)([\w]+)?(?:\[[^;]*\])?(?::(\d+))?;\s*/\*\s*(\d+)(?::\s*(\d+))?\s+(\d+)\s*\*/$')


def pahole_layouts(path):
    """{(kind, name): (size, {member: [bit offset, ...]})}, the direct members by name."""
    output = subprocess.run(['pahole', '-F', 'btf', '--show_only_data_members', path], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if output.returncode:
        output = subprocess.run(['pahole', '-F', 'btf', path], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
    found = {}
    name = None
    for line in output.stdout.splitlines():
        start = re.match(r'^(struct|union) (\w+) \{', line)
        if start:
            name, members, size = start.groups(), [], 0
        elif name and line.startswith('}'):
            found.setdefault(name, []).append((size, sorted(members)))
            name = None
        elif name:
            total = re.match(r'^\t/\* size: (\d+),', line)
            if total:
                size = int(total.group(1))
            match = re.search(r'\(\*(\w+)\)\(.*;\s*/\*\s*(\d+)\s+\d+ \*/$', line) if '(*' in line else None
            if match:
                members.append((match.group(1), 8 * int(match.group(2)), 0))
                continue
            match = MEMBER.match(line)
            if match and match.group(3) and '}' not in line:
                bits, at, bit = match.group(4), int(match.group(5)), match.group(6)
                members.append((match.group(3), 8 * at + int(bit or 0), int(bits or 0)))
    return found


def our_layouts(lines):
    """The same from our dump: anonymous members are opened up."""
    types = {}
    for line in lines:
        fields = line.split(' ')
        if fields[0] == 'type':
            # a name may have spaces: the last four fields are numbers
            current = dict(kind=int(fields[2]), flags=int(fields[3], 16), name=' '.join(fields[4:-4]),
                           size=int(fields[-4]), target=int(fields[-1]), members=[])
            types[int(fields[1])] = current
        elif fields[0] == '' and fields[1] == 'member':
            current['members'].append((fields[2], int(fields[3]), int(fields[5]), int(fields[6])))
        elif fields[0] in ('function', 'variable'):
            break
    def leaves(type_, base):
        for name, of, offset, bits in type_['members']:
            inner = types.get(of)
            while inner and inner['kind'] in (6, 7, 11): # const, volatile, array
                inner = types.get(inner['target'])
            if inner and inner['kind'] in (12, 14) and inner['name'] == '-':
                yield from leaves(inner, base + offset) # pahole opens `struct { … } name` too
            elif inner and inner['kind'] == 2 and types.get(inner['target'], {}).get('name') == '-' and \
                    types[inner['target']]['kind'] in (12, 14):
                yield from leaves(types[inner['target']], 0) # and `struct { … } *name`, from 0
            else:
                yield name, base + offset, bits
    found = {}
    for type_ in types.values():
        if type_['kind'] in (12, 14) and not type_['flags'] & 1 and type_['name'] != '-':
            key = ('struct' if type_['kind'] == 12 else 'union', type_['name'])
            found.setdefault(key, []).append((type_['size'], sorted(leaves(type_, 0))))
    return found


def compare_pahole(path, lines):
    theirs, ours = pahole_layouts(path), our_layouts(lines)
    compared = members = differences = 0
    for key, layouts in theirs.items():
        for layout in layouts:
            compared += 1
            members += len(layout[1])
            candidates = ours.get(key, [])
            # pahole prints no size of unions. What the pattern for its lines does not read (arrays of function pointers …) is
            # not compared: each member that was read must be ours, at the same place.
            if not any(layout[0] in (0, c[0]) and set(layout[1]) <= set(c[1]) for c in candidates):
                differences += 1
                if differences < 10:
                    print('%s\n  pahole: %s\n  ours:   %s' % (key, layout, candidates))
    print('%s: %d structs and unions, %d members compared with pahole, %d differ' %
          (path, compared, members, differences))
    return differences


def main():
    if len(sys.argv) < 3:
        return 77
    program, vmlinux, *modules = sys.argv[1:]
    base = Btf(section(vmlinux, '.BTF'))
    got = dump(program, vmlinux, None)
    failed = compare(vmlinux, base.lines(), got)
    if shutil.which('pahole'):
        failed += compare_pahole(vmlinux, got)
    for path in modules:
        if os.path.exists(path):
            failed += compare(path, Btf(section(path, '.BTF'), base).lines(), dump(program, path, vmlinux))
    return 1 if failed else 0


sys.exit(main())
