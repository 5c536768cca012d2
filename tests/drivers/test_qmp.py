#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QMP servers that are not QEMU: that say nothing, too much, the wrong thing, or go away. Each ends with an error that says
what is wrong, in bounded time and memory.

usage: test_qmp.py DUMP_MACHINE"""

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time

GREETING = {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}
MTREE = """FlatView #0
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-0000000000000007 (prio 0, ram): pretends

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): /objects/ram KVM
  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
  00000000000c0000-00000000000cafff (prio 0, rom): /objects/ram @00000000000c0000 KVM
  00000000000cb000-0000000000ffffff (prio 0, ram): /objects/ram @00000000000cb000 KVM
  00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram

FlatView #2
 AS "cpu-smm-0", root: memory
 Root memory region: memory
  0000000000000000-00000000ffffffff (prio 0, ram): other
""".replace("\n", "\r\n")
REGISTERS = """
CPU#0
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00000663
EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0
ES =0000 00000000 0000ffff 00009300
CS =f000 ffff0000 0000ffff 00009b00
FS =0000 00000010 0000ffff 00009300
GS =0000 00000020 0000ffff 00009300
GDT=     00000100 0000ffff
IDT=     00000200 0000ffff
CR0=60000010 CR2=00000000 CR3=00001000 CR4=00000000
EFER=0000000000000000
"""


def line(value):
    return json.dumps(value).encode() + b"\r\n"


def reader(connection):
    stream = connection.makefile("rb")
    while True:
        text = stream.readline()
        if not text:
            return
        yield json.loads(text)


class Machine:
    """Answers as QEMU does, for a machine of 16 MiB; a server that lies overrides some of it."""
    prefix = b""

    def __init__(self, ram):
        self.ram = ram

    def greet(self, connection):
        connection.sendall(line(GREETING))

    def value(self, command, arguments):
        text = arguments.get("command-line", "")
        if command == "query-memdev":
            return [{"id": "ram", "size": 1 << 24, "share": True}]
        if command == "query-cpus-fast":
            return [{"cpu-index": 0, "thread-id": 0}]
        if command == "query-status":
            return {"running": False, "status": "paused"}
        if command == "qom-get":
            return self.ram
        if text.startswith("info mtree"):
            return MTREE
        if text.startswith("info registers"):
            return REGISTERS
        if text.startswith("xp /16xb"):
            at = int(text.split()[-1], 16)
            with open(self.ram, "rb") as file:
                file.seek(at)
                data = file.read(16)
            return "\r\n".join(f"{at + i:016x}: " + " ".join(f"0x{b:02x}" for b in data[i:i + 8]) for i in (0, 8)) + "\r\n"
        return {}

    def reply(self, request):
        return line({"return": self.value(request["execute"], request.get("arguments", {})), "id": request.get("id")})

    def serve(self, connection):
        self.greet(connection)
        for request in reader(connection):
            connection.sendall(self.prefix + self.reply(request))


class Scattered(Machine):
    """A byte at a time, with events between, an old reply, and over many lines."""

    def serve(self, connection):
        self.greet(connection)
        for request in reader(connection):
            event = line({"event": "RESUME", "data": {"\"}{": ["\\\"", "}]"]}, "timestamp": {"seconds": 1}})
            old = line({"return": "no", "id": 4711})
            reply = json.loads(self.reply(request))
            data = event + old + json.dumps(reply, indent=4).replace("\n", "\r\n").encode() + b"\r\n\r\n" + event
            if len(data) > 3000:
                connection.sendall(data)
            else:
                for i in range(len(data)):
                    connection.sendall(data[i:i + 1])


class Silent(Machine):
    def serve(self, connection):
        time.sleep(30)


class Mute(Machine):
    def reply(self, request):
        return b"" if request["execute"] != "qmp_capabilities" else super().reply(request)


class EndlessGreeting(Machine):
    def serve(self, connection):
        connection.sendall(b'{"QMP": "')
        while True:
            connection.sendall(b"x" * 65536)


class EndlessReply(Machine):
    def serve(self, connection):
        self.greet(connection)
        connection.recv(1)
        connection.sendall(b'{"return": "')
        while True:
            connection.sendall(b"x" * 65536)


class EndlessEvents(Machine):
    def serve(self, connection):
        self.greet(connection)
        while True:
            connection.sendall(line({"event": "STOP"}) * 100)


class Deep(Machine):
    def serve(self, connection):
        self.greet(connection)
        connection.recv(1)
        connection.sendall(b'{"return":' * 100000 + b"1" + b"}" * 100000)
        time.sleep(30)


class Http(Machine):
    def serve(self, connection):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        time.sleep(30)


class Brackets(Machine):
    def serve(self, connection):
        connection.sendall(b"]]]]}}}}")
        time.sleep(30)


class NotGreeting(Machine):
    def greet(self, connection):
        connection.sendall(line({"event": "STOP"}))


class Gone(Machine):
    def serve(self, connection):
        self.greet(connection)
        connection.recv(1)


class Refusing(Machine):
    def reply(self, request):
        return line({"error": {"class": "GenericError", "desc": "not \u00fcber today"}, "id": request.get("id")})


class Changed(Machine):
    """One answer is another one."""

    def __init__(self, ram, command, value):
        super().__init__(ram)
        self.command, self.other = command, value

    def value(self, command, arguments):
        key = arguments.get("command-line", command)
        return self.other if key.startswith(self.command) else super().value(command, arguments)


def run(program, server, arguments=(), questions="", tcp=False):
    """Output, messages, seconds and status of PROGRAM with SERVER."""
    with tempfile.TemporaryDirectory() as work:
        listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        listener.bind(("127.0.0.1", 0) if tcp else f"{work}/qmp")
        listener.listen(1)

        def serve():
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        server.serve(connection)
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        where = [f"--qemu-qmp-port={listener.getsockname()[1]}"] if tcp else [f"--qemu-qmp-sock={work}/qmp"]
        begin = time.monotonic()
        done = subprocess.run([program, *where, *arguments], input=questions, capture_output=True, text=True, timeout=60,
                              check=False)
        seconds = time.monotonic() - begin
        # Who waits for a connection is woken: its descriptor is the one of the next listener.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(0.5)
        listener.close()
        return done.stdout, done.stderr, seconds, done.returncode


def main():
    program = sys.argv[1]
    failures = 0
    with tempfile.TemporaryDirectory() as work:
        ram = f"{work}/ram"
        with open(ram, "wb") as file:
            file.write(os.urandom(1 << 24))
        other, small = f"{work}/other", f"{work}/small"
        with open(other, "wb") as file:
            file.write(os.urandom(1 << 24))
        with open(small, "wb") as file:
            file.write(os.urandom(1 << 20))

        def check(name, server, wanted, seconds=10.0, arguments=(), questions="", tcp=False):
            nonlocal failures
            out, err, took, status = run(program, server, arguments, questions, tcp)
            good = out and all(text in out for text in wanted) and took < seconds and status in (0, 1)
            if not good:
                failures += 1
                print(f"FAILED {name}: {took:.1f} s, status {status}, wanted {wanted}:\n{out[:600]}{err[:600]}")
            else:
                print(f"{name}: {out.splitlines()[0][:150] if out else ''}")

        asked = "ram\ncpu 0\nphysical 400 16\nstatus\n"
        with open(ram, "rb") as file:
            file.seek(0x400)
            there = file.read(16).hex()
        answers = ["ok 0-a0000 c0000-1000000", "cr0=60000010 cr3=1000", "idt=200 gdt=100 fs=10 gs=20 pc=fff0", f"ok {there}", "ok 2"]
        check("a machine", Machine(ram), answers, questions=asked)
        check("over TCP", Machine(ram), answers, questions=asked, tcp=True)
        check("the file named", Machine(ram), answers, questions=asked, arguments=[f"--qemu-mem-path={ram}"])
        check("in pieces", Scattered(ram), answers, questions=asked)
        check("another machine's RAM", Machine(ram), ["error 2", "is not the RAM of this machine", "0 are equal"],
              arguments=[f"--qemu-mem-path={other}"])
        check("a small file", Machine(ram), ["error", "is not the RAM of this machine"], arguments=[f"--qemu-mem-path={small}"])
        check("no file", Machine(ram), ["error 5", "No such file"], arguments=[f"--qemu-mem-path={work}/none"])
        check("RAM that is nowhere", Machine(f"{work}/none"), ["ok 0-a0000! c0000-1000000!"], questions="ram\n")
        check("silence", Silent(ram), ["error 5", "another client holds this monitor"], 15)
        check("no answer", Mute(ram), ["error", "does not answer"], 15)
        check("an endless greeting", EndlessGreeting(ram), ["error 3", "more than 65536 bytes"], 15)
        check("an endless reply", EndlessReply(ram), ["error 3", "more than 8388608 bytes"], 15)
        check("endless events", EndlessEvents(ram), ["error", "does not answer"], 15)
        check("depth", Deep(ram), ["error 3", "is not JSON"], 15)
        check("HTTP", Http(ram), ["error 3", "does not speak QMP"])
        check("closing brackets", Brackets(ram), ["error 3", "does not speak QMP"])
        check("no greeting", NotGreeting(ram), ["error 3", "sent no greeting"])
        check("an end", Gone(ram), ["error 1", "QEMU has quit"])
        check("a refusal", Refusing(ram), ["error", "refused qmp_capabilities: not \u00fcber today"])
        for command, value in (("info mtree", "nothing"), ("info mtree", {"a": 1}), ("info mtree", "\0"), ("info mtree", MTREE[:700]),
                               ("info mtree", MTREE.replace("00000000000a0000", "0000000000000000")),
                               ("info mtree", MTREE.replace("0000000000ffffff", "ffffffffffffffff")),
                               ("info mtree", MTREE.replace("0000000000ffffff", "zzzzffff")), ("query-memdev", 7),
                               ("query-memdev", [7, {"id": 8}, {}]), ("query-cpus-fast", [{"thread-id": 2 ** 70}]),
                               ("query-status", []), ("query-status", {"running": "yes"}), ("info registers", ""),
                               ("info registers", "CPU#0\nRIP="), ("info registers", "CR0=" * 10000), ("qom-get", {}), ("xp", "x"),
                               ("info mtree", MTREE.replace("/objects/ram", "x" * 5000))):
            check(f"{command} {str(value)[:20]!r}", Changed(ram, command, value), [], questions=asked)
        check("too many CPUs", Changed(ram, "query-cpus-fast", [{}] * 5000), ["ok"], 3, questions="cpus\n")
        out = subprocess.run([program, f"--qemu-qmp-sock={work}/none"], capture_output=True, text=True, check=False).stdout
        if "cannot connect" not in out or "No such file" not in out:
            failures += 1
            print("FAILED no socket:", out)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with open(program, "rb") as file:
        sanitized = b"__asan_init" in file.read()  # then what is freed is kept for a while
    if peak > (40 << 10) * (16 if sanitized else 1):  # a reply of 8 MiB, in a buffer that was doubled, is the most
        failures += 1
        print(f"FAILED: a peak of {peak} KiB")
    sys.exit(bool(failures))


main()
