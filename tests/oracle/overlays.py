#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine and the processes in it: what people look at, stacks across both, probes on both, the agent.

The witness is the guest itself: its /proc, and programs that count."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "guests"))
import guest_tools  # noqa: E402
import oracle  # noqa: E402
from guest import STORE, Guest  # noqa: E402


def prepare(stackdb, guest):
    """The databases of what the guest has, made once, in the cache."""
    guest.kernel.index(stackdb.program)
    stackdb.env["STACKDB_STORE"] = STORE


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def server(guest, name):
    return next(pid for pid, words in guest.witness.command_lines().items() if words[-1:] == [name.encode()]
                and words[:2] == [b"actor", b"serve"])


# ---- what people look at ----------------------------------------------------------------------------


def processes(stackdb, report, guest):
    check = report.check("ps: processes as the guest's /proc has them",
                         {"of the kernel or the witness's": "work queues and shells of the witness come and go"})
    with guest.still():
        found = {task["tid"]: task for task in lines(stackdb("ps", "-T", "--json", *guest.arguments()))}
    expected = guest.witness.tasks()
    for tid, task in expected.items():
        if tid not in found or task["comm"].decode(errors="replace") != found[tid]["name"]:
            check.differ("of the kernel or the witness's" if task["flags"] & 0x200000 or task["ppid"] == 1 and
                         task["comm"] == b"sh" else "missing", f"{tid} {task['comm']}")
            continue
        have = found[tid]
        check.compare(f"{tid}: tgid, parent, uids", (task["tgid"], task["ppid"], task["uids"][0], task["uids"][1]),
                      (have["pid"], have["ppid"], have["uid"], have["euid"]))
        if not task["flags"] & 0x200000 and expected[task["tgid"]]["state"] != "Z":
            words = (task["cmdline"] or b"").split(b"\0")
            check.compare(f"{tid}: command line", [w.decode(errors="replace") for w in words[:-1]] if len(words) > 1
                          else [w.decode(errors="replace") for w in words if w],
                          [w for w in have["command"]] if have["command"] != [""] else [], "command line")
    check.close(50)
    check = report.check("lsmod, dmesg, system: as the guest says")
    modules = guest.witness.modules()
    found = {m["name"]: m for m in lines(stackdb("lsmod", "--json", *guest.arguments()))}
    check.compare("modules", sorted(modules), sorted(found))
    for name in modules.keys() & found.keys():
        check.compare(f"{name}", (modules[name]["size"], modules[name]["base"], modules[name]["build_id"]),
                      (found[name]["size"], int(found[name]["base"], 16), found[name]["build_id"] or ""))
    records = [text for _, _, text in guest.witness.log_records()]
    found = [r["text"] for r in lines(stackdb("dmesg", "--json", *guest.arguments()))]
    check.compare("log", records[:50], found[:50])
    system = lines(stackdb("system", "--json", *guest.arguments()))[0]
    check.compare("release", guest.kernel.release, system["release"])
    check.compare("CPUs", guest.smp, system["cpus"])
    check.compare("version", guest.witness.text("/proc/version").strip(), system["version"])
    check.compare("build-id", guest.witness.kernel_build_id(), system["build_id"])
    calls = lines(stackdb("system", "--calls", "--json", *guest.arguments()))
    check.compare("system calls", [False], sorted({call["changed"] for call in calls}))
    check.close(10)


def values(stackdb, report, guest):
    check = report.check("read: values of the kernel and of a process")
    read = {r["expression"]: r for r in lines(stackdb("read", "--json", "init_task.pid", "init_task.comm",
                                                      "sizeof(struct list_head)", *guest.arguments()))}
    check.compare("a number", 0, read["init_task.pid"]["value"])
    check.compare("a string", True, "swapper/0" in json.dumps(read["init_task.comm"]["value"]))
    check.compare("a size", 16, read["sizeof(struct list_head)"]["value"])
    for cpu in range(guest.smp):
        read = lines(stackdb("read", "--json", "--cpu", str(cpu), "cpu_number", *guest.arguments()))
        check.compare(f"CPU {cpu}", cpu, read[0]["value"])
    pid = guest.pid_of("sleeper")
    read = lines(stackdb("read", "--json", "first_point.x", "first_point.next->y", "role", *guest.arguments(),
                         f"--overlay={pid}:-R {guest.root}"))
    check.compare("of a process", [1, 4], [r["value"] for r in read[:2]])
    check.compare("its text", True, "sleeper" in json.dumps(read[2]["value"]))
    status, _, errors = stackdb.outcome("read", "no_such_thing", *guest.arguments())
    check.compare("what is not there", (1, True), (status, "no_such_thing" in errors))
    check.close(6)


