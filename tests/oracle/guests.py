#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kernels in guests: what stackdb sees from outside against what the guest says of itself, against drgn and gdb.

STACKDB_GUEST_KERNELS ("6.1 6.12") and STACKDB_GUEST_PARTS ("processes stacks") choose; the parts are in PARTS below.
At --scale 1 there are 20 boots of each kernel and 1,000 times attaching and detaching, and 10,000 words are damaged.
"""

import contextlib
import json
import mmap
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "guests"))
import guest_peers  # noqa: E402
import guest_tools  # noqa: E402
import oracle  # noqa: E402
from guest import Guest, Kernel, kernels  # noqa: E402

KTHREAD = 0x200000  # PF_KTHREAD in a task's flags
# What each kernel is booted with: CPUs, page tables of 4 and 5 levels, one with KPTI.
SHAPES = {"5.10": {"smp": 1}, "6.1": {"smp": 2, "cpu": "max,la57=off", "append": "pti=on"}, "6.12": {"smp": 2}}


def same_task(check, tid, before, after, mine):
    """One task. What changed between the two looks of the witness has no right answer."""
    expected = {
        "pid": before["tgid"], "ppid": before["ppid"], "uid": before["uids"][0], "euid": before["uids"][1],
        "gid": before["gids"][0], "egid": before["gids"][1], "kernel": bool(before["flags"] & KTHREAD),
        "state": before["state"] if before["state"] == after["state"] else mine["state"],
        "start": before["start_ticks"], "namespaces": before["namespaces"]}
    found = dict({key: mine.get(key) for key in expected}, start=mine["start_time_ns"] // 10000000)
    # The witness runs whenever it looks; another one may have slept and run between both looks.
    if tid == 1 or (before["switches"] != after["switches"] and found["state"] in "RSD"):
        expected["state"] = found["state"]
    if before["state"] in "ZX":  # those of a dead task are released (exit_task_namespaces)
        expected["namespaces"] = found["namespaces"] = None
    for key, value in expected.items():
        check.compare(f"task {tid} {before['comm']!r}: {key}", value, found[key], key)
    comm = before["comm"].decode(errors="replace")
    # /proc shows the full name of a kernel thread, and adds what a worker of a work queue does (wq_worker_comm).
    name = comm[:len(mine["name"])] if expected["kernel"] else comm
    shown = mine["name"]
    if comm.startswith("kworker/") and before["switches"] != after["switches"]:  # it may do other work by now
        name, shown = (re.split("[-+]", text)[0] for text in (name, shown))
    check.compare(f"task {tid}: name", guest_tools.plain(name), guest_tools.plain(shown), "name")
    words = [guest_tools.plain(word.decode(errors="replace")) for word in (before["cmdline"] or b"").split(b"\0")[:-1]]
    check.compare(f"task {tid}: command line", words, [guest_tools.plain(word) for word in mine["command"]], "command line")


def processes(stackdb, report, guest, seen):
    check = report.check(f"{guest.name}: every task")
    before, after = seen["before"]["tasks"], seen["after"]["tasks"]
    mine = {row["tid"]: row for row in seen["ps"] if row["tid"] > 0}
    check.compare("idle tasks", guest.smp, sum(row["tid"] <= 0 for row in seen["ps"]))
    for tid in sorted(set(before) & set(after) | set(mine)):
        if tid not in mine or tid not in before:
            if tid in mine and tid in after:  # it began after the first look
                continue
            check.differ("missing" if tid not in mine else "too many", f"task {tid}: {before.get(tid) or mine[tid]}")
        elif tid in after:
            same_task(check, tid, before[tid], after[tid], mine[tid])
    check.close(500)


def modules(stackdb, report, guest, seen):
    check = report.check(f"{guest.name}: kernel modules")
    mine = {row["name"]: row for row in seen["lsmod"]}
    witness = seen["before"]["modules"]
    check.compare("names", sorted(witness), sorted(mine))
    for name in set(mine) & set(witness):
        there = witness[name]
        found = mine[name]
        check.compare(name, (there["size"], there["uses"], sorted(there["users"]), there["state"], there["base"],
                             there["build_id"]),
                      (found["size"], found["references"], sorted(filter(None, (found["users"] or "").split(","))),
                       found["state"], int(found["base"], 16), found["build_id"]))
    check.close(5)


def system(stackdb, report, guest, seen):
    check = report.check(f"{guest.name}: the system's identity")
    (mine,), before, after = seen["system"], seen["before"], seen["after"]
    check.compare("release", guest.kernel.release, mine["release"])
    check.compare("version", before["version"].strip(), mine["version"].strip())
    check.compare("command line", before["cmdline"].strip(), mine["command_line"].strip())
    check.compare("build-id", before["build_id"], mine["build_id"])
    check.compare("bias", seen["bias"], int(mine["bias"], 16))
    check.compare("CPUs", guest.smp, mine["cpus"])
    uptime = mine["uptime_ns"] / 1e9
    check.compare(f"uptime {uptime} in {before['uptime']}", True, before["uptime"][1] - 0.1 <= uptime <= after["uptime"][1] + 0.1)
    check.compare("boot time", True, abs(mine["boot_time_ns"] / 1e9 - before["uptime"][0]) < 2, f"{mine['boot_time_ns']}")
    # The pages between its code and its constants are mapped like these, and used for anything: for copies of banner and notes, too.
    gap, constants = seen["kallsyms"].address("_etext") + 0x1fff & ~0xfff, seen["kallsyms"].address("__start_rodata")
    if gap < constants:
        at = gap - int(mine["base"], 16) + int(mine["physical_base"], 16)
        with guest.still(), open(guest.ram, "r+b") as file, mmap.mmap(file.fileno(), 0) as ram:
            kept = ram[at:at + 512]
            copy = before["version"].encode().strip() + b"\n" + bytes(7)
            copy = copy[:len(copy) & ~3] + struct.pack("<4I", 4, 20, 3, 0x554e47) + bytes.fromhex(before["build_id"])
            ram[at:at + len(copy)] = copy
            found = stackdb.outcome("system", "--json", *guest.arguments())
            ram[at:at + 512] = kept
        check.compare("bias beside copies", (0, True), (found[0], mine["bias"] in found[1]), found[2])
    check.close(8)


def log(stackdb, report, guest, seen):
    check = report.check(f"{guest.name}: the kernel log")
    mine = [(row["time_ns"] // 1000, row["level"], guest_tools.plain(row["text"])) for row in seen["dmesg"]]
    witness = [(when, level, guest_tools.plain(text)) for when, level, text in seen["before"]["log"]]
    # A record of several lines is several with the same time in neither.
    for index, (expected, found) in enumerate(zip(witness, mine)):
        check.compare(f"record {index}", expected, found)
    check.compare("records", True, len(mine) >= len(witness), f"{len(mine)} of {len(witness)}")
    check.close(200)


def same_symbols(check, stackdb, kernel, table, bias):
    """Every function of the database, moved by BIAS, against TABLE of /proc/kallsyms."""
    known = set(table.addresses)
    for line in stackdb("lookup", "-b", "-m", kernel.vmlinux, "-k", "f", "*").splitlines():
        row = re.match(r"function\s+0x([0-9a-f]+)\s+\d+\s+(\S+)$", line)
        if row and (places := table.symbols.get((row[2], ""))):
            at = int(row[1], 16) + bias
            # The compiler calls a part or a variant of a function NAME.part.0, NAME.isra.0, ...
            variant = any(name.startswith(f"{row[2]}.") for name in table.names_at(at))
            check.compare(row[2], True, variant or at in {place for place, _ in places}, "another address" if at in known else "no symbol there")


WEAK = {"no symbol there": "a weak function that another replaced: its code and its DWARF are left, its symbol is not"}


def symbols(stackdb, report, guest, seen):
    """Every symbol of the database, moved by what stackdb says KASLR did, against /proc/kallsyms."""
    check = report.check(f"{guest.name}: symbols against /proc/kallsyms", WEAK)
    same_symbols(check, stackdb, guest.kernel, seen["kallsyms"], int(seen["system"][0]["bias"], 16))
    check.close(20000)


def calls(stackdb, report, guest, seen):
    check = report.check(f"{guest.name}: the table of system calls")
    for row in stackdb.json("system", "--calls", "--json", *guest.arguments()):
        address = int(row["address"], 16)
        name = seen["kallsyms"].name(address)
        check.compare(f"{row['number']} {row['name']}", False, row["changed"])
        if row["name"]:
            check.compare(f"{row['number']} {row['name']}: {name}", True, row["name"].rstrip("2") in name or "ni_syscall" in name,
                          "another function")  # umount2 is sys_umount
    check.close(300)


def values(stackdb, report, guest, seen):
    check = report.check(f"{guest.name}: variables against /proc/sys")
    for expression, path in (("max_threads", "kernel/threads-max"), ("panic_timeout", "kernel/panic"),
                             ("console_printk[0]", "kernel/printk"), ("sysctl_overcommit_memory", "vm/overcommit_memory"),
                             ("vm_swappiness", "vm/swappiness"), ("init_uts_ns.name.nodename", "kernel/hostname"),
                             ("init_uts_ns.name.release", "kernel/osrelease"), ("modprobe_path", "kernel/modprobe")):
        (row,) = stackdb.json("read", "--json", expression, *guest.arguments())
        expected = guest.witness.text(f"/proc/sys/{path}").split("\t")[0].strip()
        check.compare(expression, expected, str(row["value"]).strip())
    (row,) = stackdb.json("read", "--json", "init_task.comm", *guest.arguments())
    check.compare("init_task.comm", "swapper" if guest.smp == 0 else "swapper/0", row["value"])
    # A per-CPU variable of a module: its place in each CPU's area was chosen when it was loaded.
    there = int(guest.shell("grep ' xt_recseq\t' /proc/kallsyms").split()[0], 16)
    for cpu in range(guest.smp):
        rows = stackdb.json("read", "--json", "--cpu", str(cpu), f"__per_cpu_offset[{cpu}]", "x_tables:xt_recseq", "xt_recseq", *guest.arguments())
        check.compare(f"xt_recseq of CPU {cpu}", [hex(there + int(rows[0]["value"]) & guest_tools.MASK)] * 2,
                      [row["address"] for row in rows[1:]])
    check.close(10)


def stacks(stackdb, report, guest, seen):
    """Kernel stacks of all tasks at one moment: the guest's own /proc, drgn on a dump, and gdb over the stub."""
    check = report.check(f"{guest.name}: kernel stacks against drgn and /proc", {
        "a zombie's": "its stack was freed: nothing to compare"})
    mine = {row["tid"]: row["frames"] for row in seen["backtrace"]}
    drgn = guest_peers.drgn(guest.kernel, seen["dump"], "tasks stacks arguments")
    names = seen["kallsyms"]
    for tid, stack in drgn["stacks"].items():
        task, frames = drgn["tasks"][tid], mine.get(tid)
        if task["state"] in "ZX":
            check.differ("a zombie's", f"{tid}")
            continue
        if frames is None or isinstance(stack, str):
            check.differ("missing" if frames is None else "drgn has none", f"task {tid} {task['comm']}: {stack}")
            continue
        there = [(frame["pc"], frame["name"]) for frame in stack if frame["pc"] and frame["pc"] >> 63 and frame["inline"]]
        here = guest_tools.frames(frames)
        check.compare(f"task {tid} {task['comm']}: return addresses", guest_peers.in_kernel(stack),
                      [frame["pc"] for frame in here if not frame["inline"]], "other frames")
        check.compare(f"task {tid} {task['comm']}: inlined", there, [(f["pc"], f["name"]) for f in here if f["inline"]], "inlined")
        witness = seen["before"]["tasks"].get(tid)
        after = seen["after"]["tasks"].get(tid, {})
        # It did not run between the two looks, so that it is in between where it was.
        if witness and tid != 1 and (after.get("stack"), after.get("switches")) == (witness["stack"], witness["switches"]):
            check.compare(f"task {tid} {task['comm']}: /proc/{tid}/stack", witness["stack"], names.as_proc_shows(here), "/proc")
    check.close(100)
    same_arguments(report, guest, drgn, mine)
    if "gdb" in seen:
        check = report.check(f"{guest.name}: kernel stacks against gdb")
        for tid, stack in seen["gdb"]["stacks"].items():
            if tid in mine and drgn["tasks"][tid]["state"] not in "ZX":
                check.compare(f"task {tid}", guest_peers.in_kernel(stack),
                              [frame["pc"] for frame in guest_tools.frames(mine[tid]) if not frame["inline"]])
        check.close(50)


