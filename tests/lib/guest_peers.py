# SPDX-License-Identifier: MIT
"""Asks other programs about a guest: drgn and crash about a dump, gdb over the stub, gdb over a gdbserver that runs
inside. The guest's own /proc (tests/guests/witness.py) is the witness of everything it shows; these are for the rest.

What they get wrong on these guests:

- drgn 0.0.22 (Debian 12) takes an ELF dump made with paging=true of a guest that loaded qemu_fw_cfg; of Linux 6.12 it
  lists tasks and cannot unwind (`unknown ORC entry type 3`). 0.0.31 (scripts/guest-peers) is right on all three kernels.
  Neither names frames of modules without their debuginfo. A task that was on a CPU cannot be unwound where the dump has
  no notes of that CPU; those on one while the dump was made can.
- crash 8.0.2 is right about 5.10, lists the idle tasks only of 6.1, and says that vmlinux and a dump of 6.12 `do not
  match`. 8.0.6 (scripts/guest-peers) is right about 6.12, and dies on 5.10 and 6.1 while it begins: it looks for the task
  that panicked, and reads an exception stack of 0 bytes for it (`invalid size request: 0`, `read of stack at
  fffffe0000014000 failed`), whether the dump was made with paging or without, and with --no_panic or --active, too. So
  nobody is asked about 6.1. It shows no inlined frames, cannot unwind a task that is on a CPU, and ends some stacks early (5.10: below
  schedule_timeout() in a vfork() that waits; a 32-bit system call's entry): its stack is the beginning of the right one.
- Who unwinds a zombie reads a stack that was freed (drgn does): /proc shows nothing there.
- gdb unwinds with DWARF. Below secondary_startup_64 and in user mode it goes on with what it cannot know (pc 0); it adds
  frames for tail calls, which guest_gdb.py leaves out.
- Where the label in assembler has no size they name it differently (entry_SYSCALL_64 or entry_SYSCALL_64_after_hwframe):
  compare addresses, or names from kallsyms as the kernel takes them (as_proc_shows()).
- /proc/PID/stack shows no function of the scheduler, and none of them where the task runs.
"""

import bisect
import json
import os
import re
import shutil
import subprocess

from oracle import CACHE, Failure, Unavailable, need

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = f"{CACHE}/peers-trixie/bin"  # scripts/guest-peers
VERSION = re.compile(r"\d+(?:\.\d+)+")


def newer(program):
    """PROGRAM of scripts/guest-peers where that was run, else the machine's."""
    if os.path.exists(f"{PEERS}/{program}"):
        return f"{PEERS}/{program}"
    need(program)
    return shutil.which(program)


def last_json(text, what):
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise Failure(f"{what} says: {text[-800:]}")


def by_number(table):
    return {int(key): value for key, value in table.items()}


