#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines by their name in libvirt: its monitor, its process and its RAM are found through libvirt alone. The daemons are
started for it when they do not run; without them, or without the module, this is skipped."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../lib", f"{HERE}/../guests", f"{HERE}/../drivers"]
import guest as guests  # noqa: E402
import oracle  # noqa: E402
from machine_program import Program  # noqa: E402

DOMAIN = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>128</memory>
{backing}<vcpu>{cpus}</vcpu><os><type arch='x86_64' machine='{machine}'>hvm</type></os><cpu mode='custom'><model>qemu64</model></cpu>
<devices><emulator>{qemu}</emulator><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"""
SHARED = "<memoryBacking><source type='{}'/><access mode='shared'/></memoryBacking>"
UUID = "5d1c3f2e-8d7a-4c33-9c57-2f6f5b0a11{:02x}"


def virsh(*arguments, check=True):
    done = subprocess.run(["virsh", "-q", "-c", "qemu:///system", *arguments], capture_output=True, text=True, timeout=300, check=False)
    if check and done.returncode:
        raise oracle.Failure(f"virsh {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


CONFIGURATION = "/etc/libvirt/qemu.conf"


def without_kvm(work, *command):
    """COMMAND where /dev/kvm cannot be opened. Where only root may, QEMU is found to have KVM when it is asked for what it can,
    and not when that is checked: libvirt then asks again whenever it looks, ten times for each domain, for two seconds each."""
    if not os.path.exists("/dev/kvm") or not os.path.exists(CONFIGURATION):
        return list(command)
    with open(f"{work}/no-kvm", "wb") as file:
        os.fchmod(file.fileno(), 0)
    shutil.copyfile(CONFIGURATION, f"{work}/qemu.conf")
    with open(f"{work}/qemu.conf", "a", encoding="utf-8") as file:
        file.write("\nnamespaces = []\n")  # a domain's own /dev does not go with a mount in this one
    hide = f'mount --bind "{work}/no-kvm" /dev/kvm && mount --bind "{work}/qemu.conf" {CONFIGURATION} && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", hide, "sh", *command]


@contextlib.contextmanager
def daemons(work):
    """libvirt's, unless they run already."""
    oracle.need("libvirtd", "virtlogd", "virsh", guests.QEMU)
    if os.geteuid() != 0:
        raise oracle.Unavailable("libvirt's system daemon is root's")
    started = []
    if subprocess.run(["virsh", "-q", "-c", "qemu:///system", "list"], capture_output=True, timeout=30, check=False).returncode:
        os.makedirs("/run/libvirt", exist_ok=True)
        for name in ("virtlogd", "libvirtd"):
            with open(f"{work}/{name}.log", "wb") as log:
                started.append(subprocess.Popen(without_kvm(work, name), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                preexec_fn=guests.die_with_parent))
    try:
        for _ in range(100):
            if not subprocess.run(["virsh", "-q", "-c", "qemu:///system", "list"], capture_output=True, timeout=30, check=False).returncode:
                break
            time.sleep(0.1)
        else:
            raise oracle.Unavailable("libvirtd cannot run here")
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)


def state(name, expected):
    """What libvirt says of a domain; it is told by QEMU, some time after what was done."""
    end = time.monotonic() + 20
    while (found := virsh("domstate", name).strip()) != expected and time.monotonic() < end:
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def domain(work, number, backing, cpus=1, machine="pc"):
    name = f"stackdb-test-{os.getpid()}-{number}"
    path = f"{work}/{name}.xml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(DOMAIN.format(name=name, uuid=UUID.format(number), backing=backing, cpus=cpus, machine=machine,
                                 qemu="/usr/bin/qemu-system-x86_64"))
    try:
        virsh("create", path)
        yield name
    finally:
        virsh("destroy", name, check=False)


