# SPDX-License-Identifier: MIT
"""The comparisons themselves, for any file: the big ones and those of the compiler matrix."""

import os
import random
import re

import expressions
import peers
from elf import Elf
from oracle import Unavailable

# ---- addresses ------------------------------------------------------------------


def text_addresses(path, count, names=(".text",)):
    """COUNT random addresses of executable sections (of sections NAMES)."""
    sections = [s for s in Elf(path).sections if s["name"] in names and s["size"]]
    if not sections:
        raise Unavailable(f"{path} has no section {names}")
    weights = [s["size"] for s in sections]
    chosen = random.choices(sections, weights, k=count)
    return sorted({s["address"] + random.randrange(s["size"]) for s in chosen})


ADDR2LINE_EXPLAINED = {
    "doubled directory": "the peers print a relative compilation directory twice: ./stdlib/./stdlib",
    "padding": "behind the end of a function: binutils takes the last symbol, elfutils says ?? and"
               " goes on with the function before",
    "constructor's variant": "an inlined constructor or destructor: binutils prints the variant that"
                             " link-time optimisation took it from, here it is the abstract one",
    "symbol's name": "a function without a linkage name: a peer that does not find it in the"
                     " debuginfo takes the symbol",
}


def addr2line(stackdb, check, database, path, addresses, elfutils=True):
    """`addr2line -f -i -a` against binutils and elfutils."""
    stdin = "".join(f"{a:#x}\n" for a in addresses)
    mine = peers.split_addresses(stackdb("addr2line", "-e", database, "-f", "-i", "-a",
                                         stdin=stdin, check=False))
    places = symbol_places(path)
    binutils = peers.binutils_addr2line(path, addresses)
    other = peers.elfutils_addr2line(path, addresses) if elfutils else {}
    third = {}
    for address in addresses:
        found, first = mine.get(address), binutils.get(address)
        if found == first:
            check.same()
            continue
        third = third or peers.llvm_addr2line(path, addresses)
        second = peers.frames_of(other.get(address, []))
        frames, expected = peers.frames_of(found or []), peers.frames_of(first)
        if frames == expected:
            check.differ("wording", f"{address:#x}: binutils {first}, found {found}")
        elif frames == second or address in third and (
                frames == peers.frames_of(third[address])):
            check.same()
        elif second and frames == [(f, *e[1:]) for f, e in zip(functions_of(second), expected)] \
                or frames == [(f, *s[1:]) for f, s in zip(functions_of(expected), second)]:
            check.same()  # functions as one peer has them, lines as the other
        elif any(other_name(places, frames, peer) for peer in (
                expected, second, undoubled(expected), undoubled(second))):
            check.same()
        elif variants(frames) in (variants(expected), variants(second)):
            check.differ("constructor's variant", f"{address:#x}: binutils {expected}, found {frames}")
        elif symbols_name(frames, expected) or symbols_name(frames, second) or frames == [
                (function.removesuffix(".cold"), *place) for function, *place in second]:
            check.differ("symbol's name", f"{address:#x}: binutils {expected}, found {frames}")
        elif frames in (undoubled(expected), undoubled(second)):
            check.differ("doubled directory", f"{address:#x}: {expected[0][1]}")
        elif [f[0] for f in frames] == ["??"] and second and second[0][0] == "??" \
                and frames[0] in undoubled(second):
            check.differ("padding", f"{address:#x}: binutils {expected}, elfutils {second}")
        else:
            agree = "the peers agree" if expected == second else "the peers differ"
            check.differ(f"{agree}: {difference_of_frames(frames, expected)}",
                         f"{address:#x}: binutils {expected}, elfutils {second}, found {frames}")


def other_name(places, found, expected):
    """Whether the outermost function is called by another symbol of the same place."""
    return (len(found) == len(expected) and functions_of(found) != functions_of(expected) and
            [f[1:] for f in found] == [e[1:] for e in expected] and
            aliases(places, [plain(f) for f in functions_of(expected)],
                    [plain(f) for f in functions_of(found)]))


def variants(frames):
    """Complete, base and abstract constructors (C1, C2, C4) and destructors taken for one."""
    return [(re.sub(r"([CD])[0-4]E(?=[vPRSKOijlm0-9])", r"\1E", function), file, line)
            for function, file, line in frames]


def symbols_name(found, expected):
    """Whether one function is called by the debuginfo's name here and by the symbol's there."""
    return (len(found) == len(expected) == 1 and found[0][1:] == expected[0][1:] and
            re.search(rf"(^|\d){re.escape(found[0][0])}(E?[a-z]*(\.cold)?$)", expected[0][0]))


def functions_of(frames):
    return [frame[0] for frame in frames]


