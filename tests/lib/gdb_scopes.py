# SPDX-License-Identifier: MIT
# Runs inside gdb: for each address of standard input one JSON line with what gdb
# knows there: the chain of functions and `info scope`.
import json
import sys

import gdb


def symbol_kind(symbol):
    """A label without an address is a variable to gdb, an enumerator a constant."""
    if symbol.is_argument:
        return "parameter"
    if symbol.is_constant and symbol.type.code != gdb.TYPE_CODE_ENUM:
        return "variable"
    return "variable" if symbol.is_variable and symbol.type.code != gdb.TYPE_CODE_VOID else None


def blocks_at(address):
    """From the innermost function outwards: its name and its symbols by block."""
    block = gdb.block_for_pc(address)
    chain = []
    symbols = []
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            kind = symbol_kind(symbol)
            if kind:
                symbols.append([symbol.name, kind, str(symbol.type), symbol.line])
        if block.function is not None:
            chain.append({"function": block.function.name,
                          "linkage": block.function.linkage_name, "symbols": symbols})
            symbols = []
        block = block.superblock
    return chain


for line in sys.stdin:
    address = int(line, 16)
    found = {"address": address, "chain": [], "scope": ""}
    try:
        found["chain"] = blocks_at(address)
        if found["chain"]:
            found["scope"] = gdb.execute("info scope *%#x" % address, to_string=True)
    except gdb.error as error:
        found["error"] = str(error)
    except RuntimeError as error:
        found["error"] = str(error)
    print("@" + json.dumps(found), flush=True)
