# SPDX-License-Identifier: MIT
# Runs inside gdb: for each address of standard input one JSON line with what gdb
# knows there: the chain of functions and `info scope`.
import json
import sys

import gdb


def symbol_kind(symbol):
    if symbol.is_argument:
        return "parameter"
    return "variable" if symbol.is_variable else "other"


def blocks_at(address):
    """From the innermost function outwards: its name and its symbols by block."""
    block = gdb.block_for_pc(address)
    chain = []
    symbols = []
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            if symbol.is_argument or symbol.is_variable:
                symbols.append([symbol.name, symbol_kind(symbol), str(symbol.type), symbol.line])
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
