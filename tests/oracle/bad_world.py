#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk, a read-only store, indexers that are killed or run at the same time: the store
holds whole databases only."""

import contextlib
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402


def files_in(store):
    return [path for path in glob.glob(f"{store}/**", recursive=True, include_hidden=True)
            if os.path.isfile(path)]


def verified(stackdb, path):
    status, _, errors = stackdb.outcome("info", "--verify", path)
    return None if status == 0 else errors


def start(stackdb, store, path):
    env = dict(stackdb.env, STACKDB_STORE=store)
    return subprocess.Popen([stackdb.program, "index", path], env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed(stackdb, report, arguments):
    path = oracle.libc()
    with tempfile.TemporaryDirectory() as store:
        began = time.monotonic()
        start(stackdb, store, path).wait()
        seconds = time.monotonic() - began
    check = report.check("SIGKILL at random moments")
    interrupted = 0
    with tempfile.TemporaryDirectory() as store:
        for index in range(int(100 * arguments.scale) or 1):
            shutil.rmtree(store)
            os.mkdir(store)
            process = start(stackdb, store, path)
            # The last part of the time is where files appear: every other kill goes there.
            delay = random.uniform(0.75, 1.05) if index % 2 else random.random()
            time.sleep(seconds * delay)
            interrupted += process.poll() is None
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()
            databases = [f for f in files_in(store) if f.endswith(".sdb")]
            wrong = [f"{f}: {why}" for f in databases if (why := verified(stackdb, f))]
            if wrong:
                check.differ("a damaged database", f"after {delay:.3f}: {wrong}")
            else:
                check.same()
        process = start(stackdb, store, path)
        if process.wait() != 0:
            check.differ("does not recover", "indexing after a kill failed")
        leftovers = [f for f in files_in(store) if not f.endswith(".sdb")]
        report.say(f"  # {interrupted} were killed in time; left beside: {leftovers}")
    check.close()


def concurrent(stackdb, report):
    check = report.check("indexers of one file at the same time")
    path = oracle.libc()
    with tempfile.TemporaryDirectory() as store:
        for _ in range(3):
            running = [start(stackdb, store, path) for _ in range(4)]
            for process in running:
                check.compare("exit", 0, process.wait())
            databases = files_in(store)
            check.compare("files", 1, len(databases), f"other files: {databases}")
            check.compare("verify", None, verified(stackdb, databases[0]))
            shutil.rmtree(store)
            os.mkdir(store)
    check.close()


@contextlib.contextmanager
def small_disk(options):
    if os.geteuid() != 0:
        raise oracle.Unavailable("mounting a small file system needs root")
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory],
                              capture_output=True, check=False)
        if done.returncode:
            raise oracle.Unavailable(f"cannot mount: {done.stderr.decode().strip()}")
        try:
            yield directory
        finally:
            subprocess.run(["umount", directory], check=True)


def full_disk(stackdb, report):
    check = report.check("a full disk")
    path = oracle.libc()
    for size in ("4k", "16k", "64k", "256k", "1m"):
        with small_disk(f"size={size}") as store:
            env = dict(stackdb.env, STACKDB_STORE=store)
            status, _, errors = stackdb.outcome("index", path, env=env)
            check.compare(f"{size}: exit status", 1, status)
            if "disk is full" not in errors and "No space" not in errors:
                check.differ("unclear message", f"{size}: {errors!r}")
            check.compare(f"{size}: files left", [], files_in(store))
            status, _, _ = stackdb.outcome("index", "-o", f"{store}/x.sdb", path, env=env)
            check.compare(f"{size}: exit status with -o", 1, status)
            check.compare(f"{size}: files left", [], files_in(store))
    check.close()


def read_only(stackdb, report):
    check = report.check("a read-only store")
    path = oracle.libc()
    with small_disk("size=100m") as store:
        env = dict(stackdb.env, STACKDB_STORE=store, HOME=store, XDG_CACHE_HOME=store)
        status, _, errors = stackdb.outcome("index", path, env=env)
        check.compare("index: exit status", 0, status, errors)
        subprocess.run(["mount", "-o", "remount,ro", store], check=True)
        status, out, errors = stackdb.outcome("lookup", "-m", path, "fread", env=env)
        check.compare("lookup from it", (0, True), (status, "fread" in out), errors)
        status, _, errors = stackdb.outcome("info", "--verify", files_in(store)[0], env=env)
        check.compare("verify", 0, status, errors)
        status, _, errors = stackdb.outcome("index", "/bin/true", env=env)
        check.compare("index into it: exit status", 1, status)
        if "ead-only" not in errors:
            check.differ("unclear message", errors)
        subprocess.run(["mount", "-o", "remount,rw", store], check=True)
    check.close()


def run(stackdb, report, arguments):
    with report.guard("SIGKILL at random moments"):
        killed(stackdb, report, arguments)
    with report.guard("indexers of one file at the same time"):
        concurrent(stackdb, report)
    with report.guard("a full disk"):
        full_disk(stackdb, report)
    with report.guard("a read-only store"):
        read_only(stackdb, report)


oracle.main("bad_world", run)
