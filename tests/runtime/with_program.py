#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles a program and runs a test with it. Exit status 77 when the compiler is missing.

    with_program.py TEST SOURCE COMPILER [OPTION]...
"""
import os
import shutil
import subprocess
import sys
import tempfile

TEST, SOURCE, *COMPILER = sys.argv[1:]
if not shutil.which(COMPILER[0]):
    print('skip - %s is not installed' % COMPILER[0])
    sys.exit(77)
with tempfile.TemporaryDirectory() as work:
    program = os.path.join(work, 'program')
    subprocess.run(COMPILER + ['-g', '-w', '-pthread', '-o', program, SOURCE], check=True)
    sys.exit(subprocess.run([TEST, program]).returncode)
