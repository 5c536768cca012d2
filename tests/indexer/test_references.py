#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""References from expressions and bounds to variables, in debuginfo written by hand.

usage: test_references.py STACKDB
"""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from dwarfasm import Die, assemble, base  # noqa: E402

# The entries get the labels die0, die1, ... in their order.
NUMBER = base()
HELD = Die("variable", ("name", "string", "held"), ("type", "ref4", NUMBER),
           ("location", "exprloc", b"\x03" + bytes(8)))


def array(bound):
    return Die("array", ("type", "ref4", NUMBER), children=[
        Die("subrange", ("type", "ref4", NUMBER), bound)])


def function(name, low, *children):
    return Die("subprogram", ("name", "string", name), ("low_pc", "addr", f"begin + {low}"),
               ("high_pc", "data4", 16), children=children)


def local(name, *attributes):
    return Die("variable", ("name", "string", name), *attributes)


def source():
    bounded = array(("upper_bound", "ref4", HELD))
    first, second = (local(name, ("type", "ref4", NUMBER), ("location", "exprloc", b"\x91\x00"))
                     for name in ("first", "second"))
    of_first, of_second, fixed = (array(("upper_bound", "ref4", first)), array(("upper_bound", "ref4", second)),
                                  array(("upper_bound", "data1", 7)))
    # implicit_pointer to HELD, which is die2
    points = "=.uleb128 6\n.byte 0xa0\n.long die2 - info\n.sleb128 0"
    computed = array(("upper_bound", "exprloc", "=.uleb128 5\n.byte 0xfd\n.long die2 - info"))
    # in g() one function is inlined into another, whose parameters point to `second`, which is die11
    to_second = "=.uleb128 6\n.byte 0xa0\n.long die11 - info\n.sleb128 0"
    parameter = Die("formal_parameter", ("name", "string", "given"), ("type", "ref4", NUMBER))
    abstract = Die("subprogram", ("name", "string", "tiny"), ("inline", "data1", 1), children=[parameter])

    def inlined(low, high, *children):
        return Die("inlined", ("abstract_origin", "ref4", abstract), ("low_pc", "addr", f"begin + {low}"),
                   ("high_pc", "data4", high - low), children=[
                       Die("formal_parameter", ("abstract_origin", "ref4", parameter),
                           ("location", "exprloc", to_second)), *children])

    inside = inlined(66, 78, inlined(68, 70))
    return assemble(Die("compile_unit", ("name", "string", "made.c"), ("language", "data1", 12),
                        ("low_pc", "addr", "begin"), ("high_pc", "data4", 4096), children=[
                            NUMBER, HELD, bounded, local("many", ("type", "ref4", bounded)),
                            of_first, of_second, fixed, computed,
                            function("f", 0, first, local("array1", ("type", "ref4", of_first)),
                                     local("pointer", ("type", "ref4", NUMBER), ("location", "exprloc", points))),
                            function("g", 64, second, local("array2", ("type", "ref4", of_second)),
                                     inside, local("array3", ("type", "ref4", fixed)),
                                     local("array4", ("type", "ref4", computed))),
                            abstract]))


def main():
    stackdb = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        made, database = os.path.join(work, "made"), os.path.join(work, "made.sdb")
        subprocess.run(["gcc", "-c", "-x", "assembler", "-o", made, "-"], input=source(), text=True, check=True)
        subprocess.run([stackdb, "index", "-o", database, made], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([stackdb, "info", "--verify", database], check=True, stdout=subprocess.DEVNULL)
        text = subprocess.run([stackdb, "dumpdebuginfo", database], capture_output=True, text=True, check=True).stdout
    wanted = [r"int many\[held\]", r"int array1\[\*\]", r"int array2\[\*\]", r"int array3\[8\]", r"int array4\[\*\]",
              r"pointer\b.*points to held\b", r"given\b.*points to local 0 of the function around it\n",
              r"given\b.*points to local 0 of the function around it, 2 further out\n"]
    missing = [pattern for pattern in wanted if not re.search(pattern, text)]
    for pattern in missing:
        print("not ok -", pattern, "is not in:\n" + text)
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
