#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands as their users call them: patterns against readelf's names, lines against its
decoded line table, chains of members against BTF; exit statuses, messages, JSON."""

import fnmatch
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402
import peers  # noqa: E402
import sdb  # noqa: E402
from btf import Btf  # noqa: E402
from elf import Elf  # noqa: E402


def patterns(stackdb, report):
    path = oracle.libc_debug()
    database = stackdb.database(path)
    names = {s["name"] for s in peers.readelf_symbols(path)
             if s["type"] in ("FUNC", "OBJECT") and s["section"] != "UND"}
    check = report.check("lookup of globs and regular expressions")
    for pattern in ["mem*", "*printf", "_IO_*", "str?cpy", "__[a-f]*", "*[0-9]", "m*a*l*c*",
                    "*time*", "s*", "[!_]*64", "??????"]:
        expected = {n for n in names if fnmatch.fnmatchcase(n, pattern)}
        check.compare(pattern, expected, looked_up(stackdb, database, pattern), "glob")
    for pattern in ["^mem", "printf$", "^_IO_.*(put|get)", "str(n?)cpy", "^[a-z]{3}$", "[0-9]{2}",
                    "a.c.e", "time"]:
        expected = {n for n in names if re.search(pattern, n)}
        check.compare(f"/{pattern}/", expected, looked_up(stackdb, database, f"/{pattern}/"),
                      "regular expression")
    check.close(15)


def looked_up(stackdb, database, pattern):
    return {record["name"] for record in stackdb.json(
        "lookup", "-m", database, "--json", "-k", "s", pattern, check=False)
        if record["kind"] == "symbol" and record.get("symbol_type") in ("FUNC", "OBJECT")}


LINE = re.compile(r"^(\S+) +(\d+) +(0x[0-9a-f]+)(.*)$")


def decoded_lines(path):
    """{(file's base name, line): ({addresses of statements}, {all addresses})}"""
    table = {}
    for text in peers.peer(["readelf", "-wLN", "-W", path], [path]).splitlines():
        found = LINE.match(text)
        if found:
            name, line, address, rest = found.groups()
            statements, every = table.setdefault((os.path.basename(name), int(line)),
                                                 (set(), set()))
            every.add(int(address, 16))
            if rest.rstrip().endswith("x"):
                statements.add(int(address, 16))
    return table


def source_lines(stackdb, report, count):
    path = oracle.libc_debug()
    database = stackdb.database(path)
    table = decoded_lines(path)
    check = report.check("line FILE:LINE")
    for name, line in random.sample(sorted(table), min(count, len(table))):
        statements, every = table[name, line]
        found = {sdb.number(record["address"]) for record in stackdb.json(
            "line", "-m", database, "--json", f"{name}:{line}", check=False)}
        if found - every:
            check.differ("addresses that readelf has not",
                         f"{name}:{line}: {sorted(map(hex, found - every))}")
        elif statements - found:
            check.differ("missing addresses",
                         f"{name}:{line}: {sorted(map(hex, statements - found))}")
        else:
            check.same()
    check.close(20)


class Chains:
    """Random walks from a struct along members and pointers, by BTF."""

    def __init__(self, btf):
        self.btf = btf
        names = btf.aggregates()
        self.starts = [t for t in btf.types[1:] if t["kind"] == "struct" and t["name"]
                       and len(names["struct", t["name"]]) == 1
                       and ("union", t["name"]) not in names and t["members"]]

    def strip(self, type_):
        while type_ and self.btf.types[type_]["kind"] in ("typedef", "const", "volatile",
                                                         "restrict", "type_tag"):
            type_ = self.btf.types[type_]["target"]
        return self.btf.types[type_] if type_ else None

    def members(self, entry, base):
        for name, type_, offset, bits in entry["members"]:
            inner = self.strip(type_)
            if name:
                yield name, type_, base + offset, bits
            elif inner and inner["kind"] in ("struct", "union"):
                yield from self.members(inner, base + offset)

    def walk(self):
        """(text, byte offset in the last object, bit offset and width or 0)"""
        entry = random.choice(self.starts)
        text, offset = entry["name"], 0
        bits = 0
        for _ in range(random.randrange(1, 6)):
            choices = list(self.members(entry, 0))
            if not choices:
                break
            name, type_, at, bits = random.choice(choices)
            text += f".{name}"
            offset += at
            entry = self.strip(type_)
            result = offset
            if entry and entry["kind"] == "ptr":
                entry = self.strip(entry["target"])
                offset = 0
            if not entry or entry["kind"] not in ("struct", "union") or bits:
                break
        return text, result, bits


def chains(stackdb, report, count):
    path = oracle.vmlinux()
    walks = Chains(Btf(Elf(path).section(".BTF")[1]))
    database = stackdb.database(path)
    check = report.check("chains of members")
    asked = {}
    while len(asked) < count:
        text, offset, bits = walks.walk()
        asked[text] = offset, bits  # of a type: a variable may have its name
    for part in sdb.chunks(sorted(asked)):
        answers = {}
        for record in stackdb.json("type", "-m", database, "--json",
                                   *(f"struct {text}" for text in part), check=False):
            steps = record.get("steps", [])
            if steps:
                answers["".join(("" if s["name"].startswith("[") or not i else ".") + s["name"]
                                for i, s in enumerate(steps))] = steps[-1]
        for text in part:
            last = answers.get(text)
            found = last and (last["offset"] * 8 + last.get("bit_offset", 0),
                              last.get("bit_size", 0))
            check.compare(text, asked[text], found)
    check.close(50)


def manners(stackdb, report):
    """Exit statuses, messages and JSON of every command."""
    database = stackdb.database(oracle.libc())
    check = report.check("exit statuses and messages")
    commands = ["index", "info", "lookup", "type", "addr2line", "line", "scope", "unwind-info",
                "dumpdebuginfo", "sql"]
    for command in commands:
        status, out, _ = stackdb.outcome(command, "--help")
        check.compare(f"{command} --help", (0, True), (status, "Usage" in out))
        status, _, errors = stackdb.outcome(command, "--no-such-option")
        check.compare(f"{command} --no-such-option", (2, True), (status, bool(errors)))
    wanting = {"lookup": ["nothing_is_called_this"], "type": ["nothing_is_called_this"],
               "line": ["nowhere.c:1"], "scope": ["0x1"], "unwind-info": ["0x1"]}
    for command, arguments in wanting.items():
        status, out, errors = stackdb.outcome(command, "-m", database, *arguments)
        check.compare(f"{command} {arguments}: status", 1, status)
        check.compare(f"{command} {arguments}: says so on stderr", (True, ""),
                      (errors.startswith(f"stackdb {command}: "), out))
    for arguments in (["lookup", "-m", "/nonexistent", "x"], ["info", "/nonexistent"],
                      ["index", "/nonexistent"],
                      ["addr2line", "-e", "/nonexistent", "0"]):
        status, _, errors = stackdb.outcome(*arguments)
        check.compare(f"{arguments}: status", 1, status)
        check.compare(f"{arguments}: message", True,
                      errors.startswith(f"stackdb {arguments[0]}: "))
    status, _, errors = stackdb.outcome("sql", database, "SELECT nonsense")
    check.compare("wrong SQL", (2, True), (status, errors.startswith("stackdb sql: ")))
    status, _, errors = stackdb.outcome("nonsense")
    check.compare("an unknown command", (2, True), (status, bool(errors)))
    check.close(30)
    check = report.check("JSON of every command")
    for arguments in (["info"], ["lookup", "-m", "malloc", "fopen*"], ["type", "-m", "_IO_FILE"],
                      ["addr2line", "-e", "0x28000", "0x9a0b1"], ["line", "-m", "malloc.c:3300"],
                      ["scope", "-m", "0x9a0b1"], ["unwind-info", "-m", "0x9a0b1"]):
        command, *rest = arguments
        if rest:
            rest.insert(1, database)
        records = stackdb.json(command, "--json", *(rest or [database]))
        check.compare(f"{arguments}", True, len(records) > 0)
    check.close(7)


def run(stackdb, report, arguments):
    with report.guard("patterns"):
        patterns(stackdb, report)
    with report.guard("lines"):
        source_lines(stackdb, report, int(1000 * arguments.scale))
    with report.guard("chains"):
        chains(stackdb, report, int(2000 * arguments.scale))
    with report.guard("manners"):
        manners(stackdb, report)


oracle.main("commands", run)
