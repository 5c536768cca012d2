#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Processes that are no pleasure to look at: that die, exec, fork, map and unmap meanwhile, that have random
stacks, endless strings, structures that contain themselves; that may not be looked at; databases that
are another module's. Each ends promptly, with what could be had or a clear error, and the process goes on."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PROMPTLY = 20  # seconds, on a machine that is busy with other things


def compile_program(work, name, *options):
    path = f"{work}/{name}"
    subprocess.run(["gcc", "-g", "-O1", "-pthread", *options, f"{ROOT}/tests/programs/{name}.c", "-o", path], check=True)
    return path


@contextlib.contextmanager
def running(*command):
    """A process, and its descendants, until the end of the block."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    process.stdout.readline()
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def look(stackdb, *arguments):
    """(status, output, errors), or what is wrong with how it ended."""
    try:
        return stackdb.outcome(*arguments, timeout=PROMPTLY)
    except oracle.Failure as failure:
        return "failed", "", str(failure)


def interrupted(stackdb, seconds, *arguments):
    """The same of a command that goes on until it is interrupted."""
    with subprocess.Popen([stackdb.program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", env=stackdb.env) as command:
        try:
            out, errors = command.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            command.send_signal(signal.SIGINT)
            try:
                out, errors = command.communicate(timeout=PROMPTLY)
            except subprocess.TimeoutExpired:
                command.kill()
                return "no end", "", ""
        return command.returncode, out, errors


def goes_on(process):
    return process.poll() is None and "\nTracerPid:\t0\n" in open(f"/proc/{process.pid}/status", encoding="ascii").read()


def answers(check, stackdb, process, *arguments, least="TID "):
    status, out, errors = look(stackdb, *arguments, "-p", str(process.pid))
    check.compare(f"{process.args[1:]} {arguments}", (0, True), (status, least in out), errors or "differs")
    check.compare(f"{process.args[1:]} {arguments}: it goes on", True, goes_on(process))
    return out


def no_permission(stackdb, report):
    with report.guard("no permission"):
        oracle.need("setpriv")
        if os.getuid():
            raise oracle.Unavailable("it takes root to become somebody else")
        check = report.check("a process of somebody else")
        with tempfile.TemporaryDirectory(prefix="stackdb-") as work, running("sh", "-c", "echo; read line") as process:
            os.chmod(work, 0o755)
            shutil.copy(stackdb.program, f"{work}/stackdb")
            for command in ("backtrace", "dumpthreads", "syscall"):
                done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"{work}/stackdb", command,
                                       "-p", str(process.pid)], capture_output=True, text=True, timeout=PROMPTLY, check=False,
                                      env=dict(stackdb.env, HOME=work, STACKDB_STORE=work))
                check.compare(command, (1, "", True), (done.returncode, done.stdout, "permi" in done.stderr.lower()), done.stderr)
            check.compare("it goes on", True, goes_on(process))
        check.close(4)


def deaths(stackdb, report, target, hostile, count):
    with report.guard("deaths"):
        check = report.check("a process that dies while it is looked at")
        for arguments, command in ((("backtrace", "-v"), (target, "threads", "100")), (("backtrace",), (hostile, "churn")),
                                   (("dumpthreads", "-A"), (target, "threads", "100")),
                                   (("dumptarget", "-q", "-P", "counted"), (target, "loop")),
                                   (("probetargets", "-q", "-r", "counted"), (target, "loop")),
                                   (("syscall", "-c"), (hostile, "churn"))):
            for _ in range(count):
                with running(*command) as process:
                    with subprocess.Popen([stackdb.program, *arguments, "-p", str(process.pid)], stdout=subprocess.DEVNULL,
                                          stderr=subprocess.PIPE, text=True, env=stackdb.env) as looking:
                        time.sleep(random.random() * 0.04)
                        process.kill()
                        try:
                            _, errors = looking.communicate(timeout=PROMPTLY)
                        except subprocess.TimeoutExpired:
                            looking.kill()
                            errors = "no end"
                    # An error has a reason; what ended by a signal has a negative status.
                    check.compare(f"{arguments} {command[1:]}", True,
                                  looking.returncode == 0 or looking.returncode == 1 and "stackdb" in errors, errors[-300:] or "silent")
        check.close(6 * count)


def other_programs(stackdb, report, hostile, count):
    with report.guard("exec"):
        check = report.check("a process that execs meanwhile")
        with running(hostile, "exec") as process:
            for _ in range(count):
                status, _, errors = look(stackdb, "backtrace", "-p", str(process.pid))
                check.compare("backtrace", True, status == 0 or status == 1 and "stackdb" in errors, errors[-300:])
            status, out, errors = interrupted(stackdb, 1, "syscall", "-n", "execve", "-p", str(process.pid))
            check.compare("its system calls", (0, True), (status, out.count("execve(") > 2), errors[-300:] or out[-300:])
            status, _, errors = interrupted(stackdb, 1, "probetargets", "-q", "main", "-p", str(process.pid))
            check.compare("a probe", True, status in (0, 1), errors[-300:])
            time.sleep(0.1)
            check.compare("it goes on", True, goes_on(process))
        check.close(count)


def stacks(stackdb, report, hostile, count):
    with report.guard("random stacks"):
        check = report.check("a stack of random bytes")
        for seed in range(count):
            with running(hostile, "scribble", str(random.randrange(1 << 31))) as process:
                time.sleep(0.01)
                out = answers(check, stackdb, process, "backtrace", "-v")
                check.compare(f"{seed}: where it is", True, "scribble" in out and len(out) < 1 << 20)
        check.close(3 * count)


def moving(stackdb, report, hostile, count):
    with report.guard("moving"):
        check = report.check("memory, libraries and threads that come and go")
        for command in (("memory",), ("maps", "libm.so.6"), ("churn",)):
            with running(hostile, *command) as process:
                for _ in range(count):
                    answers(check, stackdb, process, "backtrace", "-v")
                    answers(check, stackdb, process, "dumpthreads", least=str(process.pid))
                status, _, errors = interrupted(stackdb, 0.5, "probetargets", "-q", "malloc", "-p", str(process.pid))
                check.compare(f"{command}: a probe", 0, status, errors[-300:])
                check.compare(f"{command}: it goes on", True, goes_on(process))
        check.close(12 * count)


def values(stackdb, report, hostile):
    with report.guard("values"):
        check = report.check("endless strings and structures that contain themselves")
        with running(hostile, "string") as process:
            out = answers(check, stackdb, process, "backtrace", "-v")
            check.compare("the string", ["'x' <repeats 200 times>..."],
                          re.findall(r"wait_with \(text=0x[0-9a-f]+ (.*?), node", out), out[:1000])
            check.compare("its length", True, len(out) < 20000)
            answers(check, stackdb, process, "backtrace", "-v", "--json", least='"frames"')
        with running(hostile, "self") as process:
            out = answers(check, stackdb, process, "backtrace", "-v")
            found = re.search(r"node = \{next = (0x[0-9a-f]+), self = (0x[0-9a-f]+), back = (0x[0-9a-f]+), text = 0x[0-9a-f]+ \"self\","
                              r" either = \{again = (0x[0-9a-f]+),", out)
            check.compare("the structure", (True, 1), (bool(found), len(set(found.groups())) if found else 0), out[:1000])
            check.compare("its length", True, len(out) < 20000)
            answers(check, stackdb, process, "backtrace", "-v", "--json", least='"frames"')
        check.close(10)


def bombs(stackdb, report, hostile, count):
    with report.guard("fork bomb"):
        check = report.check("a fork bomb")
        with running(hostile, "bomb", "6") as process:
            for _ in range(count):
                answers(check, stackdb, process, "backtrace")
            status, out, errors = interrupted(stackdb, 1.5, "syscall", "-f", "-n", "exit_group", "-p", str(process.pid))
            check.compare("all its children", (0, True), (status, len(set(re.findall(r"^\[(\d+)\]", out, re.M))) > 50),
                          errors[-300:] or out[-300:])
            time.sleep(0.1)
            check.compare("it goes on", True, goes_on(process))
        check.close(count)


def foreign_database(stackdb, report, target, hostile):
    """In the store, by the build-id of the one, lies the database of the other."""
    with report.guard("foreign database"):
        check = report.check("a database of another build-id")
        ids = [oracle.build_id(path) for path in (target, hostile)]
        store = f"{stackdb.work}/foreign-store"
        shutil.rmtree(store, ignore_errors=True)
        env, stackdb.env = stackdb.env, dict(stackdb.env, STACKDB_STORE=store)
        try:
            stackdb("index", target)
            stackdb("index", hostile)
            paths = [next(f"{directory}/{name}" for directory, _, names in os.walk(store) for name in names
                          if one in f"{directory}/{name}".replace(store, "").replace("/", "")) for one in ids]
            shutil.copy(paths[1], paths[0])
            with running(target, "stay") as process:
                status, out, errors = look(stackdb, "backtrace", "-p", str(process.pid))
                check.compare("both ids are named", (0, True, True), (status, ids[0] in errors, ids[1] in errors), errors)
                check.compare("its own symbols are missing, others' are not", (False, True), ("target.c" in out, "read" in out), out)
        finally:
            stackdb.env = env
        check.close(2)


def run(stackdb, report, arguments):
    count = max(3, int(20 * arguments.scale))
    os.makedirs(f"{stackdb.work}/bad-targets", exist_ok=True)
    target = compile_program(f"{stackdb.work}/bad-targets", "target")
    hostile = compile_program(f"{stackdb.work}/bad-targets", "hostile", "-D_GNU_SOURCE")
    no_permission(stackdb, report)
    deaths(stackdb, report, target, hostile, count)
    other_programs(stackdb, report, hostile, count)
    stacks(stackdb, report, hostile, count)
    moving(stackdb, report, hostile, count)
    values(stackdb, report, hostile)
    bombs(stackdb, report, hostile, count)
    foreign_database(stackdb, report, target, hostile)


oracle.main("bad_targets", run)
