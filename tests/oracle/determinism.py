#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same input gives the same bytes: with one thread and two, and every time."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402


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


oracle.main("determinism", run)
