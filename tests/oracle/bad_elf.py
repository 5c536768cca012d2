#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damaged, random and hostile ELF files and debuginfo: an error or the sound remainder, never a
crash, a hang or a run-away allocation; and whatever database is made of it verifies."""

import contextlib
import glob
import os
import random
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402
from elf import Elf  # noqa: E402
from hostile import all_sources  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 20
MEMORY = 1 << 30  # address space; not with the sanitizers, which reserve terabytes


def limits():
    if not os.environ.get("STACKDB_SANITIZED"):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def attempt(stackdb, *arguments):
    """What is wrong with how stackdb took it, or None; and its exit status."""
    try:
        done = subprocess.run([stackdb.program, *arguments], capture_output=True,
                              timeout=SECONDS * (5 if os.environ.get("STACKDB_SANITIZED") else 1),
                              preexec_fn=limits, env=stackdb.env, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "no end", None
    errors = done.stderr.decode(errors="replace")
    if done.returncode < 0:
        return f"signal {-done.returncode}", done.returncode
    if "Sanitizer" in errors or "runtime error:" in errors:
        return "sanitizer: " + errors[-600:], done.returncode
    if done.returncode not in (0, 1):
        return f"exit {done.returncode}: {errors[-200:]}", done.returncode
    if done.returncode == 1 and not errors.strip():
        return "failed without a word", 1
    return None, done.returncode


def index_and_verify(stackdb, check, what, path, keep):
    database = f"{path}.sdb"
    wrong, status = attempt(stackdb, "index", "-o", database, path)
    if not wrong and status == 0:
        wrong, status = attempt(stackdb, "info", "--verify", database)
        if not wrong and status != 0:
            wrong = "its database does not verify"
        for command in (["lookup", "-m", database, "*"], ["dumpdebuginfo", database]):
            if not wrong:
                wrong, _ = attempt(stackdb, *command)
                wrong = wrong and f"{command[0]}: {wrong}"
    elif not wrong and os.path.exists(database):
        wrong = "failed and left a database"
    if wrong:
        kept = f"{keep}/{check.name.replace(' ', '-')}-{len(sum(check.differences.values(), []))}"
        with contextlib.suppress(OSError):
            os.replace(path, kept)
        check.differ(wrong.split(":")[0], f"{what}: {wrong} ({kept})")
    else:
        check.same()
    for leftover in glob.glob(f"{path}*"):
        os.unlink(leftover)


def seeds(work):
    directory = f"{work}/seeds"
    if not os.path.exists(directory):
        subprocess.run([sys.executable, f"{HERE}/../fuzz/seeds.py", directory], check=True,
                       stdout=subprocess.DEVNULL)
    return sorted(glob.glob(f"{directory}/index/*"))


def mutate(data, elf_sections):
    """One kind of damage, chosen at random: (its name, the damaged bytes)."""
    data = bytearray(data)
    kind = random.choice(["truncated", "bits", "section bits", "header bits", "random run",
                          "zeroed run", "extreme numbers"])
    if kind == "truncated":
        return kind, bytes(data[:random.randrange(len(data))])
    low, high = 0, len(data)
    if kind == "header bits":
        high = 64
    elif kind in ("section bits", "extreme numbers") and elf_sections:
        low, high = random.choice(elf_sections)
    if high <= low:
        low, high = 0, len(data)
    if kind in ("random run", "zeroed run"):
        start = random.randrange(len(data))
        end = min(len(data), start + random.randrange(1, 200))
        data[start:end] = random.randbytes(end - start) if kind[0] == "r" else bytes(end - start)
        return kind, bytes(data)
    for _ in range(random.choice([1, 1, 2, 8, 40])):
        at = random.randrange(low, high)
        if kind == "extreme numbers":
            number = random.choice([b"\xff" * 8, b"\x7f" + b"\xff" * 3, b"\x00" * 4,
                                    b"\x80" * 9 + b"\x01", b"\xff\xff", b"\xf0\xff\xff\xff"])
            data[at:at + len(number)] = number
        else:
            data[at] ^= 1 << random.randrange(8)
    return kind, bytes(data)


def mutated_files(stackdb, report, arguments, keep):
    bases = seeds(arguments.work)
    check = report.check("damaged ELF files")
    with tempfile.TemporaryDirectory() as work:
        for index in range(int(1500 * arguments.scale)):
            base = bases[index % len(bases)]
            with open(base, "rb") as file:
                data = file.read()
            sections = [(s["offset"], s["offset"] + s["size"]) for s in Elf(base).sections
                        if s["size"] and s["type"] != 8 and (
                            "debug" in s["name"] or "frame" in s["name"] or "orc" in s["name"]
                            or s["name"] in (".symtab", ".strtab", ".BTF", ".dynsym"))]
            what, damaged = mutate(data, sections)
            path = f"{work}/{index}"
            with open(path, "wb") as file:
                file.write(damaged)
            index_and_verify(stackdb, check, f"{os.path.basename(base)}, {what}", path, keep)
    check.close(100 * arguments.scale)


def cut_files(stackdb, report, arguments):
    """A copy that lost its end is refused: the database of its build-id would be that of the whole file, and know nothing."""
    bases = [base for base in seeds(arguments.work) if Elf(base).sections]
    check = report.check("files that were cut short")
    with tempfile.TemporaryDirectory() as work:
        store = dict(stackdb.env, STACKDB_STORE=f"{work}/store")
        for base in bases:
            with open(base, "rb") as file:
                data = file.read()
            end = len(data) - 1 - int(random.random() ** 3 * (len(data) - 65))
            path = f"{work}/{os.path.basename(base)}"
            with open(path, "wb") as file:
                file.write(data[:end])
            status, _, errors = stackdb.outcome("index", path, env=store)
            check.compare(f"{path}, {end} of {len(data)} bytes", (1, True), (status, "cut short" in errors), errors)
        kept = [name for _, _, names in os.walk(f"{work}/store") for name in names if name.endswith(".sdb")]
        check.compare("databases", [], kept)
    check.close(len(bases))


def random_files(stackdb, report, arguments, keep):
    check = report.check("random files")
    with tempfile.TemporaryDirectory() as work:
        for index in range(int(100 * arguments.scale)):
            header = random.choice([b"", b"\x7fELF", b"\x7fELF\x02\x01\x01" + bytes(9),
                                    b"\x7fELF\x01\x01\x01" + bytes(9)])
            path = f"{work}/{index}"
            with open(path, "wb") as file:
                file.write(header + random.randbytes(random.choice([0, 1, 60, 5000])))
            index_and_verify(stackdb, check, f"random {header!r}", path, keep)
    check.close(10 * arguments.scale)


def hostile_files(stackdb, report, keep):
    oracle.need("gcc")
    check = report.check("hostile debuginfo")
    with tempfile.TemporaryDirectory() as work:
        for index, (name, source) in enumerate(all_sources()):
            path = f"{work}/{index}"
            made = subprocess.run(["gcc", "-x", "assembler", "-c", "-", "-o", path],
                                  input=source.encode(), capture_output=True, check=False)
            if made.returncode:
                raise oracle.Failure(f"{name}: {made.stderr.decode()[:300]}")
            index_and_verify(stackdb, check, name, path, keep)
    check.close(50)


def regressions(stackdb, report, keep):
    """What the fuzz targets found once."""
    check = report.check("files that were once found by fuzzing")
    with tempfile.TemporaryDirectory() as work:
        for path in sorted(glob.glob(f"{HERE}/../fuzz/regressions/index/*")):
            copy = f"{work}/{os.path.basename(path)}"
            with open(path, "rb") as source, open(copy, "wb") as file:
                file.write(source.read())
            index_and_verify(stackdb, check, os.path.basename(path), copy, keep)
    check.close(0)


def run(stackdb, report, arguments):
    keep = f"{arguments.work}/kept"
    os.makedirs(keep, exist_ok=True)
    with report.guard("damaged ELF files"):
        mutated_files(stackdb, report, arguments, keep)
    with report.guard("files that were cut short"):
        cut_files(stackdb, report, arguments)
    with report.guard("random files"):
        random_files(stackdb, report, arguments, keep)
    with report.guard("hostile debuginfo"):
        hostile_files(stackdb, report, keep)
    with report.guard("regressions"):
        regressions(stackdb, report, keep)


oracle.main("bad_elf", run)
