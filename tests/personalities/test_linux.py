#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Linux personality compared with what the guests themselves say of themselves.

usage: test_linux.py [DUMP_SYSTEM] [--kernels 5.10,6.1,6.12] [--quick] [--scale N] [--seed N] [--work DIRECTORY]

Each guest is stopped when its witness has told everything; what runs then is a machine out of files
(fake_machine.c), so that nothing of a driver is tested here. Needs QEMU, the kernels of scripts/kernel and
their databases, which $STACKDB makes in the cache's store.
"""

import argparse
import collections
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../guests", f"{HERE}/../lib", HERE]
from guest import Guest, Kernel, kernels  # noqa: E402
from guest_tools import OUTERMOST  # noqa: E402
from machine import describe  # noqa: E402
from oracle import CACHE, Failure, Report, Unavailable  # noqa: E402
from witness import NAMESPACES  # noqa: E402

# What is booted of each kernel: (CPUs, model, parameters)
VARIANTS = [(1, "max", ""), (2, "max,la57=off", ""), (2, "max", "pti=on"), (1, "max,la57=off", "pti=on nokaslr")]
ALL = ("system", "tasks", "threads", "stacks", "users", "values", "modules", "regions", "maps", "pages", "words", "log", "calls")


# Those that run at any time: what they do differs between the witness's answer and the stop.
MOVING = (b"actor\0spinner\0", b"actor\0loop\0")


def unhex(word):
    return b"" if word == "-" else bytes.fromhex(word)


class Dump:
    """Runs dump_system on a machine."""

    def __init__(self, program, machine, store=None):
        self.program, self.machine = program, machine
        self.env = dict(os.environ, STACKDB_STORE=store or f"{CACHE}/store")

    def run(self, *what, options=(), seconds=120):
        def limit():
            resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
        command = [self.program, "--machine", self.machine, *options, *what]
        try:
            done = subprocess.run(command, capture_output=True, timeout=seconds, env=self.env, preexec_fn=limit)
        except subprocess.TimeoutExpired:
            raise Failure(f"no end after {seconds} s: {' '.join(command)}") from None
        if done.returncode not in (0, 1):
            raise Failure(f"{' '.join(command)}: status {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
        return done.stdout.decode(errors="replace").splitlines()

    def lines(self, what):
        lines = self.run(what)
        for line in lines:
            if line.startswith("error") and "has ended" not in line:
                raise Failure(f"{what}: {line}")
        return [line.split() for line in lines]


# ---- one question each ------------------------------------------------------------------------------


def check_system(report, dump, told):
    check = report.check("version, build-id, clocks")
    lines = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in dump.run("system")}
    check.compare("version", told["version"].strip(), lines["version"])
    check.compare("command line", told["cmdline"].strip(), lines["cmdline"])
    check.compare("build-id", told["build_id"], lines["build-id"])
    words = lines["base"].split()
    check.compare("base", told["text"], int(words[0], 16))
    boot, uptime = told["boot"]
    words = lines["uptime"].split()
    check.compare("CPUs", told["smp"], int(words[4]))
    # A second or so passes between the answer and the stop; the clock is that of the last tick.
    check.compare("uptime is near", True, -2 < int(words[0]) / 1e9 - uptime < 30)
    check.compare("boot time is near", True, abs(int(words[2]) / 1e9 - boot) < 2)
    check.close(7)


def task_of(words):
    return {"tgid": int(words[3]), "ppid": int(words[5]), "state": words[7], "kernel": words[9] == "1", "processor": int(words[11]),
            "uids": [int(words[15]), int(words[16])], "gids": [int(words[17]), int(words[18])],
            "start_ticks": int(words[20]) // 10_000_000, "namespaces": [int(word) for word in words[22:30]], "name": unhex(words[-1])}


def check_tasks(report, dump, told):
    # Kernel threads come and go between the answer and the stop, and the witness slept after it.
    check = report.check("tasks", explained={"kernel worker": "comes and goes between the question and the stop",
                                            "moved": "kernel threads ran between the question and the stop"})
    ours = {int(words[1]): task_of(words) for words in dump.lines("tasks")}
    idle = {tid for tid in ours if tid <= 0}
    check.compare("idle tasks", {-n for n in range(told["smp"])}, idle)
    for tid in ours.keys() - told["tasks"].keys() - idle:
        check.differ("kernel worker" if ours[tid]["kernel"] else "extra", f"{tid} {ours[tid]}")
    for tid, theirs in told["tasks"].items():
        kernel = bool(theirs["flags"] & 0x200000)
        if tid not in ours:
            check.differ("kernel worker" if kernel else "missing", f"{tid} {theirs['comm']}")
            continue
        found = ours[tid]
        for name in ("tgid", "ppid", "start_ticks"):
            check.compare(f"{tid} {name}", theirs[name], found[name])
        check.compare(f"{tid} uids", (theirs["uids"][:2], theirs["gids"][:2]), (found["uids"], found["gids"]))
        check.compare(f"{tid} namespaces", [theirs["namespaces"].get(name, 0) for name in NAMESPACES], found["namespaces"])
        check.compare(f"{tid} kernel", kernel, found["kernel"])
        # A worker's name ends with what it did last. Of a rescuer the kernel shows what had room in `comm` (until v6.10).
        same = found["name"] == theirs["comm"] or (kernel and len(theirs["comm"]) == 15 and found["name"].startswith(theirs["comm"]))
        check.compare(f"{tid} name", True, same, "moved" if theirs["comm"].startswith(b"kworker/") else f"{found['name']}")
        if tid != 1 and theirs["cmdline"] not in MOVING:
            check.compare(f"{tid} state", theirs["state"], found["state"], "moved" if kernel else "differs")
    check.close(300)


def check_words(report, dump, told):
    check = report.check("command lines")
    ours = {int(words[1]): unhex(words[2]) for words in dump.lines("words")}
    for tid, theirs in told["tasks"].items():
        # Of a process whose leader has ended /proc shows nothing; it still has its memory.
        if tid == theirs["tgid"] and theirs["state"] != "Z" and not theirs["flags"] & 0x200000:
            check.compare(tid, theirs["cmdline"] or b"", ours.get(tid))
    check.close(15)


def check_maps(report, dump, told):
    check = report.check("memory maps")
    ours = collections.defaultdict(list)
    for words in dump.lines("maps"):
        if words[0] == "map":
            low, high = (int(word, 16) for word in words[2].split("-"))
            ours[int(words[1])].append((low, high, words[3], int(words[4], 16),
                                        " ".join([unhex(words[5]).decode(errors="surrogateescape"), *words[6:]])))
    for pid, regions in told["maps"].items():
        if not regions:
            continue
        theirs = [(low, high, rights, offset, f"{path.removesuffix(' (deleted)')} deleted" if path.endswith(" (deleted)") else path)
                  for low, high, rights, offset, _, _, path in regions if path != "[vsyscall]"]
        for region in theirs:
            check.compare(f"{pid} {region[0]:x}", True, region in ours[pid])
        check.compare(f"{pid} in all", len(theirs), len(ours[pid]))
    check.close(300)


def check_pages(report, dump, told, root):
    """Each page of a file that a process has mapped, against the files that the guest booted from: those that are in no table
    are the page cache's, and those in the tables are the same where nobody writes (relocations are read-only later)."""
    check = report.check("pages of files, from the page cache and the tables")
    sums = {}

    def sum_of(path, offset):
        if (path, offset) not in sums:
            with open(path, "rb") as file:
                file.seek(offset)
                sums[path, offset] = f"{zlib.crc32(file.read(4096).ljust(4096, bytes(1))):08x}"
        return sums[path, offset]

    kinds = collections.Counter()
    for words in dump.lines("pages"):
        if words[0] != "page" or words[6] in ("present", "present-w"):
            continue
        path = f"{root}{unhex(words[4]).decode(errors='surrogateescape')}"
        if os.path.isfile(path) and not path.startswith(f"{root}/tmp"):
            kinds[words[6].partition("-")[0]] += 1
            check.compare(f"{words[1]} {path} at {words[3]}, {words[6]}", sum_of(path, int(words[3], 16)), words[5])
    check.compare("of both kinds", ["cached", "present"], sorted(kind for kind, count in kinds.items() if count >= 100), f"{kinds}")
    check.close(1000)


