#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""C++ against gdb: members, bases, static members, offsets and sizes of 500 classes of libstdc++,
as gdb's own type reader has them and as `ptype /o` prints them."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import checks  # noqa: E402
import oracle  # noqa: E402
import sdb  # noqa: E402


def run(stackdb, report, arguments):
    with report.guard("libstdc++"):
        oracle.need("gdb")
        path = oracle.libstdcxx_debug()
        database = stackdb.database(path)
        names = sdb.class_names(stackdb, database)
        chosen = sorted(random.sample(names, min(len(names), int(700 * arguments.scale))))
        found = {}
        for record in sdb.types(stackdb, database, chosen):
            if not record.get("declaration"):
                name = record["name"]
                if "function" in record:
                    name = f"{record['function']}::{name}"
                found.setdefault(name, []).append(record)
        check = report.check("libstdc++: classes", {
            "gdb does not find it": "names that gdb's expression parser does not take"})
        checks.classes(check, found, path, chosen, "c++")
        check.close(500 * arguments.scale)


oracle.main("classes", run)
