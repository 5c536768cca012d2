# SPDX-License-Identifier: MIT
"""What stackdb prints, in the forms that the checks compare."""

import re

import expressions

CHUNK = 400  # names or addresses given to one process as arguments


def number(value):
    """64-bit quantities are hexadecimal strings in JSON, counts are numbers."""
    return int(value, 0) if isinstance(value, str) else value


def chunks(items):
    for start in range(0, len(items), CHUNK):
        yield items[start:start + CHUNK]


# ---- symbols and sections ----------------------------------------------------------


def symbols(stackdb, database):
    """{(name, address, size, type, binding)} of functions and objects."""
    found = set()
    for record in stackdb.json("lookup", "-m", database, "--json", "-k", "s", "*"):
        if record["kind"] == "symbol" and record.get("symbol_type") in (
                "FUNC", "OBJECT", "IFUNC", "TLS"):
            found.add((record["name"], number(record["address"]), number(record.get("size", 0)),
                       record["symbol_type"], record["binding"]))
    return found


def section_addresses(stackdb, database):
    """{index: address}"""
    return {record["number"]: number(record["address"]) & 0xffffffffffffffff
            for record in stackdb.sql(database, "SELECT number, address FROM sections")}


# ---- types ---------------------------------------------------------------------------


def types(stackdb, database, names):
    """Every type of each of NAMES, as `type --json` prints it."""
    found = []
    for part in chunks(names):
        found += stackdb.json("type", "-m", database, "--json", *part, check=False)
    return [record for record in found if "kind" in record]


def flatten(record, base, expand_named):
    """(name, bit offset, bit size, bytes) of members, those of anonymous ones in their place."""
    for member in record.get("members", []):
        if member.get("static"):
            continue
        offset = base + member["bit_offset"]
        inner = member.get("definition")
        name = member.get("name") or ""
        if inner is not None and not inner.get("name") and (expand_named or not name):
            yield from flatten(inner, offset, expand_named)
            if not name:
                continue
        elif not name:
            continue
        yield name, offset, member.get("bit_size", 0), member.get("size", 0)


def aggregates(records, expand_named=False):
    """{(kind, name): {(size, members)}}; see btf.py and peers.pahole_types()."""
    found = {}
    for record in records:
        if record["kind"] in ("struct", "union", "class") and not record.get("declaration"):
            key = ("union" if record["kind"] == "union" else "struct", record["name"])
            found.setdefault(key, set()).add(
                (record.get("size", 0), tuple(flatten(record, 0, expand_named))))
    return found


def enums(records):
    found = {}
    for record in records:
        if record["kind"] == "enum" and record.get("enumerators"):
            found.setdefault(record["name"], set()).add(
                tuple((e["name"], e["value"]) for e in record["enumerators"]))
    return found
