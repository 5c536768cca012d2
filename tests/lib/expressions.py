# SPDX-License-Identifier: MIT
"""DWARF expressions as lists of operations, from bytes and from gdb's description.

Both forms end in the same spelling: `reg5`, `breg7 -8`, `fbreg -20`, `addr 0x1000`, `const 5`,
`entry_value(reg5)`, `stack_value`, `piece 4`. Ways to spell the same constant are one
(`lit3`, `const1u 3` are `const 3`): gdb shows the value only.
"""

import re

X86_64 = ("rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split()
          + [f"xmm{i}" for i in range(16)] + [f"st{i}" for i in range(8)])
I386 = ("eax ecx edx ebx esp ebp esi edi eip eflags".split() + [""]
        + [f"st{i}" for i in range(8)] + [""] * 2 + [f"xmm{i}" for i in range(8)])

PLAIN = {
    0x06: "deref", 0x12: "dup", 0x13: "drop", 0x14: "over", 0x16: "swap", 0x17: "rot",
    0x18: "xderef", 0x19: "abs", 0x1a: "and", 0x1b: "div", 0x1c: "minus", 0x1d: "mod",
    0x1e: "mul", 0x1f: "neg", 0x20: "not", 0x21: "or", 0x22: "plus", 0x24: "shl", 0x25: "shr",
    0x26: "shra", 0x27: "xor", 0x29: "eq", 0x2a: "ge", 0x2b: "gt", 0x2c: "le", 0x2d: "lt",
    0x2e: "ne", 0x96: "nop", 0x97: "push_object_address", 0x9b: "form_tls_address",
    0x9c: "call_frame_cfa", 0x9f: "stack_value", 0xe0: "form_tls_address", 0xf0: "uninit",
}