# ---- across levels -------------------------------------------------------------------------------------

OUTER = [("inner", 3), ("middle", 1), ("outer", 0)]


def levels(stackdb, report, guest):
    check = report.check("backtrace --all-levels: the kernel's part and the program's")
    tasks = guest.witness.tasks()
    found = {each["tid"]: each for each in lines(stackdb("backtrace", "--all-levels", "--json", *guest.arguments(),
                                                        "-R", guest.root, timeout=300))}
    for tid, task in tasks.items():
        if tid not in found or task["state"] == "Z" or task["comm"] == b"witness":
            continue
        frames = found[tid]["frames"]
        if task["stack"] and task["state"] in "SDTt":
            names = [frame.get("function") or "" for frame in frames]
            last = task["stack"][-1].split(".")[0]
            # The source's name of assembly is that of the entry, the symbol's may be of a label in it.
            check.compare(f"{tid} {task['comm']}: kernel", True, bool(names) and last.startswith(names[-1][:15]), "kernel")
        if task["comm"] != b"actor" or not task["cmdline"] or b"static" in task["cmdline"] or b"-32" in task["cmdline"]:
            continue
        program = found[tid].get("program") or []
        names = [frame.get("function") for frame in program]
        check.compare(f"{tid} {task['cmdline'][:30]}: program", True, "main" in names or "in_thread" in names, "program")
        numbers = [frame["frame"] for frame in frames + program]
        check.compare(f"{tid}: numbers go on", list(range(len(numbers))), numbers)
        if "entry" in found[tid] and isinstance(task["syscall"], list) and len(task["syscall"]) > 3 and task["syscall"][0] >= 0:
            check.compare(f"{tid}: system call", task["syscall"][0], found[tid]["entry"].get("number"), "system call")
    sleeper = found[guest.pid_of("sleeper")]["program"]
    arguments = {frame["function"]: {a["name"]: a.get("value") for a in frame.get("arguments", [])} for frame in sleeper
                 if frame.get("function")}
    for name, value in OUTER:
        check.compare(f"argument of {name}", value, arguments.get(name, {}).get("value"))
    check.close(20)


def addresses(stackdb, report, guest):
    check = report.check("overlays: what is mapped, threads, registers")
    for role in ("sleeper", "mapper", "odd", "threads"):
        pid = guest.pid_of(role)
        threads = lines(stackdb("dumpthreads", "-r", "--json", *guest.arguments(), f"--overlay={pid}:-R {guest.root} -i 9"))
        ours = [thread for thread in threads if thread["target"] == 9]
        expected = sorted(tid for tid, task in guest.witness.tasks().items() if task["tgid"] == pid)
        check.compare(f"{role}: threads", expected, [thread["tid"] for thread in ours])
        calls = {tid: task["syscall"] for tid, task in guest.witness.tasks().items() if task["tgid"] == pid}
        for thread in ours:
            call = calls[thread["tid"]]
            if len(call) >= 9:
                check.compare(f"{role} {thread['tid']}: sp and pc", (call[-2], call[-1]),
                              (int(thread["registers"]["rsp"], 16), int(thread["registers"]["rip"], 16)))
    check.close(10)


# ---- probes on both -----------------------------------------------------------------------------------------


def summary(text):
    return {line["probe"]: line["hits"] for line in lines(text) if "hits" in line}


PROBE = ("probetargets", "-q", "--json")


def stop_probing(process):
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    return out, errors


