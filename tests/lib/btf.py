# SPDX-License-Identifier: MIT
"""Types from a .BTF section (Documentation/bpf/btf.rst), written out as C-like text."""

import struct

KINDS = {1: "int", 2: "ptr", 3: "array", 4: "struct", 5: "union", 6: "enum", 7: "fwd",
         8: "typedef", 9: "volatile", 10: "const", 11: "restrict", 12: "func", 13: "proto",
         14: "var", 15: "datasec", 16: "float", 17: "decl_tag", 18: "type_tag", 19: "enum64"}
EXTRA = {"int": 4, "array": 12, "var": 4, "decl_tag": 4}
PER_ITEM = {"struct": 12, "union": 12, "enum": 8, "proto": 8, "datasec": 12, "enum64": 12}


class Btf:
    def __init__(self, data, order="<"):
        self.order = order
        magic, _, _, header = struct.unpack_from(order + "HBBI", data, 0)
        if magic != 0xeb9f:
            raise ValueError("not BTF")
        types, type_size, strings, string_size = struct.unpack_from(order + "IIII", data, 8)
        self.strings = data[header + strings:header + strings + string_size]
        self.types = [None]
        at = header + types
        end = at + type_size
        while at < end:
            at = self.read_type(data, at)

    def name(self, offset):
        return self.strings[offset:self.strings.index(b"\0", offset)].decode()

    def read_type(self, data, at):
        name, info, size = struct.unpack_from(self.order + "III", data, at)
        kind = KINDS[info >> 24 & 31]
        count = info & 0xffff
        flag = info >> 31
        at += 12
        entry = {"kind": kind, "name": self.name(name), "size": size, "target": size, "flag": flag}
        if kind in ("struct", "union"):
            entry["members"] = [self.member(data, at + 12 * i, flag) for i in range(count)]
        elif kind == "array":
            entry["target"], _, entry["count"] = struct.unpack_from(self.order + "III", data, at)
        elif kind == "enum":
            code = "Ii" if flag else "II"
            entry["values"] = [(self.name(n), v) for n, v in (
                struct.unpack_from(self.order + code, data, at + 8 * i) for i in range(count))]
        elif kind == "enum64":
            entry["values"] = [(self.name(n), (high << 32 | low) - (high >> 31 << 64) * flag)
                               for n, low, high in (struct.unpack_from(
                                   self.order + "III", data, at + 12 * i) for i in range(count))]
        elif kind == "proto":
            entry["parameters"] = [(self.name(n), t) for n, t in (
                struct.unpack_from(self.order + "II", data, at + 8 * i) for i in range(count))]
        at += EXTRA.get(kind, 0) + PER_ITEM.get(kind, 0) * count
        self.types.append(entry)
        return at

    def member(self, data, at, bitfields):
        name, type_, offset = struct.unpack_from(self.order + "III", data, at)
        bits = offset >> 24 if bitfields else 0
        return self.name(name), type_, offset & 0xffffff if bitfields else offset, bits

    def aggregates(self):
        """{(kind, name): {(size, ((name, bit offset, bit size, bytes)...))}} of named types."""
        found = {}
        for entry in self.types[1:]:
            if entry["kind"] in ("struct", "union") and entry["name"]:
                found.setdefault((entry["kind"], entry["name"]), set()).add(
                    (entry["size"], tuple(self.flatten(entry, 0))))
        return found

    def flatten(self, entry, base):
        """The members, those of anonymous structs and unions without a name in their place."""
        for name, type_, offset, bits in entry["members"]:
            inner = self.types[type_] if type_ else None
            while inner and inner["kind"] in ("const", "volatile"):
                inner = self.types[inner["target"]] if inner["target"] else None
            if not name and inner and inner["kind"] in ("struct", "union"):
                yield from self.flatten(inner, base + offset)
            else:
                yield name, base + offset, bits, self.size_of(type_)

    def size_of(self, type_, depth=0):
        if not type_ or depth > 50:
            return 0
        entry = self.types[type_]
        kind = entry["kind"]
        if kind == "ptr":
            return 8
        if kind == "array":
            return entry["count"] * self.size_of(entry["target"], depth + 1)
        if kind in ("typedef", "volatile", "const", "restrict", "type_tag"):
            return self.size_of(entry["target"], depth + 1)
        return 0 if kind in ("fwd", "proto") else entry["size"]

    def enums(self):
        """{name: {((name, value)...)}}"""
        found = {}
        for entry in self.types[1:]:
            if entry["kind"] in ("enum", "enum64") and entry["name"] and entry["values"]:
                found.setdefault(entry["name"], set()).add(tuple(entry["values"]))
        return found
