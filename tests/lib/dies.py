# SPDX-License-Identifier: MIT
"""Scopes and variables as `readelf -wi -wo` prints them."""

import bisect
import re

import expressions
from elf import Elf
from oracle import peer

DIE = re.compile(r"^ <(\d+)><([0-9a-f]+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)")
ATTRIBUTE = re.compile(r"^    <[0-9a-f]+> +DW_AT_(\w+) *: (.*)$")
WANTED = {"name", "abstract_origin", "specification", "low_pc", "high_pc", "ranges", "location",
          "const_value", "artificial"}
TAGS = {"compile_unit", "subprogram", "lexical_block", "inlined_subroutine", "formal_parameter",
        "variable"}


class Die:
    __slots__ = ("offset", "tag", "depth", "unit", "attributes", "children")

    def __init__(self, offset, tag, depth, unit):
        self.offset, self.tag, self.depth, self.unit = offset, tag, depth, unit
        self.attributes = {}
        self.children = []


class Scopes:
    def __init__(self, path):
        self.path = path
        self.names = {}      # offset -> (name, origin)
        self.functions = []  # subprograms with code
        self.abstract = {}   # offset -> subprogram without code
        self.lists = read_lists(peer(["readelf", "-W", "-woN", path], [path]))
        # readelf 2.40 prints the first list of each table only.
        self.range_lists = (Elf(path).section(".debug_rnglists") or (0, b""))[1]
        self.read(peer(["readelf", "-W", "-wiN", path], [path]))
        spans = []
        for function in self.functions:
            spans += [(low, high, function) for low, high in self.ranges(function)]
        spans.sort(key=lambda span: span[:2])
        self.spans = spans
        self.starts = [span[0] for span in spans]

    def read(self, text):
        stack = []
        die = unit = None
        for line in text.splitlines():
            if line.startswith("    <"):
                if die is not None:
                    found = ATTRIBUTE.match(line)
                    if found and found.group(1) in WANTED:
                        die.attributes[found.group(1)] = found.group(2)
                continue
            found = DIE.match(line)
            if not found:
                continue
            self.finish(die)
            depth, offset, tag = int(found.group(1)), int(found.group(2), 16), found.group(3)
            while stack and stack[-1].depth >= depth:
                stack.pop()
            die = None
            if tag in TAGS:
                parent = stack[-1] if stack and stack[-1].depth == depth - 1 else None
                die = Die(offset, tag, depth, unit)
                if tag == "compile_unit":
                    unit = die
                elif parent is not None:
                    parent.children.append(die)
                stack.append(die)
        self.finish(die)

    def finish(self, die):
        if die is None:
            return
        attributes = die.attributes
        name = attributes.get("name")
        origin = attributes.get("abstract_origin") or attributes.get("specification")
        self.names[die.offset] = (text_of(name) if name else None,
                                  reference(origin) if origin else None)
        if die.tag == "subprogram" and ("low_pc" in attributes or "ranges" in attributes):
            self.functions.append(die)
        elif die.tag == "subprogram":
            self.abstract[die.offset] = die

    def name(self, die):
        offset = die.offset
        for _ in range(20):
            name, origin = self.names.get(offset, (None, None))
            if name or origin is None:
                return name
            offset = origin
        return None

    def origin(self, die):
        """The offset that stands for the same variable in all instances."""
        offset = die.offset
        while self.names.get(offset, (None, None))[1] is not None:
            offset = self.names[offset][1]
        return offset

    def ranges(self, die):
        attributes = die.attributes
        if "ranges" in attributes:
            unit = die.unit.attributes.get("low_pc") if die.unit else None
            return list(range_list(self.range_lists, number(attributes["ranges"]),
                                   number(unit) if unit else 0))
        if "low_pc" not in attributes or "high_pc" not in attributes:
            return []
        low = number(attributes["low_pc"])
        high = number(attributes["high_pc"])
        return [(low, high if attributes["high_pc"].startswith("(addr)") else low + high)]

    def holds(self, die, address):
        return any(low <= address < high for low, high in self.ranges(die))

    def at(self, address):
        """[(function name, [(variable, location)])] from the innermost function outwards; None
        when no function is there. What is in blocks without addresses is in scope nowhere."""
        found = bisect.bisect_right(self.starts, address) - 1
        while found >= 0 and not self.spans[found][1] > address:
            found -= 1
            if found < 0 or self.spans[found][0] < address - (1 << 22):
                return None
        if found < 0:
            return None
        frames = []
        self.descend(self.spans[found][2], address, frames)
        return frames[::-1]

    def descend(self, die, address, frames):
        if die.tag in ("subprogram", "inlined_subroutine"):
            frames.append((self.name(die), []))
        variables = frames[-1][1]
        for child in die.children:
            if child.tag in ("formal_parameter", "variable"):
                variables.append((self.name(child), self.location(child)))
        if die.tag != "lexical_block":
            variables += self.statics(die)
        for child in die.children:
            if child.tag == "lexical_block" and self.holds(child, address):
                self.descend(child, address, frames)
        for child in die.children:
            if child.tag == "inlined_subroutine" and self.holds(child, address):
                self.descend(child, address, frames)

    def statics(self, die):
        """Static variables that only the abstract instance of DIE has, for all its instances."""
        abstract = self.abstract.get(self.origin(die))
        if abstract is None or abstract is die:
            return
        own = {self.origin(variable) for variable in variables_of(die)}
        for variable in variables_of(abstract):
            location = self.location(variable)
            if location and str(location[0]).startswith("addr ") and len(location) == 1 \
                    and variable.offset not in own:
                yield self.name(variable), location

    def location(self, die):
        text = die.attributes.get("location")
        if text is None:
            value = die.attributes.get("const_value")
            return None if value is None else ["value " + value_text(value)]
        if "location list" in text:
            return self.lists.get(number(text), [])
        block = re.search(r"byte block: ((?:[0-9a-f]+ )+)", text)
        if not block:
            return []
        found = re.search(r"\t\((.*?)\)( \[without DW_AT_frame_base\])?$", text)
        return from_readelf(found.group(1)) if found else []


