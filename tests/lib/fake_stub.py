#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A gdb stub that misbehaves: `fake_stub.py KIND SEED` prints the port that it listens at. It behaves, with one
process of some threads that stand still, until it does what its kind says; see KINDS."""

import random
import re
import socket
import sys
import threading
import time

REGISTERS = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)), "rip"]
XML = ('<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">'
       '<architecture>i386:x86-64</architecture><xi:include href="core.xml"/></target>')
CORE = ('<?xml version="1.0"?><!-- core --><feature name="org.gnu.gdb.i386.core">'
        + "".join(f'<reg name="{name}" bitsize="64" type="int64"/>' for name in REGISTERS)
        + '<reg name="eflags" bitsize="32"/><reg name="cs" bitsize="32"/></feature>')
# What it does, and whether `stackdb` is to get through all the same.
KINDS = {"well": True, "flaky checksums": True, "late": True, "noise": True, "notifications": True, "stops": False,
         "silent": False, "endless": False, "checksums": False, "close": False, "xml": None, "xml bomb": False,
         "threads": None, "thread ids": False, "thread list": False, "short registers": False, "memory": None,
         "garbage": None, "nack": False, "packet size": None, "lengths": None, "refuses": None, "cut": False}


class Stub:
    def __init__(self, connection, kind, seed):
        self.connection, self.kind, self.random = connection, kind, random.Random(seed)
        self.ack, self.count, self.buffer = True, 0, b""
        self.turn = self.random.randrange(2, 12)  # the request at which it begins

    def put(self, data):
        self.connection.sendall(data)

    def reply(self, text, wrong=False):
        data = text.encode("latin-1")
        data = re.sub(rb"[#$}*]", lambda m: b"}" + bytes([m.group()[0] ^ 0x20]), data)
        packet = b"$" + data + b"#%02x" % ((sum(data) + wrong) & 255)
        if self.kind == "cut" and self.count >= self.turn:
            self.put(packet[:len(packet) // 2])
            raise ConnectionError
        self.put(packet)
        self.last = packet[:-2] + b"%02x" % (sum(data) & 255)

    def request(self):
        while True:
            found = re.search(rb"\$([^#]*)#..", self.buffer, re.S)
            interrupt = self.buffer.find(b"\3")
            if interrupt >= 0 and (not found or interrupt < found.start()):
                self.buffer = self.buffer[interrupt + 1:]
                return "\3"
            if b"-" in self.buffer and (not found or self.buffer.index(b"-") < found.start()):
                self.buffer = self.buffer[self.buffer.index(b"-") + 1:]
                if self.kind == "flaky checksums":
                    self.put(self.last)
                continue
            if found:
                self.buffer = self.buffer[found.end():]
                if self.ack:
                    self.put(b"+")
                return found.group(1).decode("latin-1")
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionError
            self.buffer += data

    def annex(self, text, request):
        offset, size = (int(n, 16) for n in request.rsplit(":", 1)[1].split(","))
        part = text[offset:offset + min(size, 1000)]
        return ("m" if offset + len(part) < len(text) else "l") + part

    def mutated(self, text):
        """TEXT with a few bytes changed, cut, or doubled."""
        data = list(text)
        for _ in range(self.random.randrange(1, 6)):
            at = self.random.randrange(len(data))
            choice = self.random.randrange(4)
            if choice == 0:
                data[at] = chr(self.random.randrange(1, 256))
            elif choice == 1:
                del data[at:at + self.random.randrange(1, 30)]
            elif choice == 2:
                data[at:at] = data[at:at + self.random.randrange(1, 30)]
            else:
                data[at] = self.random.choice("<>\"'&;/=")
        return "".join(data)

    def answer(self, request):
        threads = {"threads": self.random.choice([5000, 20000])}.get(self.kind, 2)
        if request.startswith("qSupported"):
            size = self.random.choice(["ffffffffffffffff", "0", "1", "zz", "40000000"]) if self.kind == "packet size" else "1000"
            return f"PacketSize={size};qXfer:features:read+;vContSupported+;multiprocess+"
        if request.startswith("qXfer:features:read:"):
            text = CORE if "core.xml" in request else XML
            if self.kind == "xml bomb":
                text = self.random.choice([XML.replace("core.xml", "target.xml"), "<a>" * 5000, "x" * 3000000,
                                           "<target><architecture>i386</architecture>"
                                           + '<reg name="x" bitsize="64"/>' * 5000 + "</target>"])
            return self.annex(self.mutated(text) if self.kind == "xml" else text, request)
        if request == "vCont?":
            return "vCont;c;C;s;S"
        if request == "?":
            return "T05thread:p10.10;"
        if request == "qfThreadInfo":
            if self.kind == "thread ids":
                return "m" + self.random.choice(["p10.ffffffffffffffffff", "p10.", "zz", "p10.10,,", "p-1.-1", "p10.0"])
            if self.kind == "threads":
                return "m" + ",".join(f"p10.{n:x}" for n in range(16, 16 + threads))
            return "mp10.10,p10.11"
        if request == "qsThreadInfo":
            if self.kind == "thread list":
                return f"mp10.{self.random.randrange(16, 1 << 40):x}"
            return "l"
        if request == "g":
            size = 17 * 8 + 8
            if self.kind == "short registers":
                size = self.random.randrange(0, 100)
            return "00" * size
        if request.startswith("m"):
            size = int(request.split(",")[1], 16)
            if self.kind == "memory":
                return self.random.choice(["0" * (2 * size + 2000), "012", "xx", "E", "zzzz", "0" * 10])
            return "E01"
        if request.startswith("vCont;"):
            return None
        if request == "\3":
            return "T02thread:p10.10;"
        if request.startswith(("H", "D", "z", "Z", "QPass")):
            return "OK"
        return ""

    def misbehave(self, request, answer):
        kind = self.kind
        if kind == "silent":
            time.sleep(100)
        elif kind == "endless":
            self.put(b"$")
            while True:
                self.put(b"0123456789abcdef" * 4096)
        elif kind == "checksums" or (kind == "flaky checksums" and self.random.random() < 0.5):
            self.reply(answer or "", True)
        elif kind == "close":
            raise ConnectionError
        elif kind == "late":
            time.sleep(0.5)
            self.reply(answer)
        elif kind == "noise":
            self.put(bytes(b for b in self.random.randbytes(200) if b not in b"$#%+-"))
            self.reply(answer)
        elif kind == "notifications":
            self.put(b"%Stop:T05thread:p10.10;#00" * 20)
            self.reply(answer)
        elif kind == "stops":
            while True:
                self.reply("T05thread:p10.10;")
        elif kind == "garbage":
            self.reply(self.random.randbytes(self.random.randrange(0, 400)).decode("latin-1"))
        elif kind == "nack":
            self.put(b"-")
        elif kind == "lengths":
            self.put(b"$0*" + bytes([self.random.randrange(32, 127)]) + b"*~" * 3000 + b"#" + b"%02x" % self.random.randrange(256))
        elif kind == "refuses":
            self.reply(self.random.choice(["", "E01", "E.no", "OK", "E"]))
        else:
            self.reply(answer)

    def serve(self):
        while True:
            request = self.request()
            answer = self.answer(request)
            self.count += 1
            if answer is None:
                continue
            if self.count >= self.turn and self.kind not in ("well", "cut"):
                self.misbehave(request, answer)
            else:
                self.reply(answer)


def main():
    kind, seed = sys.argv[1], int(sys.argv[2])
    server = socket.create_server(("127.0.0.1", 0), backlog=16)
    print(server.getsockname()[1], flush=True)

    def one(connection):
        try:
            Stub(connection, kind, seed).serve()
        except OSError:
            pass
        connection.close()
        if kind in ("close", "cut"):
            server.close()

    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=one, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