def crash(stackdb, report, guest, seen):
    """Kernel stacks, and where user mode was left, against crash on the dump of that moment."""
    if not guest_peers.crash_program(guest.kernel):
        return report.say(f"  # {guest.name}: no crash reads a dump of it (tests/lib/guest_peers.py says why)")
    check = report.check(f"{guest.name}: stacks against crash", {
        "ends early": "a stack whose beginning is the same: crash knows no more of a vfork() and of a 32-bit program's call"})
    text = guest_peers.crash(guest.kernel, seen["dump"], ["ps", "foreach bt"])
    mine = {row["tid"]: [frame["pc"] for frame in guest_tools.frames(row["frames"]) if not frame["inline"]]
            for row in seen["backtrace"]}
    dead = {row["tid"] for row in seen["ps"] if row["state"] in "ZX"}
    for tid, stack in guest_peers.crash_stacks(text).items():
        expected, found = guest_peers.in_kernel(stack), mine.get(tid, [])
        if tid in dead:
            continue
        short = len(expected) < len(found) and expected == found[:len(expected)]
        check.compare(f"task {tid}", expected, found, "ends early" if short else "differs")
    early = len(check.differences["ends early"])
    check.compare(f"{early} of {check.asked} end early", True, early <= check.asked / 20, "too many end early")
    program = {row["tid"]: guest_tools.frames(row["program"])[0]["pc"] for row in seen["levels"] if row.get("program")}
    for tid, registers in guest_peers.crash_registers(text).items():
        if tid in program:
            check.compare(f"task {tid}: where it was in user mode", registers["rip"], program[tid], "user mode")
    check.close(100)