def variables_of(die):
    """Those of a function and its blocks."""
    for child in die.children:
        if child.tag == "variable":
            yield child
        elif child.tag == "lexical_block":
            yield from variables_of(child)


def value_text(text):
    text = re.sub(r"^\(\w+\) ", "", text)
    return str(int(text, 0)) if re.fullmatch(r"-?(0x[0-9a-f]+|\d+)", text) else "bytes"


def text_of(value):
    return re.sub(r"^\(\w+\) (\((?:offset|indirect[^)]*): [^)]*\): ?|\(indexed[^)]*\): )?", "",
                  value).strip()


def number(value):
    return int(re.search(r"\) (0x[0-9a-f]+|\d+)", value).group(1), 0)


def reference(value):
    found = re.search(r"<0x([0-9a-f]+)>", value)
    return int(found.group(1), 16) if found else None


LIST_ENTRY = re.compile(r"^ +([0-9a-f]+) ([0-9a-f]{8,16}) ([0-9a-f]{8,16}) \((.*?)\)( \[without DW_AT_frame_base\])?( \(start == end\))?$")
VIEWED_ENTRY = re.compile(r"^ +([0-9a-f]{8,16}) ([0-9a-f]{8,16}) \((.*?)\)( \[without DW_AT_frame_base\])?( \(start == end\))?$")
VIEW = re.compile(r"^ +([0-9a-f]+) v[0-9a-f]+ v[0-9a-f]+ (views at|location view pair)")
BASE = re.compile(r"^ +([0-9a-f]+) [0-9a-f]{8,16} \(base address\)")


def read_lists(text):
    """{offset: [(low, high, operations)]}"""
    lists = {}
    offset = None
    entries = []
    for line in text.splitlines():
        if "<End of list>" in line:
            if offset is not None:
                lists[offset] = [(l, h, o) for l, h, o in entries if h > l]
            offset, entries = None, []
            continue
        found = VIEW.match(line)
        if found:
            if offset is None and found.group(2) == "views at":
                offset = int(found.group(1), 16)
            continue
        found = BASE.match(line)
        if found:
            offset = int(found.group(1), 16) if offset is None else offset
            continue
        found = LIST_ENTRY.match(line)
        if found:
            offset = int(found.group(1), 16) if offset is None else offset
            entries.append((int(found.group(2), 16), int(found.group(3), 16),
                            from_readelf(found.group(4))))
            continue
        found = VIEWED_ENTRY.match(line)
        if found:
            entries.append((int(found.group(1), 16), int(found.group(2), 16),
                            from_readelf(found.group(3))))
    return lists


def range_list(section, offset, base):
    """The list at OFFSET of .debug_rnglists (DWARF 5, 7.25), without indexed addresses."""
    bytes_ = expressions.Bytes(section)
    bytes_.at = offset
    while True:
        kind = bytes_.uint(1)
        if kind == 4:
            yield base + bytes_.uleb(), base + bytes_.uleb()
        elif kind == 5:
            base = bytes_.uint(8)
        elif kind == 6:
            yield bytes_.uint(8), bytes_.uint(8)
        elif kind == 7:
            low = bytes_.uint(8)
            yield low, low + bytes_.uleb()
        else:
            return


def split_operations(text):
    depth, start = 0, 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == ";" and depth == 0:
            yield text[start:index].strip()
            start = index + 1
    if text[start:].strip():
        yield text[start:].strip()


def from_readelf(text):
    return expressions.loosen([operation(part) for part in split_operations(text)])


def operation(text):
    found = re.match(r"^DW_OP_(\w+)(?: \(\w*\))?:? ?(.*)$", text)
    if not found:
        return text
    name, rest = found.group(1).removeprefix("GNU_"), found.group(2).strip()
    if name == "entry_value":
        return f"entry_value({','.join(from_readelf(rest[1:-1]))})"
    if re.fullmatch(r"lit\d+", name):
        return f"const {name[3:]}"
    if re.fullmatch(r"const(u|s|\d[us])", name):
        return f"const {rest.split()[0]}"
    if name == "addr":
        return f"addr {int(rest, 16):#x}"
    if name == "push_tls_address":
        return "form_tls_address"
    if re.fullmatch(r"reg\d+", name):
        return name
    if re.fullmatch(r"regx", name) and rest.startswith("st"):
        return f"reg{33 + int(rest[2])}"
    if name == "regx":
        return f"reg{rest.split()[0]}"
    if name == "bregx":
        words = rest.split()
        return f"breg{words[0]} {words[-1]}"
    return f"{name} {rest}".strip()
