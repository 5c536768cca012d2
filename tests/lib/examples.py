#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of docs/examples/ as a user would have them: compiled with what pkg-config says, run with
the installed library on real processes, and what they print compared with what those do.

usage: examples.py WORK NAME     (pkg-config and the loader find the installation)
"""

import collections
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SOURCE = f"{ROOT}/tests/programs/target.c"


def compile_all(work, name):
    subprocess.run(["gcc", "-g", "-O2", "-pthread", SOURCE, "-o", f"{work}/target"], check=True)
    options = subprocess.run(["pkg-config", "--cflags", "--libs", "stackdb"], capture_output=True, text=True, check=True)
    subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"{ROOT}/docs/examples/{name}.c", "-o", f"{work}/{name}",
                    *options.stdout.split()], check=True)


def start(work, *arguments):
    process = subprocess.Popen([f"{work}/target", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process):
    """What the target prints when it is let go; it must have been left as it was."""
    out, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0, f"the target ended with {process.returncode}"
    return out


def same(what, expected, found):
    assert expected == found, f"{what}: expected {expected!r}, found {found!r}"


def line_of(text):
    with open(SOURCE, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if text in line)


def backtrace(work):
    target = start(work, "threads", "2")
    out = subprocess.run([f"{work}/backtrace", str(target.pid)], capture_output=True, text=True, check=True, timeout=60).stdout
    stacks = re.split(r"^thread (\d+)\n", out, flags=re.M)
    same("threads", sorted(map(int, os.listdir(f"/proc/{target.pid}/task"))), sorted(map(int, stacks[1::2])))
    main = next(text for tid, text in zip(stacks[1::2], stacks[2::2]) if int(tid) == target.pid)
    functions = re.findall(r"^    #\d+ 0x[0-9a-f]+ (\S+)", main, re.M)
    same("functions from stay() on", ["stay", "main"], functions[functions.index("stay"):][:2])
    assert re.search(r" stay at \S*target\.c:\d+\n        local line = \"", main), main
    assert re.search(r" main at \S*target\.c:\d+\n        argument argc = 3\n        argument argv = 0x[0-9a-f]+\n", main), main
    same("locals of the threads", {"worker-0", "worker-1"}, set(re.findall(r"        local name = \"(worker-\d)\\000", out)))
    finish(target)


def calls(work):
    with open(f"{ROOT}/docs/targets.md", encoding="utf-8") as file:
        shown = re.search(r"```c\n(.*?)```", file.read(), re.S).group(1)
    with open(f"{ROOT}/docs/examples/calls.c", encoding="utf-8") as file:
        same("what docs/targets.md shows is the program", re.sub(r"^(/\*.*?\*/\n)*", "", file.read(), flags=re.S), shown)
    target = start(work, "loop")
    with subprocess.Popen([f"{work}/calls", str(target.pid), "counted"], stdout=subprocess.PIPE, text=True) as running:
        for _ in range(1000):
            same("a call", f"{target.pid}: 1\n", running.stdout.readline())
        running.terminate()
    time.sleep(0.3)
    same("the target goes on", None, target.poll())
    with open(f"/proc/{target.pid}/status", encoding="utf-8") as file:
        same("nobody traces it", "0", re.search(r"TracerPid:\s+(\d+)", file.read()).group(1))
    target.kill()
    target.communicate()
    missing = subprocess.run([f"{work}/calls", "999999999", "counted"], capture_output=True, text=True, check=False)
    same("without a process", (1, "", True), (missing.returncode, missing.stdout, "there is no process" in missing.stderr))


def watch(work):
    """Two processes at once: each call, return, line, write and system call of each, no more and no less."""
    count, threads = start(work, "count", "3", "1"), start(work, "churn", "4")
    line = line_of("sink += a;")
    watching = subprocess.Popen([f"{work}/watch", "-f", "counted", "-L", f"target.c:{line}", "-v", "sink", "-c", "1",
                                 "-p", str(count.pid), "-p", str(threads.pid)], stdout=subprocess.PIPE, text=True)
    same("it begins", "watching\n", watching.stdout.readline())
    printed = {process.pid: finish(process) for process in (count, threads)}
    same("targets", ["1 threads, 3 calls each, 0 wrong\n", "churned\n"], list(printed.values()))
    found = collections.Counter(re.sub(r" line \d+ ", " ", row) for row in watching.communicate(timeout=60)[0].splitlines())
    same("its exit", 0, watching.returncode)
    expected = collections.Counter()
    for pid, calls_made in ((count.pid, 3), (threads.pid, 4)):
        sink = 0
        for a in range(calls_made):
            expected[f"[{pid}] call counted in counted a={a} b=0"] += 1
            expected[f"[{pid}] line target.c:{line} in counted a={a} b=0"] += 1
            expected[f"[{pid}] write sink {sink} -> {sink + a}"] += 1
            expected[f"[{pid}] return counted = {3 * a}"] += 1
            sink += a
        expected[f"[{pid}] system call 1 (0x1, ...)"] += 1
        expected[f"[{pid}] system call 1 = {len(printed[pid])}"] += 1
    same("events", (collections.Counter(), collections.Counter()), (expected - found, found - expected))
    # One that never ends by itself is let go by SIGINT, and one that it launches is followed from its begin.
    target = start(work, "loop")
    with subprocess.Popen([f"{work}/watch", "-f", "counted", "-p", str(target.pid)], stdout=subprocess.PIPE, text=True) as watching:
        same("it begins", "watching\n", watching.stdout.readline())
        assert " call counted in counted line " in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=60)
    same("its exit", (0, None), (watching.returncode, target.poll()))
    target.kill()
    target.communicate()
    launched = subprocess.run([f"{work}/watch", "-c", "all", "--", "/bin/true"], capture_output=True, text=True, check=True,
                              timeout=60).stdout
    assert re.search(r"^watching\n\[\d+\] system call 12 \(0, \.\.\.\)\n", launched), launched  # brk
    assert re.search(r"\] system call 231 \(0, \.\.\.\)\n$", launched), launched  # exit_group


def main(work, name):
    os.makedirs(work, exist_ok=True)
    compile_all(work, name)
    try:
        {"backtrace": backtrace, "calls": calls, "watch": watch}[name](work)
    except AssertionError as error:
        print(error)
        return 1
    return 0


sys.exit(main(*sys.argv[1:]))
