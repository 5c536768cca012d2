# SPDX-License-Identifier: MIT
"""Runs inside gdb: stops a program at random places and compares every variable of every frame
with what dump_values makes of the same registers and memory. test_values.py starts it.

Settings come from the environment: PROGRAM, DATABASE, DUMP, SEED, STOPS, WORK, SOURCE_LANGUAGE,
EXPRESSIONS (a file with one on each line, or nothing), ADDRESSES (a file with places to stop at, in
hexadecimal without the load bias; else lines of the file that has main()).
"""
import os
import random
import re
import subprocess

import gdb

PROGRAM, DATABASE, DUMP, WORK = (os.environ[n] for n in ('PROGRAM', 'DATABASE', 'DUMP', 'WORK'))
EXPRESSIONS = os.environ.get('EXPRESSIONS')
STOPS = int(os.environ['STOPS'])
RANDOM = random.Random(int(os.environ['SEED']))
GENERAL = ['rax', 'rdx', 'rcx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp'] + ['r%d' % n for n in range(8, 16)]
I386 = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip']
with open(PROGRAM, 'rb') as file:
    WIDE = file.read(5)[4] == 2  # ELFCLASS64
WORD = 8 if WIDE else 4
X87 = 33 if WIDE else 11
REGISTERS = ([(n, name) for n, name in enumerate(GENERAL)] + [(16, 'rip')]
             + [(17 + n, 'xmm%d' % n) for n in range(16)]) if WIDE else (
                 list(enumerate(I386)) + [(21 + n, 'xmm%d' % n) for n in range(8)])

for setting in ('width 0', 'height 0', 'confirm off', 'pagination off', 'print demangle off', 'python print-stack full',
                'print asm-demangle off', 'print entry-values no', 'breakpoint pending off'):
    gdb.execute('set ' + setting)
gdb.execute('set print raw-values on')

compared, differences, allowed = 0, [], {}
# What may differ, and why.
ALIKE = [
    (r' <(?:[^<>]|<[^<>]*>)*>', 'another symbol at the address'),
    (r' (?=\*)', 'gdb writes the names of templates in its own way'),
    (r'<[^={}]*> = ', 'gdb writes the names of templates in its own way'),
    (r'<[^={}]*> = (\{<No data fields>\}|<incomplete type>)', 'gdb shows a base that is only declared as empty'),
]


def register(frame, name):
    try:
        value = frame.read_register(name)
        if value.is_optimized_out:
            return None
        return raw(value)
    except (gdb.error, ValueError):
        return None


def raw(value):
    """The bytes of a register; those of the x87 come from extended()."""
    type_ = value.type.strip_typedefs()
    if type_.code == gdb.TYPE_CODE_UNION:  # a vector register
        return b''.join((int(value['v2_int64'][n]) & (1 << 64) - 1).to_bytes(8, 'little') for n in range(2))
    if type_.code == gdb.TYPE_CODE_FLT:
        return None
    return (int(value) & (1 << 8 * WORD) - 1).to_bytes(WORD, 'little')


def extended(frame):
    """The x87 registers of the innermost frame, from `info registers`' raw form."""
    found = {}
    for n in range(8):
        text = gdb.execute('info registers st%d' % n, to_string=True)
        match = re.search(r'raw 0x([0-9a-f]+)', text)
        if match:
            found[n] = int(match.group(1), 16).to_bytes(10, 'little')
    return found


