#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls functions of programs in C and C++ by expressions, follows pointers without an address, and
compares with what gdb's `print` gives.

    test_calls.py TEST_CALLS        with $STACKDB_INDEXER and a store

gdb or a compiler that is missing is skipped; exit status 77 when nothing could be compared.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILDS = [
    ('programs/values.cc', 'take', ['g++', '-std=c++20', '-O0']),
    ('programs/values.cc', 'take', ['clang++', '-std=c++20', '-O0']),
    ('../programs/callee.c', 'main', ['gcc', '-O0']),
    ('../programs/callee.c', 'main', ['gcc', '-O2', '-fno-inline']),
    ('../programs/callee.c', 'main', ['clang', '-O1', '-fno-inline']),
    ('../programs/callee.c', 'main', ['gcc', '-m32', '-O0']),
    ('programs/pointers.c', 'stop', ['gcc', '-O2']),  # in the function that calls stop() first
]
# What we do not do, and say so; gdb calls that constructor.
REFUSED = {'copies_of(counted)': 'an object that a constructor copies'}
SCRIPT = '''
import gdb
gdb.execute('break %s', to_string=True)
gdb.execute('run > /dev/null < /dev/null', to_string=True)
if %r == 'stop':
    gdb.execute('continue', to_string=True)
    gdb.execute('up', to_string=True)
for line in open(%r):
    line = line.rstrip('\\n')
    try:
        print('expr', line, '==>', gdb.execute('print ' + line, to_string=True).rstrip('\\n'))
    except gdb.error as error:
        print('expr', line, '==>', 'ERROR', error)
'''


def answers(text):
    found = {}
    for line in text.splitlines():
        if line.startswith('expr '):
            expression, _, value = line[5:].partition(' ==> ')
            found[expression] = re.sub(r'^\$\d+ = ', '', value)
    return found


def compare(program, function, expressions, work):
    script = os.path.join(work, 'ask.py')
    with open(script, 'w') as file:
        file.write(SCRIPT % (function, function, expressions))
    gdb = answers(subprocess.run(['gdb', '-q', '-nx', '-batch', '-x', script, program], capture_output=True,
                                 text=True, env=dict(os.environ, LC_ALL='C.UTF-8')).stdout)
    ours = answers(subprocess.run([sys.argv[1], program, expressions, function] + (['innermost'] if function == 'stop' else []), capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL).stdout)
    different = 0
    for expression, expected in gdb.items():
        value = ours.get(expression, 'nothing')
        if expression in REFUSED and value.startswith('ERROR') and REFUSED[expression] in value:
            continue
        if value != expected and not (value.startswith('ERROR') and expected.startswith('ERROR')):
            print('  DIFFERENT %s:\n    gdb: %s\n    us:  %s' % (expression, expected, value))
            different += 1
    return len(gdb), different


def main():
    if not shutil.which('gdb'):
        print('skip - gdb is not installed')
        sys.exit(77)
    compared = wrong = 0
    with tempfile.TemporaryDirectory() as work:
        for number, (source, function, command) in enumerate(BUILDS):
            program = os.path.join(work, 'program%d' % number)
            built = shutil.which(command[0]) and subprocess.run(
                command + ['-g', '-w', '-pthread', '-o', program, os.path.join(HERE, source)],
                stderr=subprocess.DEVNULL).returncode == 0
            if not built:
                print('skip - %s: %s cannot be used' % (source, ' '.join(command)))
                continue
            expressions = os.path.join(HERE, 'programs', os.path.basename(source) + '.calls')
            some, different = compare(program, function, expressions, work)
            print('%s - %s with %s: %d calls, %d differ' % ('not ok' if different or not some else 'ok', source,
                                                          ' '.join(command), some, different))
            compared += some
            wrong += different + (not some)
    sys.exit(1 if wrong else 0 if compared else 77)


main()
