#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Parameters and locals with their locations against gdb's `info scope`, and the chain of
inlined functions against its blocks, at 2,000 addresses."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import checks  # noqa: E402
import dies  # noqa: E402
import oracle  # noqa: E402
import sdb  # noqa: E402



def compare(stackdb, report, name, path, count, language="c"):
    with report.guard(name):
        oracle.need("gdb")
        path = path()
        addresses = checks.text_addresses(path, count)
        found = sdb.scopes(stackdb, stackdb.database(path), addresses)
        chain = report.check(f"{name}: chain of functions", checks.CHAIN_EXPLAINED)
        variables = report.check(f"{name}: variables and locations",
                                 checks.VARIABLES_EXPLAINED)
        checks.scopes(variables, chain, found, path, addresses, language)
        chain.close(10)
        variables.close(10)


def by_readelf(stackdb, report, name, path, count):
    """The whole chain, and what gdb does not say of variables."""
    with report.guard(f"{name}: readelf"):
        path = path()
        addresses = checks.text_addresses(path, count)
        found = sdb.scopes(stackdb, stackdb.database(path), addresses)
        check = report.check(f"{name}: variables of the whole chain by readelf")
        checks.scopes_by_readelf(check, found, dies.Scopes(path), addresses, path)
        check.close(10)


def run(stackdb, report, arguments):
    scale = arguments.scale
    compare(stackdb, report, "vmlinux", oracle.vmlinux, int(2000 * scale))
    compare(stackdb, report, "libc", oracle.libc_debug, int(1000 * scale))
    by_readelf(stackdb, report, "libc", oracle.libc_debug, int(2000 * scale))
    compare(stackdb, report, "libstdc++", oracle.libstdcxx_debug, int(500 * scale), "c++")


oracle.main("scopes", run)
