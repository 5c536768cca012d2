#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that no include points up or sideways in the layers of the project."""

import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
# A folder and what it may include of the project; <stackdb/...> is allowed to all, except that
# only the indexer and its users see its header.
MAY = {"symdb": set(), "indexer": {"symdb"}, "runtime": {"symdb"}, "drivers": {"runtime"},
       "personalities": {"runtime"}, "tools": set(), "include": set()}
FOREIGN = {"sqlite3.h": {"symdb", "tools"}, "lz4.h": {"symdb"}, "lz4hc.h": {"symdb"},
           "libelf.h": {"indexer"}, "gelf.h": {"indexer"}, "elfutils": {"indexer"},
           "dwarf.h": {"indexer"}, "lzma.h": {"indexer"}, "zlib.h": {"indexer"},
           "zstd.h": {"indexer"}, "Zydis": {"runtime"}, "libdeflate.h": {"indexer"}}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def complaints(folder, path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for quote, name in INCLUDE.findall(text):
        first = name.split("/")[0]
        where = f"{os.path.relpath(path, ROOT)} includes {name}"
        if quote == "<":
            for foreign, allowed in FOREIGN.items():
                if (name == foreign or first == foreign) and folder not in allowed:
                    yield f"{where}, which only {', '.join(sorted(allowed))} may"
            continue
        target = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if not os.path.exists(target):
            target = os.path.join(ROOT, name)
        if not os.path.exists(target):
            continue  # a generated header
        owner = os.path.relpath(target, ROOT).split("/")[0]
        if owner not in ("include", folder) and owner not in MAY[folder]:
            yield f"{where}: {folder} may not see {owner}"
        if folder == "symdb" and name.endswith("indexer.h"):
            yield f"{where}: the database knows nothing of the indexer"


def main():
    wrong = []
    files = 0
    for folder in MAY:
        for directory, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".c", ".h")):
                    files += 1
                    wrong += complaints(folder, os.path.join(directory, name))
    print(f"{files} files")
    print("\n".join(wrong))
    sys.exit(bool(wrong) or files == 0)


main()
