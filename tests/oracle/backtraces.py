#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Backtraces of real programs, stopped at random points, against eu-stack (addresses) and gdb
(functions, lines, inlined functions)."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs")
PYTHON = """
import json, re
def deep(n): return n if n == 0 else deep(n - 1) + len(json.dumps({"a": [n] * 3}))
print("ready", flush=True)
while True:
    deep(40); sorted(str(i) for i in range(300)); re.sub("[aeiou]+", "x", "the quick brown fox" * 20)
"""
SQL = ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) "
       "SELECT count(*) FROM (SELECT DISTINCT abs(random() % 1000) || 'x' || upper(hex(x)) FROM c LIMIT 1000000000);")

EXPLAINED = {
    "eu-stack ends early": "elfutils gives up where rules lead further",
    "eu-stack goes on": "elfutils goes on from a frame that is in no code, or without rules",
    "tail calls": "gdb adds frames of functions that ended with a jump to another one, by guessing from call sites",
    "line of several": "gdb takes the line of a statement that began earlier, or another one of those that share an address",
    "alias": "memcpy and memmove are one piece of code",
}


@contextlib.contextmanager
def started(command, ready=True, stdin=subprocess.DEVNULL):
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        if ready:
            process.stdout.readline()
        else:
            time.sleep(0.3)
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def stopped(pid):
    """The process stands still, so that everybody sees the same."""
    os.kill(pid, signal.SIGSTOP)
    while "\nState:\tT" not in open(f"/proc/{pid}/status").read():
        time.sleep(0.001)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def ours(stackdb, pid):
    return {t["tid"]: t for t in stackdb.json("backtrace", "--json", "--no-args", "-p", str(pid))}


def eu_stack(pid):
    text = subprocess.run(["eu-stack", "-n", "0", "-p", str(pid)], capture_output=True, text=True).stdout
    threads, tid = {}, None
    for line in text.splitlines():
        if found := re.match(r"TID (\d+):", line):
            tid = int(found.group(1))
            threads[tid] = []
        elif found := re.match(r"#\d+\s+(0x[0-9a-f]+)", line):
            threads[tid].append(int(found.group(1), 16))
    return threads


def gdb(pid):
    text = subprocess.run(["gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex",
                           "set print frame-arguments none", "-ex", "set backtrace past-main on", "-ex", "thread apply all bt", "-p", str(pid)],
                          capture_output=True, text=True).stdout
    threads, tid = {}, None
    for line in text.splitlines():
        if found := re.match(r"Thread \d+ \(.*(?:LWP|process) (\d+)", line):
            tid = int(found.group(1))
            threads[tid] = []
        elif tid and (found := re.match(r"#\d+\s+(?:0x[0-9a-f]+ in )?(<signal handler called>|[^\s(]+)(.*)", line)):
            place = re.search(r" at (\S+):(\d+)$", found.group(2))
            threads[tid].append((found.group(1), os.path.basename(place.group(1)) if place else None,
                                 int(place.group(2)) if place else 0))
    return threads


def compare_addresses(check, mine, theirs, pid):
    for tid, expected in theirs.items():
        found = [int(f["pc"], 16) for f in mine.get(tid, {"frames": []})["frames"] if f["kind"] != "inlined"]
        if found == expected:
            check.same()
        elif found[:len(expected)] == expected:
            check.differ("eu-stack ends early", f"{pid}: {len(found)} frames, eu-stack {len(expected)}")
        elif expected[:len(found)] == found:
            end = mine[tid].get("end", "")
            reason = "eu-stack goes on" if "no unwind rules" in end or "in any code" in end else "ends early"
            check.differ(reason, f"{pid}: {len(found)} frames, eu-stack {len(expected)}: {end}")
        else:
            at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), -1)
            check.differ("other addresses", f"{pid}: at {at}: {[hex(a) for a in found[at:at + 3]]}, eu-stack"
                                            f" {[hex(a) for a in expected[at:at + 3]]}")


ALIASES = re.compile(r"^(__GI_|__libc_|__)+")


