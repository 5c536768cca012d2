# SPDX-License-Identifier: MIT
"""What stackdb prints, in the forms that the checks compare."""

import bisect
import re

import dies

CHUNK = 400  # names or addresses given to one process as arguments


def number(value):
    """64-bit quantities are hexadecimal strings in JSON, counts are numbers."""
    return int(value, 0) if isinstance(value, str) else value


def chunks(items):
    for start in range(0, len(items), CHUNK):
        yield items[start:start + CHUNK]


# ---- symbols and sections ----------------------------------------------------------


def symbols(stackdb, database):
    """{(name, version or None, address, size, type, binding)} of functions and objects."""
    return {(r["name"], r["version"], number(r["address"]), r["size"], r["type"], r["binding"])
            for r in stackdb.sql(database, "SELECT name, version, address, size, type, binding FROM symbols"
                                           " WHERE type IN ('FUNC', 'OBJECT', 'IFUNC', 'TLS')")}


def section_addresses(stackdb, database):
    """{index: address}"""
    return {record["idx"]: number(record["address"]) & 0xffffffffffffffff
            for record in stackdb.sql(database, "SELECT idx, address FROM sections")}


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
        if "[" in member["type"] or "*" in member["type"]:
            inner = None  # of an element, or of what it points to
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


def class_names(stackdb, database):
    """Qualified names of all defined classes of a C++ module."""
    names = set()
    for record in stackdb.sql(database, "SELECT qualified AS name FROM types WHERE kind IN"
                                        " ('struct', 'class', 'union') AND NOT is_declaration"):
        if record["name"] and not re.search(r"\{|^typedef ", record["name"]):
            names.add(record["name"])
    return sorted(names)


# ---- scopes ----------------------------------------------------------------------------


def scopes(stackdb, database, addresses):
    """{address: [(function, [(variable, location)])]}, innermost first. A location is what holds
    at the address: None, or the operations."""
    found = {}
    for part in chunks([f"{a:#x}" for a in addresses]):
        for record in stackdb.json("scope", "-m", database, "--json", *part, check=False):
            found[number(record["address"])] = [
                (frame["function"], [(v["name"], location(v)) for v in frame["variables"]
                                     if v["kind"] != "label"])
                for frame in record.get("frames", [])]
    return found


def location(variable):
    if variable.get("extern"):
        return ["extern"]
    if variable.get("operations"):
        operations = dies.from_readelf(variable["operations"])
        if "low" in variable:
            return number(variable["low"]), number(variable["high"]), operations
        return operations
    words = variable.get("location", "")
    if words.startswith("at 0x"):
        return [f"addr {int(words[3:], 16):#x}"]
    if re.fullmatch(r"= -?\d+", words):
        return ["value " + words[2:]]
    if words.startswith("= bytes"):
        return ["value bytes"]
    return None


# ---- unwind rows --------------------------------------------------------------------------


def rule(text, names):
    if text.startswith("exp"):
        return "exp"
    if text.startswith("vexp"):
        return "vexp"
    return f"r{names.index(text)}" if text in names else text


def unwind(stackdb, database, source, names):
    """Rows of `.eh_frame` or `.debug_frame` in readelf's words, by address."""
    rows = []
    for record in stackdb.json("unwind-info", "-m", database, "--all", "--json", check=False):
        if record["source"] == f".{source}" and not record.get("gap"):
            rules = {k: rule(v, names) for k, v in record["rules"].items()}
            rows.append((number(record["low"]), number(record["high"]),
                         rule(record["cfa"], ()), rules))
    return rows


def orc(stackdb, database):
    return [(number(r["low"]), number(r["high"]), r["orc_type"], r.get("cfa"), r.get("rules", {}),
             r["signal"])
            for r in stackdb.json("unwind-info", "-m", database, "--all", "--json", check=False)
            if r["source"] == "ORC"]


ORC_CFA = {2: "rdx{:+d}", 3: "rdi{:+d}", 4: "rbp{:+d}", 5: "rsp{:+d}", 6: "r10{:+d}",
           7: "r13{:+d}", 8: "[rbp{:+d}]"}


def expected_orc(row, version):
    """What the fields of a raw entry mean (arch/x86/kernel/unwind_orc.c), as far as one rule can
    say it: (type, CFA or None, rule of rbp or None)."""
    _, sp_register, sp_offset, frame_register, frame_offset, flags = row
    if version >= 3:
        kind = ["undefined", "end of stack", "call", "regs", "regs (partial)"][flags & 7]
    elif sp_register == 0:
        kind = "end of stack" if flags >> (2 if version == 1 else 3) & 1 else "undefined"
    else:
        kind = ["call", "regs", "regs (partial)"][flags & 3]
    if kind in ("undefined", "end of stack"):
        return kind, None, None
    cfa = ORC_CFA[sp_register].format(sp_offset) if sp_register in ORC_CFA else "exp"
    frame = {1: f"c{frame_offset:+d}", 4: f"[rbp{frame_offset:+d}]"}.get(frame_register)
    return kind, cfa, frame


def compare_orc(check, found, expected, version=1):
    """Each raw entry against the row that covers its address. Of entries at one address, which
    the kernel's search may take either of, any is right."""
    starts = [row[0] for row in found]
    by_address = {}
    for row in expected:
        by_address.setdefault(row[0], []).append(row)
    for address, rows in sorted(by_address.items()):
        at = bisect.bisect_right(starts, address) - 1
        if at < 0 or found[at][1] <= address:
            check.differ("no row", f"{address:#x}: expected {rows}")
            continue
        _, _, kind, cfa, rules, _ = found[at]
        frame = rules.get("rbp")
        if kind.startswith("regs") and frame and frame.startswith("c"):
            frame = None  # with the other registers in struct pt_regs
        cfa = None if kind in ("undefined", "end of stack") else rule(cfa, ())
        wanted = [expected_orc(row, version) for row in rows]
        if kind.startswith("regs"):
            wanted = [(k, c, None if f and f.startswith("c") else f) for k, c, f in wanted]
        if (kind, cfa, frame) in wanted:
            check.same()
        else:
            check.differ("rules", f"{address:#x}: raw {rows}, expected {wanted}, found"
                         f" {found[at][2:]}")
