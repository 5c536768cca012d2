#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Memory and CPUs of machines in QEMU: what the library finds and reads, against QEMU's own monitor.

- every way to find a machine (process, QMP, RAM file, stub) leads to the same one; RAM that is not shared says so
- machines of many layouts: bytes that are written here are there for QEMU's `xp`, and the other way round
- the tables of running kernels (5 and 4 levels, PTI) and of ones that are made here (PAE, 32 bits): `info tlb`, `gva2gpa`
- machines that quit, hang, reboot, migrate away, and RAM files that shrink"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../lib", f"{HERE}/../guests", f"{HERE}/../drivers"]
import guest as guests  # noqa: E402
import oracle  # noqa: E402
from machine_program import Program  # noqa: E402

MONITOR = "control.sock"


class Bare:
    """A machine that has not begun to run: any layout, in 0.1 s."""

    def __init__(self, work, *options, monitor=True, stub=True, memory="128M", machine="pc", paused=True):
        self.directory = tempfile.mkdtemp(dir=work)
        self.qmp, self.gdb, control = (f"{self.directory}/{name}" for name in ("qmp.sock", "gdb.sock", MONITOR))
        self.command = [guests.QEMU, "-nodefaults", "-display", "none", "-accel", "tcg", "-cpu", "max", "-m", memory, "-machine",
                        machine, *options, *(["-S"] if paused else [])]
        # Nobody may find our monitor on its command line but by the name that is tested: it is given as a descriptor.
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(control)
        listener.listen(1)
        self.command += ["-chardev", f"socket,id=ours,fd={listener.fileno()},server=on,wait=off", "-mon", "chardev=ours,mode=control"]
        if monitor:
            self.command += ["-qmp", f"unix:{self.qmp},server=on,wait=off"]
        if stub:
            self.command += ["-gdb", f"unix:{self.gdb},server=on,wait=off"]
        self.process = subprocess.Popen(self.command, cwd=self.directory, pass_fds=[listener.fileno()],
                                        stdin=subprocess.DEVNULL, preexec_fn=guests.die_with_parent)
        listener.close()
        self.pid = self.process.pid
        self.monitor = guests.Qmp(control)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.monitor.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def told_bytes(monitor, address, count=16):
    text = monitor.human(f"xp /{count}xb {address:#x}")
    return bytes(int(byte, 16) for byte in re.findall(r" 0x([0-9a-f]{2})\b", text))


def told_ranges(monitor):
    """RAM of the machine by `info mtree -f`, pieces put together."""
    text = monitor.human("info mtree -f").replace("\r", "")
    view = next(part for part in text.split("FlatView #") if ' AS "memory",' in part)
    names = {device["id"] for device in monitor("query-memdev")}
    ranges = []
    for low, high, name in re.findall(r"^\s*([0-9a-f]+)-([0-9a-f]+) \(prio \d+, (?:ram|rom)\): ([^ \n]+)", view, re.M):
        low, high = int(low, 16), int(high, 16) + 1
        if name not in names:
            continue
        if ranges and ranges[-1][1] == low:
            ranges[-1][1] = high
        else:
            ranges.append([low, high])
    return ranges


def merged(text):
    ranges = []
    for low, high in re.findall(r"([0-9a-f]+)-([0-9a-f]+)!? ?", text):
        low, high = int(low, 16), int(high, 16)
        if ranges and ranges[-1][1] == low:
            ranges[-1][1] = high
        else:
            ranges.append([low, high])
    return ranges


# ---- layouts ----------------------------------------------------------------------------------------


