#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same input gives the same bytes: with one thread and two, and every time; in the end also when somebody waited for
the database and got one that was not packed yet, which has the same content."""

import glob
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402


def waited_for(stackdb, report, name, path):
    """The store has first the one, then the other."""
    check = report.check(f"{name}, wanted at once")
    packed, unpacked, store = (f"{stackdb.work}/{part}" for part in ("packed.sdb", "unpacked.sdb", "waited-for"))
    shutil.rmtree(store, ignore_errors=True)
    stackdb("index", "--force", "-o", packed, path)
    stackdb("index", "--force", "--unpacked", "-o", unpacked, path)
    check.compare("unpacked", False, stackdb.json("info", "--json", unpacked)[0]["packed"])
    contents = [stackdb("dumpdebuginfo", database) for database in (packed, unpacked)]
    check.compare("content", len(contents[0]), len(contents[1]))
    check.compare("the same content", True, contents[0] == contents[1])
    stackdb("index", "--unpacked", "--store", store, path)
    found = glob.glob(f"{store}/*/*.sdb")
    check.compare("databases", 1, len(found))
    for database in found:
        end = time.monotonic() + 60
        while not stackdb.json("info", "--json", database)[0]["packed"] and time.monotonic() < end:
            time.sleep(0.05)
        same = subprocess.run(["cmp", packed, database], capture_output=True, text=True, check=False)
        check.compare("packed afterwards", "", same.stdout)
    check.close()


def run(stackdb, report, arguments):
    inputs = {"vmlinux": (oracle.vmlinux, 1), "libc": (oracle.libc, 4),
              "libstdc++": (oracle.libstdcxx_debug, 3),
              "a module": (lambda: oracle.kernel_modules()[100][0], 4)}
    for name, (path, runs) in inputs.items():
        with report.guard(name):
            path = path()
            for detail in ("full", "lines", "symbols")[:3 if runs > 1 else 1]:
                check = report.check(f"{name}, --detail={detail}")
                first = f"{arguments.work}/first.sdb"
                stackdb("index", "-j1", f"--detail={detail}", "--force", "-o", first, path)
                for index in range(runs):
                    again = f"{arguments.work}/again.sdb"
                    stackdb("index", f"-j{2 if index % 2 == 0 else 1}", f"--detail={detail}",
                            "--force", "-o", again, path)
                    same = subprocess.run(["cmp", first, again], capture_output=True, text=True,
                                          check=False)
                    check.compare(f"run {index}", "", same.stdout)
                check.close()
            if name in ("libc", "libstdc++"):
                waited_for(stackdb, report, name, path)


oracle.main("determinism", run)
