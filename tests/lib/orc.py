# SPDX-License-Identifier: MIT
"""The raw ORC table of an x86 kernel image or module (arch/x86/include/asm/orc_types.h)."""

import struct

from oracle import Unavailable

REGISTERS = {0: None, 1: "prev_sp", 2: "dx", 3: "di", 4: "bp", 5: "sp", 6: "r10", 7: "r13",
             8: "bp_indirect", 9: "sp_indirect"}


def raw_rows(elf, place=None):
    """[(address, sp_reg, sp_offset, bp_reg, bp_offset, type bits, signal/end bit)] by address.

    The type's bits are those of Linux 5.x-6.3 (2 bits, then the bit `end`) or of 6.4
    (3 bits, then `signal`): both versions have the fields at the same bits below.
    PLACE gives the address of a section by its index (relocatable files).
    """
    addresses, entries = elf.section(".orc_unwind_ip"), elf.section(".orc_unwind")
    if not addresses or not entries:
        raise Unavailable("no ORC tables")
    base, data = addresses
    relocations = elf.relocations(".orc_unwind_ip") if elf.type == 1 else {}
    rows = []
    for index in range(len(data) // 4):
        if relocations:
            section, value, _, addend = relocations[index * 4]
            address = place(section) + value + addend
        else:
            address = base + index * 4 + struct.unpack_from("<i", data, index * 4)[0]
        sp_offset, bp_offset, flags = struct.unpack_from("<hhH", entries[1], index * 6)
        rows.append((address & 0xffffffffffffffff, flags & 15, sp_offset, flags >> 4 & 15,
                     bp_offset, flags >> 8))
    rows.sort(key=lambda row: row[0])
    return rows