def layouts(work):
    file = f"{work}/ram-file"
    memfd = "memory-backend-memfd,id={0},size={1},share=on"
    for machine, size in (("pc", "64M"), ("pc", "3G"), ("pc", "3584M"), ("pc", "4G"), ("q35", "2G"), ("q35", "2816M"), ("q35", "4G")):
        yield f"{machine} {size}", ["-object", memfd.format("ram", size)], f"{machine},memory-backend=ram", size, True
    yield "a file", ["-object", f"memory-backend-file,id=ram,size=1G,mem-path={file},share=on"], "pc,memory-backend=ram", "1G", True
    yield "a relative file", ["-object", "memory-backend-file,id=ram,size=256M,mem-path=here,share=on"], "q35,memory-backend=ram", "256M", True
    yield "a part of a file in shared memory", ["-object", "memory-backend-file,id=ram,size=256M,mem-path=/dev/shm,share=on"], \
        "q35,memory-backend=ram", "256M", True
    numa = [part for i in range(2) for part in ("-object", memfd.format(f"node{i}", "2G"), "-numa", f"node,memdev=node{i}")]
    yield "two equal backends", numa, "pc", "4G", False
    yield "two equal backends, q35", numa, "q35", "4G", False
    yield "memory modules", ["-object", memfd.format("ram", "1G"), "-object", memfd.format("more", "512M"), "-device",
                             "pc-dimm,memdev=more"], "pc,memory-backend=ram", "1G,slots=2,maxmem=4G", False
    with open("/proc/meminfo", encoding="ascii") as file:
        free = dict(re.findall(r"^(\w+): +(\d+)", file.read(), re.M))
    if int(free["HugePages_Free"]) - int(free["HugePages_Rsvd"]) >= 64 and free["Hugepagesize"] == "2048":
        yield "huge pages", ["-object", "memory-backend-memfd,id=ram,size=64M,share=on,hugetlb=on,hugetlbsize=2M"], \
            "pc,memory-backend=ram", "64M", True
    yield "another name", ["-object", memfd.format("a.b-c", "256M")], "pc,memory-backend=a.b-c", "256M", True


def check_layout(report, random, name, machine, arguments):
    with Program(*arguments) as program:
        report.compare(f"{name}: opens", True, program.open, program.opening)
        if not program.open:
            return
        ranges = merged(program("ram"))
        # Without QMP what the BIOS area shows cannot be known; the monitor says when VGA is not there.
        least = 1 << 20 if "--qemu-pid" in arguments[0] else 0
        report.compare(f"{name}: ranges", [[max(low, least), high] for low, high in told_ranges(machine.monitor) if high > least],
                       [[max(low, least), high] for low, high in ranges if high > least])
        for low, high in ranges:
            places = [low, high - 16] + [random.randrange(low, high - 16) for _ in range(12)]
            for place in places:
                text = random.randbytes(16)
                if 0xa0000 - 16 <= place < 0x100000:
                    continue  # what the BIOS area shows may be read-only
                report.compare(f"{name}: write {place:#x}", "ok 16", program(f"write {place:x} {text.hex()}"))
                report.compare(f"{name}: {place:#x}", text, told_bytes(machine.monitor, place))
                report.compare(f"{name}: read {place:#x}", text, program.bytes(f"physical {place:x} 16"))
        for place in (0xa0000, 0xb8000, ranges[-1][1], 1 << 45):
            answer = program.bytes(f"physical {place:x} 16")
            report.compare(f"{name}: no RAM at {place:#x}", True, isinstance(answer, str) or len(answer) < 16 or place < 1 << 20)


def check_layouts(report, work, random):
    with report.guard("layouts"):
        check = report.check("RAM of machines of many layouts is where QEMU has it")
        for name, options, form, memory, simple in layouts(work):
            with Bare(work, *options, machine=form, memory=memory) as machine:
                check_layout(check, random, name, machine, [f"--qemu-qmp-sock={machine.qmp}"])
            if simple:  # nobody can be asked: by the command line, mappings, and what is known of such machines
                with Bare(work, *options, machine=form, memory=memory, monitor=False) as machine:
                    check_layout(check, random, f"{name} without QMP", machine, [f"--qemu-pid={machine.pid}"])
        check.close(1000)


# ---- ways to find one ---------------------------------------------------------------------------------


