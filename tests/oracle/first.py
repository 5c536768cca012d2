#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The first backtrace of a process, with an empty store: it shows the same as the one when all is indexed, and it
takes no longer than gdb's. The whole databases come to be in the background."""

import collections
import os
import random
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import busy  # noqa: E402
import oracle  # noqa: E402

POINTS = 10
BACKGROUND = 60  # seconds that it may take, on a busy machine


def backtrace(stackdb, store, pid, *options):
    """Its lines and how long it took."""
    begun = time.monotonic()
    status, out, error = stackdb.outcome("backtrace", "-v", "--json", "-p", str(pid), *options,
                                         env=dict(stackdb.env, STACKDB_STORE=store))
    if status:
        raise oracle.Failure(f"backtrace: {error.strip() or status}")
    return out.splitlines(), time.monotonic() - begun


def gdb(pid):
    begun = time.monotonic()
    oracle.run(["gdb", "-nx", "-q", "-batch", "-p", str(pid), "-ex", "thread apply all bt full"], check=False)
    return time.monotonic() - begun


def mapped(pid):
    """The files of its modules."""
    lines = [line.split() for line in open(f"/proc/{pid}/maps")]
    return sorted({line[5] for line in lines if len(line) > 5 and "x" in line[1] and os.path.isfile(line[5])})


def wait_for_databases(store, files):
    """Those of FILES that do not come to be."""
    missing = [oracle.build_id(file) for file in files]
    end = time.monotonic() + BACKGROUND
    while missing and time.monotonic() < end:
        missing = [made for made in missing if not os.path.exists(f"{store}/{made[:2]}/{made[2:]}.sdb")]
        time.sleep(0.05)
    return missing


def used_by(lines):
    """Names of modules that frames are in."""
    return {part.split('"')[0] for line in lines for part in line.split('"module":"')[1:]}


def ask(stackdb, report, name, points, command, spent, **options):
    same = report.check(f"{name}: the first backtrace is that of whole databases")
    whole, empty = f"{stackdb.work}/whole", f"{stackdb.work}/empty"
    options = {key: options[key] for key in ("ready", "env") if key in options}
    with busy.started(command, **options) as pid:
        stackdb.outcome("index", "--quiet", *mapped(pid), env=dict(stackdb.env, STACKDB_STORE=whole))
        for point in range(points):
            time.sleep(random.random() * 0.02)
            with busy.stopped(pid):
                shutil.rmtree(empty, ignore_errors=True)
                first, seconds = backtrace(stackdb, empty, pid)
                spent[name, "ours"] += seconds
                if point < 3:
                    spent[name, "gdb"] += gdb(pid)
                expected, _ = backtrace(stackdb, whole, pid)
                for a, b in zip(expected, first):
                    same.compare(f"pid {pid}", a, b)
                same.compare("lines", len(expected), len(first))
        spent[name, "points"] = points
        names = used_by(first)
        missing = wait_for_databases(empty, [file for file in mapped(pid) if os.path.basename(file) in names])
        report.verdict(f"{name}: what was on its stack gets whole databases", names and not missing, f"not {missing} of {names}")
    same.close(points)


def run(stackdb, report, arguments):
    points = max(3, int(POINTS * arguments.scale))
    spent = collections.Counter()
    with report.guard("tools"):
        oracle.need("gdb")
    for name, make in busy.programs(stackdb.work):
        if arguments.only in name:
            with report.guard(name):
                ask(stackdb, report, name, points, spent=spent, **make())
    with report.guard("time"):
        ratios = {}
        for name in {key[0] for key in spent}:
            ratios[name] = (spent[name, "ours"] / spent[name, "points"]) / (spent[name, "gdb"] / min(3, points))
        report.say("  # of gdb's time: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in sorted(ratios.items())))
        if ratios:
            mean = sum(ratios.values()) / len(ratios)
            report.verdict("time beside gdb's", mean <= 1, f"{mean:.2f} times gdb's on average")


oracle.main("first", run)
