# SPDX-License-Identifier: MIT
"""Debuginfo that nobody means well with. Each function yields (name, assembler source)."""

from dwarfasm import Die, assemble, base

TEXT = ('.section .debug_str,"MS",@progbits,1\n.asciz "str"\n')


def unit(*children, attributes=()):
    return Die("compile_unit", ("name", "string", "hostile.c"), ("language", "data1", 12),
               ("low_pc", "addr", "begin"), ("high_pc", "data8", "end - begin"), *attributes,
               children=children)


def subprogram(*children, name="function", attributes=()):
    return Die("subprogram", ("name", "string", name), ("low_pc", "addr", "begin"),
               ("high_pc", "data8", "end - begin"), *attributes, children=children)


def cycles():
    """References that lead back to where they came from."""
    for tag in ("typedef", "const", "volatile", "pointer", "array", "subroutine"):
        die = Die(tag, ("name", "string", f"cyclic_{tag}"))
        die.attributes.append(("type", "ref4", die))
        yield f"{tag} of itself", assemble(unit(die, variable(die)))
    one, two = Die("const"), Die("volatile")
    one.attributes.append(("type", "ref4", two))
    two.attributes.append(("type", "ref4", one))
    yield "const volatile const", assemble(unit(one, two, variable(one)))
    for attribute in ("specification", "abstract_origin"):
        die = subprogram()
        die.attributes.append((attribute, "ref4", die))
        yield f"{attribute} of itself", assemble(unit(die))
        first, second = subprogram(name="first"), subprogram(name="second")
        first.attributes.append((attribute, "ref4", second))
        second.attributes.append((attribute, "ref4", first))
        yield f"{attribute} in a circle", assemble(unit(first, second))
    inner = Die("struct", ("name", "string", "inside_itself"), ("byte_size", "data1", 8))
    inner.add(Die("member", ("name", "string", "self"), ("type", "ref4", inner),
                  ("data_member_location", "data1", 0)))
    yield "a struct that contains itself", assemble(unit(inner, variable(inner)))
    derived = Die("class", ("name", "string", "own_parent"), ("byte_size", "data1", 8))
    derived.add(Die("inheritance", ("type", "ref4", derived),
                    ("data_member_location", "data1", 0)))
    yield "a class that inherits itself", assemble(unit(derived, variable(derived)))
    root = unit()
    root.add(Die("imported_unit", ("import", "ref4", root)))
    yield "a unit that imports itself", assemble(root)
    block = Die("lexical_block", ("low_pc", "addr", "begin"), ("high_pc", "data8", 16))
    inlined = Die("inlined", ("low_pc", "addr", "begin"), ("high_pc", "data8", 8))
    inlined.attributes.append(("abstract_origin", "ref4", inlined))
    yield "inlined into itself", assemble(unit(subprogram(block, inlined)))
    sibling = Die("typedef", ("name", "string", "loop"))
    sibling.attributes.append(("sibling", "ref4", sibling))
    yield "a sibling that is itself", assemble(unit(sibling, base()))


def variable(type_, name="variable"):
    return Die("variable", ("name", "string", name), ("type", "ref4", type_),
               ("location", "exprloc", b"\x03" + bytes(8)))


def deep(count=10000):
    """Nesting and chains far deeper than any stack."""
    leaf = base()
    for tag, attributes in (
            ("lexical_block", [("low_pc", "addr", "begin"), ("high_pc", "data8", 64)]),
            ("namespace", [("name", "string", "n")]),
            ("struct", [("name", "string", "s"), ("byte_size", "data1", 4)]),
            ("inlined", [("low_pc", "addr", "begin"), ("high_pc", "data8", 64)])):
        die = Die(tag, *attributes, children=[variable(leaf, "innermost")])
        origin = subprogram(name="origin", attributes=[("inline", "data1", 1)])
        if tag == "inlined":
            die.attributes.append(("abstract_origin", "ref4", origin))
        for _ in range(count):
            die = Die(tag, *die.attributes, children=[die])
        if tag in ("lexical_block", "inlined"):
            die = subprogram(die)
        yield f"{tag} {count} deep", assemble(unit(leaf, origin, die))
    for tag in ("pointer", "const", "typedef", "array"):
        chain = [base()]
        for index in range(count):
            chain.append(Die(tag, ("name", "string", f"t{index}"), ("type", "ref4", chain[-1])))
        yield f"a chain of {count} {tag}s", assemble(unit(*chain, variable(chain[-1])))
    structs = [base()]
    for index in range(count):
        structs.append(Die("struct", ("name", "string", f"s{index}"), ("byte_size", "data1", 4),
                           children=[Die("member", ("name", "string", "m"),
                                         ("type", "ref4", structs[-1]))]))
    yield f"{count} structs in each other", assemble(unit(*structs, variable(structs[-1])))
    origins = [subprogram(name="o0")]
    for index in range(count):
        origins.append(Die("subprogram", ("abstract_origin", "ref4", origins[-1]),
                           ("low_pc", "addr", "begin"), ("high_pc", "data8", 16)))
    yield f"{count} abstract origins", assemble(unit(*origins))


