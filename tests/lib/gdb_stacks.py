# SPDX-License-Identifier: MIT
"""Runs inside gdb and stays: prints the stacks of one process again and again, as JSON, a line for each
time that it reads a line. tests/oracle/backtraces.py starts it.

Loading symbols takes gdb most of a second, so it does that once: it stays attached to a second process
of the same program ($ANCHOR), whose symbols the one that it is asked about ($PID) shares.

    {"threads": {tid: [[kind, pc, function, file, line, {argument: values}, {local: values}, entry], ...]}}

ENTRY are the names of entry values that gdb did not find, and of all those of inlined functions.
"""
import json
import os
import re
import sys

import gdb

VALUES = bool(os.environ.get("VALUES"))
KINDS = {gdb.NORMAL_FRAME: "normal", gdb.INLINE_FRAME: "inlined", gdb.SIGTRAMP_FRAME: "signal",
         gdb.TAILCALL_FRAME: "tail call"}

for setting in ("width 0", "height 0", "confirm off", "pagination off", "debuginfod enabled off", "print entry-values no",
                "backtrace past-main on", "print raw-values on", "print thread-events off", "print inferior-events off",
                "print asm-demangle off", "auto-load no"):
    gdb.execute("set " + setting)


def attach(pid):
    gdb.execute(f"attach {pid}", to_string=True)


def variables(command):
    """{name: [values]} of `info locals` or `info args`; each is on one line."""
    found = {}
    for line in gdb.execute(command, to_string=True).splitlines():
        match = re.match(r"([\w.]+|<[^>]*>) = (.*)", line)
        if match:
            found.setdefault(match.group(1), []).append(match.group(2))
    return found


def entry_values(inlined, *groups):
    names = []
    for name, values in ((name, values) for group in groups for name, values in group.items()):
        try:
            if (inlined or "<optimized out>" in values) and "entry_value" in gdb.execute(f"info address {name}", to_string=True):
                names.append(name)
        except gdb.error:
            pass
    return names


def describe(frame):
    place = frame.find_sal()
    row = [KINDS.get(frame.type(), "other"), frame.pc(), frame.name(),
           os.path.basename(place.symtab.filename) if place.symtab else None, place.line if place.symtab else 0]
    if VALUES and frame.function():
        frame.select()
        gdb.execute("set print demangle off")  # symbols behind addresses
        row += [variables("info args"), variables("info locals")]
        row.append(entry_values(row[0] == "inlined", *row[5:]))
        gdb.execute("set print demangle on")
    return row


def stack():
    frame, rows = gdb.newest_frame(), []
    while frame is not None and len(rows) < 3000:
        rows.append(describe(frame))
        try:
            frame = frame.older()
        except gdb.error:
            break
    return rows


def main():
    attach(os.environ["ANCHOR"])
    gdb.execute("add-inferior", to_string=True)
    gdb.execute("inferior 2", to_string=True)
    real = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what gdb prints of its own accord is not the answer
    print("ready", file=real, flush=True)
    for _ in sys.stdin:
        attach(os.environ["PID"])
        answer = {}
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            answer[thread.ptid[1]] = stack()
        gdb.execute("detach", to_string=True)
        print(json.dumps({"threads": answer}), file=real, flush=True)


try:
    main()
except Exception:
    import traceback
    traceback.print_exc()
gdb.execute("kill inferiors 1", to_string=True)
