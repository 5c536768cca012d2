# SPDX-License-Identifier: MIT
"""A machine out of files (fake_machine.c) from a guest that is stopped."""

import re
import shutil

NAMES = {"rax": "RAX", "rbx": "RBX", "rcx": "RCX", "rdx": "RDX", "rsi": "RSI", "rdi": "RDI", "rbp": "RBP", "rsp": "RSP",
         "r8": "R8 ", "r9": "R9 ", "r10": "R10", "r11": "R11", "r12": "R12", "r13": "R13", "r14": "R14", "r15": "R15",
         "rip": "RIP", "eflags": "RFL", "cr0": "CR0", "cr2": "CR2", "cr3": "CR3", "cr4": "CR4", "efer": "EFER"}


def cpu_line(text):
    """What `info registers` says of a CPU, as a line of the description."""
    values = {}
    for name, shown in NAMES.items():
        values[name] = re.search(rf"\b{shown}=([0-9a-f]+)", text)[1]
    for name, shown in {"cs": "CS ", "ss": "SS ", "fs_base": "FS ", "gs_base": "GS "}.items():
        selector, base = re.search(rf"^{shown}=([0-9a-f]+) ([0-9a-f]+)", text, re.M).groups()
        values[name] = base if name.endswith("base") else selector
    values["idt"] = re.search(r"^IDT=\s*([0-9a-f]+)", text, re.M)[1]
    values["gdt"] = re.search(r"^GDT=\s*([0-9a-f]+)", text, re.M)[1]
    return "cpu " + " ".join(f"{name}={value}" for name, value in values.items())


def describe(guest, path, copy=False):
    """Writes the description of GUEST, which is stopped, to PATH; its RAM is copied to PATH.ram or used as it is."""
    memory = guest.ram
    if copy:
        memory = f"{path}.ram"
        shutil.copyfile(guest.ram, memory)
    lines = [f"memory {memory}"]
    lines += [f"ram {low:x} {size:x} {offset:x}" for low, size, offset in guest.memory_regions()]
    for text in re.split(r"^CPU#\d+\n", guest.monitor.human("info registers -a").replace("\r", ""), flags=re.M)[1:]:
        lines.append(cpu_line(text))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


if __name__ == "__main__":
    # For trying things by hand: machine.py VERSION DIRECTORY [APPEND [SMP [CPU]]] leaves a machine and what /proc said.
    import json
    import os
    import sys
    sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/../guests")
    from guest import Guest
    version, directory, *rest = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    with Guest(directory, kernel=version, append=rest[0] if rest else "", smp=int(rest[1]) if len(rest) > 1 else 1,
               cpu=rest[2] if len(rest) > 2 else "max") as made:
        made.wait_ready()
        made.start("spinner")
        told = {"tasks": made.witness.tasks(), "modules": made.witness.modules(), "maps": made.witness.maps(),
                "log": made.witness.log_records(), "boot": made.witness.boot_time()}
        with open(f"{directory}/witness.json", "w", encoding="utf-8") as out:
            json.dump(told, out, default=lambda value: value.hex())
        with made.still():
            describe(made, f"{directory}/machine", copy=True)
