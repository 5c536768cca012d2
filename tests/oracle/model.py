#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The model of a guest that probes keep current (`-a`), beside a scan of its memory and the guest's own /proc.

follow_model.c holds the two side by side at random moments; at the end everything stands, and the guest tells."""

import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "guests"))
import oracle  # noqa: E402
from guest import STORE, Guest, kernels  # noqa: E402
from oracle import Unavailable  # noqa: E402

VERSIONS = os.environ.get("STACKDB_GUEST_KERNELS", " ".join(kernels())).split()


def compiled(work):
    program = f"{work}/churn"
    subprocess.run(["gcc", "-O1", "-static", "-pthread", "-o", program, f"{HERE}/../personalities/churn.c"], check=True)
    return program


def follower(stackdb):
    program = os.path.join(os.path.dirname(stackdb.program), "..", "tests", "personalities", "follow_model")
    if not os.path.exists(program):
        raise Unavailable(f"{program} is not built")
    return program


class Follow:
    """follow_model, and what it has printed. What it leaves open ends with it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def __init__(self, stackdb, guest, rounds, pid, parts="all"):
        self.process = subprocess.Popen([follower(stackdb), str(rounds), str(pid), *guest.arguments(), "-a", parts], env=stackdb.env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        errors="backslashreplace")
        self.lines = []

    def until_it_stands(self):
        for line in self.process.stdout:
            if line == "stand\n":
                return
            self.lines.append(line.split())

    def end(self):
        out, self.errors = self.process.communicate("\n", timeout=300)
        self.lines += [line.split() for line in out.splitlines()]
        return self.process.returncode

    def all(self, word):
        return [line[1:] for line in self.lines if line[0] == word]


def churned(stackdb, report, guest, rounds, version):
    check = report.check(f"{version}, {guest.smp} CPUs: tasks and regions under churn, as a scan and /proc have them",
                         {"worker": "threads of the kernel come and go between the questions"})
    makers = [guest.start("tasks", seed, program="churn") for seed in (1, 2)]
    mapper = guest.start("memory", 3, program="churn")
    with Follow(stackdb, guest, rounds, mapper) as follow:
        follow.until_it_stands()
        # The makers end; what they have made ends by itself, and is released by process 1.
        guest.shell(f"kill -9 {' '.join(map(str, makers))}; kill -STOP {mapper}")
        time.sleep(1.5)
        maps = guest.shell(f"cat /proc/{mapper}/maps")
        there = guest.witness.tasks()
        check.compare("status", 0, follow.end(), f"{follow.all('error')} {follow.errors[-500:]}")
    for difference in follow.all("difference"):
        check.differ("difference", " ".join(difference))
    for tasks, _, regions, _ in follow.all("round"):
        check.compare("tasks and regions", True, int(tasks) > 60 and int(regions) > 5)
    between = sum(int(line[1]) for line in follow.all("round"))
    moments = sum(line[3] != "0" for line in follow.all("round"))
    check.compare("regions in between are few", True, moments <= 2 + rounds / 20, str(moments))
    told = [int(word) for word in (follow.all("told") or [[0, 0, 0]])[0]]
    check.compare("begins are told", True, told[0] > rounds, str(told))
    check.compare("programs are told", True, told[1] > rounds / 8, str(told))
    check.compare("ends are told", True, told[2] > rounds, str(told))
    # An exec by a thread that is not the first one gives it another number: then the list is read.
    lists = int((follow.all("read") or [["-1"]])[0][0])
    check.compare("lists are read seldom", True, 1 <= lists <= rounds * 0.9, str(lists))
    ours = {int(line[0]) for line in follow.all("task") if int(line[0]) > 0}
    for tid in set(there) ^ ours:
        kernel = tid not in there or there[tid]["flags"] & 0x200000
        check.differ("worker" if kernel and (tid not in there or b"kworker" in there[tid]["comm"]) else "at the end",
                     f"{tid} {there.get(tid, {}).get('comm')}")
    theirs = [tuple(line.split(" ")[0].split("-")) for line in maps.splitlines() if "[vsyscall]" not in line]
    check.compare("regions at the end", [(int(a, 16), int(b, 16)) for a, b in theirs],
                  [tuple(int(word, 16) for word in line[0].split("-")) for line in follow.all("region")])
    check.compare("the guest goes on", "running", guest.status())
    report.say(f"  # {version}, {guest.smp} CPUs: {told[0]} began, {told[1]} executed, {told[2]} ended; {lists} lists read for {rounds} "
               f"questions, {between} tasks and {moments} times regions in between")
    guest.shell(f"kill -9 {mapper}")
    check.close(rounds + 6)


def quiet(stackdb, report, guest, version):
    """Without exec of threads that are not the first the list is read once."""
    check = report.check(f"{version}: one list is read")
    with Follow(stackdb, guest, 12, 0, "thread_entry,thread_exit") as follow:
        guest.shell("for i in 1 2 3 4 5 6 7 8; do /bin/true; sleep 0.1; done")
        follow.until_it_stands()
        check.compare("status", 0, follow.end(), f"{follow.all('error')} {follow.errors[-500:]}")
    check.compare("differences", [], follow.all("difference"))
    check.compare("lists", [["1"]], follow.all("read"))
    check.compare("begins are told", True, int(follow.all("told")[0][0]) >= 8)
    check.close(4)


