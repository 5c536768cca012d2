# SPDX-License-Identifier: MIT
"""Asking other programs, and reading what they answer."""

import hashlib
import json
import os
import re
import shutil

from oracle import peer

# ---- readelf: symbols ---------------------------------------------------------

SYMBOL = re.compile(r"^\s*\d+: ([0-9a-f]+) +(0x[0-9a-f]+|\d+) (\w+|<[^>]*>[^ ]*) +(\w+|<[^>]*>[^ ]*)"
                    r" +(\w+) +(?:\[[^\]]*\] +)?(\w+) ?(.*)$")


def readelf_symbols(path):
    """Every symbol of .symtab and .dynsym as dicts; the names as readelf prints them."""
    symbols = []
    table = None
    for line in peer(["readelf", "-sW", path], [path]).splitlines():
        if line.startswith("Symbol table '"):
            table = line.split("'")[1]
            continue
        found = SYMBOL.match(line)
        if found:
            value, size, type_, bind, visibility, section, name = found.groups()
            version = ""
            if "@" in name:  # ld puts versions into the names of .symtab too
                name = re.sub(r" \(\d+\)$", "", name)
                name, _, version = name.partition("@")
            symbols.append({"table": table, "name": name, "version": version.lstrip("@"),
                            "default_version": version.startswith("@"),
                            "value": int(value, 16), "size": int(size, 0), "type": type_,
                            "binding": bind, "visibility": visibility, "section": section})
    return symbols


# ---- readelf: unwind rows ------------------------------------------------------

ENTRY = re.compile(r"^([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ (CIE|FDE)(?: cie=([0-9a-f]+))?.*?"
                   r"(?:pc=([0-9a-f]+)\.\.([0-9a-f]+))?$")
ROW = re.compile(r"^[0-9a-f]{8,16} ")


def readelf_frames(path, section):
    """[(low, high, [(location, cfa, {column: rule})])] of `.eh_frame` or `.debug_frame`."""
    entries = []
    initial = {}
    rows = columns = None
    active = False
    for line in peer(["readelf", "-wFN", path], [path]).splitlines():
        if line.startswith("Contents of the "):
            active = line.split(" ")[3] == section
            rows = None
            continue
        if not active or not line or line.endswith(" ZERO terminator"):
            continue
        found = ENTRY.match(line)
        if found and found.group(2) == "CIE":
            rows = initial[found.group(1)] = []
        elif found:
            rows = []
            entries.append((int(found.group(4), 16), int(found.group(5), 16), rows,
                            initial.get(found.group(3), [])))
        elif line.startswith("   LOC"):
            columns = line.split()[2:]
        elif ROW.match(line) and columns is not None and rows is not None:
            words = re.sub(r" \(\w+\)", "", line).split()
            rows.append((int(words[0], 16), words[1], dict(zip(columns, words[2:]))))
    # An entry without instructions of its own has its CIE's row.
    return [(low, high, rows or [(low, cfa, rules) for _, cfa, rules in first[:1]])
            for low, high, rows, first in entries]


# ---- addr2line -----------------------------------------------------------------

def split_addresses(text):
    """The output of `addr2line -a` by address: {address: [lines]}."""
    answers = {}
    lines = None
    for line in text.splitlines():
        if re.match(r"^0x[0-9a-f]{1,16}$", line):
            lines = answers.setdefault(int(line, 16), [])
        elif lines is not None:
            lines.append(line)
    return answers


def binutils_addr2line(path, addresses):
    stdin = "".join(f"{a:#x}\n" for a in addresses)
    return split_addresses(peer(["addr2line", "-e", path, "-f", "-i", "-a"], [path], stdin))


def elfutils_addr2line(path, addresses):
    stdin = "".join(f"{a:#x}\n" for a in addresses)
    return split_addresses(peer(["eu-addr2line", "-e", path, "-f", "-i", "-a"], [path], stdin))


def llvm_addr2line(path, addresses):
    """Reads split DWARF, which the others do not; {} when it is not installed."""
    programs = [*(f"llvm-addr2line-{version}" for version in range(25, 13, -1)), "llvm-addr2line"]
    program = next((p for p in programs if shutil.which(p)), None)
    if not program:
        return {}
    stdin = "".join(f"{a:#x}\n" for a in addresses)
    return split_addresses(peer([program, "-e", path, "-f", "-i", "-a"], [path], stdin))


def frames_of(lines):
    """Pairs (function, file, line) of either program's lines; the wording made equal."""
    frames = []
    for function, place in zip(lines[::2], lines[1::2]):
        function = function.split(" inlined at ")[0]
        place = re.sub(r" \(discriminator [^)]*\)$", "", place)
        found = re.match(r"^(.*?):(\d+|\?)(?::\d+)?$", place)
        file, line = found.groups() if found else (place, "?")
        file = "??" if file == "??" else os.path.normpath(file)
        frames.append((function, file, "0" if line == "?" else line))
    # elfutils says of the caller no more than this when it is not inlined itself.
    last = re.search(r" inlined at (.*?):(\d+)(?::\d+)? in (\S+)$", lines[-2]) if lines[1:] else None
    if last:
        frames.append((last.group(3), os.path.normpath(last.group(1)), last.group(2)))
    return frames


# ---- gdb -----------------------------------------------------------------------

LIB = os.path.dirname(os.path.abspath(__file__))