def undoubled(frames):
    """Without the second one of two equal relative directories: DWARF 5 has the compilation
    directory among those of the line table, the peers put it in front of itself."""
    return [(function, re.sub(r"^((?!/).+/)\1", r"\1", file), line)
            for function, file, line in frames]


def difference_of_frames(found, expected):
    if len(found) != len(expected):
        return "length of the chain"
    functions = [f[0] for f in found] == [f[0] for f in expected]
    files = [f[1:] for f in found] == [f[1:] for f in expected]
    return {(False, False): "functions and lines", (False, True): "functions",
            (True, False): "lines"}.get((functions, files), "nothing")


# ---- symbols ----------------------------------------------------------------------


def symbols(check, found, path_list, places=None):
    """FOUND: {(name, version, address, size, type, binding)}; PLACES: address of each section
    (ET_REL). A symbol that one file gives a version and another does not is the versioned one."""
    expected = set()
    for path in path_list:
        for symbol in peers.readelf_symbols(path):
            if symbol["type"] not in ("FUNC", "OBJECT", "IFUNC", "TLS") \
                    or symbol["section"] == "UND":
                continue
            address = symbol["value"]
            if places is not None and symbol["section"].isdigit() and symbol["type"] != "TLS":
                address += places.get(int(symbol["section"]), 0)
            expected.add((symbol["name"], symbol["version"] or None, address, symbol["size"],
                          symbol["type"], symbol["binding"]))
    versioned = {(s[0], *s[2:]) for s in expected if s[1]}
    expected = {s for s in expected if s[1] or (s[0], *s[2:]) not in versioned}
    for symbol in expected & found:
        check.same()
    for symbol in sorted(expected - found, key=str):
        check.differ("missing", f"{symbol}")
    for symbol in sorted(found - expected, key=str):
        check.differ("too many", f"{symbol}")


# ---- unwind rows --------------------------------------------------------------------


def unwind(check, rows, path, section):
    """ROWS: [(low, high, cfa, {column: rule})] in readelf's words, by address, no overlaps."""
    starts = [row[0] for row in rows]
    used = set()
    import bisect
    for low, high, expected_rows in peers.readelf_frames(path, section):
        for index, (location, cfa, rules) in enumerate(expected_rows):
            end = expected_rows[index + 1][0] if index + 1 < len(expected_rows) else high
            if end <= location:
                continue  # overridden before it holds for any address
            rules = {k: v for k, v in rules.items() if v not in ("u", "n")}
            at = bisect.bisect_right(starts, location) - 1
            if at < 0 or rows[at][1] <= location:
                check.differ("no row", f"{location:#x}: expected {cfa} {rules}")
                continue
            found_low, found_high, found_cfa, found_rules = rows[at]
            used.add(at)
            found_rules = {k: v for k, v in found_rules.items() if v != "u"}
            if (found_cfa, found_rules) != (cfa, rules):
                check.differ("rules", f"{location:#x}: expected {cfa} {rules}, found {found_cfa}"
                             f" {found_rules}")
            elif found_high < end and not continues(rows, at, end):
                check.differ("ends early", f"{location:#x}: {found_high:#x} instead of {end:#x}")
            else:
                check.same()
    for at, row in enumerate(rows):
        if at not in used and not (at and at - 1 in used and rows[at - 1][2:] == row[2:]):
            check.differ("a row that readelf has not", f"{row}")


def continues(rows, at, end):
    """Whether equal rows follow each other up to END."""
    while rows[at][1] < end:
        if at + 1 >= len(rows) or rows[at + 1][0] != rows[at][1] \
                or rows[at + 1][2:] != rows[at][2:]:
            return False
        at += 1
    return True


# ---- scopes -----------------------------------------------------------------------------


def register_names(path):
    return expressions.X86_64 if Elf(path).machine == 62 else expressions.I386


def scopes(check, chain_check, found, path, addresses, language="auto"):
    """FOUND: {address: [(function, [(variable, location)])]}, see sdb.scopes()."""
    names = register_names(path)
    places = symbol_places(path)
    for answer in peers.gdb_lines(path, "gdb_scopes.py", [f"{a:#x}" for a in addresses], language):
        address = answer["address"]
        mine = found.get(address)
        if not answer["chain"]:
            if mine:
                chain_check.differ("gdb has no function here", f"{address:#x}: {mine[0][0]}")
            else:
                chain_check.same()
            continue
        expected = [plain(frame["function"]) for frame in answer["chain"]]
        own = [plain(f) for f, _ in mine or []]
        if aliases(places, expected, own):
            chain_check.same()
        elif len(own) == len(expected) and all(e == o or inherited(f, o) for e, o, f in zip(
                expected, own, mine_names(mine))):
            chain_check.differ("gdb's names", f"{address:#x}: {expected}, found {own}")
        elif own and expected[-1] in re.sub(r"\(anonymous\b[^)]*\)", "", mine[0][0] or "").split("(")[0]:
            chain_check.differ("gdb's nesting", f"{address:#x}: {expected}, found {own}")
        else:
            chain_check.compare(f"{address:#x}", expected, own)
        if not mine or "error" in answer:
            check.differ("gdb gives up" if mine else "nothing", f"{address:#x}:"
                         f" {answer.get('error', 'no scope')}")
            continue
        variables = gdb_variables(answer, names)
        compare_variables(check, f"{address:#x} {expected[0]}", address, variables, mine[0][1])


