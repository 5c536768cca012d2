#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""User addresses of a machine: whose memory they are in. Processes of one program have the same addresses here."""

import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "guests"))
import oracle  # noqa: E402
from guest import STORE, Guest  # noqa: E402


def values(text):
    return [json.loads(line)["value"] for line in text.splitlines() if line.startswith("{")]


def inside(stackdb, guest, pid, *expressions):
    """Of the process as a target of its own: the other way to the same memory."""
    return values(stackdb("read", "--json", *expressions, *guest.arguments(), f"--overlay={pid}:-R {guest.root}"))


def address(stackdb, guest, pid, variable):
    return int(json.loads(stackdb("read", "--json", variable, *guest.arguments(), f"--overlay={pid}:-R {guest.root}"))["address"], 16)


def reading(stackdb, report, guest):
    check = report.check("read --tid: user addresses are those of the thread's process")
    pids = {role: guest.pid_of(role) for role in ("sleeper", "reader", "futex", "loop")}
    at = {role: address(stackdb, guest, pid, "role") for role, pid in pids.items()}
    check.compare("one address for all", 1, len(set(at.values())))
    for role, pid in pids.items():
        read = stackdb("read", "--json", "--tid", str(pid), f"*(char **){at[role]:#x}", *guest.arguments())
        check.compare(role, True, f'"{role}' in read or role in json.dumps(values(read)), read)
    _, shown, errors = stackdb.outcome("read", "--tid", "2", f"*(char **){at['loop']:#x}", *guest.arguments())
    check.compare("a thread of the kernel has none", True, "Cannot access memory" in shown + errors, shown + errors)
    check.close(6)


def writing(stackdb, report, guest):
    """A call on CPU 1 while CPU 0 is in another process of the same program."""
    check = report.check("--set at a probe of the kernel: written where the thread's process has it")
    spinner, server = guest.start("spinner"), next(pid for pid, words in guest.witness.command_lines().items() if words[-1:] == [b"serve-1"])
    guest.shell(f"taskset -p 1 {spinner}; taskset -p 2 {server}")
    at = address(stackdb, guest, server, "first_point.x")
    check.compare("one address for both", at, address(stackdb, guest, spinner, "first_point.x"))
    process = subprocess.Popen([stackdb.program, "probetargets", "-n", "1", "--set", f"*(int *){at:#x} = 77", "__x64_sys_getpriority",
                                *guest.arguments()], env=stackdb.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(4)
    guest.serve("calls", 1)
    errors = process.communicate(timeout=60)[1]
    check.compare("status", (0, ""), (process.returncode, errors))
    check.compare("of the one that called", [77], inside(stackdb, guest, server, "first_point.x"))
    check.compare("of the one on the other CPU", [1], inside(stackdb, guest, spinner, "first_point.x"))
    guest.shell(f"kill -9 {spinner}")
    check.close(4)


def run(stackdb, report, arguments):
    with report.guard("user addresses"):
        with Guest(stackdb.work, smp=2, append="norandmaps") as guest:
            guest.wait_ready()
            guest.kernel.index(stackdb.program)
            stackdb.env["STACKDB_STORE"] = STORE
            for test in (reading, writing):
                with report.guard(test.__name__):
                    test(stackdb, report, guest)


oracle.main("tables", run)