class Bytes:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def uint(self, size):
        self.at += size
        return int.from_bytes(self.data[self.at - size:self.at], "little")

    def sint(self, size):
        self.at += size
        return int.from_bytes(self.data[self.at - size:self.at], "little", signed=True)

    def uleb(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def sleb(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if byte & 0x40 else value

    def block(self, size):
        self.at += size
        return self.data[self.at - size:self.at]


def operation(code, bytes_, address_size):
    """One operation after its code; typed ones without their types, which are renumbered."""
    if code in PLAIN:
        return PLAIN[code]
    if 0x30 <= code <= 0x4f:
        return f"const {code - 0x30}"
    if 0x50 <= code <= 0x6f:
        return f"reg{code - 0x50}"
    if 0x70 <= code <= 0x8f:
        return f"breg{code - 0x70} {bytes_.sleb()}"
    if 0x08 <= code <= 0x0f:
        size = 1 << (code - 8 >> 1)
        return f"const {bytes_.sint(size) if code & 1 else bytes_.uint(size)}"
    if code in (0xa3, 0xf3):
        inner = loosen(decode(bytes_.block(bytes_.uleb()), address_size))
        return f"entry_value({','.join(inner)})"
    if code in (0xa0, 0xf2):
        kind, number = bytes_.uleb(), bytes_.uleb()
        return f"implicit_pointer {kind}:{number} {bytes_.sleb()}"
    return {
        0x03: lambda: f"addr {hex(bytes_.uint(address_size))}",
        0x10: lambda: f"const {bytes_.uleb()}",
        0x11: lambda: f"const {bytes_.sleb()}",
        0x15: lambda: f"pick {bytes_.uint(1)}",
        0x23: lambda: f"plus_uconst {bytes_.uleb()}",
        0x28: lambda: f"bra {bytes_.sint(2)}",
        0x2f: lambda: f"skip {bytes_.sint(2)}",
        0x90: lambda: f"reg{bytes_.uleb()}",
        0x91: lambda: f"fbreg {bytes_.sleb()}",
        0x92: lambda: f"breg{bytes_.uleb()} {bytes_.sleb()}",
        0x93: lambda: f"piece {bytes_.uleb()}",
        0x94: lambda: f"deref_size {bytes_.uint(1)}",
        0x95: lambda: f"xderef_size {bytes_.uint(1)}",
        0x98: lambda: f"call {bytes_.uleb()}:{bytes_.uleb()}",
        0x99: lambda: f"call {bytes_.uleb()}:{bytes_.uleb()}",
        0x9a: lambda: f"call {bytes_.uleb()}:{bytes_.uleb()}",
        0x9d: lambda: f"bit_piece {bytes_.uleb()} {bytes_.uleb()}",
        0x9e: lambda: f"implicit_value {bytes_.block(bytes_.uleb()).hex()}",
        0xa4: lambda: typed_constant(bytes_),
        0xa5: lambda: "regval_type %d%.0s" % (bytes_.uleb(), bytes_.uleb()),
        0xa6: lambda: "deref_type %d%.0s" % (bytes_.uint(1), bytes_.uleb()),
        0xa8: lambda: "convert%.0s" % bytes_.uleb(),
        0xa9: lambda: "reinterpret%.0s" % bytes_.uleb(),
        0xf4: lambda: typed_constant(bytes_),
        0xf5: lambda: "regval_type %d%.0s" % (bytes_.uleb(), bytes_.uleb()),
        0xf6: lambda: "deref_type %d%.0s" % (bytes_.uint(1), bytes_.uleb()),
        0xf7: lambda: "convert%.0s" % bytes_.uleb(),
        0xf9: lambda: "reinterpret%.0s" % bytes_.uleb(),
        0xfa: lambda: f"parameter_ref {bytes_.uleb()}:{bytes_.uleb()}",
        0xfd: lambda: f"variable_value {bytes_.uleb()}:{bytes_.uleb()}",
    }.get(code, lambda: f"unknown {hex(code)}")()


def typed_constant(bytes_):
    bytes_.uleb()
    return f"const_type {bytes_.block(bytes_.uint(1)).hex()}"


def decode(data, address_size=8):
    """The operations of an expression as the database stores it."""
    bytes_ = Bytes(data)
    operations = []
    try:
        while bytes_.at < len(data):
            code = bytes_.uint(1)
            operations.append(operation(code, bytes_, address_size))
            if operations[-1].startswith("unknown"):
                break
    except IndexError:
        operations.append("truncated")
    return operations


# ---- gdb's words ------------------------------------------------------------

GDB_LINE = re.compile(r"^\s+\d+: DW_OP_(\w+)(.*)$")


def register(name, names):
    return names.index(name) if name in names else name


def gdb_operation(name, rest):
    rest = re.sub(r"\s*\[\$?\w+\]$", "", rest.strip())
    name = name.removeprefix("GNU_")
    if re.fullmatch(r"lit\d+", name):
        return f"const {name[3:]}"
    if re.fullmatch(r"const(u|s|\d[us])", name):
        return f"const {rest.split()[0]}"
    if name == "push_tls_address":
        return "form_tls_address"
    if name == "regx":
        return f"reg{rest.split()[0]}"
    if name in ("convert", "reinterpret", "implicit_pointer", "call", "parameter_ref", "call2",
                "call4", "variable_value", "const_type"):
        return name.rstrip("24")
    if name == "regval_type":
        return name
    if name == "deref_type":
        return name
    return f"{name} {rest}".strip()


def loosen(operations):
    """Drops what one side does not show: the numbers that stand for entries and types."""
    loose = []
    for text in operations:
        word = text.split(" ")[0]
        if word in ("convert", "reinterpret", "implicit_pointer", "call", "parameter_ref",
                    "variable_value", "regval_type", "deref_type", "const_type", "bit_piece",
                    "implicit_value", "bra", "skip"):
            text = word
        elif word in ("addrx", "addr_index"):
            text = f"addr {text.split(' ')[1]}"
        elif word.startswith("breg") or word.startswith("entry_value"):
            text = re.sub(r"(breg\d+) (-?\d+).*", r"\1 \2", text)
        loose.append(text)
    return loose


PIECE = re.compile(
    r"an empty (?P<empty>\d+)-byte piece"
    r"|a variable in \$(?P<reg>\w+)"
    r"|a variable at frame base reg \$\w+ offset (?P<base>-?\d+)\+(?P<fb>-?\d+)"
    r"|a variable at offset (?P<off>-?\d+) from base reg \$(?P<breg>\w+)"
    r"|(?:in )?static storage at address (?P<addr>0x[0-9a-f]+)"
    r"|a constant with value (?P<value>-?\d+) \(0x[0-9a-f]+\)"
    r"|a thread-local variable at offset (?P<tls>0x[0-9a-f]+) in the thread-local storage"
    r" for `[^']*'"
    r"|the constant (?P<const>-?\d+)"
    r"|(?P<blob>constant bytes:[ 0-9a-f]*)"
    r"|(?P<gone>optimized out)"
    r"|a complex DWARF expression:(?P<complex>(?:\s*\d+: DW_OP_[^\n]*)*)"
    r"|\[(?P<piece>\d+)-byte piece\]|\[(?P<bits>\d+)-bit piece[^\]]*\]")


def from_gdb(text, names):
    """The operations that gdb describes in TEXT; None when it uses words not known here."""
    operations = []
    at = 0
    while True:
        while at < len(text) and (text[at] in " \n," or text.startswith("and ", at)):
            at += 4 if text.startswith("and ", at) else 1
        if at >= len(text):
            return operations
        found = PIECE.match(text, at)
        if not found:
            return None
        at = found.end()
        part = found.groupdict()
        if part["empty"]:
            operations.append(f"piece {part['empty']}")
        elif part["reg"]:
            operations.append(f"reg{register(part['reg'], names)}")
        elif part["fb"]:
            operations.append(f"fbreg {part['fb']}")
        elif part["off"]:
            operations.append(f"breg{register(part['breg'], names)} {part['off']}")
        elif part["addr"]:
            operations.append(f"addr {part['addr']}")
        elif part["tls"]:
            operations += [f"const {int(part['tls'], 16)}", "form_tls_address"]
        elif part["blob"]:
            operations.append("value bytes")
        elif part["value"]:
            operations.append(f"value {part['value']}")
        elif part["const"]:
            operations += [f"const {part['const']}", "stack_value"]
        elif part["complex"] is not None:
            operations += complex_operations(part["complex"])
        elif part["piece"]:
            operations.append(f"piece {part['piece']}")
        elif part["bits"]:
            operations.append("bit_piece")


def complex_operations(text):
    """gdb indents what is inside an entry value by two more columns."""
    operations = []
    inner = None
    for line in text.splitlines():
        found = GDB_LINE.match(line)
        if not found:
            continue
        indent = len(line) - len(line.lstrip())
        code = gdb_operation(found.group(1), found.group(2))
        if code.split(" ")[0] == "entry_value":
            inner = []
            depth = indent
            operations.append(inner)
        elif inner is not None and indent > depth:
            inner.append(code)
        else:
            inner = None
            operations.append(code)
    return [o if isinstance(o, str) else f"entry_value({','.join(loosen(o))})"
            for o in operations]
