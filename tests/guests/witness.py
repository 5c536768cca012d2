# SPDX-License-Identifier: MIT
"""Asks the process in the guest that reads /proc for us (programs/witness.c), and parses what it says."""

import contextlib
import gzip
import os
import re
import secrets
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from oracle import Failure  # noqa: E402

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")


class Witness:
    def __init__(self, path, process=None):
        self.path, self.process = path, process
        self.socket, self.pending = None, b""

    # ---- the line ---------------------------------------------------------

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.pending = None, b""

    def _connect(self, end):
        """What is still coming of an answer that nobody waited for ends with another mark than ours."""
        if self.socket:
            return
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)
        mark = secrets.token_hex(8)
        self.socket.sendall(f"\n{mark} ping\n".encode())
        while (sign := f"end 0 {mark}\n".encode()) not in self.pending:
            self._receive(end)
        self.pending = self.pending.split(sign, 1)[1]

    def _receive(self, end):
        if self.process and self.process.poll() is not None:
            raise Failure(f"the guest ended with status {self.process.returncode}")
        if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            raise Failure("the guest's witness does not answer")
        got = self.socket.recv(1 << 20)
        if not got:
            raise Failure("the guest's serial port was closed")
        self.pending += got

    def _line(self, end):
        while b"\n" not in self.pending:
            self._receive(end)
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="surrogateescape")

    def _bytes(self, length, end):
        parts, have = [self.pending], len(self.pending)
        while have < length:
            self.pending = b""
            self._receive(end)
            parts.append(self.pending)
            have += len(self.pending)
        whole = b"".join(parts)
        self.pending = whole[length:]
        return whole[:length]

    def ask(self, question, seconds=120):
        """Records (kind, name, data)."""
        end = time.monotonic() + seconds
        try:
            self._connect(end)
            self.socket.sendall(b"- " + question.encode(errors="surrogateescape") + b"\n")
            records = []
            while True:
                kind, length, name = self._line(end).split(" ", 2)
                if kind == "end":
                    return records
                records.append((kind, name, self._bytes(int(length), end)))
        except (Failure, ValueError, OSError) as error:
            self.close()  # what is still under way would be taken for the next answer
            raise error if isinstance(error, Failure) else Failure(f"the guest's witness: {error}") from None

    def answers(self, seconds):
        """Whether it is there."""
        try:
            self.ask("ping", seconds)
            return True
        except (Failure, OSError):
            return False

    # ---- what it is asked -------------------------------------------------

    def files(self, *patterns):
        """name -> content of what could be read."""
        return {name: data for kind, name, data in self.ask("files " + " ".join(patterns)) if kind == "file"}

    def text(self, path):
        return self.files(path)[path].decode(errors="replace")

    def links(self, *patterns):
        return {name: data.decode() for kind, name, data in self.ask("links " + " ".join(patterns)) if kind == "link"}

    def shell(self, command):
        records = {kind: data.decode(errors="replace") for kind, _, data in self.ask(f"sh {command}")}
        if records["status"] != "0":
            raise Failure(f"in the guest: {command}: status {records['status']}: {records['output']}")
        return records["output"]

    def memory(self, pid, address, length):
        """Bytes of a process, or None."""
        for kind, _, data in self.ask(f"mem {pid} {address:x} {length:x}"):
            return data if kind == "file" else None

    def log(self):
        """The kernel log: (text as klogctl() has it, records of /dev/kmsg)."""
        found = {kind: data.decode(errors="replace") for kind, _, data in self.ask("log")}
        return found["log"], found["kmsg"]

    def log_records(self):
        """(microseconds since boot, level, text) of each record of the kernel log."""
        records = []
        for line in self.log()[1].splitlines():
            if found := re.match(r"(\d+),\d+,(\d+),[^;]*;(.*)", line):
                records.append((int(found[2]), int(found[1]) & 7, found[3]))
        return records

    def states(self):
        """tid -> state of the tasks in user mode other than the witness; a quick look."""
        found = {}
        for name, stat in self.files("/proc/[0-9]*/task/[0-9]*/stat").items():
            rest = stat[stat.rindex(b")") + 2:].split()
            if int(rest[6]) & 0x200000 == 0 and name != "/proc/1/task/1/stat":  # PF_KTHREAD
                found[int(name.split("/")[4])] = rest[0].decode()
        return found

    def tasks(self):
        """tid -> what /proc says of each task, kernel threads included (not the idle tasks: /proc has none)."""
        base = "/proc/[0-9]*/task/[0-9]*"
        content = self.files(f"{base}/stat", f"{base}/status", f"{base}/comm", f"{base}/syscall", f"{base}/stack",
                             f"{base}/wchan", f"{base}/cmdline")
        links = self.links(f"{base}/ns/*", "/proc/[0-9]*/exe")
        found = {}
        for name, stat in content.items():
            if not name.endswith("/stat"):
                continue
            place = os.path.dirname(name)
            process = place[:place.index("/task/")]
            with contextlib.suppress(KeyError):  # it ended meanwhile
                found[int(place.rsplit("/", 1)[1])] = task(stat, place, process, content, links)
        return found

    def processes(self):
        """Those tasks that are processes: the leaders of their thread groups."""
        return {tid: each for tid, each in self.tasks().items() if tid == each["tgid"]}

    def command_lines(self):
        """pid -> list of words (bytes)."""
        return {int(name.split("/")[2]): data.split(b"\0")[:-1]
                for name, data in self.files("/proc/[0-9]*/cmdline").items()}

    def maps(self, pid="[0-9]*"):
        """pid -> list of (start, end, permissions, offset, device, inode, path)."""
        found = {}
        for name, data in self.files(f"/proc/{pid}/maps").items():
            regions = found.setdefault(int(name.split("/")[2]), [])
            for line in data.decode(errors="surrogateescape").splitlines():
                at = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) (\S+) (\d+)\s*(.*)", line)
                regions.append((int(at[1], 16), int(at[2], 16), at[3], int(at[4], 16), at[5], int(at[6]), at[7]))
        return found

    def pagemap(self, pid, address, pages=1):
        """What /proc/PID/pagemap has for each page: (present, swapped, frame number)."""
        text = self.shell(f"dd if=/proc/{pid}/pagemap bs=8 skip={address >> 12} count={pages} 2>/dev/null | od -An -v -tx8")
        words = [int(word, 16) for word in text.split()]
        return [(bool(word >> 63), bool(word >> 62 & 1), word & (1 << 55) - 1) for word in words]

    def modules(self):
        """name -> size, uses, users, state, base address, sections (name -> address) and build-id of each module."""
        sections = self.files("/sys/module/*/sections/*", "/sys/module/*/sections/.*")
        notes = self.files("/sys/module/*/notes/.note.gnu.build-id")
        found = {}
        for line in self.text("/proc/modules").splitlines():
            name, size, uses, users, state, base = line.split()[:6]
            note = notes.get(f"/sys/module/{name}/notes/.note.gnu.build-id", b"")
            found[name] = {
                "size": int(size), "uses": int(uses), "users": [u for u in users.split(",") if u not in ("", "-")],
                "state": state, "base": int(base, 16), "build_id": note[16:].hex(),
                "sections": {path.rsplit("/", 1)[1]: int(data, 16) for path, data in sections.items()
                             if path.startswith(f"/sys/module/{name}/")}}
        return found

    def kallsyms(self):
        """(name, module or "") -> list of (address, letter)."""
        found = {}
        # The serial port is slow: 13 s for the 5 MB of text.
        records = {kind: data for kind, _, data in self.ask("sh gzip -1 </proc/kallsyms")}
        for line in gzip.decompress(records["output"]).decode().splitlines():
            address, letter, name, *module = line.split()
            found.setdefault((name, module[0].strip("[]") if module else ""), []).append((int(address, 16), letter))
        return found

    def kernel_build_id(self):
        notes = self.files("/sys/kernel/notes")["/sys/kernel/notes"]
        at = 0
        while at + 12 <= len(notes):
            name, size, kind = struct.unpack_from("<III", notes, at)
            data = at + 12 + (name + 3 & ~3)
            if kind == 3 and notes[at + 12:at + 12 + name] == b"GNU\0":
                return notes[data:data + size].hex()
            at = data + (size + 3 & ~3)
        raise Failure("the kernel has no build-id note")

    def boot_time(self):
        """Seconds since 1970 at boot, and since boot now."""
        return int(re.search(r"^btime (\d+)", self.text("/proc/stat"), re.M)[1]), float(self.text("/proc/uptime").split()[0])