def check_ways(report, work, random):
    with report.guard("ways"):
        check = report.check("each way to name a machine finds all of it")
        options = ["-object", f"memory-backend-file,id=ram,size=128M,mem-path={work}/way,share=on"]
        port = guests.free_port()
        options += ["-chardev", f"socket,id=tcp,host=127.0.0.1,port={port},server=on,wait=off", "-mon", "chardev=tcp,mode=control"]
        with Bare(work, *options, machine="pc,memory-backend=ram") as machine, \
             Bare(work, "-object", "memory-backend-memfd,id=ram,size=128M,share=on", machine="pc,memory-backend=ram") as other:
            marks = {}
            for one in (machine, other):
                with Program(f"--qemu-pid={one.pid}") as program:
                    marks[one.pid] = random.randbytes(16)
                    check.compare("mark", "ok 16", program(f"write 200000 {marks[one.pid].hex()}"))
            for one, way in ((machine, [f"--qemu-pid={machine.pid}"]), (machine, [f"--qemu-qmp-sock={machine.qmp}"]),
                             (machine, [f"--qemu-qmp-port={port}"]), (machine, ["--qemu-qmp-host=127.0.0.1", f"--qemu-qmp-port={port}"]),
                             (machine, [f"--qemu-mem-path={work}/way"]), (machine, ["--qemu", f"--gdb-sockfile={machine.gdb}"]),
                             (machine, [f"--qemu-mem-path={work}/way", f"--qemu-qmp-sock={machine.qmp}"]),
                             (other, [f"--qemu-pid={other.pid}"]), (other, [f"--qemu-qmp-sock={other.qmp}"]),
                             (other, ["--qemu", f"--gdb-sockfile={other.gdb}"])):
                with Program(*way) as program:
                    check.compare(f"{way}: process", True, f"pid={one.pid} " in program.opening, program.opening)
                    check.compare(f"{way}: RAM", marks[one.pid], program.bytes("physical 200000 16"))
                    check.compare(f"{way}: CPU", True, "ok cr0=60000010" in program("cpu 0"))
            for way, word in (([f"--qemu-pid={machine.pid}", f"--qemu-mem-path={machine.qmp}"], "is not the RAM of QEMU"),
                              ([f"--qemu-pid={os.getpid()}"], "is no QEMU"), (["--qemu-pid=999999999"], "there is no process"),
                              (["--qemu-qmp-port=1"], "cannot connect"),
                              ([f"--qemu-qmp-sock={work}/{'x' * 200}"], "at most 107")):
                with Program(*way) as program:
                    check.compare(f"{way} is refused", True, program.opening.startswith("error ") and word in program.opening,
                                  program.opening)
            held = socket.socket(socket.AF_UNIX)
            held.connect(machine.qmp)
            with Program(f"--qemu-qmp-sock={machine.qmp}") as program:
                check.compare("held by another", True, "another client holds" in program.opening, program.opening)
            with Program(f"--qemu-pid={machine.pid}") as program:  # it has one more, over TCP
                check.compare("the other monitor", True, "ok cr0=60000010" in program("cpu 0"), program.opening)
            held.close()
        with Bare(work) as machine, Program(f"--qemu-qmp-sock={machine.qmp}") as program:
            data = random.randbytes(16)
            check.compare("private: opens", True, program.open, program.opening)
            check.compare("private: ranges", True, program("ram").endswith("-8000000!"))
            check.compare("private: written by the stub", "ok 16", program(f"write 300000 {data.hex()}"))
            check.compare("private: there", data, told_bytes(machine.monitor, 0x300000))
            check.compare("private: read by the stub", data, program.bytes("physical 300000 16"))
            program.close()
            check.compare("private: what to add", True, "start QEMU with -object memory-backend-memfd,id=ram" in program.messages,
                          program.messages)
        check.close(40)


# ---- tables ---------------------------------------------------------------------------------------------


def told_tables(text):
    """`info tlb`: virtual, physical, and flags `XGPDACTUW`: P is a large page."""
    return [(int(va, 16), int(pa, 16), flags) for va, pa, flags in
            re.findall(r"^([0-9a-f]+): ([0-9a-f]+) ([-XGPDACTUW]{9})", text.replace("\r", ""), re.M)]


