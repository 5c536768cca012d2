# SPDX-License-Identifier: MIT
"""Runs inside gdb: how many hits a second of a breakpoint with a handler that reads one argument, of a
function and its return, of a watchpoint; each for $SECONDS in the process $PID that probe_rate started.
tests/bench/live starts it."""
import os
import time

import gdb

SECONDS = float(os.environ["SECONDS"])
for setting in ("pagination off", "confirm off", "debuginfod enabled off"):
    gdb.execute("set " + setting)


class Counting(gdb.Breakpoint):
    """Goes on by itself until the time is over."""

    hits = 0

    def stop(self):
        Counting.hits += 1
        int(gdb.selected_frame().read_register("rdi"))
        return time.monotonic() > Counting.end


def rate(*places, **options):
    probes = [Counting(place, **options) for place in places]
    Counting.hits = 0
    begin = time.monotonic()
    Counting.end = begin + SECONDS
    gdb.execute("continue", to_string=True)
    found = Counting.hits / (time.monotonic() - begin)
    for probe in probes:
        probe.delete()
    return found


gdb.execute(f"attach {os.environ['PID']}", to_string=True)
end = int(gdb.parse_and_eval("(unsigned long)&hot_end")) - 1  # its return
print("RATE breakpoint", rate("*hot"))
print("RATE function and return", rate("*hot", f"*{end:#x}"))
print("RATE watchpoint", rate("*(long *)&hot_variable", type=gdb.BP_WATCHPOINT, wp_class=gdb.WP_WRITE))
gdb.execute("detach", to_string=True)
