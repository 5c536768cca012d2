#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program with a database of itself.

    with_database.py STACKDB PROGRAM
"""
import os
import subprocess
import sys
import tempfile

STACKDB, PROGRAM = sys.argv[1:3]
with tempfile.TemporaryDirectory() as work:
    database = os.path.join(work, 'program.sdb')
    subprocess.run([STACKDB, 'index', '-o', database, PROGRAM], check=True, stdout=subprocess.DEVNULL)
    sys.exit(subprocess.run([PROGRAM, database]).returncode)
