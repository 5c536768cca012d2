# SPDX-License-Identifier: MIT
# Runs inside gdb: for each type name of standard input one JSON line with `ptype /o` and
# with the fields as gdb's own reader has them (base classes are in no offset column of ptype).
import json
import sys

import gdb


def fields_of(type_):
    fields = []
    for field in type_.strip_typedefs().fields():
        static = not hasattr(field, "bitpos")
        fields.append([field.name, bool(field.is_base_class), static,
                       0 if static else field.bitpos, 0 if static else field.bitsize,
                       0 if static else field.type.sizeof])
    return fields


for line in sys.stdin:
    name = line.rstrip("\n")
    found = {"name": name}
    for keyword in ("struct ", "union ", ""):
        try:
            found["text"] = gdb.execute("ptype /o " + keyword + name, to_string=True)
            break
        except (gdb.error, RuntimeError) as error:
            found["error"] = str(error)
    for keyword in ("struct ", "union ", "enum ", ""):
        try:
            type_ = gdb.lookup_type(keyword + name)
            found["size"] = type_.sizeof
            if type_.strip_typedefs().code == gdb.TYPE_CODE_ENUM:
                found["enumerators"] = [[field.name, field.enumval] for field in type_.strip_typedefs().fields()]
            else:
                found["fields"] = fields_of(type_)
            break
        except (gdb.error, RuntimeError) as error:
            found["error"] = str(error)
    print("@" + json.dumps(found), flush=True)
