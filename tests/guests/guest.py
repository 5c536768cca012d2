#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots a Linux guest under QEMU and asks it what it is doing.

    from guest import Guest
    with Guest(work, kernel="6.1", smp=2) as guest:
        guest.wait_ready()
        guest.ram, guest.qmp, guest.gdb          # for stackdb --qemu-mem-path, --qemu-qmp-sock, --gdb-sockfile
        guest.start("spinner")                   # one more process: see programs/actor.c
        with guest.still():                      # stopped through QMP
            ...
        guest.witness.tasks()                    # what the guest's own /proc says: see witness.py

Everything a guest has lies in WORK: the RAM file, the sockets, console.log. It ends with close(), with the
`with` block, or with the process that booted it.

usage: guest.py boot [OPTION...]     boots one and stays until a signal
       guest.py ask DIRECTORY QUESTION...    such as `sh ps`, `files /proc/modules`, `tasks`, `log`
       guest.py index [VERSION...]   makes the databases of the kernels, their modules and the guest's programs in
                                     the cache's store, for `STACKDB_STORE=.../store` ($STACKDB is the program)
       guest.py kernels              what can be booted
"""

import argparse
import contextlib
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../lib")
sys.path.insert(0, HERE)
import initramfs  # noqa: E402
from oracle import CACHE, Failure, Unavailable, need  # noqa: E402
from witness import Witness  # noqa: E402

QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
STORE = f"{CACHE}/store"
BOOT_SECONDS = float(os.environ.get("STACKDB_BOOT_SECONDS", "120"))


class Kernel:
    """A kernel that scripts/kernel unpacked."""

    def __init__(self, version):
        self.version = version
        self.directory = f"{CACHE}/kernel-{version}"
        self.image = self._one("boot/vmlinuz-*")
        self.release = os.path.basename(self.image)[len("vmlinuz-"):]
        self.vmlinux = self._one(f"usr/lib/debug/boot/vmlinux-{self.release}")

    def _one(self, pattern):
        found = sorted(glob.glob(f"{self.directory}/{pattern}"))
        if not found:
            raise Unavailable(f"no kernel {self.version}: run scripts/kernel {self.version}")
        return found[-1]

    def module_debug(self, name):
        """The file with the debuginfo of a module (its .ko.debug or .ko), or None."""
        return next(glob.iglob(f"{self.directory}/usr/lib/debug/**/{name.replace('_', '[-_]')}.ko*", recursive=True), None)

    def index(self, stackdb, store=STORE):
        """Makes databases of everything that a guest with this kernel has; what is up to date stays.
        Returns what stackdb says. A database is of the program's own format: another program's is made again."""
        root = initramfs.build(self.directory, CACHE)[1]
        modules = [os.path.basename(path)[:-len(".ko")] for path in glob.glob(f"{root}/lib/modules/*.ko")]
        files = [self.vmlinux, *filter(None, map(self.module_debug, sorted(modules))),
                 *glob.glob(f"{root}/bin/actor*"), f"{root}/bin/target", f"{root}/sbin/witness",
                 *sorted(glob.glob(f"{root}/lib*/**/*.so*", recursive=True))]
        done = subprocess.run([stackdb, "index", *files], env=dict(os.environ, STACKDB_STORE=store), capture_output=True,
                              text=True)
        if done.returncode:
            raise Failure(f"{stackdb} index: {done.stderr}")
        return done.stdout


def kernels():
    """The versions that can be booted here."""
    found = [os.path.basename(path)[len("kernel-"):] for path in glob.glob(f"{CACHE}/kernel-*") if os.path.isdir(path)]
    return sorted((v for v in found if re.fullmatch(r"[\d.]+", v)), key=lambda v: [int(n) for n in v.split(".")])


def die_with_parent():
    """So that no guest outlives the test that booted it, whatever happens to the test."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Qmp:
    """A connection to the machine's monitor."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw")
        self.events = []
        self._read()  # the greeting
        self("qmp_capabilities")

    def _read(self):
        try:
            line = self.stream.readline()
        except OSError as error:
            raise Failure(f"the monitor: {error}") from error
        if not line:
            raise Failure("the monitor closed its connection")
        return json.loads(line)

    def __call__(self, command, **arguments):
        try:
            self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self.stream.flush()
        except OSError as error:
            raise Failure(f"QMP {command}: {error}") from error
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Failure(f"QMP {command}: {answer['error']['desc']}")
            self.events.append(answer)

    def human(self, line):
        """A command of the human monitor; its text."""
        return self("human-monitor-command", **{"command-line": line})

    def close(self):
        with contextlib.suppress(OSError):
            self.stream.close()
        self.socket.close()


class Guest:
    """A booted machine. RAM is how its memory is kept: `file` (mem-path, shared), `memfd` (shared, to be found
    in /proc/PID/fd), `private` (not reachable from outside: only the stub reads it). GDB is `unix` or `tcp`."""

    def __init__(self, work, kernel="6.1", smp=1, memory="512M", cpu="max", append="", ram="file", gdb="unix",
                 name="guest", reboot=False, paused=False, files=None, options=()):
        need(QEMU)
        if not os.path.exists("/bin/busybox"):
            raise Unavailable("busybox-static is not installed")
        self.kernel = kernel if isinstance(kernel, Kernel) else Kernel(kernel)
        self.smp, self.memory = smp, memory
        os.makedirs(work, exist_ok=True)
        self.directory = tempfile.mkdtemp(dir=work, prefix=f"{name}-")
        self.archive, self.root = initramfs.build(self.kernel.directory, CACHE, files)
        path = self.directory
        self.qmp, self.control, self.console = f"{path}/qmp.sock", f"{path}/control.sock", f"{path}/console.log"
        self.witness_port, self.gdbserver_port = f"{path}/witness.sock", f"{path}/gdbserver.sock"
        self.ram = f"{path}/ram" if ram == "file" else None
        self.gdb, self.gdb_port = (f"{path}/gdb.sock", None) if gdb == "unix" else (None, free_port())
        backend = {
            "file": ["-object", f"memory-backend-file,id=ram,size={memory},mem-path={self.ram},share=on,discard-data=on"],
            "memfd": ["-object", f"memory-backend-memfd,id=ram,size={memory},share=on"],
            "private": ["-object", f"memory-backend-ram,id=ram,size={memory}"],
        }[ram]
        stub = f"socket,id=gdb,path={self.gdb}" if self.gdb else f"socket,id=gdb,host=127.0.0.1,port={self.gdb_port}"
        # While it boots, a kernel looks whether some ticks of a timer came in time, and panics if not: on a busy machine they do not.
        parameters = f"console=ttyS0 panic=-1 no_timer_check {append}".strip()
        self.command = [
            QEMU, "-name", name, "-nodefaults", "-display", "none", "-accel", "tcg", "-cpu", cpu, "-smp", str(smp),
            "-m", memory, *backend, "-machine", "pc,memory-backend=ram", "-device", "vmcoreinfo",
            "-kernel", self.kernel.image, "-initrd", self.archive,
            "-append", parameters,
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=witness,path={self.witness_port},server=on,wait=off", "-serial", "chardev:witness",
            "-chardev", f"socket,id=inside,path={self.gdbserver_port},server=on,wait=off", "-serial", "chardev:inside",
            "-qmp", f"unix:{self.qmp},server=on,wait=off", "-qmp", f"unix:{self.control},server=on,wait=off",
            "-chardev", f"{stub},server=on,wait=off", "-gdb", "chardev:gdb",
            *([] if reboot else ["-no-reboot"]), *(["-S"] if paused else []), *options]
        self._start()

    def _start(self):
        with open(f"{self.directory}/qemu.log", "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)
        self.pid = self.process.pid
        self._monitor = None
        self.witness = Witness(self.witness_port, self.process)
        self._until(lambda: os.path.exists(self.control), 20, "its monitor")

    def _until(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise Failure(f"QEMU ended before {what}: {self.last_words()}")
            if time.monotonic() > end:
                raise Failure(f"{what} was not there after {seconds} s; see {self.console}")
            time.sleep(0.02)

    @property
    def monitor(self):
        """Our own monitor: the one at self.qmp is left to the program under test."""
        if self._monitor is None:
            self._monitor = Qmp(self.control)
        return self._monitor

    def wait_ready(self, seconds=BOOT_SECONDS):
        """Until the witness answers and each process of the cast has gone where it stays.

        QEMU before 8.1 translates code without a lock while another CPU writes to it (its commit deba78709a): now and then a
        kernel meets a breakpoint of its own that it has removed already, and panics. Such a machine is booted again."""
        for _ in range(2):
            try:
                return self._wait_ready(seconds)
            except Failure:
                if not self._tripped():
                    raise
                self.witness.close()
                for path in (self.qmp, self.control, self.gdb):
                    with contextlib.suppress(OSError, TypeError):
                        os.unlink(path)
                self._start()
        return self._wait_ready(seconds)

    def _tripped(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        with open(self.console, encoding="utf-8", errors="replace") as console:
            return self.process.poll() is not None and "Oops: int3" in console.read()

    def _wait_ready(self, seconds):
        self._until(lambda: self.witness.answers(1), seconds, "the guest's witness")
        seen = []

        def settled():
            seen.append(self.witness.states())
            time.sleep(0.1)
            return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3] and "R" not in seen[-1].values()

        self._until(settled, 60, "the rest of its processes")
        return self

    def ask(self, question):
        """The witness's records for a question: see programs/witness.c."""
        return self.witness.ask(question)

    def shell(self, command):
        return self.witness.shell(command)

    def start(self, role, *arguments, program="actor"):
        """One more process of ours in the guest; its process id."""
        words = " ".join([program, role, *map(str, arguments)])
        return int(self.shell(f"{words} </dev/null >/dev/console 2>&1 & echo $!"))

    def serve(self, what, times, b=0, server="serve-1"):
        """Lets a process of the cast make TIMES calls: `calls` (getpriority), `opens` (openat), `counted`."""
        answer = self.shell(f"echo {what} {times} {b} >/run/{server}.in; cat /run/{server}.out")
        if answer != f"{what} {times} 0 wrong\n":
            raise Failure(f"{server} answers {answer!r}")

    def pid_of(self, role):
        """The process of the cast that has this role: its first one."""
        for pid, words in self.witness.command_lines().items():
            if words[:2] == [b"actor", role.encode()] or words[:1] == [role.encode()]:
                return pid
        raise Failure(f"no process is {role}")

    def stop(self):
        self.monitor("stop")

    def cont(self):
        self.monitor("cont")

    @contextlib.contextmanager
    def still(self):
        """Nothing in the guest runs meanwhile (its witness neither)."""
        self.stop()
        try:
            yield self
        finally:
            self.cont()

    def dump(self, path, paging=True):
        """The machine's memory as an ELF core, for drgn and crash. It goes on afterwards if it did before."""
        self.monitor("dump-guest-memory", paging=paging, protocol=f"file:{path}")
        return path

    def last_words(self):
        """What the guest and QEMU said at the end: for who reports that it ended."""
        with open(self.console, encoding="utf-8", errors="replace") as console, \
                open(f"{self.directory}/qemu.log", encoding="utf-8", errors="replace") as log:
            text = console.read()
            said = re.findall(r".*(?:BUG|Oops|panic|RIP: 0010|Code:).*", text) or text.splitlines()[-6:]
            return f"status {self.process.poll()}; " + "; ".join(line.strip() for line in [*said[-6:], log.read()[-800:]])

    def status(self):
        return self.monitor("query-status")["status"]

    def memory_regions(self):
        """(guest-physical address, size, offset in the RAM file) of RAM, from the memory tree."""
        regions = []
        for start, end, at in re.findall(r"^\s*([0-9a-f]+)-([0-9a-f]+) \(prio \d+, (?:ram|rom|romd)\): ram(?: @([0-9a-f]+))?",
                                         self.monitor.human("info mtree -f"), re.M):
            regions.append((int(start, 16), int(end, 16) - int(start, 16) + 1, int(at or "0", 16)))
        return sorted(set(regions))

    def arguments(self):
        """How stackdb is told about this guest."""
        reach = ["--gdb-sockfile", self.gdb] if self.gdb else ["--gdb-port", str(self.gdb_port)]
        return ["--qemu", *(["--qemu-mem-path", self.ram] if self.ram else []), "--qemu-qmp-sock", self.qmp, *reach]

    def close(self, keep=False):
        """Ends this guest's QEMU and, unless KEEP, removes its files. Returns QEMU's exit status."""
        self.witness.close()
        if self.process.poll() is None:
            with contextlib.suppress(Failure, OSError):
                self.monitor("quit")
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        status = self.process.wait()
        if self._monitor is not None:
            self._monitor.close()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def boot_command(arguments):
    # A signal ends the guest, too: it becomes an exception.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    os.makedirs(arguments.work or CACHE, exist_ok=True)
    work = arguments.work or tempfile.mkdtemp(prefix="stackdb-guest-")
    try:
        with Guest(work, arguments.kernel, arguments.smp, arguments.memory, arguments.cpu, arguments.append,
                   arguments.ram, arguments.gdb) as guest:
            begun = time.monotonic()
            guest.wait_ready()
            for role in arguments.start:
                guest.start(role)
            words = " ".join(guest.arguments())
            print(f"guest      {guest.directory}\nkernel     {guest.kernel.release}, {guest.smp} CPUs, booted in "
                  f"{time.monotonic() - begun:.1f} s\npid        {guest.pid}\nRAM        {guest.ram or 'not shared by a file'}\n"
                  f"QMP        {guest.qmp}\nstub       {guest.gdb or guest.gdb_port}\nconsole    {guest.console}\n"
                  f"root       {guest.root}\nvmlinux    {guest.kernel.vmlinux}\narguments  {words}\n"
                  f"ask it     {os.path.relpath(__file__)} ask {guest.directory} sh ps\n"
                  f"end it     kill {os.getpid()} (or in {arguments.seconds} s)", flush=True)
            with contextlib.suppress(subprocess.TimeoutExpired):
                guest.process.wait(arguments.seconds)
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)
    return 0


