#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares every variable of every frame, at random stops of programs in C and C++ built by gcc and
clang with and without optimization, and a list of expressions, with what gdb prints (values_gdb.py).

    test_values.py STACKDB DUMP_VALUES [--stops N] [--seed N]

gdb or a compiler that is missing is skipped; exit status 77 when nothing could be compared.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILDS = [
    ('values.c', 'c', ['gcc', '-O0']), ('values.c', 'c', ['gcc', '-O2']),
    ('values.c', 'c', ['gcc', '-Og', '-gdwarf-4']), ('values.c', 'c', ['clang', '-O0', '-gdwarf-4']),
    ('values.c', 'c', ['clang', '-O2']), ('values.c', 'c', ['gcc', '-O3', '-fomit-frame-pointer', '-gdwarf-4']),
    ('values.c', 'c', ['gcc', '-m32', '-O0']), ('values.c', 'c', ['gcc', '-m32', '-O2']),
    ('values.cc', 'c++', ['g++', '-std=c++20', '-O0']), ('values.cc', 'c++', ['g++', '-std=c++20', '-O2']),
    ('values.cc', 'c++', ['clang++', '-std=c++20', '-O0']), ('values.cc', 'c++', ['clang++', '-std=c++20', '-O2']),
    ('pointers.c', 'c', ['gcc', '-O2']), ('pointers.c', 'c', ['gcc', '-O3', '-gdwarf-4']),
    ('references.cc', 'c++', ['g++', '-O2']), ('references.cc', 'c++', ['g++', '-O1', '-gdwarf-4']),
    ('references.cc', 'c++', ['clang++', '-O2']),
]


def build(source, command, path):
    if not shutil.which(command[0]):
        return False
    command = command + ['-g', '-w', '-pthread', '-o', path, os.path.join(HERE, 'programs', source)]
    if '-m32' in command:  # needs libraries of its own
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    subprocess.run(command, check=True)
    return True


def compare(arguments, work, source, language, command, number):
    program = os.path.join(work, 'program%d' % number)
    if not build(source, command, program):
        print('skip - %s: %s cannot be used' % (source, ' '.join(command)))
        return 0, 0
    subprocess.run([arguments.stackdb, 'index', '-o', program + '.sdb', program], check=True,
                   stdout=subprocess.DEVNULL)
    expressions = os.path.join(HERE, 'programs', source + '.expressions')
    environment = dict(os.environ, PROGRAM=program, DATABASE=program + '.sdb', DUMP=arguments.dump,
                       WORK=work, SEED=str(arguments.seed + number), STOPS=str(arguments.stops),
                       SOURCE_LANGUAGE=language, LC_ALL='C.UTF-8',
                       EXPRESSIONS=expressions if os.path.exists(expressions) else '')
    output = subprocess.run(['gdb', '-q', '-nx', '-batch', '-x', os.path.join(HERE, 'values_gdb.py')],
                            env=environment, capture_output=True, text=True, errors='replace').stdout
    found = re.search(r'^STOPS (\d+) COMPARED (\d+) DIFFERENT (\d+)', output, re.M)
    if not found:
        print(output[-4000:])
        return 0, 1
    stops, compared, different = map(int, found.groups())
    print('%s - %s with %s: %d values at %d stops, %d differ' % ('not ok' if different else 'ok', source,
                                                              ' '.join(command), compared, stops, different))
    print('\n'.join('  ' + line for line in output[found.end():].splitlines() if line))
    return compared, different


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('stackdb')
    parser.add_argument('dump')
    parser.add_argument('--stops', type=int, default=25)
    parser.add_argument('--seed', type=int, default=1)
    arguments = parser.parse_args()
    if not shutil.which('gdb'):
        print('skip - gdb is not installed')
        sys.exit(77)
    compared = different = 0
    with tempfile.TemporaryDirectory() as work:
        for number, (source, language, command) in enumerate(BUILDS):
            some, wrong = compare(arguments, work, source, language, command, number)
            compared += some
            different += wrong
    print('%d values compared, %d differ' % (compared, different))
    sys.exit(1 if different else 0 if compared else 77)


main()