def compare_tables(check, program, monitor, random, name, cpu, count):
    entries = told_tables(monitor("human-monitor-command", **{"command-line": "info tlb", "cpu-index": cpu}))
    for va, pa, flags in random.sample(entries, min(count, len(entries))):
        inside = random.randrange(4096)
        found = program(f"translate {cpu} {va + inside:x}").split()
        wanted = ["ok", f"{pa + inside:x}", ("w" if flags[8] == "W" else "-") + ("u" if flags[7] == "U" else "-")]
        check.compare(f"{name} CPU {cpu} {va:#x}", wanted, [*found[:2], found[-1][:2]], str(found))
        if len(found) == 4 and flags[0] == "X":
            check.compare(f"{name} CPU {cpu} {va:#x} executes", "-", found[3][2])
        check.compare(f"{name} CPU {cpu} {va:#x} is large", flags[2] == "P", found[2] != "page=1000")
    return entries


def compare_addresses(check, program, monitor, name, cpu, addresses):
    for va in addresses:
        told = monitor("human-monitor-command", **{"command-line": f"gva2gpa {va:#x}", "cpu-index": cpu}).strip()
        wanted = "none" if "Unmapped" in told else told.split("0x")[-1]
        check.compare(f"{name} CPU {cpu} gva2gpa {va:#x}", wanted, program(f"translate {cpu} {va:x}").split()[1])


def check_kernels(report, work, random, scale):
    for name, arguments, levels in (("5 levels", {"cpu": "max", "smp": 2}, 5), ("4 levels and PTI", {"cpu": "max,la57=off",
                                                                                 "append": "pti=on", "smp": 2}, 4)):
        with report.guard(name):
            check = report.check(f"the tables of a kernel as QEMU walks them: {name}")
            with guests.Guest(work, **arguments) as guest:
                guest.wait_ready()
                monitor = guest.monitor
                with guest.still(), Program("--qemu-pid", guest.pid) as program:
                    for cpu in range(2):
                        state = program(f"cpu {cpu}")
                        check.compare("levels", levels == 5, bool(int(re.search("cr4=([0-9a-f]+)", state).group(1), 16) >> 12 & 1), state)
                        entries = compare_tables(check, program, monitor, random, name, cpu, int(1500 * scale) + 300)
                        near = [random.choice(entries)[0] + random.randrange(-1 << 24, 1 << 24) for _ in range(200)]
                        near = [va for va in near if 0 <= va < 1 << 64]
                        far = [random.getrandbits(64) for _ in range(30)]
                        compare_addresses(check, program, monitor, name, cpu, near + [va for va in far if va >> 47 in (0, 0x1ffff)])
                        told = monitor("human-monitor-command", **{"command-line": "info registers", "cpu-index": cpu})
                        for key, pattern in (("cr3", r"CR3=([0-9a-f]+)"), ("idt", r"IDT= +([0-9a-f]+)"), ("gs", r"GS =\w+ ([0-9a-f]+)"),
                                             ("fs", r"FS =\w+ ([0-9a-f]+)"), ("efer", r"EFER=([0-9a-f]+)"), ("pc", r"RIP=([0-9a-f]+)"),
                                             ("cr0", r"CR0=([0-9a-f]+)"), ("gdt", r"GDT= +([0-9a-f]+)"), ("sp", r"RSP=([0-9a-f]+)")):
                            check.compare(f"CPU {cpu} {key}", int(re.search(pattern, told).group(1), 16),
                                          int(re.search(rf"\b{key}=([0-9a-f]+)", state).group(1), 16))
                    direct = [entry for entry in entries if entry[2][2] == "P"]
                    for va, pa, _ in random.sample(direct, min(20, len(direct))):
                        check.compare(f"read {va:#x}", told_bytes(monitor, pa, 64), program.bytes(f"read 1 {va:x} 64"))
                    if guest.smp == 2:  # pages here and there: what stays in this program is bounded
                        for _ in range(3000):
                            program(f"physical {random.randrange(1 << 20, 500 << 20):x} 8")
                        peak, now = map(int, re.findall(r"=(\d+)", program("resident")))
                        check.compare("what is resident", True, peak < 12 << 10 and now < 9 << 10, f"peak {peak} KiB, now {now} KiB")
            check.close(1000)