def shared_domain(check, work, random, number, kind, machine):
    with domain(work, number, SHARED.format(kind), 2, machine) as name:
        identifier = virsh("domid", name).strip()
        data = random.randbytes(16)
        for way in (name, identifier, UUID.format(number)):
            with Program("-m", way) as program:
                check.compare(f"{kind}: -m {way}", True, program.open and f" name={name} " in program.opening, program.opening)
                check.compare(f"{kind}: CPUs", "ok 2", program("cpus"))
                check.compare(f"{kind}: registers", True, program("cpu 1").startswith("ok cr0="))
                check.compare(f"{kind}: RAM", True, "-8000000" in program("ram") and "!" not in program("ram"))
                check.compare(f"{kind}: write", "ok 16", program(f"write 400000 {data.hex()}"))
                text = virsh("qemu-monitor-command", "--hmp", name, "xp /16xb 0x400000")
                check.compare(f"{kind}: there", data.hex(), "".join(word[2:] for word in text.split() if word.startswith("0x")))
        with Program("--qemu-libvirt-domain", name) as program:
            check.compare(f"{kind}: state", True, program.opening.endswith("status=1"), program.opening)
            check.compare(f"{kind}: pause by a stub that is added", "ok", program("pause"))
            check.compare(f"{kind}: libvirt sees it", "paused", state(name, "paused"))
            check.compare(f"{kind}: resume", "ok", program("resume"))
            check.compare(f"{kind}: closes", 0, program.close())
        check.compare(f"{kind}: runs on", "running", state(name, "running"))
        left = [line for line in virsh("qemu-monitor-command", "--hmp", name, "info chardev").splitlines() if line.startswith("gdb:")]
        check.compare(f"{kind}: no stub is left", [], left)
        pid = int(re.search(r"pid=(\d+)", program.opening).group(1))
        os.kill(pid, signal.SIGSTOP)
        with Program("-m", name) as program:
            check.compare(f"{kind}: QEMU is stopped", True, "does not answer: it is stopped or hangs" in program.opening, program.opening)
        os.kill(pid, signal.SIGCONT)
        virsh("suspend", name)
        with Program("-m", name) as program:
            check.compare(f"{kind}: suspended", True, program.opening.endswith("status=2"), program.opening)
        check.compare(f"{kind}: stays so", "paused", virsh("domstate", name).strip())
        with Program("-m", name) as program:
            virsh("destroy", name)
            check.compare(f"{kind}: destroyed", True, program("cpu 0").startswith("error"))


def run(_stackdb, report, arguments):
    import random as generator
    random = generator.Random(arguments.seed)
    work = tempfile.mkdtemp(dir=arguments.work)
    with report.guard("libvirt"):
        with daemons(work):
            with Program("-m", "stackdb-no-such-domain") as program:
                if "stackdb-libvirt.so" in program.opening:
                    raise oracle.Unavailable(program.opening)
            check = report.check("machines by their name in libvirt")
            check.compare("no such domain", True, "there is no such domain" in program.opening, program.opening)
            with Program("-m", "x", "--libvirt-uri=test:///default") as program:
                check.compare("another hypervisor's", True, program.opening.startswith("error"), program.opening)
            with Program("-m", "test", "--libvirt-uri=test:///default") as program:
                check.compare("no QEMU", True, program.opening.startswith("error"), program.opening)
            with Program("-m", "x", "--libvirt-uri=nonsense://") as program:
                check.compare("no URI", True, "cannot connect to libvirt" in program.opening, program.opening)
            for number, (kind, machine) in enumerate((("file", "pc"), ("memfd", "q35"))):
                shared_domain(check, work, random, number, kind, machine)
            with domain(work, 9, "") as name, Program("-m", name) as program:
                check.compare("private: opens", True, program.open, program.opening)
                program.close()
                check.compare("private: what to add", True, "<memoryBacking><source type='memfd'/>" in program.messages, program.messages)
            check.close(30)


oracle.main("libvirt", run)
