#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether the reference that doxygen made (XML in the directory given) describes everything that is
public: every header, and of each every function, type, member, enumerator and macro. Doxygen says
itself what is missing, but for enumerators, and for headers that it was not given.

usage: reference.py HEADERS XML
"""

import glob
import os
import sys
import xml.etree.ElementTree

# Named as DWARF names them, several on a line; the enumeration's comment speaks for them.
EXEMPT = {"sdb_operation_code"}


def described(element):
    return any("".join(part.itertext()).strip() for part in
               (element.find("briefdescription"), element.find("detaileddescription")) if part is not None)


def main(headers, directory):
    missing, seen, count = [], set(), 0
    for path in glob.glob(f"{directory}/*.xml"):
        for compound in xml.etree.ElementTree.parse(path).iter("compounddef"):
            if compound.get("kind") not in ("file", "struct", "union"):
                continue
            name = compound.findtext("compoundname")
            seen.add(name)
            elements = [compound, *compound.iter("memberdef")]
            for member in compound.iter("memberdef"):
                if member.findtext("name") not in EXEMPT:
                    elements += member.iter("enumvalue")
            count += len(elements)
            missing += [f"{name}: {element.findtext('name') or 'itself'}" for element in elements
                        if not described(element)]
    missing += [f"{header}: not in the reference" for header in sorted(os.listdir(headers))
                if header.endswith(".h") and header not in seen]
    for line in missing:
        print(line)
    print(f"{count} items, {len(missing)} undescribed")
    return 1 if missing or not count else 0


sys.exit(main(*sys.argv[1:]))