def same_arguments(report, guest, drgn, mine):
    """Where both know a parameter's value it is the same; how many of drgn's we have is said, and must be nearly all."""
    check = report.check(f"{guest.name}: arguments in kernel stacks against drgn")
    known = lost = 0
    for tid, stack in drgn["stacks"].items():
        if isinstance(stack, str) or drgn["tasks"][tid]["state"] in "ZX" or tid not in mine:
            continue
        here = guest_tools.frames(mine[tid])
        if [frame["pc"] for frame in here] != [frame["pc"] for frame in stack if frame["pc"] and frame["pc"] >> 63]:
            continue
        for frame, other in zip(here, stack):
            for name, value in (other.get("arguments") or {}).items():
                if value is None:
                    continue
                found = frame["arguments"].get(name)
                known += 1
                lost += found is None
                if found is not None:
                    check.compare(f"task {tid} {other['name']}({name})", value & guest_tools.MASK, found & guest_tools.MASK)
    check.compare(f"{lost} of {known} values that drgn has are missing", True, lost <= known / 50, "missing")
    check.close(100)


# Functions that interrupts, soft interrupts and NMIs come to; the guest is stopped there.
HANDLERS = ("update_process_times", "run_timer_softirq", "default_do_nmi")
ASSEMBLER = re.compile(r"asm_|(?!default_do|exc_|nmi_handle).*nmi")


