#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Types against gdb: members, bases, static members, offsets and sizes, as gdb's own type reader has them
and as `ptype /o` prints them: of 500 classes of libstdc++, and of every structure, union, class and enumeration of
the programs that have every kind of type of C and C++, built by gcc and clang."""

import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import checks  # noqa: E402
import oracle  # noqa: E402
import peers  # noqa: E402
import sdb  # noqa: E402


EXPLAINED = {"gdb does not find it": "names that gdb's expression parser does not take"}
PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "runtime", "programs")
BUILDS = (("values.c", "c", ["gcc"]), ("values.c", "c", ["clang"]), ("values.c", "c", ["gcc", "-gdwarf-4", "-m32"]),
          ("values.cc", "c++", ["g++", "-std=c++20"]), ("values.cc", "c++", ["clang++", "-std=c++20"]),
          ("values.cc", "c++", ["g++", "-std=c++20", "-gdwarf-4", "-fdebug-types-section"]))


def records_of(stackdb, database, names):
    """{name: definitions}; those inside of functions with the function's name in front."""
    found = {}
    for record in sdb.types(stackdb, database, names):
        if not record.get("declaration"):
            name = record["name"]
            if "function" in record:
                name = f"{record['function']}::{name}"
            found.setdefault(name, []).append(record)
    return found


def enumerations(stackdb, report, title, path, database, language):
    names = sorted({r["name"] for r in stackdb.sql(database, "SELECT qualified AS name FROM types WHERE kind = 'enum'")
                    if r["name"] and "(anonymous" not in r["name"]})
    found = {}
    for record in sdb.types(stackdb, database, names):
        found.setdefault(record["name"], []).append(
            (record.get("size"), [(e["name"].split("::")[-1], sdb.number(e["value"]) % 2 ** 64)
                                  for e in record.get("enumerators", [])]))
    check = report.check(f"{title}: every enumeration", EXPLAINED)
    for answer in peers.gdb_lines(path, "gdb_classes.py", names, language):
        if "enumerators" not in answer:
            check.differ("gdb does not find it", f"{answer['name']}: {answer.get('error')}")
            continue
        expected = answer["size"], [(name.split("::")[-1], value % 2 ** 64) for name, value in answer["enumerators"]]
        mine = found.get(answer["name"], [])
        check.compare(answer["name"], expected, expected if expected in mine else mine)
    check.close(3)


def program(stackdb, report, source, language, command):
    title = f"{source} by {' '.join(command)}"
    with report.guard(title):
        oracle.need("gdb", command[0])
        path = f"{stackdb.work}/classes-{'-'.join(command)}-{source}".replace("=", "-")
        if subprocess.run([*command, "-g", "-w", "-pthread", "-O1", f"{PROGRAMS}/{source}", "-o", path],
                          stderr=subprocess.DEVNULL, check=False).returncode:
            raise oracle.Unavailable(f"{' '.join(command)} cannot be used")
        database = stackdb.database(path)
        names = [n for n in sdb.class_names(stackdb, database) if "(anonymous" not in n]
        check = report.check(f"{title}: every structure, union and class", EXPLAINED)
        checks.classes(check, records_of(stackdb, database, names), path, names, language)
        check.close(len(names) // 2)
        enumerations(stackdb, report, title, path, database, language)


def run(stackdb, report, arguments):
    for build in BUILDS:
        program(stackdb, report, *build)
    with report.guard("libstdc++"):
        oracle.need("gdb")
        path = oracle.libstdcxx_debug()
        database = stackdb.database(path)
        names = sdb.class_names(stackdb, database)
        chosen = sorted(random.sample(names, min(len(names), int(700 * arguments.scale))))
        check = report.check("libstdc++: classes", EXPLAINED)
        checks.classes(check, records_of(stackdb, database, chosen), path, chosen, "c++")
        check.close(500 * arguments.scale)


oracle.main("classes", run)
