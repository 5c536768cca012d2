#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Enumerations of Rust show the variant that they are. gdb 13 ends with an internal error when it is asked
for these, so what is expected stands here.

    test_rust.py TEST_CALLS         with $STACKDB_INDEXER and a store

Exit status 77 when there is no rustc.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EMPTY = '{<No data fields>}'
EXPECTED = {
    'h.data': "{Pair = {left = 3 '\\003', right = 4}}",
    'h.unit': 'enums::Unit::B',
    'h.maybe': '{Some = {__0 = 1}}',
    'h.boxed': '{None = %s}' % EMPTY,
    'h.res': '{Err = {__0 = -1}}',
    'datas[0]': '{Nothing = %s}' % EMPTY,
    'datas[1]': '{Number = {__0 = -3}}',
    'datas[2]': "{Pair = {left = 1 '\\001', right = 2}}",
    'datas[3].Text.__0.vec.len': '1',
    'units': '{enums::Unit::A, enums::Unit::B, enums::Unit::C}',
    'signed': '{enums::Signed::Low, enums::Signed::High}',
    'wide': "{{Big = {__0 = 1099511627776}}, {Small = {__0 = 3 '\\003'}}}",
    'none': '{None = %s}' % EMPTY,
    'some': '{Some = {__0 = 7}}',
    'nb': '{None = %s}' % EMPTY,
    'sb': '{Some = {__0 = 0x}}',
    'nested': '{Some = {__0 = {None = %s}}}' % EMPTY,
    'nested2': '{Some = {__0 = {Some = {__0 = true}}}}',
    'GLOBAL': '{Some = {__0 = {data_ptr = 0x "global", length = 6}}}',
}


def main():
    if not shutil.which('rustc'):
        print('skip - rustc is not installed')
        sys.exit(77)
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        program, questions = os.path.join(work, 'enums'), os.path.join(work, 'expressions')
        subprocess.run(['rustc', '-g', '-o', program, os.path.join(HERE, 'programs', 'enums.rs')], check=True)
        with open(questions, 'w') as file:
            file.write(''.join(line + '\n' for line in EXPECTED))
        output = subprocess.run([sys.argv[1], program, questions, 'enums::stop', 'enums::main'],
                                capture_output=True, text=True).stdout
    found = dict(line[5:].split(' ==> ', 1) for line in output.splitlines() if line.startswith('expr '))
    for expression, expected in EXPECTED.items():
        value = re.sub(r'0x[0-9a-f]+', '0x', found.get(expression, 'nothing'))
        if value != expected:
            wrong += 1
            print('not ok - %s: %s, not %s' % (expression, value, expected))
    print('%d values, %d differ' % (len(EXPECTED), wrong))
    sys.exit(1 if wrong else 0)


main()