def before_assembler(stack):
    """gdb's frames up to the entry into the kernel, which has no rules for it to go on by."""
    kept = []
    for frame in stack:
        kept.append(frame)
        if ASSEMBLER.match(frame["name"] or "asm_"):
            break
    return guest_peers.in_kernel(kept)


def interrupts(stackdb, report, guest, seen):
    """Stacks of CPUs that are in an interrupt or an NMI, against gdb, which stops them there and is killed: the machine is
    found standing, and is left so."""
    check = report.check(f"{guest.name}: stacks in interrupts and NMIs against gdb")
    guest.start("spinner")
    for function in HANDLERS:
        with guest.still():
            if function.endswith("nmi"):
                guest.monitor("inject-nmi")  # taken when it goes on
            cpus = guest_peers.gdb(guest, "cpus", seen["bias"], stop_at=function)["cpus"]
            rows = stackdb.json("backtrace", "--json", *guest.arguments())
            check.compare("the machine's state", "debug", guest.status())
        check.compare(f"{function} is where it stopped", True, any(cpu[0]["name"] == function for cpu in cpus))
        for number, cpu in enumerate(cpus):
            expected = before_assembler(cpu)
            same_pc = [row for row in rows if row["frames"] and int(row["frames"][0].get("pc", "0"), 16) == cpu[0]["pc"]]
            found = [[frame["pc"] for frame in guest_tools.frames(row["frames"]) if not frame["inline"]] for row in same_pc]
            if expected:
                check.compare(f"{function}: CPU {number}", expected, next(
                    (stack[:len(expected)] for stack in found if stack[:len(expected)] == expected), found))
    check.close(3 * len(HANDLERS))