def drgn(kernel, dump, what="tasks stacks modules", symbols=(), program=None):
    """{"tasks": pid -> {...}, "idle": [...], "stacks": pid -> [{"name", "pc", "inline", "arguments"}] or why not,
    "modules": name -> {"base", "size"}, "symbols": name -> address, and seconds} of a dump made with paging."""
    program = program or newer("drgn")
    if "stacks" in what and version(kernel) >= (6, 12) and not program.startswith(PEERS):
        raise Unavailable(f"no drgn that unwinds Linux {kernel.release}: run scripts/guest-peers")
    env = dict(os.environ, GUEST_DRGN=what + (" symbols" if symbols else ""))
    done = subprocess.run([program, "-q", "-c", dump, "-s", kernel.vmlinux, f"{HERE}/guest_drgn.py"], env=env,
                          input="\n".join(symbols), capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise Failure(f"drgn: {done.stderr[-800:]}")
    answer = last_json(done.stdout, "drgn")
    return {key: by_number(value) if key in ("tasks", "stacks") else value for key, value in answer.items()}


def version(kernel):
    """(6, 1) of Linux 6.1."""
    return tuple(int(part) for part in VERSION.match(kernel.release).group().split(".")[:2])


def crash_program(kernel):
    """Which crash understands this kernel, see above; None: there is no such one."""
    number = version(kernel)
    if number >= (6, 12):
        if not os.path.exists(f"{PEERS}/crash"):
            raise Unavailable(f"no crash that reads dumps of Linux {kernel.release}: run scripts/guest-peers")
        return f"{PEERS}/crash"
    if number >= (6, 1):
        return None
    need("crash")
    return shutil.which("crash")


def crash(kernel, dump, commands, program=None):
    """What crash prints for its COMMANDS."""
    program = program or crash_program(kernel)
    if not program:
        raise Unavailable(f"no crash reads dumps of Linux {kernel.release}")
    done = subprocess.run([program, "-s", "--no_panic", kernel.vmlinux, dump], input="\n".join([*commands, "exit", ""]),
                          capture_output=True, text=True, errors="replace", timeout=600,
                          env=dict(os.environ, TERM="dumb", PAGER="cat", HOME="/nonexistent"))
    if "do not match" in done.stdout + done.stderr or done.returncode:
        raise Failure(f"crash: {(done.stdout + done.stderr)[-800:]}")
    return done.stdout


def crash_tasks(text):
    """pid -> {...} of the output of `ps`; the idle tasks, which are all 0, are a list under None."""
    found = {None: []}
    for line in text.splitlines():
        row = re.match(r"[> ]\s*(\d+)\s+(\d+)\s+(\d+)\s+([0-9a-f]{16})\s+(\w+)\s+[\d.]+\s+\d+\s+\d+\s+(.*)", line)
        if row:
            task = {"pid": int(row[1]), "ppid": int(row[2]), "cpu": int(row[3]), "address": int(row[4], 16),
                    "state": row[5], "comm": re.sub(r"^\[(.*)\]$", r"\1", row[6]), "active": line[0] == ">"}
            if task["pid"]:
                found[task["pid"]] = task
            else:
                found[None].append(task)
    return found


def crash_stacks(text):
    """pid -> [{"name", "pc", "inline": False}] of the output of `foreach bt`; tasks on a CPU are left out."""
    stacks, current = {}, None
    for line in text.splitlines():
        if head := re.match(r"PID: (\d+)\s", line):
            current = stacks.setdefault(int(head[1]), [])
        elif current is not None and (row := re.match(r" *#\d+ \[[0-9a-f]+\] (\S+) at ([0-9a-f]+)", line)):
            current.append({"name": row[1], "pc": int(row[2], 16), "inline": False})
    return {pid: stack for pid, stack in stacks.items() if pid and stack}


def crash_registers(text):
    """pid -> name -> value of what `foreach bt` shows of user mode, where a task is in a system call or an exception."""
    found, current = {}, None
    for line in text.splitlines():
        if head := re.match(r"PID: (\d+)\s", line):
            current = {}
            if int(head[1]):
                found[int(head[1])] = current
        elif current is not None and re.match(r"    [A-Z_\d ]{3,8}: [0-9a-f]", line):
            current.update((name.lower(), int(value, 16)) for name, value in re.findall(r"(\w+): ([0-9a-f]+)", line))
    return {pid: registers for pid, registers in found.items() if registers}


def gdb(guest, what="cpus tasks", bias=None, stop_at=None):
    """{"cpus": [frames of each], "stacks": pid -> frames of each sleeping task} over the stub. The guest must be held
    still, and stays so, or goes on until a CPU comes to the function STOP_AT. BIAS is where KASLR put the kernel (the
    witness knows)."""
    need("gdb")
    where = guest.gdb or f"127.0.0.1:{guest.gdb_port}"
    bias = kernel_bias(guest) if bias is None else bias
    text = run_gdb([f"symbol-file {guest.kernel.vmlinux} -o {bias:#x}", f"target remote {where}",
                    *([f"hbreak *{stop_at}", "continue", "delete"] if stop_at else []), f"source {HERE}/guest_gdb.py",
                    *(["python import os, sys; sys.stdout.flush(); os.kill(os.getpid(), 9)"] if stop_at else ["disconnect"])], dict(os.environ, GUEST_GDB=what))
    answer = last_json(text, "gdb")
    answer["stacks"] = by_number(answer["stacks"])
    return answer


def gdb_steps(guest, function, then, bias):
    """{"caller": what is on top of the stack when a CPU comes to FUNCTION, "pc": where it is after the commands THEN}. gdb is
    killed then: the machine stays where it is."""
    need("gdb")
    where = guest.gdb or f"127.0.0.1:{guest.gdb_port}"
    text = run_gdb([f"symbol-file {guest.kernel.vmlinux} -o {bias:#x}", f"target remote {where}", f"hbreak *{function}", "continue",
                    "delete", "python import json, os, sys; caller = int(gdb.parse_and_eval('*(unsigned long *)$sp'))", *then,
                    "python print(); print(json.dumps({'caller': caller, 'pc': int(gdb.parse_and_eval('(unsigned long)$pc'))}))",
                    "python sys.stdout.flush(); os.kill(os.getpid(), 9)"])
    return last_json(text, "gdb")


def run_gdb(commands, env=None, timeout=600):
    command = ["gdb", "-nx", "-batch", "-ex", "set confirm off", "-ex", "set pagination off", "-ex", "set architecture i386:x86-64"]
    for each in commands:
        command += ["-ex", each]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, env=env)
    return done.stdout + done.stderr