def absurd():
    """Numbers that nothing real has."""
    number = base()
    huge = Die("array", ("type", "ref4", number), children=[
        Die("subrange", ("upper_bound", "data8", 0x7fffffffffffffff)) for _ in range(8)])
    yield "an array of 2^63 elements, eight times over", assemble(unit(number, huge,
                                                                       variable(huge)))
    wide = Die("struct", ("name", "string", "wide"), ("byte_size", "data8", 0xffffffffffffffff),
               children=[Die("member", ("name", "string", "far"), ("type", "ref4", number),
                             ("data_member_location", "data8", 0xfffffffffffffff0)),
                         Die("member", ("name", "string", "bits"), ("type", "ref4", number),
                             ("bit_size", "udata", 0xffffffffffffffff),
                             ("data_bit_offset", "udata", 0xffffffffffffffff))])
    yield "members beyond the end of memory", assemble(unit(number, wide, variable(wide)))
    yield "a string beyond its section", assemble(unit(
        Die("typedef", ("name", "strp", 0x7fffffff), ("type", "ref4", number)), number), TEXT)
    yield "a string index beyond its table", assemble(unit(
        Die("typedef", ("name", "strx", 0x7fffffff)), number), TEXT, version=5)
    yield "references outside the unit", assemble(unit(
        Die("typedef", ("name", "string", "out"), ("type", "ref4", 0x7fffffff)),
        Die("typedef", ("name", "string", "out8"), ("type", "ref8", 0xfffffffffffffff0)),
        Die("typedef", ("name", "string", "sig"), ("type", "ref_sig8", 12345)),
        Die("typedef", ("name", "string", "sup"), ("type", "ref_sup4", 12345)),
        Die("typedef", ("name", "string", "mid"), ("type", "ref4", 13)), number))
    yield "a block longer than the section", assemble(unit(
        Die("variable", ("name", "string", "long_block"),
            ("location", "block4", b""), ("location", "exprloc", "=.uleb128 0xffffffffffffffff"))))
    yield "a range that wraps around", assemble(unit(
        subprogram(attributes=[("frame_base", "exprloc", b"\x9c")]),
        Die("subprogram", ("name", "string", "wraps"), ("low_pc", "addr", 0xfffffffffffffff0),
            ("high_pc", "data8", 0xffffffffffffff00)),
        Die("subprogram", ("name", "string", "backwards"), ("low_pc", "addr", 0x1000),
            ("high_pc", "addr", 0x10))))
    yield "range and location lists from nowhere", assemble(unit(
        Die("subprogram", ("name", "string", "nowhere"), ("ranges", "sec_offset", 0xfffffff0)),
        variable(number), Die("variable", ("name", "string", "listed"),
                              ("location", "sec_offset", 0xfffffff0)), number))
    yield "unknown tags and attributes", assemble(unit(
        Die(0x7fff, (0x3ffe, "string", "what"), ("name", "string", "odd"), children=[number]),
        Die(0x10000, ("name", "string", "large tag"))))
    yield "an indirect form of an indirect form", assemble(unit(
        Die("typedef", ("name", "indirect", "=" + ".uleb128 0x16\n" * 2000 + ".uleb128 8\n"
                        '.asciz "deep"'))))
    many = [Die("enumerator", ("name", "string", "e"), ("const_value", "sdata", -index))
            for index in range(20000)]
    yield "20,000 equal enumerators", assemble(unit(Die("enum", ("byte_size", "data1", 4),
                                                        children=many)))
    yield "an expression of odd operations", assemble(unit(
        Die("variable", ("name", "string", "odd"),
            ("location", "exprloc", bytes(range(256)))), number))
    yield "nested entry values", assemble(unit(
        Die("variable", ("name", "string", "entries"),
            ("location", "exprloc", nested_entry_values()))))
    yield "a name of a megabyte", assemble(unit(
        Die("typedef", ("name", "string", "x" * (1 << 20)), ("type", "ref4", number)), number))
    yield "a unit longer than the section", assemble(unit(number)).replace(
        ".long unit_end - unit_begin", ".long 0x7fffffff")
    yield "a unit of reserved length", assemble(unit(number)).replace(
        ".long unit_end - unit_begin", ".long 0xfffffff5")
    yield "address size 255", assemble(unit(number), address_size=255)
    yield "DWARF version 77", assemble(unit(number), version=77)