STEPS = {"__x86_indirect_thunk_rax": [[f"stepi {count}"] if count else [] for count in range(6)],
         "sync_regs": [[], ["python gdb.execute(f'hbreak *{caller:#x}')", "continue"]]}


def assembler(stackdb, report, guest, seen):
    """Stacks of a CPU where ORC has no rules, or wrong ones: at each instruction of a retpoline and at the first ones behind it;
    where an exception's entry changes its stack."""
    check = report.check(f"{guest.name}: stacks in retpolines and entries")
    oracle.need("gdb")
    guest.start("spinner")
    for function, then in ((function, then) for function, each in STEPS.items() for then in each):
        with guest.still():
            told = guest_peers.gdb_steps(guest, function, then, seen["bias"])
            rows = stackdb.json("backtrace", "--json", *guest.arguments())
        stacks = [(row.get("end", ""), [f for f in guest_tools.frames(row["frames"]) if not f["inline"]]) for row in rows if row["frames"]]
        there = [(end, stack) for end, stack in stacks if stack and stack[0]["pc"] == told["pc"]]
        shown = f"{told} {there}"[:2000]
        check.compare(f"{function} {then}: its caller", True,
                      any(told["caller"] in [f["pc"] for f in stack[:4]] for _, stack in there), shown)
        check.compare(f"{function} {then}: it ends where the kernel begins", True,
                      any(not end and guest_tools.OUTERMOST.fullmatch(stack[-1]["name"] or "") for end, stack in there), shown)
    check.close(16)


def user_stacks(stackdb, report, guest, seen):
    """The user part of stacks against a gdb inside the guest."""
    check = report.check(f"{guest.name}: user stacks against gdb inside", {
        "gdb shows a frame twice": "gdb 13 gives an inlined cancellation wrapper a frame of its own"})
    oracle.need("gdb", "gdbserver")
    for tid, row in without_program(seen).items():
        check.differ("no part of the program", f"{tid}: {row}")
    mine = {row["tid"]: guest_tools.frames(row.get("program", [])) for row in seen["levels"]}
    for role in ("threads", "sleeper", "handler", "mapper"):
        pid = guest.pid_of(role)
        for tid, frames in guest_peers.gdb_inside(guest, pid).items():
            here = [(f["name"], f["pc"]) for f in mine.get(tid, [])]
            program = [pc for name, pc, _ in frames if name in ("outer", "middle", "inner", "main", "in_thread")]
            check.compare(f"{role} {tid}: frames of the program", program,
                          [pc for name, pc in here if name in ("outer", "middle", "inner", "main", "in_thread")])
            left = list(mine.get(tid, []))  # in the same order: a function may be there twice
            for name, pc, arguments in frames:
                place = next((i for i, f in enumerate(left) if f["pc"] == pc and f["name"] == name), None)
                frame = left[place] if place is not None else None
                left = left[place + 1:] if place is not None else left
                for argument, text in arguments.items():
                    if frame and re.fullmatch(r"-?\d+", text) and frame["arguments"].get(argument) is not None:
                        check.compare(f"{role} {tid} {name}({argument})", int(text) & guest_tools.MASK,
                                      frame["arguments"][argument] & guest_tools.MASK)
    check.close(20)