CHAIN_EXPLAINED = {
    "gdb's nesting": "methods of local classes: gdb takes the function around the class for a caller",
    "gdb's names": "inherited constructors and functions without DW_AT_name, which gdb calls by"
                   " their demangled linkage names",
}


def mine_names(frames):
    return [function or "" for function, _ in frames or []]


def inherited(function, name):
    """A constructor (its name is its class's) or what has no name but the linkage name."""
    return function.startswith("_Z") or \
        re.search(rf"(^|::){re.escape(name)}(<.*>)?::{re.escape(name)}\b", function) is not None


def symbol_places(path):
    """{name: {address}}; assemblers describe each name of a place as a function of its own."""
    places = {}
    for symbol in peers.readelf_symbols(path):
        places.setdefault(plain(symbol["name"]), set()).add(symbol["value"])
    return places


def aliases(places, expected, own):
    """Whether two chains differ only in which of several names of a place the outermost has."""
    return (len(own) > 0 and expected[:-1] == own[:-1] and
            bool(places.get(expected[-1], set()) & places.get(own[-1], set())))


def scopes_by_readelf(check, found, scopes_, addresses, path):
    """All variables of the whole chain; SCOPES_ is a dies.Scopes."""
    places = symbol_places(path)
    for address in addresses:
        expected = scopes_.at(address)
        mine = found.get(address)
        if not expected or not mine:
            check.compare(f"{address:#x}", not expected, not mine, "no function")
            continue
        chains = [plain(f) for f, _ in expected], [plain(f) for f, _ in mine]
        if chains[0] != chains[1] and not aliases(places, *chains):
            check.differ("chain", f"{address:#x}: expected {[f for f, _ in expected]}, found"
                         f" {[f for f, _ in mine]}")
            continue
        for (function, variables), (_, own) in zip(expected, mine):
            compare_variables(check, f"{address:#x} {function}", address, variables, own)


def plain(name):
    """A function's name without what gdb adds for C++: parameters and template arguments."""
    name = re.sub(r"\[abi:\w+\]", "", (name or "").replace("(anonymous namespace)", "(anonymous)"))
    name = re.sub(r"^(operator)?\(anonymous\)::", "", name)
    name = re.sub(r"(?<!::)(?<!^)\((?!anonymous\)).*\)( const)?( &&?)?$", "", name)
    depth, text = 0, ""
    for character in name:
        depth += character == "<"
        if not depth:
            text += character
        depth -= character == ">" and depth > 0
    # The C library's internal aliases, by which gdb calls the functions themselves.
    return (text.split("::")[-1] or name).removeprefix("__GI_")


VARIABLES_EXPLAINED = {
    "gdb gives up": "gdb stops with an error for one variable of the scope and shows none",
    "nowhere at this address": "gdb adds what the abstract function has and this instance has not",
    "constant": "the abstract instance has a constant for all instances, gdb does not take it",
    "abstract block": "static variables and constants of a block that only the abstract instance has:"
                      " gdb lists some of them",
    "twice": "gdb lists a static variable of a block for the whole function as well",
    "gdb's words": "a composite location in words that tests/lib/expressions.py does not read",
}


def gdb_variables(answer, names):
    """[(name, location)] of the innermost function's blocks, in gdb's order."""
    kinds = {(name, kind) for name, kind, _, _ in answer["chain"][0]["symbols"]}
    wanted = {name for name, kind in kinds if kind in ("parameter", "variable")}
    variables = []
    for name, what in peers.gdb_scope_symbols(answer["scope"]):
        if isinstance(what, str):
            if re.match(r"a (typedef|label|function)\b", what) or name not in wanted:
                continue
            if what.startswith("optimized out"):
                variables.append((name, None))
            else:
                variables.append((name, from_gdb(what, names)))
        else:
            variables.append((name, [(low, high, from_gdb(words, names))
                                     for low, high, words in what if high > low] or None))
    return variables


def from_gdb(words, names):
    operations = expressions.from_gdb(words, names)
    return ["?", words] if operations is None else expressions.loosen(operations)


