# SPDX-License-Identifier: MIT
"""Debuginfo written by hand, for what no compiler would make: as source for the assembler.

A Die has a tag, attributes (name, form, value) and children. A value may be a number, a string,
bytes (for blocks), another Die (a reference) or text beginning with `=`, put as it is.
"""

TAG = {"array": 0x01, "class": 0x02, "enum": 0x04, "formal_parameter": 0x05, "import": 0x08,
       "lexical_block": 0x0b, "member": 0x0d, "pointer": 0x0f, "compile_unit": 0x11,
       "struct": 0x13, "subroutine": 0x15, "typedef": 0x16, "union": 0x17, "inheritance": 0x1c,
       "inlined": 0x1d, "subrange": 0x21, "base": 0x24, "const": 0x26, "enumerator": 0x28,
       "subprogram": 0x2e, "variable": 0x34, "volatile": 0x35, "namespace": 0x39,
       "imported_unit": 0x3d, "partial_unit": 0x3c, "template_type": 0x2f}
AT = {"sibling": 0x01, "location": 0x02, "name": 0x03, "byte_size": 0x0b, "bit_size": 0x0d,
      "stmt_list": 0x10, "low_pc": 0x11, "high_pc": 0x12, "language": 0x13, "comp_dir": 0x1b,
      "const_value": 0x1c, "upper_bound": 0x2f, "import": 0x18, "abstract_origin": 0x31,
      "count": 0x37, "data_member_location": 0x38, "declaration": 0x3c, "encoding": 0x3e,
      "frame_base": 0x40, "specification": 0x47, "type": 0x49, "ranges": 0x55, "inline": 0x20,
      "data_bit_offset": 0x6b, "call_line": 0x59, "call_file": 0x58, "decl_file": 0x3a,
      "decl_line": 0x3b, "containing_type": 0x1d, "alignment": 0x88, "str_offsets_base": 0x72}
FORM = {"addr": 0x01, "block2": 0x03, "block4": 0x04, "data2": 0x05, "data4": 0x06, "data8": 0x07,
        "string": 0x08, "data1": 0x0b, "sdata": 0x0d, "strp": 0x0e, "udata": 0x0f,
        "ref_addr": 0x10, "ref4": 0x13, "ref8": 0x14, "ref_udata": 0x15, "indirect": 0x16,
        "sec_offset": 0x17, "exprloc": 0x18, "flag_present": 0x19, "strx": 0x1a, "addrx": 0x1b,
        "ref_sup4": 0x1c, "line_strp": 0x1f, "ref_sig8": 0x20, "implicit_const": 0x21,
        "loclistx": 0x22, "rnglistx": 0x23, "strx4": 0x28}
WIDTH = {"addr": ".quad", "data1": ".byte", "data2": ".short", "data4": ".long", "data8": ".quad",
         "strp": ".long", "line_strp": ".long", "sec_offset": ".long", "ref4": ".long",
         "ref8": ".quad", "ref_addr": ".long", "udata": ".uleb128", "sdata": ".sleb128",
         "strx": ".uleb128", "addrx": ".uleb128", "loclistx": ".uleb128", "rnglistx": ".uleb128",
         "strx4": ".long", "ref_sig8": ".quad", "ref_sup4": ".long"}


class Die:
    def __init__(self, tag, *attributes, children=()):
        self.tag = tag
        self.attributes = list(attributes)
        self.children = list(children)

    def add(self, *children):
        self.children += children
        return children[0]


def base(name="int", size=4):
    return Die("base", ("name", "string", name), ("byte_size", "data1", size),
               ("encoding", "data1", 5))


def assemble(root, extra="", version=4, address_size=8):
    """Assembler source of one unit. Walks with a list: the tree may be 10,000 deep."""
    lines = [".text", "begin: .skip 4096, 0x90", "end:",
             '.section .debug_info,"",@progbits', "info:", ".long unit_end - unit_begin",
             "unit_begin:", f".short {version}"]
    if version >= 5:
        lines += [".byte 1", f".byte {address_size}", ".long 0"]
    else:
        lines += [".long 0", f".byte {address_size}"]
    abbreviations = {}
    labels = {}

    def label(die):
        return labels.setdefault(id(die), f"die{len(labels)}")

    stack = [iter([root])]
    while stack:
        die = next(stack[-1], None)
        if die is None:
            stack.pop()
            if stack:
                lines.append(".byte 0")
            continue
        shape = (die.tag, bool(die.children), tuple(
            (name, form, value if form == "implicit_const" else None)
            for name, form, value in die.attributes))
        code = abbreviations.setdefault(shape, len(abbreviations) + 1)
        lines += [f"{label(die)}:", f".uleb128 {code}"]
        for _, form, value in die.attributes:
            lines += attribute(form, value, label)
        if die.children:
            stack.append(iter(die.children))
    lines += ["unit_end:", '.section .debug_abbrev,"",@progbits']
    for (tag, children, attributes), code in abbreviations.items():
        lines.append(f".uleb128 {code}, {TAG.get(tag, tag)}\n.byte {int(children)}")
        for name, form, value in attributes:
            lines.append(f".uleb128 {AT.get(name, name)}, {FORM.get(form, form)}")
            if form == "implicit_const":
                lines.append(f".sleb128 {value}")
        lines.append(".uleb128 0, 0")
    lines += [".uleb128 0", extra, ""]
    return "\n".join(lines)


def attribute(form, value, label):
    if form in ("flag_present", "implicit_const"):
        return []
    if isinstance(value, Die):
        name = label(value)
        if form == "ref_udata":
            return [f".uleb128 {name} - info"]
        return [f"{WIDTH[form]} {name} - info"]
    if isinstance(value, str) and value.startswith("="):
        return [value[1:]]
    if form == "string":
        return [f'.asciz "{value}"']
    if form in ("exprloc", "block2", "block4"):
        size = {"exprloc": ".uleb128", "block2": ".short", "block4": ".long"}[form]
        return [f"{size} {len(value)}"] + [f".byte {byte}" for byte in value]
    return [f"{WIDTH[form]} {value}"]
