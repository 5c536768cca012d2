#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`addr2line -f -i -a` against binutils and elfutils: 20,000 addresses of kernel text, 5,000 of
libc, fewer of a C++ library and of modules. Where the peers differ, either is right."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import checks  # noqa: E402
import oracle  # noqa: E402


def compare(stackdb, report, name, path, count, sections=(".text",), explained=None):
    with report.guard(name):
        path = path()
        oracle.need("addr2line", "eu-addr2line")
        check = report.check(name, {**checks.ADDR2LINE_EXPLAINED, **(explained or {})})
        checks.addr2line(stackdb, check, stackdb.database(path), path,
                         checks.text_addresses(path, count, sections))
        check.close(min(count, 10))


def run(stackdb, report, arguments):
    scale = arguments.scale
    compare(stackdb, report, "vmlinux", oracle.vmlinux, int(18000 * scale))
    compare(stackdb, report, "vmlinux, init and exit code", oracle.vmlinux, int(2000 * scale),
            (".init.text", ".exit.text", ".altinstr_replacement"))
    compare(stackdb, report, "libc", oracle.libc_debug, int(5000 * scale))
    compare(stackdb, report, "libstdc++", oracle.libstdcxx_debug, int(2000 * scale))


oracle.main("addr2line", run)