def thread_pointer():
    if WIDE:
        return int(gdb.newest_frame().read_register('fs_base')) & (1 << 64) - 1
    # gs selects it, which this gdb does not show: a variable whose place in the block is known tells
    offset = re.search(r'at offset (0x[0-9a-f]+)', gdb.execute('info address per_thread', to_string=True))
    segment = subprocess.run(['readelf', '-lW', PROGRAM], capture_output=True, text=True).stdout
    size, align = re.search(r'^ +TLS +(?:\S+ +){4}(\S+) +\w+ +(\S+)', segment, re.M).groups()
    size, align = int(size, 16), int(align, 16)
    return (int(gdb.parse_and_eval('(unsigned long)&per_thread')) - int(offset.group(1), 16)
            + (size + align - 1) // align * align)


def snapshot(path, bias):
    """Physical frames only; those of gdb that are inlined share registers with their caller."""
    lines = ['process %d' % gdb.selected_inferior().pid, 'module %s %#x' % (DATABASE, bias),
             'thread %#x' % thread_pointer()]
    frame, count, first = gdb.newest_frame(), 0, True
    while frame is not None and count < 40:
        if frame.type() != gdb.INLINE_FRAME:
            pc = frame.pc()
            frame.select()
            cfa = int(re.search(r'frame at (0x[0-9a-f]+)', gdb.execute('info frame', to_string=True)).group(1), 16)
            innermost = count == 0
            lines.append('frame %#x %#x' % (pc if innermost else pc - 1, cfa))
            lines.append('return %#x' % pc)
            for number, name in REGISTERS:
                content = register(frame, name)
                if content:
                    lines.append('reg %d %s' % (number, content.hex()))
            if innermost:
                for n, content in extended(frame).items():
                    lines.append('reg %d %s' % (X87 + n, content.hex()))
            count += 1
        frame = frame.older()
    with open(path, 'w') as file:
        file.write('\n'.join(lines) + '\n')


def parse(text, kind):
    """{name: [values]} of `info locals` or `info args`; each is on one line."""
    found = {}
    for line in text.splitlines():
        match = re.match(r'([\w.]+|<[^>]*>) = (.*)', line)
        if match:
            found.setdefault(match.group(1), []).append(match.group(2))
    return found


def frames_of_gdb():
    frame = gdb.newest_frame()
    while frame is not None:
        frame.select()
        name = frame.function().name if frame.function() else frame.name()
        name = re.sub(r'^.*::|\(.*', '', re.sub(r'<.*>', '', name or ''))
        try:
            yield (name, parse(gdb.execute('info args', to_string=True), 'arg'),
                   parse(gdb.execute('info locals', to_string=True), 'local'))
        except gdb.error as error:
            yield name, None, None
        frame = frame.older()


def frames_of_dump(text):
    frames = []
    for line in text.splitlines():
        kind, _, rest = line.partition(' ')
        if kind == 'frame':
            number, _, name = rest.partition(' ')
            frames.append((re.sub(r'<.*>', '', name), {}, {}, {}, {}))
        elif kind in ('type', 'target'):
            name, _, value = rest.partition(' = ')
            frames[-1][3 if kind == 'type' else 4].setdefault(name, []).append(value)
        elif kind in ('arg', 'local'):
            name, _, value = rest.partition(' = ')
            frames[-1][1 if kind == 'arg' else 2].setdefault(name, []).append(value)
    return frames


def drop_last(text):
    """TEXT without strings, or ends of them, that stand in front of incomplete characters."""
    return re.sub(r'"(?:[^"\\]|\\.)*", (<incomplete)', r'\1', text)


def same(where, expected, found):
    if expected == found:
        return None
    for pattern, reason in ALIKE:
        if re.sub(pattern, '', expected) == re.sub(pattern, '', found):
            return reason
    if 'error reading variable: Cannot access' in expected and '@0x0' in found:
        return 'a reference to nowhere'
    if drop_last(found) == drop_last(expected) or (
            '<incomplete' in expected and found.startswith(re.split(r'"?,? ?<incomplete', expected)[0])):
        return 'gdb drops the character in front of an incomplete one'
    if expected.startswith('ERROR Cannot access memory') and found.startswith('<error: Cannot access memory'):
        return 'gdb prints nothing when nothing can be read'
    if re.sub(r'<optimized out>i', '0i', found) == expected:
        return 'gdb shows a missing half of a complex number as zero'
    if found == '<variable length>' and re.fullmatch(r'"(\\?\w*)?"|\{+[^{,]*\}+', expected) or (
            '[variable length]' in found and found.replace('[variable length]', '[1]') == expected):
        return 'gdb takes a count that is optimized out for one'
    if 'max-value-size' in expected and '<too big>' in found:
        return 'an absurd length, of an array whose bound is not computed yet'
    if ': type of ' in where:
        anyhow = re.compile(r'\[\d+\]')
        if anyhow.sub('[variable length]', found) == expected:
            return 'gdb does not look for the length of an array that is nowhere'
        if found.count('[') > 1 and anyhow.sub('[variable length]', expected) == found:
            return 'an array of several dimensions that make no size together'
    if 'DW_OP_GNU_uninit must always be' in expected:
        return 'gdb stumbles over a piece that is not initialized yet'
    if expected == '<optimized out>' and where == 'global':
        return 'gdb takes the declaration of a variable'
    if 'variable length' in found or 'Cannot access' in found:
        if expected.startswith('<error reading variable'):
            return 'other words for what cannot be read'
    if expected.startswith('<error: ') and found.startswith('<'):
        return 'other words for what cannot be read'
    return ''


def allow(reason):
    allowed[reason] = allowed.get(reason, 0) + 1


def compare(where, name, expected, found):
    global compared
    compared += 1
    if found is None:
        differences.append('%s: %s: missing; gdb: %s' % (where, name, expected))
        return
    reason = same(where, expected, found)
    if reason:
        allow(reason)
    elif reason is not None:
        differences.append('%s: %s:\n    gdb: %s\n    us:  %s' % (where, name, expected, found))


def entry_value(index, variable):
    select(index)
    try:
        return 'entry_value' in gdb.execute('info address ' + variable, to_string=True)
    except gdb.error:
        return False


def select(index):
    frame = gdb.newest_frame()
    for _ in range(index):
        frame = frame.older()
    frame.select()


def compare_types(where, index, types):
    """The declared type of each variable of frame INDEX that gdb means by its name."""
    select(index)
    for name, found in types.items():
        try:
            expected = gdb.execute('whatis/r ' + name, to_string=True).strip()[len('type = '):]
        except gdb.error:
            continue
        # gdb shortens what gcc calls `long int`
        if name and expected in [re.sub(r'\b(long|short) int\b', r'\1', each) for each in found]:
            found = [expected]
        if name and expected not in found:
            compare(where + ': type of ' + name, name, expected, found[0])
        elif name:
            compare(where + ': type of ' + name, name, expected, expected)


def compare_targets(where, index, targets):
    """What pointers without an address lead to, of those that one variable has the name of."""
    select(index)
    for name, found in targets.items():
        try:
            expected = gdb.execute('print *' + name, to_string=True).rstrip('\n')
        except gdb.error as error:
            expected = 'ERROR %s' % error
        expected = re.sub(r'^\$\d+ = ', '', expected)
        if len(found) > 1 or found[0].startswith('ERROR') and (
                expected.startswith('ERROR') or expected == '<optimized out>'):
            continue
        compare(where + ': target of ' + name, name, expected, found[0])


def compare_stop(bias, what):
    path = os.path.join(WORK, 'snapshot')
    snapshot(path, bias)
    result = subprocess.run([DUMP, path] + ([EXPRESSIONS or '-'] if what else []), capture_output=True, text=True,
                            errors='surrogateescape')
    if result.returncode:
        differences.append('dump_values failed: ' + result.stderr[-2000:])
        return
    ours = frames_of_dump(result.stdout)
    for index, (name, args, locals_) in enumerate(frames_of_gdb()):
        if index >= len(ours) or args is None or not ours[index][0]:
            continue
        if ours[index][0] != name:
            allow('the stop is between an inlined function and its caller')
            return
        where = '%s+%#x #%d %s' % (os.path.basename(PROGRAM), gdb.newest_frame().pc() - bias, index, name)
        for expected, found in ((args, ours[index][1]), (locals_, ours[index][2])):
            for variable, values in expected.items():
                mine = found.get(variable, [])
                for i, value in enumerate(values):
                    if i >= len(mine) and value == variable:
                        allow('gdb lists the enumerators of an enumeration inside of a function')
                        continue
                    if i >= len(mine) and value == '<optimized out>':
                        allow('gdb lists what is in other blocks too, as optimized out')
                        continue
                    if i < len(mine) and value != mine[i] and entry_value(index, variable):
                        allow('an entry value: gdb does not find the call, or asks the wrong frame of inlined ones')
                        continue
                    compare(where, variable, value, mine[i] if i < len(mine) else None)
            for variable, mine in found.items():
                if not variable:  # gdb does not list those without a name
                    continue
                for value in mine[len(expected.get(variable, [])):]:
                    compare(where + ': listed once more', variable, 'nothing', value)
        compare_types(where, index, ours[index][3])
        compare_targets(where, index, ours[index][4])
    if what:
        compare_globals(result.stdout)
        compare_expressions(result.stdout)


def compare_globals(text):
    for line in text.splitlines():
        if not line.startswith('global '):
            continue
        name, _, value = line[7:].partition(' = ')
        if '::' in name and '(' in name or value == '<optimized out>' or name == '__dso_handle':
            continue
        try:
            expected = gdb.execute("print '%s'" % name if '::' in name else 'print ' + name, to_string=True).rstrip('\n')
        except gdb.error:
            continue
        compare('global', name, re.sub(r'^\$\d+ = ', '', expected), value)


def compare_expressions(text):
    gdb.newest_frame().select()
    for line in text.splitlines():
        if not line.startswith('expr '):
            continue
        expression, _, value = line[5:].partition(' ==> ')
        try:
            expected = gdb.execute('print ' + expression, to_string=True).rstrip('\n')
            expected = re.sub(r'^(?:warning: .*\n)?\$\d+ = ', '', expected)
        except gdb.error as error:
            expected = 'ERROR %s' % error
        if expected.startswith('ERROR ') and value.startswith('ERROR '):
            expected = value
        compare('expression', expression, expected, value)


def line_addresses():
    if os.environ.get('ADDRESSES'):
        with open(os.environ['ADDRESSES']) as file:
            return sorted({int(line, 16) for line in file})
    found = set()
    symtab = gdb.lookup_global_symbol('main').symtab
    for entry in symtab.linetable():
        if entry.line:
            found.add(entry.pc)
    return sorted(found)


def main():
    gdb.execute('file ' + PROGRAM)
    gdb.execute('set language ' + os.environ['SOURCE_LANGUAGE'])
    gdb.execute('break main', to_string=True)
    gdb.execute('run > /dev/null', to_string=True)
    text = gdb.execute('info proc mappings', to_string=True)
    # the ELF file's addresses begin at 0 when it is position-independent
    start = min(int(line.split()[0], 16) for line in text.splitlines() if line.rstrip().endswith(PROGRAM))
    with open(PROGRAM, 'rb') as file:
        kind = int.from_bytes(file.read(18)[16:18], 'little')
    bias = start if kind == 3 else 0
    compare_stop(bias, True)
    gdb.execute('delete', to_string=True)
    places = line_addresses()
    if os.environ.get('ADDRESSES'):
        places = [place + bias for place in places]
    for address in RANDOM.sample(places, min(STOPS * 3, len(places))):
        gdb.execute('break *%#x' % address, to_string=True)
    stops = 0
    while stops < STOPS:
        gdb.execute('continue', to_string=True)
        if not gdb.selected_inferior().pid or gdb.selected_thread() is None:
            break
        pc = gdb.newest_frame().pc()
        gdb.execute('clear *%#x' % pc, to_string=True)
        for _ in range(RANDOM.choice((0, 0, 1, 2, 5))):
            gdb.execute('stepi', to_string=True)
            if gdb.selected_thread() is None:
                break
        if gdb.selected_thread() is None:
            break
        compare_stop(bias, stops % 8 == 7)
        stops += 1
    return stops


try:
    stops = main()
    print('STOPS %d COMPARED %d DIFFERENT %d' % (stops, compared, len(differences)))
    for reason, count in sorted(allowed.items()):
        print('ALLOWED %d %s' % (count, reason))
    for difference in sorted(set(differences))[:20]:
        print('DIFFERENT ' + difference)
except Exception:
    import traceback
    traceback.print_exc()
    print('FAILED')
if gdb.selected_thread():
    gdb.execute('kill', to_string=True)
