# SPDX-License-Identifier: MIT
"""The numbers with which tests/bench/task_loop.c lists a guest's tasks: offsets from a database, addresses from the
guest itself."""

import json
import os
import re
import subprocess

from oracle import Failure


def offset(stackdb, kernel, chain, store):
    """Where a member lies, such as `task_struct.pid`."""
    text = subprocess.run([stackdb, "type", "-m", kernel.vmlinux, "--json", chain], capture_output=True, text=True,
                          env=dict(os.environ, STACKDB_STORE=store))
    if text.returncode == 0:
        return json.loads(text.stdout.splitlines()[0])["steps"][-1]["offset"]
    raise Failure(f"{stackdb} type {chain}: {text.stdout[-300:]} {text.stderr}")


def task_loop_arguments(guest, stackdb, store):
    kernel = guest.kernel
    wanted = {name: f"task_struct.{name}" for name in ("tasks", "thread_node", "signal", "pid", "tgid", "comm")}
    known = {name: offset(stackdb, kernel, chain, store) for name, chain in wanted.items()}
    known["thread_head"] = offset(stackdb, kernel, "signal_struct.thread_head", store)
    try:
        known["state"] = offset(stackdb, kernel, "task_struct.__state", store)
    except Failure:  # before Linux 5.14 (2f064a59a11f)
        known["state"] = offset(stackdb, kernel, "task_struct.state", store)
    kallsyms = {}
    for line in guest.shell("grep -E ' (_text|init_task|page_offset_base|phys_base)$' /proc/kallsyms").splitlines():
        address, _, name = line.split()
        kallsyms[name] = int(address, 16)
    with guest.still():
        registers = guest.monitor.human("info registers -a")
        words = {name: int(re.search(r": (0x[0-9a-f]+)", guest.monitor.human(f"x /1gx {kallsyms[name]:#x}"))[1], 16)
                 for name in ("page_offset_base", "phys_base")}
    known["cr3"] = int(re.search(r"CR3=([0-9a-f]+)", registers)[1], 16)
    known["levels"] = 5 if int(re.search(r"CR4=([0-9a-f]+)", registers)[1], 16) >> 12 & 1 else 4
    known["direct"], known["init_task"] = words["page_offset_base"], kallsyms["init_task"]
    # __START_KERNEL_map, and what Linux adds to the distance from it: arch/x86/include/asm/page_64.h
    known["text"], known["physical"] = 0xffffffff80000000, words["phys_base"] & (1 << 64) - 1
    known["low"] = max(start + size for start, size, _ in guest.memory_regions() if start < 1 << 32)
    return [f"{name}={value:x}" for name, value in known.items()]
