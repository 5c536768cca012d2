#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Processes behind gdbserver: the same as through ptrace. And stubs that misbehave: an error in a bounded time."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import fake_stub  # noqa: E402
import oracle  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SECONDS = 90  # that a stub may hold us up
MEMORY = 400 << 20


def compile_target(work, *options):
    path = f"{work}/target{''.join(options)}"
    subprocess.run(["gcc", "-g", "-O2", "-pthread", "-fno-optimize-sibling-calls", *options, "-o", path,
                    f"{ROOT}/tests/programs/target.c"], check=True)
    return path


def await_rest(pid, threads):
    """Until all THREADS of the process have slept for a while: they are where they stay."""
    quiet = 0
    for _ in range(1000):
        states = [open(f"/proc/{pid}/task/{tid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()[0]
                  for tid in os.listdir(f"/proc/{pid}/task")]
        quiet = quiet + 1 if len(states) == threads and set(states) == {"S"} else 0
        if quiet == 20:
            return
        time.sleep(0.01)


@contextlib.contextmanager
def started(target, *arguments):
    process = subprocess.Popen([target, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    if arguments[0] != "loop":
        await_rest(process.pid, 1 + int(arguments[1]) if arguments[0] == "threads" else 1)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def served(process):
    """The options that reach PROCESS through gdbserver, and gdbserver."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(["gdbserver", "--attach", f"localhost:{port}", str(process.pid)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        if "Listening on port" in line:
            break
    threading.Thread(target=server.stderr.read, daemon=True).start()
    try:
        yield ["-t", "gdb", "--gdb-port", str(port)], server
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()


def same_answers(stackdb, report, target, name):
    """Stacks with arguments and locals, registers, of a process that stands."""
    for mode, number in (("stay", "0"), ("recurse", "30"), ("threads", "5"), ("signal", "0"), ("altstack", "0")):
        with report.guard(f"{name}, {mode}"), started(target, mode, number) as process:
            expected = [stackdb("backtrace", "-v", "-p", str(process.pid))]
            expected += [stackdb("dumpthreads", "-r", "-p", str(process.pid))]
            with served(process) as (options, _):
                found = [stackdb("backtrace", "-v", *options), stackdb("dumpthreads", "-r", *options)]
            check = report.check(f"{name}, {mode}: the same as through ptrace")
            for one, other in zip(expected, found):
                # A thread that is traced and stands is `stopped`; what its last call was is not in what gdbserver sends.
                clean = [re.sub(r"(?m)^( *\d+  \S+ +)\S.*?(  0x)", r"\1\2", text) for text in (one, other)]
                clean = [re.sub(r"orig_[er]ax +\S+", "", text) for text in clean]
                for a, b in zip(clean[0].splitlines(), clean[1].splitlines()):
                    check.compare(mode, a.rstrip(), b.rstrip())
                check.compare("lines", len(clean[0].splitlines()), len(clean[1].splitlines()))
            check.close(10)


def counted(stackdb, report, target, arguments, calls, command, printed, tail):
    name = f"{command[0]} {' '.join(arguments)}"
    with report.guard(name), started(target, *arguments) as process, served(process) as (options, server):
        run = subprocess.Popen([stackdb.program, *command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=stackdb.env)
        time.sleep(1.5)
        process.stdin.write(b"\n")
        process.stdin.flush()
        out, problems = run.communicate(timeout=300)
        check = report.check(f"{name}: each is met once")
        check.compare("status", 0, run.returncode)
        found = re.search(printed, out, re.M)
        check.compare("count", calls, int(found.group(1)) if found else out[:300] + problems[:300])
        check.compare("the program", tail, process.stdout.read().decode())
        check.compare("gdbserver", 0, server.wait(20))
        check.close(4)


def watched(stackdb, report, target):
    with report.guard("watchpoints"), started(target, "count", "50", "1") as process, served(process) as (options, _):
        run = subprocess.Popen([stackdb.program, "dumptarget", "sink", "-n", "40", *options], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=stackdb.env)
        time.sleep(1.5)
        process.stdin.write(b"\n")
        process.stdin.flush()
        out = run.communicate(timeout=120)[0]
        values = [int(v, 16) for v in re.findall(r"write sink .*-> (0x[0-9a-f]+)", out)]
        expected, total = [], 0
        for i in range(len(values)):
            total += i
            expected.append(total)
        check = report.check("watchpoints: values as the program writes them")
        check.compare("values", expected, values)
        check.compare("how many", True, len(values) >= 39)
        check.close(2)


def killed(stackdb, report, target):
    with report.guard("killed"):
        check = report.check("a debugger that is killed: its target goes on, without breakpoints")
        for _ in range(3):
            with started(target, "loop") as process, served(process) as (options, _):
                run = subprocess.Popen([stackdb.program, "probetargets", "counted", "-q", *options], env=stackdb.env,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(2)
                run.send_signal(signal.SIGKILL)
                run.wait()
                end = time.monotonic() + 10  # what watches over it takes its time where others work
                status = ""
                while time.monotonic() < end and not re.search(r"TracerPid:\s+0\n", status):
                    time.sleep(0.2)
                    status = open(f"/proc/{process.pid}/status", encoding="ascii").read()
                check.compare("state", "R", re.search(r"State:\s+(\S)", status).group(1))
                check.compare("tracer", "0", re.search(r"TracerPid:\s+(\d+)", status).group(1))
                check.compare("alive", None, process.poll())
        check.close(9)


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def misbehaving(stackdb, report, seeds):
    for kind, through in fake_stub.KINDS.items():
        with report.guard(kind):
            check = report.check(f"a stub of kind '{kind}'")
            for seed in range(seeds):
                stub = subprocess.Popen([sys.executable, fake_stub.__file__, kind, str(seed)], stdout=subprocess.PIPE, text=True)
                port = stub.stdout.readline().strip()
                begin = time.monotonic()
                try:
                    run = subprocess.run([stackdb.program, "dumpthreads", "-r", "-M", "/bin/true", "-t", "gdb", "--gdb-port", port],
                                         capture_output=True, text=True, timeout=SECONDS, env=stackdb.env, preexec_fn=limit_memory)
                    status, problems = run.returncode, run.stderr
                except subprocess.TimeoutExpired:
                    status, problems = "no end", ""
                finally:
                    stub.kill()
                    stub.communicate()
                check.compare(f"{seed}: status", True, status in ((0, 1) if through is None else (1,) if not through else (0, 1)))
                check.compare(f"{seed}: it says why", True, status == 0 or len(problems) > 20)
                if through:  # maps cannot be had of it: registers can
                    check.compare(f"{seed}: the stub is not to blame", None, re.search("checksum|answer|no sense|closed", problems))
                check.compare(f"{seed}: in time", True, time.monotonic() - begin < SECONDS)
            check.close(3 * seeds)


def run(stackdb, report, arguments):
    oracle.need("gdbserver", "gcc")
    target = compile_target(stackdb.work)
    same_answers(stackdb, report, target, "64 bits")
    same_answers(stackdb, report, compile_target(stackdb.work, "-m32"), "32 bits")
    number = str(max(200, int(2000 * arguments.scale)))
    counted(stackdb, report, target, ["count", number, "4"], 4 * int(number), ["probetargets", "counted", "-q"],
            r"^ *(\d+)  counted", f"4 threads, {number} calls each, 0 wrong\n")
    counted(stackdb, report, target, ["fork", "30"], 30, ["probetargets", "counted", "-q"], r"^ *(\d+)  counted",
            "30 children, 0 bad\n")
    counted(stackdb, report, target, ["churn", "200"], 200, ["probetargets", "counted", "-q"], r"^ *(\d+)  counted",
            "churned\n")
    watched(stackdb, report, target)
    killed(stackdb, report, target)
    misbehaving(stackdb, report, max(2, int(6 * arguments.scale)))


oracle.main("gdbserver", run)