def probes(stackdb, report, guest, seen):
    """Counts of a function in the kernel and of one in a process, against the program that makes the calls."""
    check = report.check(f"{guest.name}: probes count what was called")
    times = 200
    with guest_tools.probing(stackdb, guest, "-q", "__x64_sys_getpriority") as counted:
        guest.serve("calls", 5 * times)
    check.compare("__x64_sys_getpriority", 5 * times, counted.of("getpriority"))
    pid = guest.pid_of("serve")
    with guest_tools.probing(stackdb, guest, "-q", "counted", "--overlay", f"{pid}:-t os-process") as counted:
        guest.serve("counted", times, 7, "serve-1")
        guest.serve("counted", times, 7, "serve-2")  # the same page of the same file: not to be seen
    check.compare("counted() in one of two processes", times, counted.of("counted"))
    check.close(2)


def undisturbed(stackdb, report, guest, seen):
    """Looking does not stop the guest; attaching and detaching leaves nothing behind."""
    check = report.check(f"{guest.name}: nothing is left behind")
    guest.status()  # takes in what happened until now
    guest.monitor.events.clear()
    for command in ("ps", "lsmod", "system"):
        stackdb(command, *guest.arguments())
    guest.status()
    check.compare("events while looking", [], [event["event"] for event in guest.monitor.events if event["event"] in ("STOP", "RESUME")])
    spinner = guest.start("spinner")
    with guest.still():
        text = guest_tools.kernel_text(guest, seen)
    for number in range(guest_tools.cycles):
        if number % 5 == 4:  # another process calls it a hundred times a second
            stackdb("probetargets", "-q", "-n", "2", "__x64_sys_clock_nanosleep", *guest.arguments())
        else:
            stackdb("backtrace", "--tid", str(spinner), *guest.arguments())
    check.compare(f"state after {guest_tools.cycles} times", "running", guest.status())
    with guest.still():
        changed = [hex(at) for at, (old, new) in enumerate(zip(text, guest_tools.kernel_text(guest, seen))) if old != new and new == 0xcc]
    check.compare("breakpoints left in the kernel's text", [], changed)
    guest.shell(f"kill {spinner}")
    with guest.still():
        stackdb("backtrace", "--tid", "1", *guest.arguments())
        check.compare("a machine that was paused", "paused", guest.status())
    check.compare("the guest answers", True, len(guest.witness.tasks()) > 40)
    check.close(4)


HOSTILE = (["ps", "-T"], ["lsmod"], ["system"], ["system", "--calls"], ["dmesg"], ["backtrace"], ["backtrace", "--all-levels"],
           ["dumpthreads", "-r"], ["read", "init_task.comm", "init_task.tasks.next", "jiffies"])


