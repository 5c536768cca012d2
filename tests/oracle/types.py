#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every struct, union and enumeration of vmlinux against the kernel's BTF section and pahole:
names, sizes, members' bit offsets and sizes, bit-field widths, enumerators' values."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402
import peers  # noqa: E402
import sdb  # noqa: E402
from btf import Btf  # noqa: E402
from elf import Elf  # noqa: E402


def missing(check, expected, found):
    """Each definition of each name, and no other; both are {key: {definition}}."""
    for key, definitions in sorted(expected.items()):
        for definition in definitions:
            if definition in found.get(key, ()):
                check.same()
            elif key not in found:
                check.differ("missing", f"{key}")
            else:
                check.differ("differs", f"{key}: expected {definition}, found {found[key]}"[:3000])


def against_btf(stackdb, report):
    oracle.need("pahole")
    path = oracle.vmlinux()
    btf = Btf(Elf(path).section(".BTF")[1])
    database = stackdb.database(path)
    expected = btf.aggregates()
    records = sdb.types(stackdb, database, sorted({name for _, name in expected}))
    found = sdb.aggregates(records)
    check = report.check("vmlinux: structs and unions of its BTF")
    missing(check, expected, found)
    check.close(7000)
    check = report.check("vmlinux: no struct that BTF has not", {
        "not in BTF": "types of units that pahole does not encode, or that only code refers to"})
    for key in sorted(found):
        for definition in found[key]:
            if definition in expected.get(key, ()):
                check.same()
            elif definition[0] == 0 and not definition[1]:
                check.same()  # an empty struct has more than one spelling
            else:
                check.differ("differs" if key in expected else "not in BTF",
                             f"{key}: {definition}"[:3000])
    check.close(7000)
    enums = btf.enums()
    records = sdb.types(stackdb, database, sorted(enums))
    found = sdb.enums(records)
    check = report.check("vmlinux: enumerations of its BTF")
    missing(check, enums, found)
    check.close(1000)


def against_pahole(stackdb, report, form):
    oracle.need("pahole")
    path = oracle.vmlinux()
    expected = peers.pahole_types(path, "-F", form)
    database = stackdb.database(path)
    records = sdb.types(stackdb, database, sorted({name for _, name in expected}))
    found = sdb.aggregates(records, expand_named=True)
    check = report.check(f"vmlinux: structs and unions as pahole -F {form} prints them")
    for key, definitions in sorted(expected.items()):
        own = found.get(key, set())
        unsized = {(None, members) for _, members in own}
        for definition in definitions:
            if definition in own or definition in unsized:
                check.same()
            else:
                check.differ("differs" if own else "missing",
                             f"{key}: pahole {definition}, found {own}"[:3000])
    check.close(7000)


def btf_only(stackdb, report):
    """A file without DWARF: its types come from BTF."""
    oracle.need("objcopy")
    path = oracle.vmlinux()
    stripped = f"{stackdb.work}/vmlinux-btf"
    if not os.path.exists(stripped):
        oracle.run(["objcopy", "-S", "--keep-section=.BTF", path, stripped])
    expected = Btf(Elf(path).section(".BTF")[1]).aggregates()
    records = sdb.types(stackdb, stackdb.database(stripped),
                        sorted({name for _, name in expected}))
    check = report.check("vmlinux without DWARF: types from BTF")
    missing(check, expected, sdb.aggregates(records))
    check.close(7000)


def run(stackdb, report, arguments):
    with report.guard("BTF"):
        against_btf(stackdb, report)
    with report.guard("pahole -F btf"):
        against_pahole(stackdb, report, "btf")
    with report.guard("pahole -F dwarf"):
        against_pahole(stackdb, report, "dwarf")
    with report.guard("BTF alone"):
        btf_only(stackdb, report)


oracle.main("types", run)