def ask_command(arguments):
    witness = Witness(f"{arguments.directory}/witness.sock")
    question = " ".join(arguments.question)
    if question in ("tasks", "processes", "modules", "maps"):
        print(json.dumps(getattr(witness, question)(), default=lambda value: value.decode(errors="backslashreplace"), indent=1))
        return 0
    for kind, name, data in witness.ask(question):
        if kind not in ("output", "end", "status"):
            print(f"{kind} {name}", flush=True)
        sys.stdout.buffer.write(data if kind != "status" else b"" if data == b"0" else b"status " + data + b"\n")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    boot = commands.add_parser("boot")
    boot.add_argument("--kernel", default="6.1", help="version, as scripts/kernel takes it")
    boot.add_argument("--smp", type=int, default=1)
    boot.add_argument("--memory", default="512M")
    boot.add_argument("--cpu", default="max", help="such as max,la57=off")
    boot.add_argument("--append", default="", help="kernel parameters: nokaslr, pti=on, cast=none, modules=none ...")
    boot.add_argument("--ram", choices=("file", "memfd", "private"), default="file")
    boot.add_argument("--gdb", choices=("unix", "tcp"), default="unix")
    boot.add_argument("--work", help="where its directory is made (a temporary one)")
    boot.add_argument("--start", action="append", default=[], metavar="ROLE", help="such as spinner")
    boot.add_argument("--seconds", type=float, default=3600, help="for how long at most")
    ask = commands.add_parser("ask")
    ask.add_argument("directory")
    ask.add_argument("question", nargs=argparse.REMAINDER)
    commands.add_parser("index").add_argument("versions", nargs="*")
    commands.add_parser("kernels")
    arguments = parser.parse_args()
    try:
        if arguments.command == "boot":
            return boot_command(arguments)
        if arguments.command == "ask":
            return ask_command(arguments)
        if arguments.command == "index":
            for version in arguments.versions or kernels():
                print(Kernel(version).index(os.environ.get("STACKDB", "stackdb")), end="", flush=True)
            print(f"store: {STORE}")
            return 0
        print("\n".join(kernels()))
        return 0
    except (Failure, Unavailable) as error:
        print(f"guest.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
