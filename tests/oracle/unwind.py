#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every unwind row of libc, a C++ library and vmlinux against readelf -wF; every ORC row of
vmlinux and of modules against the raw table."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import checks  # noqa: E402
import oracle  # noqa: E402
import orc  # noqa: E402
import sdb  # noqa: E402
from elf import Elf  # noqa: E402


def frames(stackdb, report, name, path, section, source):
    with report.guard(name):
        path = path()
        check = report.check(f"{name}: {section} against readelf")
        rows = sdb.unwind(stackdb, stackdb.database(path), source, checks.register_names(path))
        checks.unwind(check, rows, path, section)
        check.close(100)


def orc_rows(stackdb, report, name, path, least):
    with report.guard(f"{name}: ORC"):
        path = path()
        database = stackdb.database(path)
        places = sdb.section_addresses(stackdb, database)
        expected = orc.raw_rows(Elf(path), places.get)
        check = report.check(f"{name}: ORC against the raw table")
        sdb.compare_orc(check, sdb.orc(stackdb, database), expected)
        check.close(least)


def run(stackdb, report, arguments):
    frames(stackdb, report, "libc", oracle.libc, ".eh_frame", "eh_frame")
    frames(stackdb, report, "libstdc++", oracle.libstdcxx_debug, ".eh_frame", "eh_frame")
    frames(stackdb, report, "vmlinux", oracle.vmlinux, ".debug_frame", "debug_frame")
    orc_rows(stackdb, report, "vmlinux", oracle.vmlinux, 100000)
    with report.guard("modules"):
        for module, _ in random.sample(oracle.kernel_modules(), 10):
            orc_rows(stackdb, report, os.path.basename(module), lambda: module, 1)


oracle.main("unwind", run)
