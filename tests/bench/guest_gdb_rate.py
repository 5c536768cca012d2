# SPDX-License-Identifier: MIT
"""Run by gdb that is connected to a guest's stub, for tests/bench/guests: the kernel backtrace of the task with thread
number $TID, without what loading cost (`TASK milliseconds`), or how many hits a second of a breakpoint at $PLACE with a
handler that reads two arguments and a string (`RATE hits`), for $SECONDS."""

import os
import time

import gdb  # pylint: disable=import-error

with open(f"{os.path.dirname(os.path.abspath(__file__))}/../lib/guest_gdb.py", encoding="ascii") as file:
    exec(file.read().rpartition("\nmain()")[0])  # its functions
offset, word, sleeping, all_tasks, number, SAVED = (globals()[name] for name in
                                                    "offset word sleeping all_tasks number SAVED".split())


class Reading(gdb.Breakpoint):
    """Goes on by itself until the time is over."""

    hits = end = 0

    def stop(self):
        Reading.hits += 1
        frame = gdb.selected_frame()
        int(frame.read_register("rdi"))
        bytes(gdb.selected_inferior().read_memory(int(frame.read_register("rsi")) & (1 << 64) - 1, 16))
        return time.monotonic() > Reading.end


def rate():
    probe = Reading(os.environ["PLACE"])
    begin = time.monotonic()
    Reading.end = begin + float(os.environ["SECONDS"])
    gdb.execute("continue", to_string=True)
    print("RATE", Reading.hits / (time.monotonic() - begin))
    probe.delete()


def task(tid):
    pid, sp = offset("struct task_struct", "pid"), offset("struct task_struct", "thread.sp")
    address = next(each for each in all_tasks() if word(each + pid, 4) == tid)
    before = {name: number(f"${name}") for name in SAVED}
    begin = time.monotonic()
    sleeping(address, word(address + sp))
    gdb.execute("bt 32", to_string=True)
    print("TASK", (time.monotonic() - begin) * 1e3)
    for name, value in before.items():
        gdb.execute(f"set ${name} = {value}")


if "TID" in os.environ:
    task(int(os.environ["TID"]))
else:
    rate()