def modules(stackdb, report, guest, version):
    """A module that comes is known as a module of the machine at once: a probe on it, with the model."""
    check = report.check(f"{version}: modules that come and go; a probe of the program's at the same address")
    process = subprocess.Popen([stackdb.program, "probetargets", "-q", "--json", "-n", "6", "wake_up_new_task", "do_init_module",
                                *guest.arguments(), "-a", "all"], env=stackdb.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    time.sleep(3)
    guest.shell("rmmod dummy; insmod /lib/modules/dummy.ko")
    for _ in range(6):
        guest.shell("/bin/true")
    out, errors = process.communicate(timeout=60)
    check.compare("status", 0, process.returncode, errors[-500:])
    counts = {line["probe"]: line["hits"] for line in map(json.loads, out.splitlines()) if "hits" in line and "probe" in line}
    check.compare("both are met", True, counts.get("do_init_module") == 1 and counts.get("wake_up_new_task") == 5, out[-800:])
    text = guest.shell("grep -c ' wake_up_new_task$' /proc/kallsyms")
    check.compare("it goes on", ("1", "running"), (text.strip(), guest.status()))
    check.close(3)


def killed(stackdb, report, guest, version, times):
    """Whoever dies with the model armed leaves no breakpoint."""
    check = report.check(f"{version}: a program that is killed leaves nothing behind")
    for i in range(times):
        process = subprocess.Popen([follower(stackdb), "1000", "0", *guest.arguments(), "-a", "all"], env=stackdb.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.3 + 0.2 * i)
        process.kill()
        process.wait()
        time.sleep(0.5)
        check.compare("it runs", "running", guest.status())
        check.compare("and makes processes", "5", guest.shell("for i in 1 2 3 4 5; do /bin/true; done; echo 5").strip())
    check.close(2 * times)


def agent(stackdb, report, guest, version):
    """Processes that live for less than an interval."""
    check = report.check(f"{version}: the agent misses no process")
    path = f"{guest.directory}/agent.jsonl"
    process = subprocess.Popen([stackdb.program, "agent", "--interval=2", f"--output={path}", *guest.arguments(),
                                "-a", "thread_entry,thread_exit"], env=stackdb.env, stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    pids = [int(word) for word in guest.shell("for i in 1 2 3 4 5 6 7 8 9 10; do /bin/churn end & echo $!; wait; done").split()]
    time.sleep(3)
    process.terminate()
    check.compare("it ends in order", ("", 0), (process.communicate(timeout=30)[1], process.returncode))
    with open(path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    for pid in pids:
        found = [(event["event"], event["name"]) for event in events if event.get("pid") == pid]
        check.compare(f"{pid}", [("process_started", "sh"), ("process_executed", "churn"), ("process_ended", "churn")], found)
    commands = [event["command"] for event in events if event["event"] == "process_executed" and event["pid"] in pids]
    check.compare("command lines", [["/bin/churn", "end"]] * len(pids), commands)
    check.compare("no trouble", [], [event for event in events if event["event"] == "trouble"])
    # With breakpoints the decoder of instructions is loaded, too.
    check.compare("memory", True, events[-1]["peak_kb"] <= 11000, str(events[-1]["peak_kb"]))
    report.say(f"  # {version}: peak {events[-1]['peak_kb']} kB, {events[-1]['cpu_seconds']} s of a CPU")
    check.close(len(pids) + 4)


def refused(stackdb, report, guest, version):
    check = report.check("what cannot be followed is said")
    done = subprocess.run([stackdb.program, "ps", *guest.arguments(), "-a", "all", "-K", f"{stackdb.work}/nothing"], env=stackdb.env,
                          capture_output=True, text=True, timeout=60)
    check.compare("without a database", True, done.returncode == 1 and bool(re.search("nothing", done.stderr)), done.stderr)
    done = subprocess.run([stackdb.program, "ps", *guest.arguments(), "-a", "weather"], env=stackdb.env, capture_output=True, text=True,
                          timeout=60)
    check.compare("a part that is none", (2, True), (done.returncode, "weather" in done.stderr))
    check.close(2)


def run(stackdb, report, arguments):
    rounds = max(10, int(200 * arguments.scale))
    churn = compiled(stackdb.work)
    for index, version in enumerate(VERSIONS):
        with report.guard(version):
            with Guest(stackdb.work, kernel=version, smp=1 + index % 2, files={"bin/churn": churn}) as guest:
                guest.wait_ready()
                guest.kernel.index(stackdb.program)
                stackdb.env["STACKDB_STORE"] = STORE
                for test, *more in ((quiet,), (modules,), (agent,), (churned, rounds), (killed, 4), (refused,)):
                    with report.guard(f"{version}: {test.__name__}"):
                        if test is churned:
                            churned(stackdb, report, guest, rounds, version)
                        else:
                            test(stackdb, report, guest, version, *more)


oracle.main("model", run)
