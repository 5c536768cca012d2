#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every function and object symbol against readelf -sW: name, address, size, type, binding."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import checks  # noqa: E402
import oracle  # noqa: E402
import peers  # noqa: E402
import sdb  # noqa: E402


def table(stackdb, report, name, paths, module=False):
    """All symbols of PATHS[0], which also has those of the other paths (its debug file)."""
    with report.guard(name):
        paths = paths()
        database = stackdb.database(paths[0])
        check = report.check(f"{name}: all symbols")
        places = sdb.section_addresses(stackdb, database) if module else None
        checks.symbols(check, sdb.symbols(stackdb, database), paths, places)
        check.close(10)


def lookups(stackdb, report, name, path, count):
    """Random names through the command, as a user asks."""
    with report.guard(f"{name}: lookup"):
        path = path()
        database = stackdb.database(path)
        check = report.check(f"{name}: lookup of random names")
        expected = {}
        for symbol in peers.readelf_symbols(path):
            if symbol["type"] in ("FUNC", "OBJECT") and symbol["section"] != "UND":
                expected.setdefault(symbol["name"], set()).add((symbol["value"], symbol["size"]))
        names = random.sample(sorted(expected), min(count, len(expected)))
        found = {}
        for start in range(0, len(names), 500):
            for record in stackdb.json("lookup", "-m", database, "--json",
                                       *names[start:start + 500], check=False):
                if "symbol_type" in record:  # the symbol, or the function or variable it is for
                    found.setdefault(record["name"], set()).add(
                        (sdb.number(record["address"]), sdb.number(record.get("size", 0))))
        for name_ in names:
            check.compare(name_, expected[name_], found.get(name_))
        check.close(10)


def run(stackdb, report, arguments):
    table(stackdb, report, "vmlinux", lambda: [oracle.vmlinux()])
    table(stackdb, report, "libc", lambda: [oracle.libc(), oracle.libc_debug()])
    table(stackdb, report, "libc's debug file", lambda: [oracle.libc_debug()])
    table(stackdb, report, "libstdc++", lambda: [oracle.libstdcxx_debug()])
    with report.guard("modules"):
        for module, debug in random.sample(oracle.kernel_modules(), 12):
            table(stackdb, report, os.path.basename(module), lambda: [module, debug], True)
    lookups(stackdb, report, "vmlinux", oracle.vmlinux, int(2000 * arguments.scale))
    lookups(stackdb, report, "libstdc++", oracle.libstdcxx_debug, int(1000 * arguments.scale))


oracle.main("symbols", run)