def same_frame(expected, frame):
    """gdb's (function, file, line) and ours."""
    name, path, line = expected
    if name == "<signal handler called>":
        return frame["kind"] == "signal"
    if path is None:  # gdb knows no line: symbols may differ in their aliases
        return True
    return (ALIASES.sub("", name) == ALIASES.sub("", frame.get("function", ""))
            and path == os.path.basename(frame.get("file", "")) and line == frame.get("line"))


def explained(expected, frame):
    name = frame.get("function", "")
    if ALIASES.sub("", expected[0]) == ALIASES.sub("", name):
        return "line of several"
    if frame["interrupted"] and {"memcpy", "memmove"} <= set(re.findall("memcpy|memmove", expected[0] + name)):
        return "alias"
    return None


def without_tail_calls(expected, found):
    """gdb's frames without those between two of ours, when all of ours are among them in their order."""
    kept = []
    for frame in expected:
        if len(kept) < len(found) and (same_frame(frame, found[len(kept)])
                                       or explained(frame, found[len(kept)])):
            kept.append(frame)
    return kept if len(kept) == len(found) else expected


def compare_frames(check, mine, theirs, pid):
    for tid, expected in theirs.items():
        found = mine.get(tid, {"frames": []})["frames"]
        for index, frame in enumerate(found):
            frame["interrupted"] = index == 0 or found[index - 1]["kind"] == "signal"
        guessed = without_tail_calls(expected, found)
        if guessed != expected and len(guessed) == len(found):
            check.differ("tail calls", f"{pid}: {len(expected) - len(guessed)} frames more")
            expected = guessed
        wrong = [(e, f) for e, f in zip(expected, found) if not same_frame(e, f)]
        for frame in list(wrong):
            reason = explained(*frame)
            if reason:
                check.differ(reason, f"{pid}: gdb {frame[0]}, found {frame[1]}")
                wrong.remove(frame)
        if not wrong and len(expected) == len(found):
            check.same(len(found))
        elif wrong:
            check.differ("other frame", f"{pid}: gdb {wrong[0][0]}, found {wrong[0][1]}")
        else:
            check.differ("other number of frames", f"{pid}: gdb {len(expected)}: {expected[-1]}, found {len(found)}")


def ask(stackdb, report, name, command, points, with_gdb, **options):
    with report.guard(name):
        oracle.need("eu-stack", "gdb")
        addresses = report.check(f"{name}: addresses against eu-stack", EXPLAINED)
        frames = report.check(f"{name}: frames against gdb", EXPLAINED) if with_gdb else None
        with started(command, **options) as pid:
            for point in range(points):
                time.sleep(random.random() * 0.02)
                with stopped(pid):
                    mine = ours(stackdb, pid)
                    compare_addresses(addresses, mine, eu_stack(pid), pid)
                    if frames and point % 5 == 0:
                        compare_frames(frames, mine, gdb(pid), pid)
        addresses.close(points)
        if frames:
            frames.close(1)


def compile_busy(work, name, *options):
    path = f"{work}/busy-{name}"
    subprocess.run(["gcc", "-g", "-pthread", *options, "-o", path, f"{PROGRAMS}/busy.c"], check=True)
    return path


def run(stackdb, report, arguments):
    points = max(5, int(50 * arguments.scale))
    work = stackdb.work
    for name, options, parameters in (
            ("-O0", ["-O0"], []), ("-O2", ["-O2"], []), ("threads", ["-O2"], ["4"]),
            ("no frame pointers", ["-O2", "-fomit-frame-pointer"], []), ("-flto", ["-O2", "-flto"], []),
            ("signals", ["-O2"], ["0", "1"])):
        path = compile_busy(work, name.replace(" ", "-"), *options)
        ask(stackdb, report, name, [path, *parameters], points, True)
    path = compile_busy(work, "stripped", "-O2")
    subprocess.run(["strip", path], check=True)
    ask(stackdb, report, "stripped", [path], points, False)
    ask(stackdb, report, "32 bits", [compile_busy(work, "32", "-O2", "-m32")], points, False)
    ask(stackdb, report, "python", ["/usr/bin/python3", "-c", PYTHON], points, False)
    with report.guard("sqlite3"):
        oracle.need("sqlite3")
        ask(stackdb, report, "sqlite3", ["sqlite3", ":memory:", SQL], points, False, ready=False)


oracle.main("backtraces", run)
