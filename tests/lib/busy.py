# SPDX-License-Identifier: MIT
"""Real programs that are busy, built in many ways, to be stopped anywhere."""

import contextlib
import os
import signal
import subprocess
import time

import oracle

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PROGRAMS = f"{ROOT}/tests/programs"
PYTHON = """
import json, re
def deep(n): return n if n == 0 else deep(n - 1) + len(json.dumps({"a": [n] * 3}))
print("ready", flush=True)
while True:
    deep(40); sorted(str(i) for i in range(300)); re.sub("[aeiou]+", "x", "the quick brown fox" * 20)
"""
SQL = ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) "
       "SELECT count(*) FROM (SELECT DISTINCT abs(random() % 1000) || 'x' || upper(hex(x)) FROM c LIMIT 1000000000);")


@contextlib.contextmanager
def started(command, ready=True, env=None):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    try:
        if ready:
            process.stdout.readline()
        else:
            time.sleep(0.3)
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


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


def compile_busy(work, name, *options, source="busy.c"):
    path = f"{work}/busy-{name.replace(' ', '-')}"
    compiler = "g++" if source.endswith("cc") else "gcc"
    subprocess.run([compiler, "-g", "-pthread", *options, "-o", path, f"{PROGRAMS}/{source}"], check=True)
    return path


def programs(work):
    """(name, options of ask()); each is made when it is its turn."""
    for name, options, parameters in (
            ("-O0", ["-O0"], []), ("-O2", ["-O2"], []), ("threads", ["-O2"], ["4"]),
            ("no frame pointers", ["-O2", "-fomit-frame-pointer"], []), ("-flto", ["-O2", "-flto"], []),
            ("signals", ["-O2"], ["0", "1"])):
        yield name, lambda n=name, o=options, p=parameters: {"command": [compile_busy(work, n, *o), *p]}

    def stripped():
        path = compile_busy(work, "stripped", "-O2", "-Wl,--build-id=0x73747269707065642d62757379")
        subprocess.run(["strip", path], check=True)
        return {"command": [path], "values": False}

    def with_libstdcxx():
        directory = os.path.dirname(oracle.libstdcxx_debug())
        return {"command": [compile_busy(work, "cc", "-std=c++17", "-O2", source="busy.cc")],
                "env": dict(os.environ, LD_LIBRARY_PATH=directory)}

    def python():
        path = os.path.realpath("/usr/bin/python3")
        oracle.debug_file_of(path)
        return {"command": [path, "-c", PYTHON]}

    def sqlite():
        oracle.need("sqlite3")
        return {"command": ["sqlite3", ":memory:", SQL], "ready": False, "values": False}

    yield "stripped", stripped
    yield "C++", with_libstdcxx
    yield "python", python
    yield "sqlite3", sqlite
    yield "32 bits", lambda: {"command": [compile_busy(work, "32", "-O2", "-m32")], "libunwind_too": False, "gdb_too": False}