def hostile(stackdb, report, guest, seen, count=100):
    """Words of a stopped guest's memory are overwritten: each tool ends in time, with an answer or a reason."""
    check = report.check(f"{guest.name}: words of its memory overwritten")
    with guest.still(), open(guest.ram, "r+b") as file, mmap.mmap(file.fileno(), 0) as ram:
        places = guest_tools.interesting(guest, seen)
        for number in range(count):
            at = random.choice(places) if places and random.random() < 0.7 else random.randrange(len(ram) // 8) * 8
            kept = ram[at:at + 8]
            ram[at:at + 8] = random.choice((os.urandom(8), bytes(8), b"\xff" * 8, ram[(p := random.randrange(len(ram) // 8) * 8):p + 8]))
            command, *options = random.choice(HOSTILE)
            begun = time.monotonic()
            try:
                status, out, errors = stackdb.outcome(command, *options, *guest.arguments(), timeout=120)
                check.compare(f"{number}: {command}, {at:#x}", (True, True), (status in (0, 1), status == 0 or bool(errors)))
                check.compare(f"{number}: {command}, {at:#x}: in time", True, time.monotonic() - begun < 30, "slow")
            except oracle.Failure as error:
                check.differ("crashed", f"{number}: {command}, {at:#x}: {error}")
            finally:
                ram[at:at + 8] = kept
    check.close(count)


PARTS = {each.__name__: each for each in (processes, modules, system, log, symbols, calls, values, stacks, crash, interrupts, assembler,
                                          user_stacks, probes, undisturbed, hostile)}


def boots(stackdb, report, kernel, count):
    """The place where KASLR put the kernel, and with it each function, over many boots."""
    with report.guard(f"{kernel}: boots"):
        check = report.check(f"{kernel}: where KASLR put the kernel, over {count} boots", WEAK)
        places = set()
        for _ in range(count):
            with Guest(stackdb.work, kernel, append="cast=none modules=none") as guest:
                guest.wait_ready()
                (mine,) = stackdb.json("system", "--json", *guest.arguments())
                check.compare("bias", guest_peers.kernel_bias(guest), int(mine["bias"], 16))
                places.add(mine["bias"])
                same_symbols(check, stackdb, guest.kernel, guest_peers.Kallsyms(guest.witness.kallsyms()), int(mine["bias"], 16))
        check.compare("at different places", True, len(places) > count // 2, f"{places}")
        check.close(20000 * count)


def bad_machines(stackdb, report, kernel):
    """Machines that are not there, that are not what was said, and that end."""
    with report.guard(f"{kernel}: bad machines"):
        check = report.check(f"{kernel}: machines that cannot be believed are refused with a reason")
        with Guest(stackdb.work, kernel, append="cast=none") as guest, Guest(stackdb.work, kernel, paused=True, name="paused") as other:
            guest.wait_ready()
            arguments = guest.arguments()
            cases = {
                "before its firmware ran": other.arguments(),
                "RAM of another machine": ["--qemu", "--qemu-mem-path", other.ram, "--qemu-qmp-sock", guest.qmp, "--gdb-sockfile", guest.gdb],
                "no RAM file": ["--qemu", "--qemu-mem-path", f"{guest.directory}/nothing", "--qemu-qmp-sock", guest.qmp],
                "RAM that is empty": ["--qemu", "--qemu-mem-path", "/dev/null", "--qemu-qmp-sock", guest.qmp],
                "no monitor": ["--qemu", "--qemu-mem-path", guest.ram, "--qemu-qmp-sock", f"{guest.directory}/nothing"],
                "a monitor that is none": ["--qemu", "--qemu-mem-path", guest.ram, "--qemu-qmp-sock", guest.gdb]}
            for name, given in cases.items():
                for command in ("ps", "system"):
                    status, out, errors = stackdb.outcome(command, *given, timeout=60)
                    check.compare(f"{name}: {command}", (True, True), (status in (1, 2), bool(errors)), errors)
            guest.cont()  # a connection to its stub, which was no monitor, has stopped it
            empty = dict(stackdb.env, STACKDB_STORE=f"{stackdb.work}/empty-store")
            status, _, errors = stackdb.outcome("ps", "--no-index", *arguments, env=empty)
            build_id = guest.witness.kernel_build_id()
            check.compare("no database", (1, 1, True), (status, errors.count(build_id), "stackdb index" in errors), errors)
            for command in ("ps", "lsmod", "dmesg", "backtrace"):
                for options in ([], ["-K", "none"], ["-K", guest.kernel.vmlinux], ["-R", guest.kernel.directory]):
                    status, _, errors = stackdb.outcome(command, "--no-index", *options, *arguments, env=empty)
                    lines = [line.split(": ", 1)[1] for line in errors.splitlines() if ": " in line]
                    check.compare(f"no database: {command} {' '.join(options)}", (True, len(set(lines))),
                                  (status in (0, 1), len(lines)), errors)
            killer = threading.Timer(0.05, guest.process.kill)
            killer.start()
            for _ in range(20):
                status, _, errors = stackdb.outcome("ps", "--json", *arguments, timeout=60)
                check.compare("it dies meanwhile", True, status == 0 or bool(errors), errors)
            killer.join()
        check.close(20)


def without_program(seen):
    """The rows of living tasks of programs that have no frame of them."""
    programs = {row["tid"] for row in seen["ps"] if not row["kernel"] and row["tid"] > 0 and row["state"] not in "ZX"}
    return {row["tid"]: row for row in seen["levels"] if row["tid"] in programs and not row.get("program")}


def look(stackdb, guest, work):
    """Everything that is compared, seen while the guest is held still, between two looks of its witness."""
    seen = {"bias": guest_peers.kernel_bias(guest), "before": guest_tools.witness(guest),
            "kallsyms": guest_peers.Kallsyms(guest.witness.kallsyms())}
    with guest.still():
        for command, *options in (["ps", "-T"], ["lsmod"], ["system"], ["dmesg"]):
            status, out, errors = stackdb.outcome(command, "--json", *options, *guest.arguments())
            seen[command] = [json.loads(line) for line in out.splitlines()] if status == 0 else []
            seen[f"{command} says"] = errors
        seen["dump"] = guest.dump(f"{work}/dump")
        if os.environ.get("STACKDB_GUEST_GDB", "1") == "1" and "pti=on" not in guest.command[guest.command.index("-append") + 1]:
            with contextlib.suppress(oracle.Unavailable):
                seen["gdb"] = guest_peers.gdb(guest, bias=seen["bias"])
        seen["backtrace"] = stackdb.json("backtrace", "--json", *guest.arguments())
        seen["levels"] = stackdb.json("backtrace", "--json", "--all-levels", *guest.arguments())
    seen["after"] = guest_tools.witness(guest)
    return seen


@contextlib.contextmanager
def expected_shape():
    """An answer without what it must have fails the check, not the whole."""
    try:
        yield
    except (KeyError, IndexError, ValueError, TypeError, OSError, subprocess.SubprocessError) as error:
        raise oracle.Failure(f"{type(error).__name__}: {error}") from error


def ended(report, guest, part):
    """Whether the guest does not live any more, which is a failure of what was done before."""
    if guest.process.poll() is None:
        return False
    report.verdict(f"{guest.name}: it lives before {part}", False, guest.last_words())
    return True


def one_kernel(stackdb, report, version, parts, scale, words):
    with report.guard(f"{version}: looking at it"):
        kernel = Kernel(version)
        kernel.index(stackdb.program, stackdb.env["STACKDB_STORE"])
        guest_tools.cycles = max(10, int(1000 * scale))
        with Guest(stackdb.work, kernel, name=version, **SHAPES.get(version, {})) as guest:
            guest.wait_ready()
            guest.name = f"{version}, {guest.smp} CPU{'s' if guest.smp > 1 else ''}"
            seen = look(stackdb, guest, stackdb.work)
            for name, part in PARTS.items():
                if (not parts or name in parts) and not ended(report, guest, name):
                    with report.guard(f"{version}: {name}"), expected_shape():
                        if name == "hostile":
                            part(stackdb, report, guest, seen, words)
                        else:
                            part(stackdb, report, guest, seen)


def run(stackdb, report, arguments):
    versions = [v for v in (os.environ.get("STACKDB_GUEST_KERNELS") or " ".join(kernels())).split() if v in kernels()]
    if not versions:
        raise oracle.Unavailable("no kernel to boot: run scripts/kernel 6.1")
    parts = set(os.environ.get("STACKDB_GUEST_PARTS", "").split())
    for version in versions:
        if not parts or parts & set(PARTS):
            one_kernel(stackdb, report, version, parts, arguments.scale, max(50, int(10000 * arguments.scale / len(versions))))
        if not parts or "boots" in parts:
            boots(stackdb, report, version, max(1, int(20 * arguments.scale)))
    if not parts or "bad_machines" in parts:
        bad_machines(stackdb, report, versions[0])


oracle.main("guests", run)