def nested_entry_values():
    inner = b"\x50"
    while len(inner) < 120:
        inner = b"\xa3" + bytes([len(inner)]) + inner
    return inner


def lines():
    """Line programs: `header` is after the length."""
    def program(body, header=None):
        header = header or (".short 4\n.long 9f - 8f\n8: .byte 1, 1, 1, -5, 14, 13\n"
                            ".byte 0,1,1,1,1,0,0,0,1,0,0,1\n"
                            '.byte 0\n.asciz "a.c"\n.uleb128 0, 0, 0\n.byte 0\n9:\n')
        return assemble(unit(attributes=[("stmt_list", "sec_offset", 0)]),
                        '.section .debug_line,"",@progbits\n.long 7f - 6f\n6:\n'
                        + header + body + "\n7:\n")

    start = ".byte 0, 9, 2\n.quad begin\n"
    finish = ".byte 0, 1, 1\n"
    yield "a file number from nowhere", program(
        start + ".byte 4\n.uleb128 0xffffffff\n.byte 1\n" + finish)
    yield "line numbers below zero", program(
        start + ".byte 3\n.sleb128 -0x7fffffffffffffff\n.byte 1\n.byte 3\n"
        ".sleb128 0x7fffffff\n.byte 1\n" + finish)
    yield "addresses that go backwards", program(
        start + (".byte 1, 2\n.uleb128 0xfffffffffffffff0\n") * 200 + finish)
    yield "100,000 rows at one address", program(start + ".fill 100000, 1, 1\n" + finish)
    yield "no end of sequence", program(start + ".byte 1, 1, 1\n")
    yield "an extended opcode longer than the program", program(".byte 0\n.uleb128 0x7fffffff\n")
    yield "a line range of zero", program(start + ".byte 200\n" + finish, (
        ".short 4\n.long 9f - 8f\n8: .byte 1, 1, 1, -5, 0, 13\n.byte 0,1,1,1,1,0,0,0,1,0,0,1\n"
        ".byte 0, 0\n9:\n"))
    yield "a header longer than the program", program(start, ".short 4\n.long 0x7fffffff\n")
    yield "a table of 2^60 files", program("", (
        ".short 5\n.byte 8, 0\n.long 9f - 8f\n8: .byte 1, 1, 1, -5, 14, 1\n"
        ".byte 1\n.uleb128 1, 0x1f\n.uleb128 0xfffffffffffffff\n.byte 1\n.uleb128 1, 8\n"
        ".uleb128 0xfffffffffffffff\n9:\n"))


def frames():
    """Call frame information."""
    def section(body, initial=".byte 0x0c, 7, 8, 0x90, 1\n", code="1", data="-8"):
        return assemble(unit(base()), (
            '.section .eh_frame,"a",@progbits\neh:\n.long 2f - 1f\n1: .long 0\n.byte 1\n'
            f'.asciz "zR"\n.uleb128 {code}\n.sleb128 {data}\n.byte 16\n.uleb128 1\n.byte 0\n'
            f"{initial}.balign 8\n2:\n.long 4f - 3f\n3: .long 3b - eh\n.quad begin\n"
            f".quad end - begin\n.uleb128 0\n{body}\n.balign 8\n4:\n"))

    yield "a million remembered states", section(".fill 1000000, 1, 0x0a\n")
    yield "restoring what was not remembered", section(".byte 0x0b, 0x0b\n")
    yield "advancing beyond the end", section(
        ".byte 4\n.long 0xffffffff\n.byte 0x0e, 16\n" * 50)
    yield "registers beyond any machine", section(
        ".byte 5\n.uleb128 0xffffffffffff, 8\n.byte 0x0c\n.uleb128 0xffffffffffff, 8\n")
    yield "a frame expression longer than the entry", section(".byte 0x0f\n.uleb128 0x7fffffff\n")
    yield "alignment factors of 2^63", section(
        ".byte 0x41, 0x0e\n.uleb128 0x7fffffffffffffff\n.byte 0x83, 0x7f\n",
        code="0x7fffffffffffffff", data="-0x7fffffffffffffff")
    yield "100,000 rows in one entry", section(".fill 50000, 4, 0x100e410e\n")
    yield "every opcode", section("\n".join(f".byte {n}, 1, 1, 1" for n in range(64)))
    yield "an entry whose CIE is itself", section("").replace("3b - eh", "0f - 0f")


def all_sources(count=10000):
    for function in (cycles, lines, frames, absurd):
        yield from function()
    yield from deep(count)
