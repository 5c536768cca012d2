# SPDX-License-Identifier: MIT
"""Just enough of ELF to read a section's bytes without any of the code under test."""

import mmap
import struct
import zlib

SHF_COMPRESSED = 0x800
SHT_NOBITS = 8
SHT_RELA = 4


class Elf:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.wide = self.data[4] == 2
        self.order = "<" if self.data[5] == 1 else ">"
        fields = self.unpack("HHIQQQIHHHHHH" if self.wide else "HHIIIIIHHHHHH", 16)
        self.type, self.machine, _, self.entry = fields[:4]
        offset, size, count, names = fields[5], fields[10], fields[11], fields[12]
        self.sections = [self.header(offset + i * size) for i in range(count)]
        strings = self.sections[names]
        for section in self.sections:
            section["name"] = self.string(strings["offset"] + section["name"])
        self.by_name = {s["name"]: s for s in reversed(self.sections)}

    def unpack(self, codes, offset):
        return struct.unpack_from(self.order + codes, self.data, offset)

    def header(self, at):
        keys = ("name", "type", "flags", "address", "offset", "size", "link", "info", "align",
                "entsize")
        return dict(zip(keys, self.unpack("IIQQQQIIQQ" if self.wide else "IIIIIIIIII", at)))

    def string(self, at):
        return self.data[at:self.data.find(b"\0", at)].decode(errors="replace")

    def section(self, name):
        """(address, bytes) of a section, or None."""
        section = self.by_name.get(name)
        if not section or section["type"] == SHT_NOBITS:
            return None
        data = self.data[section["offset"]:section["offset"] + section["size"]]
        if section["flags"] & SHF_COMPRESSED:
            data = zlib.decompress(data[24 if self.wide else 12:])
        return section["address"], data

    def relocations(self, name):
        """{offset: (symbol's section index, symbol value, type, addend)} of section NAME."""
        section = self.by_name.get(".rela" + name)
        found = {}
        if not section:
            return found
        symbols = self.sections[section["link"]]
        for at in range(section["offset"], section["offset"] + section["size"], 24):
            offset, info, addend = self.unpack("QQq", at)
            _, _, _, index, value, _ = self.unpack(
                "IBBHQQ", symbols["offset"] + (info >> 32) * 24)
            found[offset] = (index, value, info & 0xffffffff, addend)
        return found