def set_registers(machine, **registers):
    """By the stub: gdb has a type of flags for control registers, and cannot set that."""
    with socket.socket(socket.AF_UNIX) as stub:
        stub.connect(machine.gdb)
        stream = stub.makefile("rb")

        def ask(text):
            stub.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) & 255))
            while stream.read(1) != b"$":
                pass
            reply = bytearray()
            while (c := stream.read(1)) != b"#":
                reply += c
            stream.read(2)
            stub.sendall(b"+")
            return reply.decode()

        ask("qSupported:multiprocess+")
        ask("qXfer:features:read:target.xml:0,ffb")
        text = part = ask("qXfer:features:read:i386-64bit.xml:0,ffb")
        while part.startswith("m"):
            part = ask(f"qXfer:features:read:i386-64bit.xml:{len(text) - 1:x},ffb")
            text += part[1:]
        names = re.findall(r'<reg name="(\w+)" bitsize="(\d+)"', re.sub(r"<!--.*?-->", "", text, flags=re.S))
        for name, value in registers.items():
            number = [name for name, _ in names].index(name)
            size = int(names[number][1]) // 8
            answer = ask(f"P{number:x}={value.to_bytes(size, 'little').hex()}")
            if answer != "OK":
                raise oracle.Failure(f"QEMU's stub does not set {name}: {answer}")