def gdb_lines(path, script, questions, language="auto"):
    """Runs one of the gdb_*.py scripts on PATH; the JSON lines that it prints."""
    with open(f"{LIB}/{script}", encoding="utf-8") as file:
        version = hashlib.sha256(file.read().encode()).hexdigest()[:12]
    # The script reads its questions from standard input and then gdb has no more to read.
    command = ["env", f"SCRIPT={version}", "gdb", "-nx", "-batch", "-iex", "set auto-load off",
               "-iex", "set debuginfod enabled off", "-ex", f"set language {language}",
               "-x", f"{LIB}/{script}", path]
    out = peer(command, [path], "".join(f"{q}\n" for q in questions))
    return [json.loads(line[1:]) for line in out.splitlines() if line.startswith("@")]


SYMBOL_IS = re.compile(r"^Symbol (.+?) is (.*)", re.S)
RANGE = re.compile(r"^\s*(?:Base address \S+  )?Range (0x[0-9a-f]+)-(0x[0-9a-f]+): ", re.M)


def gdb_scope_symbols(text):
    """`info scope`: [(name, what)]; what is a list of (low, high, words) or one text."""
    symbols = []
    for part in re.split(r"^(?=Symbol )", text, flags=re.M):
        found = SYMBOL_IS.match(part)
        if not found:
            continue
        name, words = found.groups()
        words = re.sub(r"(, length \d+)?\.\s*$", "", words)
        if not words.startswith("multi-location:"):
            symbols.append((name, words.strip()))
            continue
        pieces = RANGE.split(words)[1:]
        symbols.append((name, [(int(low, 16), int(high, 16), what.strip())
                               for low, high, what in zip(*[iter(pieces)] * 3)]))
    return symbols


PTYPE = re.compile(r"^/\*\s+(\d+)(?::\s*(\d+))?\s+\|\s+(\d+)\s+\*/(\s+)(.*)$")


def ptype_members(text):
    """`ptype /o`: [(name, bit offset, bit size or None, size)] of what has an offset outside
    nested types, and the total size. A nested type's member is named at its closing brace."""
    members = []
    opened = []
    total = None
    for line in text.splitlines():
        size = re.search(r"/\* total size \(bytes\): +(\d+) \*/", line)
        if size:
            total = int(size.group(1))
            continue
        found = PTYPE.match(line)
        body = found.group(5) if found else line.strip()
        if found and "::*" in body:  # pointers to members: the name is in the middle
            body = re.sub(r"^.*::\*(?: const)? ?(\w+)\)?.*$", r"int \1;", body)
        if line.startswith("/* offset"):
            continue
        if body.endswith("{"):
            opened.append(found)
        elif body.startswith("}"):
            head = opened.pop() if opened else None
            if head and not opened:
                members.append(ptype_member(head, body[1:]))
        elif found and not opened:
            members.append(ptype_member(found, body))
    return members, total


def ptype_member(found, body):
    body = body.strip().rstrip(";")
    bits = re.search(r" : (\d+)$", body)
    if bits:
        body = body[:bits.start()]
    pointer = re.search(r"\(\*+(\w+)", body)
    name = pointer.group(1) if pointer else re.sub(r"(\[[^\]]*\])*$", "", body).split(" ")[-1]
    offset = int(found.group(1)) * 8 + int(found.group(2) or 0)
    return name.lstrip("*&"), offset, int(bits.group(1)) if bits else None, int(found.group(3))


# ---- pahole ----------------------------------------------------------------------

HEAD = re.compile(r"^(struct|union) ?(\w*) \{$")
MEMBER = re.compile(r"^\t+(.*?)\s*/\*\s+(\d+)(?::\s*(\d+))?\s+(\d+)\s+\*/$")


def pahole_types(path, *options):
    """{(kind, name): {(size, ((member, bit offset, bit size, bytes)...))}}, anonymous members
    expanded in place, in the order of pahole's lines. It does not print the size of a union: None."""
    types = {}
    for unions in ([], ["--unions"]):
        text = peer(["pahole", *options, *unions, path], [path], timeout=3600)
        head = members = size = opened = None
        for line in text.splitlines():
            found = HEAD.match(line)
            if found:
                head, members, size, opened = found.groups(), [], None, []
            elif head is None:
                continue
            elif line.startswith("\t/* size: "):
                size = int(re.match(r"\t/\* size: (\d+)", line).group(1))
            elif line.startswith("}"):
                types.setdefault(head, set()).add((size, tuple(members)))
                head = None
            elif line.endswith("{"):
                opened.append(len(members))
            else:
                pahole_member(line, members, opened)
    return types


def pahole_member(line, members, opened):
    found = MEMBER.match(line)
    if not found:
        return
    body, offset, bit, size = found.groups()
    body = re.sub(r" __attribute__\(\(__\w+__(\(\d+\))?\)\)", "", body).rstrip(";")
    bits = re.search(r":(\d+)$", body)
    if bits:
        body = body[:bits.start()]
    function = re.match(r"[^(]*\(\*+(\w+)(\[\d*\])*\)\(", body)
    if body.startswith("}"):
        start = opened.pop()
        if "[" in body or "*" in body:
            del members[start:]  # members of an element or of what is pointed to
        body = body[1:].strip()
    if function:
        name = function.group(1)
    else:
        name = re.sub(r"(\[\d*\])*$", "", body).split(" ")[-1].lstrip("*")
    if name:
        members.append((name, int(offset) * 8 + int(bit or 0), int(bits.group(1)) if bits else 0,
                        int(size)))
