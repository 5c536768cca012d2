#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A personality out of a shared object (`--personality-lib`), on a system that no other one knows.

QEMU boots tests/personalities/toy_kernel.c; toy_personality.so knows it. What the system has is known from its source."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "guests"))
import oracle  # noqa: E402
from guest import QEMU, Qmp, die_with_parent  # noqa: E402
from oracle import Failure, Unavailable, need  # noqa: E402

SOURCES = f"{HERE}/../personalities"


def compiled(work):
    """The system, as a multiboot image of 32 bits."""
    image = f"{work}/toy.elf"
    done = subprocess.run(["gcc", "-m32", "-O1", "-g", "-ffreestanding", "-fno-pic", "-fno-pie", "-fno-stack-protector", "-static",
                           "-nostdlib", "-Wl,--build-id=sha1", "-Wl,-Ttext-segment=0x100000", "-o", image,
                           f"{SOURCES}/toy_kernel.c"], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"no programs of 32 bits can be made: {done.stderr[-200:]}")
    return image


@contextlib.contextmanager
def booted(work, image):
    """Arguments that name the machine, and its process."""
    directory = tempfile.mkdtemp(prefix="toy-", dir=work)
    ram, qmp, gdb, control = (f"{directory}/{name}" for name in ("ram", "qmp", "gdb", "control"))
    command = [QEMU, "-nodefaults", "-display", "none", "-accel", "tcg", "-m", "64M", "-no-reboot", "-object",
               f"memory-backend-file,id=ram,size=64M,mem-path={ram},share=on", "-machine", "pc,memory-backend=ram", "-kernel", image,
               "-qmp", f"unix:{qmp},server=on,wait=off", "-qmp", f"unix:{control},server=on,wait=off", "-chardev",
               f"socket,id=gdb,path={gdb},server=on,wait=off", "-gdb", "chardev:gdb"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        end = time.monotonic() + 20
        while not os.path.exists(control):
            if process.poll() is not None or time.monotonic() > end:
                raise Failure(f"QEMU does not start: {process.poll()}")
            time.sleep(0.05)
        time.sleep(0.2)
        monitor = Qmp(control)
        while int(re.search(r"[ER]IP=([0-9a-f]+)", monitor.human("info registers"))[1], 16) not in range(0x100000, 0x200000):
            if time.monotonic() > end:
                raise Failure("the toy system does not run")
            time.sleep(0.05)
        time.sleep(0.3)
        yield ["--qemu", "--qemu-mem-path", ram, "--qemu-qmp-sock", qmp, "--gdb-sockfile", gdb]
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def known(stackdb, report, image, reach):
    check = report.check("a system that a shared object knows")
    stackdb("index", "--force", image)
    tasks = [json.loads(line) for line in stackdb("ps", "--json", *reach).splitlines()]
    check.compare("tasks", [(10, "idle", 0), (11, "first", 100), (12, "second", 200)],
                  [(task["tid"], task["name"], task["uid"]) for task in tasks])
    system = json.loads(stackdb("system", "--json", *reach))
    note = re.search(r"Build ID: (\w+)", subprocess.run(["readelf", "-n", image], capture_output=True, text=True).stdout)[1]
    check.compare("who knows it", ("toy", note), (system["personality"], system["build_id"]))
    check.compare("its log", True, "toy: three tasks" in stackdb("dmesg", *reach))
    values = stackdb("read", "toy_system.version", "tasks[2].number", "tasks[1].name", *reach)
    check.compare("values by its database", True, "toy_system.version = 1" in values and "tasks[2].number = 12" in values
                  and '"first' in values, values)
    first, second = (int(re.search(r"= (\d+)", stackdb("read", "toy_system.ticks", *reach))[1]) for _ in range(2))
    check.compare("it runs meanwhile", True, second > first)
    stacks = stackdb("backtrace", *reach)
    check.compare("where the running one is", True, bool(re.search(r"TID 11\b.*\n#0 .*\brun\b", stacks)), stacks)
    check.compare("where a sleeping one goes on", True, bool(re.search(r"TID 12\b.*\n#0 .*\bwait_for_work\b", stacks)), stacks)
    check.compare("no process is laid over it", True, "does not know processes" in refusal(stackdb, "backtrace", *reach, "--overlay=11")[1])
    check.close(8)


def refusal(stackdb, *words):
    done = subprocess.run([stackdb.program, *words], env=stackdb.env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def refused(stackdb, report, reach, built):
    check = report.check("what is no personality is refused, with the reason")
    plain = f"{stackdb.work}/plain.so"
    subprocess.run(["gcc", "-shared", "-o", plain, "-x", "c", "-"], input=b"int nothing;", check=True)
    for expected, path, reason in ((1, f"{stackdb.work}/none.so", "none.so"), (2, plain, "defines no stackdb_personality"),
                                   (2, f"{built}/toy_of_tomorrow.so", "is a personality of version 2; this program takes version 1")):
        status, errors = refusal(stackdb, "ps", *reach, "--personality-lib", path)
        check.compare(path, (expected, True), (status, reason in errors), errors)
    status, errors = refusal(stackdb, "ps", *reach)
    check.compare("without it nobody knows the system", (1, True), (status, "linux" in errors), errors)
    check.close(4)


def run(stackdb, report, arguments):
    need(QEMU, "gcc")
    built = os.path.join(os.path.dirname(stackdb.program), "..", "tests", "personalities")
    with report.guard("a personality out of a shared object"):
        if not os.path.exists(f"{built}/toy_personality.so"):
            raise Unavailable("toy_personality.so is not built")
        image = compiled(stackdb.work)
        with booted(stackdb.work, image) as reach:
            with report.guard("known"):
                known(stackdb, report, image, [*reach, "--personality-lib", f"{built}/toy_personality.so"])
            with report.guard("refused"):
                refused(stackdb, report, reach, built)


oracle.main("personality", run)
