# SPDX-License-Identifier: MIT
"""What tests/oracle/guests.py needs to compare: the shapes of stackdb's answers and of the witness's."""

import contextlib
import mmap
import re
import subprocess
import time

from oracle import Failure

MASK = (1 << 64) - 1
cycles = 50  # of attaching and detaching


def plain(text):
    """Text with everything that is no ordinary character taken out: each escapes it in its own way."""
    return re.sub(r"\\x[0-9a-fA-F]{2}|\\[nt0\\]|[^\x21-\x7e]|\\", "", text)


def witness(guest):
    """One look at what is compared with a machine that is held still afterwards."""
    there = guest.witness
    return {"tasks": there.tasks(), "modules": there.modules(), "log": there.log_records(), "version": there.text("/proc/version"),
            "cmdline": there.text("/proc/cmdline"), "build_id": there.kernel_build_id(), "uptime": there.boot_time()}


def number(value):
    """A value as stackdb prints it in JSON, as a number; None where it is none."""
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?(0x[0-9a-f]+|\d+)", value):
        return int(value, 0)
    if isinstance(value, dict):
        for key in ("number", "pointer", "address"):
            if key in value:
                return number(value[key])
    return None


def frame(each):
    return {"name": each.get("function"), "pc": int(each["pc"], 16), "inline": each["kind"] == "inlined",
            "arguments": {one["name"]: number(one.get("value")) for one in each.get("arguments", [])}}


# Where stacks of the kernel end.
OUTERMOST = re.compile(r"entry_\w+|ret_from_fork(_asm)?|asm_\w+|secondary_startup_64(_no_verify)?|error_entry|common_interrupt_return")


def frames(rows):
    return [frame(each) for each in rows if "pc" in each]


class Counted:
    """How often the functions of a `probetargets -q` were met."""

    def __init__(self):
        self.text = ""

    def of(self, name):
        for line in self.text.splitlines():
            words = line.split()
            if any(name in word for word in words):
                for word in words:
                    if word.isdigit():
                        return int(word)
        return None


def start_probing(stackdb, guest, command, *arguments, seconds=60):
    """A `stackdb probetargets` or the like on the guest, whose probes are set: it has stopped the machine for that, and let it go."""
    guest.status()  # takes in what happened until now
    guest.monitor.events.clear()
    process = subprocess.Popen([stackdb.program, command, *guest.arguments(), *arguments], env=stackdb.env, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + seconds
    seen = resumed = None
    while process.poll() is None and time.monotonic() < end:
        guest.status()
        events = [event["event"] for event in guest.monitor.events]
        if "RESUME" in events:
            resumed = resumed or time.monotonic()
            # It goes on being stopped where something is met all the time.
            if events == seen or time.monotonic() - resumed > 5:
                return process
            seen = events
            time.sleep(0.7)
        time.sleep(0.05)
    process.kill()
    raise Failure(f"{command} {' '.join(arguments)} does not begin: {process.communicate()[1][-500:]}")


@contextlib.contextmanager
def probing(stackdb, guest, *arguments, wait=60):
    """Runs `stackdb probetargets` on the guest for the time of the block."""
    counted = Counted()
    process = start_probing(stackdb, guest, "probetargets", *arguments)
    try:
        yield counted
    finally:
        process.terminate()
        try:
            counted.text, errors = process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure(f"probetargets {' '.join(arguments)} does not end") from None
    if process.returncode not in (0, 1):
        raise Failure(f"probetargets {' '.join(arguments)}: status {process.returncode}: {errors[-500:]}")


def kernel_text(guest, seen):
    """The bytes of the kernel's code, from the RAM file (the guest is held still)."""
    start, end = seen["kallsyms"].address("_text"), seen["kallsyms"].address("_etext")
    physical = int(seen["system"][0]["physical_base"], 16)
    with open(guest.ram, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as ram:
        return ram[physical:physical + end - start]


def interesting(guest, seen):
    """Offsets in the RAM file of words that tools follow: task_structs and the modules' list (below 3 GiB of RAM)."""
    drgn_free = [int(row["address"], 16) for row in [*seen["ps"], *seen["lsmod"]]]
    places = []
    for address in drgn_free:
        text = guest.monitor.human(f"gva2gpa {address:#x}")
        if found := re.search(r"gpa: (0x[0-9a-f]+)", text):
            at = int(found[1], 16)
            places += [at + offset for offset in range(0, 4096, 8) if at < 3 << 30]
    return places