def numbers(status, name):
    found = re.search(rf"^{name}:(.*)", status, re.M)
    return [int(word) for word in found[1].split()] if found else None


def task(stat, place, process, content, links):
    """One task, from its files. The command in stat may have any character: it ends at the last `)`."""
    status = content[f"{place}/status"].decode(errors="surrogateescape")
    pid, rest = int(stat.split(b" ", 1)[0]), stat[stat.rindex(b")") + 2:].split()
    call = content.get(f"{place}/syscall", b"").decode().split()
    return {
        "pid": pid, "tgid": numbers(status, "Tgid")[0], "ppid": int(rest[1]), "comm": content[f"{place}/comm"][:-1],
        "state": rest[0].decode(), "pgrp": int(rest[2]), "session": int(rest[3]), "flags": int(rest[6]),
        "start_ticks": int(rest[19]), "vsize": int(rest[20]), "processor": int(rest[36]),
        "switches": sum(numbers(status, "voluntary_ctxt_switches") + numbers(status, "nonvoluntary_ctxt_switches")),
        "uids": numbers(status, "Uid"), "gids": numbers(status, "Gid"), "groups": numbers(status, "Groups"),
        "nspid": numbers(status, "NSpid"), "threads": numbers(status, "Threads")[0],
        "namespaces": {name: int(links[f"{place}/ns/{name}"].split("[")[1][:-1]) for name in NAMESPACES
                       if f"{place}/ns/{name}" in links},
        "exe": links.get(f"{process}/exe"), "cmdline": content.get(f"{place}/cmdline"),
        "wchan": content.get(f"{place}/wchan", b"").decode(),
        "stack": re.findall(r"\[<[0-9a-f]*>\] (\S+?)\+", content.get(f"{place}/stack", b"").decode()),
        # of a task that is in a system call: its number, six arguments, sp, pc; -1: not in one; "running"
        "syscall": call[0] if call[:1] == ["running"] else [int(word, 0) for word in call]}