def check_made(report, work, random):
    """A machine whose CPU has not run an instruction, with tables that are made here."""
    with report.guard("made tables"):
        check = report.check("PAE and 32-bit tables as QEMU walks them")
        for name, size, large, cr4 in (("PAE", 8, 21, 0x20), ("32 bits with large pages", 4, 22, 0x10), ("32 bits", 4, 0, 0)):
            with Bare(work, "-object", "memory-backend-memfd,id=ram,size=128M,share=on", machine="pc,memory-backend=ram") as machine, \
                 Program(f"--qemu-qmp-sock={machine.qmp}") as program:
                put = {}
                tables = iter(range(0x201000, 0x400000, 0x1000))
                top = next(tables)
                middles = [next(tables) for _ in range(4)] if size == 8 else [top]
                if size == 8:
                    put.update({top + 8 * i: middle | 1 for i, middle in enumerate(middles)})
                for _ in range(60):
                    place = random.choice(middles) + random.randrange(4096 // size) * size
                    if large and random.random() < .3:
                        put[place] = random.randrange(1 << (32 - large)) << large | random.choice((1, 3, 5, 7)) | 0x80
                        continue
                    table = next(tables)
                    put[place] = table | 7  # `info tlb` shows the rights of the last entry alone
                    for _ in range(40):
                        put[table + random.randrange(4096 // size) * size] = random.randrange(1 << 20) << 12 | random.choice((0, 1, 3, 5, 7))
                for place, entry in put.items():
                    program(f"write {place:x} {entry.to_bytes(size, 'little').hex()}")
                set_registers(machine, cr3=top, cr4=cr4, cr0=0x80000011)
                state = program("cpu 0")
                check.compare(f"{name}: control registers", True, f"cr3={top:x} cr4={cr4:x}" in state and "cr0=80000011" in state, state)
                entries = compare_tables(check, program, machine.monitor, random, name, 0, 5000)
                check.compare(f"{name}: are there", True, len(entries) > 500, len(entries))
                compare_addresses(check, program, machine.monitor, name, 0, [random.getrandbits(32) for _ in range(300)])
        check.close(1500)


# ---- what goes wrong ----------------------------------------------------------------------------------------


def check_ends(report, work):
    with report.guard("ends"):
        check = report.check("machines that quit, hang, reboot, migrate away; RAM files that shrink")
        backend = ["-object", f"memory-backend-file,id=ram,size=64M,mem-path={work}/ends,share=on"]
        form = {"machine": "pc,memory-backend=ram", "memory": "64M"}
        with Bare(work, *backend, **form) as machine, Program(f"--qemu-qmp-sock={machine.qmp}") as program:
            check.compare("before", True, program("cpu 0").startswith("ok"))
            machine.process.kill()
            machine.process.wait()
            check.compare("killed", True, "QEMU has quit" in program("cpu 0"), program("cpu 0"))
            check.compare("killed: its RAM is still mapped", 16, len(program.bytes("physical 1000 16")))
            check.compare("killed: has ended", "ok 3", program("status"))
            check.compare("killed: closes", 0, program.close())
        with Bare(work, *backend, **form) as machine, Program(f"--qemu-qmp-sock={machine.qmp}") as program:
            check.compare("whole", 16, len(program.bytes("physical 3000000 16")))
            machine.process.kill()
            machine.process.wait()
            os.truncate(f"{work}/ends", 32 << 20)
            for place in ("3000000", "3e00000", "100000"):
                answer = program(f"physical {place} 16")
                check.compare(f"shrunk {place}", True, "was truncated" in answer, answer)
            check.compare("shrunk: not made longer", True, "error" in program("write 3000000 00"))
            check.compare("shrunk: the file", 32 << 20, os.stat(f"{work}/ends").st_size)
            check.compare("shrunk: closes", 0, program.close())
            with Program(f"--qemu-mem-path={work}/ends") as guess:
                check.compare("nobody has it", True, "no QEMU of this machine uses that file" in guess.opening, guess.opening)
        os.unlink(f"{work}/ends")
        with Bare(work, *backend, paused=False, **form) as machine, Program(f"--qemu-qmp-sock={machine.qmp}") as program:
            check.compare("runs", "ok 1", program("status"))
            machine.process.kill()
            machine.process.wait()
            check.compare("has ended", "ok 3", program("status"))
        os.unlink(f"{work}/ends")
        with Bare(work, *backend, **form) as machine:
            os.kill(machine.pid, signal.SIGSTOP)
            begun = time.time()
            with Program(f"--qemu-pid={machine.pid}") as program:
                check.compare("stopped by a signal", True, "is stopped by a signal" in program.opening and time.time() - begun < 5, program.opening)
            os.kill(machine.pid, signal.SIGCONT)
            with Program(f"--qemu-pid={machine.pid}") as program:
                check.compare("goes on", True, program.open, program.opening)
        with Bare(work, *backend, paused=False, **form) as machine, Program(f"--qemu-qmp-sock={machine.qmp}") as program:
            layout = program("ram")
            for _ in range(5):
                machine.monitor("system_reset")
                check.compare("reset", (True, 64), (program("cpu 0").startswith("ok"), len(program.bytes("physical 100000 64"))))
            with Program(f"--qemu-pid={machine.pid}", f"--gdb-sockfile={machine.gdb}") as again:
                check.compare("while another looks", True, "another client holds" in again.opening or again.open, again.opening)
            machine.monitor("migrate", uri="exec:cat >/dev/null")
            for _ in range(100):
                if machine.monitor("query-migrate").get("status") == "completed":
                    break
                time.sleep(0.1)
            check.compare("migrated away", (layout, True), (program("ram"), program("cpu 0").startswith("ok")))
            program.close()
            with Program(f"--qemu-qmp-sock={machine.qmp}") as after:
                check.compare("opened after that: paused", True, after.opening.endswith("status=2"), after.opening)
        check.close(20)


def run(_stackdb, report, arguments):
    import random as generator
    random = generator.Random(arguments.seed)
    work = tempfile.mkdtemp(dir=arguments.work)
    check_layouts(report, work, random)
    check_ways(report, work, random)
    check_made(report, work, random)
    check_ends(report, work)
    check_kernels(report, work, random, arguments.scale)


oracle.main("guest_memory", run)