def compare_variables(check, where, address, expected, found):
    """As multisets: nested blocks may hold the same name twice."""
    left = [item for item in found if item[0]]
    left = [(name, None if place == ["extern"] else place, place == ["extern"])
            for name, place in left]
    missed = []
    for name, location in expected:
        location = holding(location, address)
        match = next((item for item in left if item[0] == name
                      and equal_locations(location, item[1])), None)
        if match:
            left.remove(match)
            check.same()
        elif name:
            missed.append((name, location))
    for name, location in missed:
        other = next((item for item in left if item[0] == name), None)
        if other and unread(location) and other[1]:
            left.remove(other)
            check.differ("gdb's words", f"{where} {name}: {location}")
        elif other and location is None and str(other[1][0]).startswith("value"):
            left.remove(other)
            check.differ("constant", f"{where} {name}: found {other[1]}")
        elif other:
            left.remove(other)
            check.differ("location", f"{where} {name}: expected {location}, found {other[1]}")
        elif (name, location) in found:  # and was taken before
            check.differ("twice", f"{where} {name}")
        elif location is None:
            check.differ("nowhere at this address", f"{where} {name}")
        else:
            check.differ("missing variable", f"{where} {name}: expected {location}")
    for name, location, extern in left:
        if extern:
            continue  # what a function only declares: gdb says nothing of it
        if location and len(location) == 1 and re.match("addr |value ", str(location[0])):
            check.differ("abstract block", f"{where} {name}: found {location}")
            continue
        check.differ("variable that the peer has not", f"{where} {name}: found {location}")


def unread(location):
    operations = location[2] if isinstance(location, tuple) else location
    return bool(operations) and operations[0] == "?"


def holding(location, address):
    """The entry of a list that holds at ADDRESS; anything else as it is."""
    if location and isinstance(location[0], tuple):
        return next(((low, high, operations) for low, high, operations in location
                     if low <= address < high), None)
    return location


def equal_locations(expected, found):
    if not expected or not found:
        return not expected and not found
    if isinstance(expected, tuple) != isinstance(found, tuple):
        return False
    if isinstance(expected, tuple):
        return expected[:2] == found[:2] and expected[2] == found[2]
    if expected[0].startswith("value") and found[0].startswith("value") and "value bytes" in (found[0], expected[0]):
        return True  # bytes of a constant: gdb shows a number where it fits
    return expected == found


# ---- C++ classes and C structs, by gdb --------------------------------------------------


def classes(check, found, path, names, language):
    """FOUND: {name: [types as `stackdb type --json` prints them]}: gdb shows one definition of
    several, any of ours may be it."""
    for answer in peers.gdb_lines(path, "gdb_classes.py", names, language):
        name = answer["name"]
        candidates = found.get(name)
        if "fields" not in answer:
            check.differ("gdb does not find it", f"{name}: {answer.get('error')}")
            continue
        if not candidates:
            check.differ("missing", name)
            continue
        expected, members, mine = next(
            (c for c in (fields(answer, mine) for mine in candidates) if c[0] == c[1]),
            fields(answer, candidates[0]))
        check.compare(f"{name}: members", expected, members, "members")
        check.compare(f"{name}: size", answer["size"], mine.get("size"), "size")
        if mine["kind"] != "union":  # gdb prints no offsets in unions
            compare_ptype(check, name, answer, mine)


def fields(answer, mine):
    """gdb's fields and ours, alike, and ours whole."""
    expected = [(short(f[0]), f[1], f[2], f[3], f[4]) for f in answer["fields"]
                if not (f[0] or "").startswith("_vptr")]
    members = [(short(m.get("name") or (m.get("type") if m.get("base") else "")),
                bool(m.get("base")), bool(m.get("static")),
                m.get("bit_offset", 0), m.get("bit_size", 0))
               for m in mine.get("members", [])
               if not (m.get("name") or "").startswith("_vptr")]
    if any(m.get("virtual") for m in mine.get("members", [])):
        # Where a virtual base is, only an object can tell; gdb shows what it guesses.
        expected = [e if not e[1] else e[:3] for e in expected]
        members = [m if not m[1] else m[:3] for m in members]
    return expected, members, mine


def compare_ptype(check, name, answer, mine):
    """The offsets that `ptype /o` prints, in its own words."""
    if "text" not in answer:
        return
    shown, total = peers.ptype_members(answer["text"])
    if total is not None:
        check.compare(f"{name}: total size of ptype /o", total, mine.get("size"), "ptype /o")
    own = [(m.get("name") or "", m["bit_offset"]) for m in mine.get("members", [])
           if not m.get("base") and not m.get("static")
           and not (m.get("name") or "").startswith("_vptr")]
    check.compare(f"{name}: ptype /o", [(n, o) for n, o, _, _ in shown], own, "ptype /o")


def short(name):
    """The last part of a qualified name, without template arguments: gdb spells them its own way."""
    name = name or ""
    return name.split("<")[0].split("::")[-1]


def relative(path):
    return os.path.basename(path)