def kernel_bias(guest):
    """By how much KASLR moved the kernel: _text as the guest has it, less the file's."""
    there = int(guest.shell("grep -m1 ' _text$' /proc/kallsyms").split()[0], 16)
    names = subprocess.run(["readelf", "-sW", guest.kernel.vmlinux], capture_output=True, text=True, check=True).stdout
    return there - int(re.search(r"^\s*\d+: ([0-9a-f]+) .* _text$", names, re.M)[1], 16)


def gdb_inside(guest, pid):
    """tid -> [(name, pc, {argument: text})] of a process, from a gdbserver that attaches to it inside the guest."""
    need("gdb", "gdbserver")
    guest.shell(f"gdbserver --attach /dev/ttyS2 {pid} </dev/null >/tmp/gdbserver.log 2>&1 & sleep 1")
    script = ("import json\nout = {}\n"
              "for t in gdb.selected_inferior().threads():\n"
              "    t.switch(); f = gdb.newest_frame(); rows = []\n"
              "    while f is not None and len(rows) < 100:\n"
              "        args = {}\n"
              "        for s in (f.block() if f.function() else []):\n"
              "            if s.is_argument: args[s.name] = str(s.value(f))\n"
              "        rows.append((f.name(), f.pc(), args))\n"
              "        try: f = f.older()\n"
              "        except gdb.error: break\n"
              "    out[t.ptid[1] or t.ptid[2]] = rows\n"
              "print('\\n' + json.dumps(out))")
    path = f"{guest.directory}/gdb_inside.py"
    with open(path, "w", encoding="utf-8") as file:
        file.write(script)
    exe = guest.witness.links(f"/proc/{pid}/exe")[f"/proc/{pid}/exe"]
    text = run_gdb([f"set sysroot {guest.root}", f"file {guest.root}{exe}", f"target remote {guest.gdbserver_port}",
                    f"source {path}", "detach"])
    return by_number(last_json(text, "gdb"))


def in_kernel(stack):
    """The addresses of the kernel's frames, inlined ones left out."""
    return [frame["pc"] for frame in stack if not frame["inline"] and frame["pc"] and frame["pc"] >> 63]


class Kallsyms:
    """Names of addresses as the kernel itself gives them (kernel/kallsyms.c), from witness.kallsyms()."""

    def __init__(self, symbols):
        self.symbols = symbols
        rows = sorted((address, place) for place, (_, values) in enumerate(
            (key, value) for key, value in symbols.items()) for address, letter in values if letter not in "aA")
        names = list(symbols)
        self.addresses = [address for address, _ in rows]
        self.names = [names[place][0] for _, place in rows]

    def address(self, name, module=""):
        return self.symbols[name, module][0][0]

    def name(self, address):
        """Of several names of an address the first in /proc/kallsyms is the one."""
        place = max(0, bisect.bisect_right(self.addresses, address) - 1)
        return self.names[bisect.bisect_left(self.addresses, self.addresses[place])]

    def names_at(self, address):
        """All that begins there."""
        return self.names[bisect.bisect_left(self.addresses, address):bisect.bisect_right(self.addresses, address)]

    def as_proc_shows(self, stack):
        """The names that /proc/PID/stack would print of a stack: what a call returns to, but not in the scheduler."""
        low, high = self.address("__sched_text_start"), self.address("__sched_text_end")
        return [self.name(pc - 1) for pc in in_kernel(stack) if not low <= pc < high]


def physical(stack):
    """The frames that are on the stack: those that were not inlined."""
    return [frame for frame in stack if not frame["inline"]]