def probes(stackdb, report, guest, times):
    check = report.check("probes on the kernel and on one process at the same time: each call, and nobody else's")
    one, other = server(guest, "serve-1"), server(guest, "serve-2")
    process = guest_tools.start_probing(stackdb, guest, *PROBE, "2:counted", "1:__x64_sys_getpriority",
                                        f"--overlay={one}:-R {guest.root}")
    guest.serve("counted", times, server="serve-1")
    guest.serve("counted", times, server="serve-2")  # the same addresses, another process
    guest.serve("calls", times, server="serve-2")
    hits = summary(stop_probing(process)[0])
    check.compare("hits of the process", times, hits.get("2:counted"), "hits of the process")
    check.compare("hits of the kernel's", times, hits.get("1:__x64_sys_getpriority"), "hits of the kernel")
    process = guest_tools.start_probing(stackdb, guest, *PROBE, "2:counted", "3:counted", f"--overlay={one}:-R {guest.root}",
                                        f"--overlay={other}:-R {guest.root}")
    guest.serve("counted", times, server="serve-1")
    guest.serve("counted", times // 2, server="serve-2")
    hits = summary(stop_probing(process)[0])
    check.compare("two processes", (times, times // 2), (hits.get("2:counted"), hits.get("3:counted")))
    guest.serve("counted", 1000)
    check.compare("it runs as before", "running", guest.status())
    check.close(4)


def returns(stackdb, report, guest):
    check = report.check("calls of a process: arguments, results, variables")
    pid = server(guest, "serve-1")
    process = guest_tools.start_probing(stackdb, guest, "probetargets", "-r", "--json", "-n", "20", "2:counted",
                                        f"--overlay={pid}:-R {guest.root}")
    guest.serve("counted", 20, 7)
    out = lines(process.communicate(timeout=60)[0])
    entries = [hit for hit in out if hit.get("kind") == "hit"]
    results = [int(hit["value"], 16) for hit in out if hit.get("kind") == "return"]
    check.compare("arguments", [(i, 7) for i in range(20)],
                  [tuple(a["value"] for a in hit["arguments"][:2]) for hit in entries], "arguments")
    check.compare("results", [i * 3 + 7 for i in range(20)], results, "results")
    process = subprocess.Popen([stackdb.program, "dumptarget", "--json", "-n", "10", "2:sink", *guest.arguments(),
                                f"--overlay={guest.pid_of('loop')}:-R {guest.root}"], stdout=subprocess.PIPE, text=True,
                               env=stackdb.env)
    out = lines(process.communicate(timeout=60)[0])
    watched = [(int(hit["old_value"], 0), int(hit["value"], 0)) for hit in out if hit.get("kind") == "write"]
    check.compare("writes", 10, len(watched))
    check.compare("one follows the other", [new for _, new in watched[:-1]], [old for old, _ in watched[1:]])
    check.close(4)


def endings(stackdb, report, guest):
    check = report.check("a process that ends while it is watched")
    pid = guest.start("loop")
    time.sleep(1)
    process = guest_tools.start_probing(stackdb, guest, *PROBE, "2:counted", f"--overlay={pid}:-R {guest.root}")
    time.sleep(2)
    guest.shell(f"kill -9 {pid}")
    time.sleep(2)
    out, errors = stop_probing(process)
    check.compare("it says how many", True, summary(out).get("2:counted", 0) > 2)
    check.compare("no complaint", "", errors)
    status, _, errors = stackdb.outcome("backtrace", *guest.arguments(), f"--overlay={pid}")
    check.compare("then it is not there", (1, True), (status, f"{pid}" in errors))
    for what in ("kthreadd", "99999", "nobody"):
        status, _, errors = stackdb.outcome("backtrace", *guest.arguments(), f"--overlay={what}")
        check.compare(f"{what} is no process", (1, True), (status, what in errors or "kernel" in errors))
    check.close(5)


# ---- the agent ---------------------------------------------------------------------------------------------------


def await_event(path, **fields):
    """Until the agent has told of it, or will not any more: what is missing then is found by who looks at all that it told."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n") and fields.items() <= json.loads(line).items():
                    return
        time.sleep(0.2)


def agent(stackdb, report, guest):
    check = report.check("agent: what starts, ends, is loaded, is changed")
    path = f"{guest.directory}/agent.jsonl"  # appended to: no older one
    process = subprocess.Popen([stackdb.program, "agent", "--interval=0.5", "--text=65536", f"--output={path}",
                                *guest.arguments()], env=stackdb.env, stderr=subprocess.PIPE, text=True)
    await_event(path, event="started")
    pid = guest.start("sleeper")
    await_event(path, event="process_started", pid=pid)
    guest.shell(f"kill -9 {pid}; rmmod dummy")
    await_event(path, event="process_ended", pid=pid)
    await_event(path, event="module_removed", name="dummy")
    guest.shell("insmod /lib/modules/dummy.ko")
    await_event(path, event="module_loaded", name="dummy")
    change = change_text(guest)
    await_event(path, event="text_changed", address=hex(change))
    process.send_signal(signal.SIGTERM)
    check.compare("it ends in order", ("", 0), (process.communicate(timeout=30)[1], process.returncode))
    with open(path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    by_kind = collections.defaultdict(list)
    for event in events:
        by_kind[event["event"]].append(event)
    check.compare("it begins", ["started"], [events[0]["event"]])
    started = [e for e in by_kind["process_started"] if e["pid"] == pid]
    check.compare("a process starts", [["actor", "sleeper"]], [e["command"] for e in started])
    check.compare("and ends", [pid], [e["pid"] for e in by_kind["process_ended"] if e["pid"] == pid])
    check.compare("a module goes", ["dummy"], [e["name"] for e in by_kind["module_removed"]])
    check.compare("and comes", ["dummy"], [e["name"] for e in by_kind["module_loaded"]])
    changed = [e for e in by_kind["text_changed"] if int(e["address"], 16) == change]
    check.compare("code is changed", [("code", True)], [(e["kind"], e["symbol"].startswith("panic+")) for e in changed])
    check.compare("nothing else is", [], [e for e in by_kind["text_changed"] if e["kind"] in ("code", "diverted") and
                                        int(e["address"], 16) != change])
    check.compare("no trouble", [], by_kind["trouble"])
    check.compare("memory", True, events[-1]["peak_kb"] < 16000)
    check.close(8)


def change_text(guest):
    """Changes a byte of a function of the kernel that nobody calls; its address."""
    found = guest.witness.shell("grep ' T panic$' /proc/kallsyms")
    address = int(found.split()[0], 16)
    with guest.still():
        text = guest.monitor.human(f"gva2gpa {address:#x}")
        physical = int(re.search(r"gpa: (0x[0-9a-f]+)", text)[1], 16)
    at = address + 0x40
    with open(guest.ram, "r+b") as ram:
        ram.seek(physical + 0x40)
        byte = ram.read(1)[0]
        ram.seek(physical + 0x40)
        ram.write(bytes([byte ^ 0x55]))
    return at


# ---- two machines --------------------------------------------------------------------------------------------------


def two_guests(stackdb, report, first, second):
    check = report.check("two machines at once, with a process of each")
    spec = [f"--base={' '.join(guest.arguments())}" for guest in (first, second)]
    pids = [guest.pid_of("loop") for guest in (first, second)]
    out = stackdb("probetargets", "-q", "--json", "-n", "60", "3:counted", "4:counted", *spec,
                  f"--overlay=1:{pids[0]}:-R {first.root}", f"--overlay=2:{pids[1]}:-R {second.root}", timeout=120)
    hits = summary(out)
    check.compare("both are met", True, all(hits.get(f"{i}:counted", 0) >= 5 for i in (3, 4)))
    check.compare("as often as was asked", 60, sum(hits.values()))
    listed = collections.Counter(line["target"] for line in lines(stackdb("ps", "--json", *spec)))
    check.compare("processes of both", [1, 2], sorted(listed))
    check.compare("both go on", ["running", "running"], [guest.status() for guest in (first, second)])
    check.close(3)


def run(stackdb, report, arguments):
    times = max(20, int(200 * arguments.scale))
    with report.guard("a machine and the processes in it"):
        with Guest(stackdb.work, smp=2, append="norandmaps") as guest:
            guest.wait_ready()
            prepare(stackdb, guest)
            for test in (processes, values, addresses, levels, returns, endings, agent):
                with report.guard(test.__name__):
                    test(stackdb, report, guest)
            with report.guard("probes"):
                probes(stackdb, report, guest, times)
            with report.guard("two machines"):
                with Guest(stackdb.work, smp=1, name="second") as second:
                    second.wait_ready()
                    two_guests(stackdb, report, guest, second)


oracle.main("overlays", run)