def check_modules(report, dump, told):
    check = report.check("modules")
    ours, sections = {}, collections.defaultdict(dict)
    for words in dump.lines("modules"):
        if words[0] == "section":
            sections[words[1]][words[2]] = int(words[3], 16)
        else:
            ours[words[1]] = {"base": int(words[5], 16), "size": int(words[7]), "uses": int(words[9]),
                              "users": [] if words[11] == "-" else words[11].split(","), "state": words[13], "build_id": words[-1]}
    check.compare("names", sorted(told["modules"]), sorted(ours))
    for name, theirs in told["modules"].items():
        for field in ("base", "size", "uses", "users", "state", "build_id"):
            check.compare(f"{name} {field}", theirs[field], ours.get(name, {}).get(field))
        gone = {section for section in theirs["sections"] if section.startswith((".init", ".symtab", ".strtab"))}
        expected = {section: at for section, at in theirs["sections"].items() if section not in gone}
        # Of per-CPU variables each CPU has a copy, which sysfs does not show; tests/oracle/guests.py asks for one.
        gone.add(".data..percpu")
        check.compare(f"{name} sections", expected, {s: at for s, at in sections[name].items() if s not in gone})
    check.close(50)


def check_log(report, dump, told):
    check = report.check("kernel log")
    ours = [(int(words[3]) // 1000, int(words[5]), unhex(words[-1]).decode(errors="replace")) for words in dump.lines("log")]
    for index, (time, level, text) in enumerate(told["log"]):
        text = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)
        check.compare(index, (time, level, text), ours[index] if index < len(ours) else None)
    check.close(200)


def check_users(report, dump, told):
    """Registers of user mode, against /proc/PID/syscall of tasks that wait in one."""
    check = report.check("registers of user mode")
    ours = {int(words[1]): words for words in dump.lines("users")}
    for tid, theirs in told["tasks"].items():
        call, words = theirs["syscall"], ours.get(tid, [])
        if theirs["flags"] & 0x200000 or tid == 1 or not isinstance(call, list) or len(call) != 9 or theirs["state"] not in "STD" \
                or theirs["cmdline"] in MOVING:
            continue
        if len(words) < 16:
            check.differ("none", f"{tid} {words}")
            continue
        check.compare(f"{tid} pc", call[8], int(words[3], 16))
        check.compare(f"{tid} sp", call[7], int(words[5], 16))
        # In 32-bit programs the kernel's idea of the arguments is another one.
        if b"actor-32" not in (theirs["cmdline"] or b""):
            check.compare(f"{tid} call", call[0], int(words[7], 16))
            check.compare(f"{tid} arguments", call[1:7], [int(word, 16) for word in words[9:15]])
    check.close(40)


def stacks_of(dump):
    stacks, ends = collections.defaultdict(list), {}
    for line in dump.run("stacks"):
        words = line.split()
        if words[0] == "stack":
            tid = int(words[1])
        elif words[0] == "frame" and words[3] != "1":  # not of inlined functions
            stacks[tid].append((words[12].rsplit("+", 1)[0], int(words[3])))
        elif words[0] == "end":
            ends[tid] = line[4:]
    return stacks, ends


def plain(name):
    """Functions have several symbols: for 64- and 32-bit programs, and within assembler."""
    name = re.sub(r"^__(x64|ia32|do|se)_sys_", "sys_", name)
    return re.sub(r"^(entry_SYSCALL_64|entry_SYSCALL_compat|entry_INT80_compat)_.*|\.(cold|part|isra|constprop).*", r"\1", name)


def check_stacks(report, dump, told):
    """Kernel stacks, against /proc/PID/stack: the kernel's own unwinder."""
    check = report.check("kernel stacks", explained={"moved": "kernel threads ran between the question and the stop"})
    stacks, ends = stacks_of(dump)
    for tid, end in ends.items():
        check.compare(f"{tid} ends", "-", end)
    for tid, theirs in told["tasks"].items():
        kernel = bool(theirs["flags"] & 0x200000)
        if not theirs["stack"] or tid == 1 or theirs["cmdline"] in MOVING:
            continue
        # The kernel leaves out the scheduler's part, and names what is cold by its own symbol.
        ours, expected = [plain(name) for name, _ in stacks[tid]], [plain(name) for name in theirs["stack"]]
        check.compare(f"{tid} {theirs['comm']}", expected, ours[len(ours) - len(expected):], "moved" if kernel else "differs")
    check.close(100)


def check_running(report, guest, dump_program, machine, samples):
    """Stacks of what CPUs are in at random moments of much work: interrupts, exceptions, softirqs, entries."""
    check = report.check("stacks of running tasks")
    guest.shell("(while :; do dd if=/dev/zero of=/tmp/file bs=64k count=200; ls -lR /sys; cat /proc/*/maps; done) >/dev/null 2>&1 &")
    guest.start("spinner")
    exceptions = 0
    for _ in range(samples):
        time.sleep(random.uniform(0.01, 0.2))
        with guest.still():
            dump = Dump(dump_program, describe(guest, machine))
            running = {int(words[1]) for words in dump.lines("threads") if words[5] != "-1"}
            stacks, ends = stacks_of(dump)
        check.compare("tasks on CPUs", guest.smp, len(running))
        for tid in running:
            names = [name for name, _ in stacks[tid]]
            check.compare(f"{tid} {stacks[tid]}", "-", ends[tid])
            check.compare(f"{tid} ends where the kernel begins: {names}", True, names == ["?"] or bool(OUTERMOST.fullmatch(names[-1])))
            exceptions += sum(kind == 3 for _, kind in stacks[tid])
    report.say(f"  # {exceptions} frames of exceptions and interrupts in the kernel")
    check.close(samples)


def check_calls(report, dump, told):
    check = report.check("system calls")
    for words in dump.lines("calls"):
        check.compare(words[1], "0", words[-1])
    check.close(400)


def check_values(report, dump, told):
    check = report.check("per-CPU variables")
    tasks = {int(words[1]): task_of(words) for words in dump.lines("tasks")}
    for words in dump.lines("values"):
        if words[2:4] == ["runqueues.cpu", "="]:
            check.compare(words[1], tasks[int(words[1])]["processor"], int(words[4]))
    check.close(50)


def check_without_database(report, dump, machine):
    """What can be said at all is said, and the rest says what is missing."""
    check = report.check("without a database")
    alone = Dump(dump.program, machine, "/nonexistent")
    with_it = dump.run("system")
    lines = alone.run("system")
    check.compare("version and build-id", [line for line in with_it if line.startswith(("version", "release", "build-id"))],
                  [line for line in lines if line.startswith(("version", "release", "build-id"))])
    build_id = [line for line in lines if line.startswith("build-id")][0].split()[1]
    for what in ("tasks", "modules", "log", "calls"):
        text = "\n".join(alone.run(what))
        check.compare(what, True, build_id in text and "stackdb index" in text)
    check.compare("named by -K", True, any(line.startswith("task 1 ") for line in alone.run("tasks", options=["-K",
                  f"{CACHE}/store/{build_id[:2]}/{build_id[2:]}.sdb"])))
    for other in other_ids(build_id):
        wrong = alone.run("tasks", options=["-K", f"{CACHE}/store/{other[:2]}/{other[2:]}.sdb"])
        check.compare("a wrong one", True, "build-id" in wrong[0] and wrong[0].startswith("error open"))
    check.close(6)


def other_ids(build_id):
    from oracle import build_id as of_file
    for version in kernels():
        found = of_file(Kernel(version).vmlinux)
        if found and found != build_id:
            yield found


# ---- guests that lie -----------------------------------------------------------------------------------


def check_damaged(report, dump, machine, rounds):
    """Words of the kernel's structures are changed: every answer ends, in bounded time and memory."""
    check = report.check("damaged guests")
    places = [(int(words[2], 16), int(words[3], 16), int(words[4], 16)) for words in dump.lines("places") if words[0] == "place"]
    with open(machine, encoding="utf-8") as file:
        description = file.read()
    for number in range(rounds):
        lines = []
        for _ in range(random.choice((1, 3, 20, 300))):
            _, physical, size = random.choice(places)
            other = random.choice(places)[0]
            value = random.choice((0, 1, 2**64 - 1, random.getrandbits(64), random.getrandbits(16), random.getrandbits(31), other,
                                   other + random.randrange(4096) // 8 * 8, 0xffff888000000000 + random.getrandbits(29)))
            lines.append(f"poke {physical + random.randrange(size) // 8 * 8:x} {value:x}\n")
        path = f"{machine}.damaged"
        with open(path, "w", encoding="utf-8") as file:
            file.write(description + "".join(lines))
        try:
            Dump(dump.program, path).run(*ALL, seconds=120)
            check.same()
        except Failure as failure:
            keep = f"{machine}.failed-{number}"
            os.rename(path, keep)
            check.differ("failed", f"round {number}, kept as {keep}: {failure}")
    check.close(rounds)


# ---- a guest -------------------------------------------------------------------------------------------


def ask_witness(guest):
    witness = guest.witness
    told = {"modules": witness.modules(), "maps": witness.maps(), "log": witness.log_records(), "version": witness.text("/proc/version"),
            "cmdline": witness.text("/proc/cmdline"), "build_id": guest.witness.kernel_build_id(), "smp": guest.smp,
            "text": int(witness.shell("grep ' _text$' /proc/kallsyms").split()[0], 16)}
    told["tasks"] = witness.tasks()
    told["boot"] = witness.boot_time()
    return told


def check_guest(arguments, work, version, variant):
    smp, cpu, parameters = variant
    name = f"linux-{version}-{smp}-{cpu.replace(',', '-')}{'-' + parameters.replace(' ', '-') if parameters else ''}"
    report = Report(name, work, arguments.seed)
    with report.guard("all"):
        with Guest(work, kernel=version, smp=smp, cpu=cpu, append=parameters) as guest:
            guest.wait_ready()
            guest.start("spinner")
            told = ask_witness(guest)
            with guest.still():
                machine = describe(guest, f"{work}/{name}", copy=True)
            root = guest.root
            with report.guard("running"):
                check_running(report, guest, arguments.program, f"{work}/{name}-running", max(3, int(20 * arguments.scale)))
        dump = Dump(arguments.program, machine)
        for check in (check_system, check_tasks, check_words, check_maps, check_modules, check_log, check_users, check_stacks, check_calls,
                      check_values):
            with report.guard(check.__name__[6:]):
                check(report, dump, told)
        with report.guard("pages"):
            check_pages(report, dump, told, root)
        with report.guard("without a database"):
            check_without_database(report, dump, machine)
        with report.guard("damaged"):
            check_damaged(report, dump, machine, max(3, int(30 * arguments.scale)))
        os.unlink(f"{machine}.ram")
    return report.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", help="by default beside $STACKDB", default=os.path.join(
        os.path.dirname(os.environ.get("STACKDB", "build/gcc/tools/stackdb")), "../tests/personalities/dump_system"))
    parser.add_argument("--kernels", default=",".join(kernels()))
    parser.add_argument("--quick", action="store_true", help="one variant of each kernel")
    parser.add_argument("--scale", type=float, default=1.0,
                        help="multiplies 30 damaged guests of each, and 20 moments at which running tasks are looked at")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work")
    arguments = parser.parse_args()
    failed = 0
    for version in kernels():
        Kernel(version).index(os.environ.get("STACKDB", "stackdb"))
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or temporary
        os.makedirs(work, exist_ok=True)
        for index, version in enumerate(filter(None, arguments.kernels.split(","))):
            for variant in VARIANTS[index % 3:][:1] if arguments.quick else VARIANTS:
                failed |= check_guest(arguments, work, version, variant)
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as reason:
        print(f"skip - linux: {reason}\n# linux: 0 passed, 0 failed, 1 skipped")
