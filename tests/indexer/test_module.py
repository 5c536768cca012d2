#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what the indexer reads from ELF files with binutils, on installed and on made files.

usage: test_module.py TEST_MODULE [NAME…]      (NAME: run only the tests whose names contain it)
The kernel's files are looked for under $STACKDB_TEST_KERNEL; without them their tests are left out.
"""

import collections
import glob
import gzip
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = os.path.abspath(sys.argv[1])
KERNEL = os.environ.get("STACKDB_TEST_KERNEL", "/var/cache/stackdb-test/kernel-6.1")
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
TYPES = {"NOTYPE": 0, "OBJECT": 1, "FUNC": 2, "COMMON": 5, "TLS": 6, "IFUNC": 10}
BINDINGS = {"LOCAL": 0, "GLOBAL": 1, "WEAK": 2, "UNIQUE": 10}


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", **options)
    assert result.returncode == 0, f"{command}: {result.stderr or result.stdout}"
    return result.stdout


def ask(*arguments, ok=True, **environment):
    """Runs test_module; lines split at tabs."""
    result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                            errors="surrogateescape", env={**os.environ, **environment})
    assert result.returncode in ((0,) if ok else (0, 1)), f"{arguments}: {result.stdout}{result.stderr}"
    return [line.split("\t") for line in result.stdout.splitlines()]


def one(lines, kind):
    found = [line for line in lines if line[0] == kind]
    assert len(found) == 1, (kind, lines)
    return found[0][1:]


def warnings(lines):
    return [line[1] for line in lines if line[0] == "warning"]


def content(file, name, kind="debug", **environment):
    with tempfile.NamedTemporaryFile() as to:
        lines = ask("content", file, kind, name, to.name, **environment)
        return open(to.name, "rb").read() if one(lines, "bytes")[3] == "1" else None


def objcopy_section(file, name):
    """The bytes of a section of FILE, decompressed, not relocated."""
    with tempfile.TemporaryDirectory() as directory:
        plain, to = directory + "/plain", directory + "/bytes"
        run("objcopy", "--decompress-debug-sections", file, plain)
        run("objcopy", "--dump-section", f"{name}={to}", plain, "/dev/null")
        return open(to, "rb").read()


def modules(count):
    files = sorted(glob.glob(KERNEL + "/usr/lib/debug/lib/modules/*/kernel/**/*.ko", recursive=True))
    return files[:: max(1, len(files) // count)][:count]


def vmlinux():
    return glob.glob(KERNEL + "/usr/lib/debug/boot/vmlinux-*")


def libstdcxx():
    return glob.glob("/usr/lib/x86_64-linux-gnu/debug/libstdc++.so.6.0.*[0-9]") + \
        glob.glob("/usr/lib/x86_64-linux-gnu/libstdc++.so.6")


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


SOURCE = """
struct point { int x; long y; };
static int counter = 3;
__thread int per_thread = 7;
struct point origin;
const char *const names[] = { "one", "two" };
__attribute__((noinline)) int add(int a, struct point *p) { return a + p->x + counter; }
static inline int twice(int a) { return add(a, &origin) * 2; }
int main(int argc, char **argv) { counter += argc; return twice(per_thread) + (argv != 0); }
"""


def build(directory, name="prog", flags=(), compiler="gcc", source=SOURCE):
    path = write(f"{directory}/{name}.c", source)
    run(compiler, "-g", "-O1", *flags, "-o", f"{directory}/{name}", path, cwd=directory)
    return f"{directory}/{name}"


# ---- headers and symbols ----------------------------------------------------------

SECTION_TYPES = {"NULL": 0, "PROGBITS": 1, "SYMTAB": 2, "STRTAB": 3, "RELA": 4, "HASH": 5, "DYNAMIC": 6,
                 "NOTE": 7, "NOBITS": 8, "REL": 9, "DYNSYM": 11}
FLAGS = {"W": 1, "A": 2, "X": 4, "M": 0x10, "S": 0x20, "I": 0x40, "L": 0x80, "G": 0x200, "T": 0x400,
         "C": 0x800}


def readelf_sections(file):
    pattern = re.compile(r"^  \[ *(\d+)\] (.*?) +([A-Z_][A-Z_0-9a-z:+<> ]*?) +([0-9a-f]{8,16}) ([0-9a-f]+) "
                         r"([0-9a-f]+) [0-9a-f]{2,} *([A-Za-z]*) +\d+ +\d+ +(\d+)$")
    for line in run("readelf", "-SW", file).splitlines():
        match = pattern.match(line)
        if match:
            yield match.groups()


def check_sections(file):
    relocatable = False
    got = {}
    lines = ask("sections", file)
    for line in lines:
        if line[0] == "section":
            got[int(line[1])] = line[2:]
    relocatable = one(ask("info", file), "info")[6] == "1"
    want = list(readelf_sections(file))
    assert len(want) == len(got) and want, (file, len(want), len(got))
    for number, name, kind, address, offset, size, flags, alignment in want:
        mine = got[int(number)]
        assert mine[0] == name.strip(), (file, mine, name)
        assert kind not in SECTION_TYPES or int(mine[1]) == SECTION_TYPES[kind], (file, mine, kind)
        known = sum(FLAGS.get(flag, 0) for flag in flags)
        assert int(mine[2], 16) & sum(FLAGS.values()) == known, (file, mine, flags)
        assert relocatable or int(mine[3], 16) == int(address, 16), (file, mine, address)
        assert int(mine[4], 16) == int(offset, 16) and int(mine[5], 16) == int(size, 16), (file, mine)
        assert int(mine[6]) == int(alignment), (file, mine)
    loads = [line for line in lines if line[0] == "segment" and line[1] == "1"]
    want = re.findall(r"^  LOAD +0x(\w+) 0x(\w+) 0x(\w+) 0x(\w+) 0x(\w+)", run("readelf", "-lW", file), re.M)
    assert [[int(x, 16) for x in line[2:7]] for line in loads] == [[int(x, 16) for x in row] for row in want]
    return len(got)


def check_layout(file):
    """A relocatable file's sections are disjoint, aligned, `.text` first at 0."""
    sections = [line for line in ask("sections", file) if line[0] == "section"]
    placed = sorted((int(s[5], 16), int(s[7], 16), s) for s in sections if int(s[4], 16) & 2)
    assert placed[0][0] == 0 and (placed[0][2][2] == ".text" or all(s[2] != ".text" for s in sections))
    for (low, size, _), (next_low, _, section) in zip(placed, placed[1:]):
        assert low + size < next_low and next_low % max(1, int(section[8])) == 0, (file, section)
    return {int(s[1]): int(s[5], 16) for s in sections}


def readelf_symbols(file, bases=None):
    """Two counters of (address, size, type, binding, name with version): .symtab and .dynsym."""
    tables = {"symtab": collections.Counter(), "dynsym": collections.Counter()}
    table, machine = None, re.search(r"Machine: +(.*)", run("readelf", "-h", file)).group(1)
    pattern = re.compile(r"^ *\d+: ([0-9a-f]+) +(\w+) (\w+) +(\w+) +\w+ +(?:\[.*?\] +)?(\w+) (.*)$")
    sections = {int(row[0]): row for row in readelf_sections(file)}
    for line in run("readelf", "-sW", file).splitlines():
        if line.startswith("Symbol table '"):
            table = tables["dynsym" if "dynsym" in line else "symtab"]
            dynamic = "dynsym" in line
            continue
        match = pattern.match(line)
        if not match:
            continue
        value, size, kind, binding, where, name = match.groups()
        if kind not in TYPES or where == "UND" or not name:
            continue
        if dynamic:
            name = re.sub(r" \(\d+\)$", "", name)
        if where.isdigit() and binding == "LOCAL" and kind == "NOTYPE" and "A" not in sections[int(where)][6]:
            continue
        if "RISC-V" in machine or "ARM" in machine or "AArch64" in machine:
            if re.match(r"\$[adtx](\.|$)", name):
                continue
        address = int(value, 16)
        if bases and where.isdigit() and kind != "TLS":
            address += bases[int(where)]
        table[(0 if where == "COM" else address, int(size, 0), TYPES[kind], BINDINGS[binding], name)] += 1
    return tables


def my_symbols(file, **environment):
    tables = {"symtab": collections.Counter(), "dynsym": collections.Counter()}
    previous = None
    for line in ask("symbols", file, **environment):
        if line[0] != "symbol":
            continue
        address, size, kind, binding = int(line[1], 16), int(line[2]), int(line[3]), int(line[4])
        name = line[9]
        key = (address, kind, binding, re.sub("@.*", "", name).encode("utf-8", "surrogateescape"))
        assert previous is None or previous[:3] <= key[:3], (file, previous, key)
        previous = key
        for flag, table in ((line[7], "dynsym"), (line[8], "symtab")):
            if flag == "1":
                tables[table][(address, size, kind, binding, name)] += 1
    return tables


def check_symbols(file, dynamic_of=None, bases=None):
    """FILE's symbols are those that readelf sees in it (and in the debug file DYNAMIC_OF's .symtab)."""
    want, got = readelf_symbols(file, bases), my_symbols(file)
    if dynamic_of:
        want["symtab"] = readelf_symbols(dynamic_of)["symtab"]
    # The linker gives a version to some names of .symtab only; merged symbols have that of .dynsym.
    for tables in (want, got):
        plain = collections.Counter()
        for (*rest, name), count in tables["symtab"].items():
            plain[(*rest, name.split("@")[0])] += count
        tables["symtab"] = plain
    for table in want:
        missing, extra = want[table] - got[table], got[table] - want[table]
        assert not missing and not extra, (file, table, list(missing.items())[:5], list(extra.items())[:5])
    return sum(want["symtab"].values()) + sum(want["dynsym"].values())


def test_sections_of_installed_files():
    files = [LIBC, "/bin/bash", *libstdcxx(), *glob.glob("/usr/lib/debug/.build-id/*/*.debug")[:20],
             *vmlinux(), *modules(30)]
    print(sum(check_sections(file) for file in files), "sections in", len(files), "files")


def debug_file_of(file):
    match = re.search(r"Build ID: (\w\w)(\w+)", run("readelf", "-nW", file))
    path = match and f"/usr/lib/debug/.build-id/{match.group(1)}/{match.group(2)}.debug"
    return path if path and os.path.exists(path) else None


def test_symbols_of_installed_files():
    files = [LIBC, "/bin/bash", *libstdcxx(), *vmlinux()]
    count = sum(check_symbols(file, debug_file_of(file)) for file in files)
    for file in modules(30):
        count += check_symbols(file, bases=check_layout(file))
    print(count, "symbols")


def test_symbols_of_made_files(directory):
    library = build(directory, "lib.so", ["-shared", "-fPIC"])
    prog = build(directory, "prog", ["-m32", "-no-pie"])
    objects = build(directory, "one.o", ["-c", "-ffunction-sections", "-fcommon"])
    for file in (library, prog):
        check_symbols(file)
    check_symbols(objects, bases=check_layout(objects))
    stripped = shutil.copy(library, directory + "/dynamic.so")
    run("strip", stripped)
    assert check_symbols(stripped) > 3
    lld = directory + "/versions.so"
    write(directory + "/map", "V1 { global: f; local: *; }; V2 { global: g; } V1;")
    path = write(directory + "/v.c", '__asm__(".symver old, f@V1"); int old(void) { return 1; }'
                 '__asm__(".symver new, f@@V2"); int new(void) { return 2; } int g(void) { return 3; }')
    run("gcc", "-shared", "-fPIC", "-o", lld, path, "-Wl,--version-script=" + directory + "/map")
    names = {name for *_, name in my_symbols(lld)["dynsym"]}
    assert {"f@V1", "f@@V2", "g@@V2"} <= names, names
    check_symbols(lld)


# ---- finding the other file -----------------------------------------------------------

def split(directory, prog, debug, link=True):
    os.makedirs(os.path.dirname(debug), exist_ok=True)
    run("objcopy", "--only-keep-debug", prog, debug)
    run("strip", "--strip-all", prog)
    if link:
        run("objcopy", "--add-gnu-debuglink=" + debug, prog)


def build_id(file):
    return re.search(r"Build ID: (\w+)", run("readelf", "-nW", file)).group(1)


def test_debug_link(directory):
    for place in ("", ".debug/"):
        for flags in ([], ["-Wl,--build-id=none"]):
            prog = build(directory, "prog", flags)
            whole = objcopy_section(prog, ".debug_info")
            symbols = my_symbols(prog)["symtab"]
            debug = f"{directory}/{place}prog.dbg"
            split(directory, prog, debug)
            lines = ask("info", prog)
            assert one(lines, "info")[:3] == ["prog", prog, debug] and not warnings(lines), lines
            assert content(prog, ".debug_info") == whole
            assert my_symbols(prog)["symtab"] == symbols
            # From the other side the code is found where it was, under the debug file's name.
            named = shutil.copy(debug, f"{directory}/{place}prog.debug")
            info = one(ask("info", named), "info")
            assert info[:3] == ["prog", prog, named], info
            assert content(named, ".eh_frame", "code") == objcopy_section(prog, ".eh_frame")
            with open(debug, "r+b") as file:
                file.seek(-1, 2)
                file.write(b"!")
            if flags:
                assert one(ask("info", prog), "info")[2] == "-"
                assert any("checksum" in w for w in warnings(ask("info", prog)))
            os.unlink(debug)
            os.unlink(named)
            assert one(ask("info", prog), "info")[2] == "-"


def test_build_id_under_root(directory):
    prog = build(directory)
    root, number = directory + "/root", build_id(prog)
    debug = f"{root}/usr/lib/debug/.build-id/{number[:2]}/{number[2:]}.debug"
    split(directory, prog, debug, link=False)
    assert one(ask("info", prog), "info")[2] == "-"
    assert one(ask("info", prog, ROOT=root), "info")[:3] == ["prog", prog, debug]
    # The debug file alone: its name is its build-id, until a link leads to the program.
    lines = ask("info", debug, ROOT=root)
    assert one(lines, "info")[0] == number and "the file with the code" in warnings(lines)[0]
    os.symlink(prog, debug[:-6])
    info = one(ask("info", debug, ROOT=root), "info")
    assert info[0] == "prog" and info[2] == debug, info
    # By path under the root.
    os.unlink(debug[:-6])
    by_path = f"{root}/usr/lib/debug/opt/prog.debug"
    os.makedirs(os.path.dirname(by_path))
    os.makedirs(root + "/opt")
    os.rename(debug, by_path)
    os.rename(prog, root + "/opt/prog")
    assert one(ask("info", root + "/opt/prog", ROOT=root), "info")[2] == by_path
    assert one(ask("info", by_path), "info")[1] == root + "/opt/prog"


def test_wrong_debug_file(directory):
    prog = build(directory)
    other = build(directory, "other", source=SOURCE + "int unused(void) { return 1; }")
    debug = directory + "/prog.dbg"
    split(directory, prog, debug)
    ids = build_id(prog), build_id(other)
    shutil.copy(other, debug)
    lines = ask("info", prog)
    assert one(lines, "info")[2] == "-"
    assert any(ids[0] in w and ids[1] in w for w in warnings(lines)), lines
    lines = ask("info", prog, ok=False, DEBUG_FILE=other)
    assert lines[0][0] == "error" and all(number in lines[0][2] for number in ids), lines
    lines = ask("info", prog, ok=False, DEBUG_FILE=directory + "/absent")
    assert lines[0][:2] == ["error", "1"], lines


def test_forced_debug_file(directory):
    prog = build(directory)
    split(directory, prog, directory + "/elsewhere/file", link=False)
    assert one(ask("info", prog, DEBUG_FILE=directory + "/elsewhere/file"), "info")[2].endswith("file")


def test_kernel_pairs(directory):
    for debug in modules(20):
        stripped = debug.replace("/usr/lib/debug", "")
        assert one(ask("info", stripped), "info")[2] == debug
        for name in (".debug_info", ".debug_line", ".debug_loclists", ".debug_rnglists", ".debug_frame"):
            assert content(stripped, name) == content(debug, name), (stripped, name)
        assert content(stripped, ".orc_unwind_ip", "code") == content(debug, ".orc_unwind_ip", "code")
        assert my_symbols(stripped) == my_symbols(debug)
    for image in vmlinux():
        assert one(ask("info", image), "info")[0] == "vmlinux"


def test_compressed_modules(directory):
    for debug in modules(2):
        stripped = debug.replace("/usr/lib/debug", "")
        data = open(stripped, "rb").read()
        name = directory + "/" + os.path.basename(stripped)
        with open(name + ".xz", "wb") as file:
            file.write(lzma.compress(data, check=lzma.CHECK_CRC32))
        with open(name + ".gz", "wb") as file:
            file.write(gzip.compress(data))
        run("zstd", "-q", stripped, "-o", name + ".zst")
        for ending in (".xz", ".gz", ".zst"):
            info = one(ask("info", name + ending, DEBUG_FILE=debug), "info")
            assert info[0] == os.path.basename(stripped) and info[2] == debug, info
            assert my_symbols(name + ending) == my_symbols(stripped)
            with open(name + ending, "r+b") as file:
                file.truncate(os.path.getsize(name + ending) * 2 // 3)
            assert ask("info", name + ending, ok=False)[0][0] == "error"


# ---- content -------------------------------------------------------------------------------

DEBUG = [".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".debug_aranges", ".debug_line_str",
         ".debug_rnglists", ".debug_loclists", ".debug_loc", ".debug_ranges"]


def plain_contents(file):
    names = {row[1].strip() for row in readelf_sections(file)}
    return {name: objcopy_section(file, name) for name in DEBUG if name in names}


def test_compressed_sections(directory):
    for flags in ([], ["-m32"], ["-gdwarf-4"]):
        prog = build(directory, "plain", flags)
        want = plain_contents(prog)
        assert len(want) >= 6
        for kind in ("zlib", "zlib-gnu", "zlib-gabi", "zstd"):
            packed = directory + "/packed"
            run("objcopy", "--compress-debug-sections=" + kind, prog, packed)
            assert "zdebug" in run("readelf", "-SW", packed) or kind != "zlib-gnu"
            for name, data in want.items():
                assert content(packed, name) == data, (flags, kind, name)
            assert one(ask("threads", packed), "threads") == ["0"]
    for name, data in plain_contents(debug_file_of(LIBC)).items():
        assert content(LIBC, name) == data, name


def test_declared_sizes(directory):
    prog = build(directory)
    packed = directory + "/packed"
    run("objcopy", "--compress-debug-sections=zlib", prog, packed)
    row = next(row for row in readelf_sections(packed) if row[1].strip() == ".debug_info")
    for size in (1 << 40, (1 << 32) + 1, 1 << 30, 1, 0):
        with open(packed, "r+b") as file:
            file.seek(int(row[4], 16) + 8)
            file.write(struct.pack("<Q", size))
        lines = ask("content", packed, "debug", ".debug_info", directory + "/out", ok=False)
        # A section that says it is shorter than it is gives what it says.
        assert (lines[0][0] == "error" and ".debug_info" in lines[0][2]) == (size > 1), (size, lines)


def linked(file, bases, directory, emulation):
    """FILE linked with its sections where the indexer puts them."""
    # The linker would merge strings, which moves them.
    merged = {row[1].strip(): "alloc,data" if "A" in row[6] else "debug"
              for row in readelf_sections(file) if "M" in row[6]}
    run("objcopy", *(f"--set-section-flags={name}={flags},readonly,contents"
                     for name, flags in merged.items()), file, directory + "/unmerged.o")
    script = "SECTIONS {\n"
    for number, name, _, _, _, _, flags, _ in readelf_sections(file):
        if "A" in flags:
            script += f'"{name.strip()}" {bases[int(number)]:#x} : {{ *("{name.strip()}") }}\n'
    write(directory + "/script", script + "}\n")
    output = directory + "/linked"
    run("ld", "-m", emulation, "-o", output, "-T", directory + "/script", "--unresolved-symbols=ignore-all",
        "--no-check-sections", "-z", "noseparate-code", "--no-relax", "--build-id=none", directory + "/unmerged.o")
    return output


def test_relocation(directory):
    """The linker, told to use the same layout, must come to the same bytes."""
    compared = 0
    variants = [("one.o", ["-c"], "elf_x86_64"), ("two.o", ["-c", "-m32"], "elf_i386"),
                ("three.o", ["-c", "-gdwarf-4", "-ffunction-sections", "-fdata-sections"], "elf_x86_64"),
                ("four.o", ["-c", "-gz"], "elf_x86_64"), ("five.o", ["-c", "-gdwarf-2"], "elf_x86_64")]
    files = [(build(directory, name, flags), emulation) for name, flags, emulation in variants]
    files += [(file, "elf_x86_64") for file in modules(60)]
    for file, emulation in files:
        whole = linked(file, check_layout(file), directory, emulation)
        names = {row[1].strip() for row in readelf_sections(whole)}
        for name in [*DEBUG, ".debug_frame", ".orc_unwind_ip", ".eh_frame"]:
            if name not in names or (name == ".eh_frame" and file.endswith(".ko")):
                continue
            kind = "code" if name in (".eh_frame", ".orc_unwind_ip") else "debug"
            mine, theirs = content(file, name, kind), objcopy_section(whole, name)
            if name == ".eh_frame":  # the linker appends a terminator
                theirs = theirs[:len(mine)]
            assert mine == theirs, (file, name, len(mine), len(theirs))
            compared += 1
    print(compared, "sections")


def test_emitted_relocations_are_ignored(directory):
    want = plain_contents(build(directory, "prog", ["-no-pie"]))
    prog = build(directory, "prog", ["-no-pie", "-Wl,--emit-relocs"])
    assert ".rela.debug_info" in run("readelf", "-SW", prog)
    assert content(prog, ".debug_info") == want[".debug_info"]


def test_unknown_relocations(directory):
    file = build(directory, "one.o", ["-c"])
    row = next(row for row in readelf_sections(file) if row[1].strip() == ".rela.debug_info")
    with open(file, "r+b") as out:
        out.seek(int(row[4], 16) + 8)
        out.write(struct.pack("<I", 250))
        out.seek(int(row[4], 16) + 24 + 12)
        out.write(struct.pack("<I", 0xffffff))
    told = warnings(ask("content", file, "debug", ".debug_info", "/dev/null"))
    assert len(told) == 2 and "1 relocations of type 250" in told[0], told


def test_other_machines(directory):
    """Objects of other machines and byte orders, if a compiler for them is here."""
    tried = 0
    for target in ("aarch64-linux-gnu", "armv7-linux-gnueabi", "riscv64-linux-gnu", "powerpc64-linux-gnu",
                   "s390x-linux-gnu", "powerpc-linux-gnu"):
        file = directory + "/other.o"
        source = write(directory + "/other.c", SOURCE.replace("__thread ", ""))
        made = subprocess.run(["clang", "-target", target, "-g", "-O1", "-c", "-o", file, source],
                              capture_output=True, check=False)
        if made.returncode != 0:
            continue
        tried += 1
        for name in {row[1].strip() for row in readelf_sections(file)}:
            if name.startswith(".debug_"):
                assert not warnings(ask("content", file, "debug", name, "/dev/null")), (target, name)
        names = {name for *_, name in my_symbols(file)["symtab"]}
        assert {"main", "add", "counter", "origin"} <= names, (target, names)
        assert not any(name.startswith("$") for name in names), (target, names)
        bases = check_layout(file)
        if target.startswith(("riscv", "arm")):
            continue  # readelf knows no size for these sections, and Thumb bits differ
        check_symbols(file, bases=bases)
    print(tried, "machines")


def test_type_units_in_objects(directory):
    for version in ("4", "5"):
        file = build(directory, "units.o", ["-c", "-fdebug-types-section", "-gdwarf-" + version,
                                            "-fno-eliminate-unused-debug-types"],
                     source="struct a { int x; } a; struct b { struct a a; long y; } b; struct c { char z; } c;")
        name = ".debug_types" if version == "4" else ".debug_info"
        rows = [row for row in readelf_sections(file) if row[1].strip() == name]
        data = content(file, name)
        assert len(rows) > 2 and len(data) == sum(int(row[5], 16) for row in rows)
        at, units = 0, 0
        while at < len(data):  # every unit starts where the one before ends
            length, = struct.unpack_from("<I", data, at)
            assert struct.unpack_from("<H", data, at + 4)[0] == int(version)
            at, units = at + 4 + length, units + 1
        assert at == len(data) and units == len(rows)


def test_mini_debuginfo(directory):
    prog = build(directory, flags=["-rdynamic"])
    want = my_symbols(prog)
    mini = directory + "/mini"
    run("objcopy", "-S", "--remove-section=.comment", "--keep-symbol=twice", "--keep-symbol=counter",
        "--keep-symbol=add", prog, mini)
    run("strip", "--strip-all", prog)
    with open(mini, "rb") as file, open(mini + ".xz", "wb") as to:
        to.write(lzma.compress(file.read(), check=lzma.CHECK_CRC32))
    run("objcopy", f"--add-section=.gnu_debugdata={mini}.xz", prog)
    got = my_symbols(prog)
    assert got["dynsym"] == want["dynsym"]
    assert {name for *_, name in got["symtab"]} == {"counter", "add"}
    assert not got["symtab"] - want["symtab"]
    with open(mini + ".xz", "r+b") as file:
        file.truncate(100)
    run("objcopy", f"--update-section=.gnu_debugdata={mini}.xz", prog)
    assert ".gnu_debugdata" in warnings(ask("symbols", prog))[0]
    assert my_symbols(prog)["dynsym"] == want["dynsym"]


def test_no_section_headers(directory):
    for flags in ([], ["-m32"], ["-Wl,--hash-style=sysv"], ["-Wl,--hash-style=gnu"]):
        library = build(directory, "lib.so", ["-shared", "-fPIC", "-Wl,-soname,lib.so.9", *flags])
        want = my_symbols(library)["dynsym"]
        bare = shutil.copy(library, directory + "/bare.so")
        wide = "-m32" not in flags
        with open(bare, "r+b") as file:
            file.seek(40 if wide else 32)
            file.write(bytes(8 if wide else 4))
            file.seek(58 if wide else 46)
            file.write(bytes(6))
        ask("fuzz", bare, "1", os.environ.get("STACKDB_FUZZ_ROUNDS", "300"))
        info = one(ask("info", bare), "info")
        assert info[3] == "lib.so.9" and info[4] == build_id(library), info
        assert my_symbols(bare)["dynsym"] == want, flags
        assert len(want) > 3


def test_alt_file(directory):
    files = [build(directory, name, source=SOURCE.replace("counter", name + "_counter"))
             for name in ("one", "two")]
    for relative in (False, True):
        common = directory + ("/sub/common" if relative else "/common")
        os.makedirs(os.path.dirname(common), exist_ok=True)
        for file in files:
            shutil.copy(file, file + ".z")
        run("dwz", "-m", common, *(["-r"] if relative else []), *(file + ".z" for file in files))
        for file in files:
            assert ".gnu_debugaltlink" in run("readelf", "-SW", file + ".z")
            assert content(file + ".z", ".debug_info", "alt") == objcopy_section(common, ".debug_info")
            assert content(file + ".z", ".debug_str", "alt") == objcopy_section(common, ".debug_str")
        shutil.copy(files[0], common)
        told = warnings(ask("content", files[0] + ".z", "alt", ".debug_info", "/dev/null"))
        assert "build-id" in told[0] and "not found" in told[-1], told


# ---- split DWARF ------------------------------------------------------------------------------

def dwo(file, name, directory, number, section):
    with tempfile.NamedTemporaryFile() as to:
        lines = ask("dwo", file, name, directory, str(number), section, to.name)
        if ["none"] in lines:
            return None
        return open(to.name, "rb").read() if one(lines, "bytes")[3] == "1" else b""


def dwo_ids(file):
    text = run("readelf", "--debug-dump=no-follow-links,info", "-W", file)
    four = re.findall(r"DW_AT_GNU_dwo_name.*: (\S+)[\s\S]*?DW_AT_GNU_dwo_id.*(0x\w+)", text)
    five = re.findall(r"DWO ID: +(0x\w+)[\s\S]*?DW_AT_dwo_name.*: (\S+)", text)
    return four + [(name, number) for number, name in five]


def test_split_dwarf(directory):
    for version, tool in (("4", "dwp"), ("5", "llvm-dwp")):
        where = f"{directory}/{version}"
        source = write(where + "/a.c", SOURCE)
        other = write(where + "/b.c", "struct wide { long a, b; } wide; int helper(int x) { return x * 3; }")
        prog = where + "/prog"
        for path in (source, other):
            run("gcc", "-g", "-O1", "-gdwarf-" + version, "-gsplit-dwarf", "-fdebug-types-section", "-c",
                path, "-o", path[:-2] + ".o", cwd=where)
        run("gcc", "-o", prog, where + "/a.o", where + "/b.o")
        units = dwo_ids(prog)
        assert len(units) == 2, units
        want = {}
        for name, number in units:
            for section in (".debug_info.dwo", ".debug_abbrev.dwo", ".debug_str.dwo"):
                want[number, section] = dwo(prog, name, where, number, section)
                assert want[number, section], (name, section)
            # Moved away from where it was built: beside the module.
            assert dwo(prog, "/nowhere/" + os.path.basename(name), "", number, ".debug_info.dwo")
            assert dwo(prog, "nowhere.dwo", where, number, ".debug_info.dwo") is None
            file = where + "/" + os.path.basename(name)
            rows = [row for row in readelf_sections(file) if row[1].strip() == ".debug_info.dwo"]
            assert len(want[number, ".debug_info.dwo"]) == sum(int(row[5], 16) for row in rows)
        program = shutil.which(tool) or next(iter(glob.glob(f"/usr/bin/{tool}-*") +
                                                  glob.glob(f"/usr/lib/llvm-*/bin/{tool}")), None)
        made = program and subprocess.run([program, "-e", prog, "-o", prog + ".dwp"], cwd=where,
                                          capture_output=True, check=False).returncode == 0
        if not made:
            print("no", tool)
            continue
        for path in glob.glob(where + "/*.dwo"):
            os.unlink(path)
        shutil.copy(prog, where + "/other")
        ask("fuzz", prog + ".dwp", version, os.environ.get("STACKDB_FUZZ_ROUNDS", "300"), where + "/other")
        for name, number in units:
            # In version 5 the type units of a file are rows of their own.
            part, whole = dwo(prog, name, where, number, ".debug_info.dwo"), want[number, ".debug_info.dwo"]
            assert part and part in whole, (version, len(part or b""), len(whole))
            assert dwo(prog, name, where, number, ".debug_abbrev.dwo") == want[number, ".debug_abbrev.dwo"]
            assert dwo(prog, name, where, number, ".debug_str.dwo")
        count = int(one(ask("dwo", prog, "type", "", "0", ".debug_abbrev.dwo", "/dev/null"), "types")[0])
        section = ".debug_types.dwo" if version == "4" else ".debug_info.dwo"
        assert count >= 2
        assert all(dwo(prog, "type", "", i, section) for i in range(count))
        assert ask("dwo", prog, "type", "", str(count), section, "/dev/null", ok=False)[0][0] == "error"


# ---- bad input -----------------------------------------------------------------------------------

def test_what_is_no_elf_file(directory):
    empty = write(directory + "/empty", "")
    text = write(directory + "/text", "hello\n" * 100)
    for path, code in ((empty, "3"), (text, "3"), (directory, None), ("/dev/null", None),
                       (directory + "/absent", "1")):
        line = ask("info", path, ok=False)[0]
        assert line[0] == "error" and path in line[2] and code in (None, line[1]), line
    os.mkfifo(directory + "/fifo")
    assert ask("info", directory + "/fifo", ok=False)[0][0] == "error"


def test_endless_names(directory):
    """Tables whose every entry names a suffix of one long string must not cost their product."""
    count, length = 400000, 20000000
    symbols = b"".join(struct.pack("<IBBHQQ", 1 + i, 0x12, 0, 1, 4096, 8) for i in range(count))
    strings = b"\0" + b"a" * length + b"\0"
    names = b"\0.text\0.symtab\0.strtab\0"

    def section(name, kind, flags, address, offset, size, link=0, entry=0):
        return struct.pack("<IIQQQQIIQQ", name, kind, flags, address, offset, size, link, 0, 8, entry)

    at = 64
    for data, many in ((symbols, 0), (b"", 100000)):
        table = at + len(data)
        rows = [section(0, 0, 0, 0, 0, 0), section(1, 1, 6, 4096, at, 16),
                section(7, 2, 0, 0, at, len(data), 3, 24), section(15, 3, 0, 0, table, len(strings)),
                section(15, 3, 0, 0, table + len(strings), len(names))]
        rows += [section(1 + i, 1, 0, 0, 0, 0) for i in range(many)]
        header = table + len(strings) + len(names)
        rows[0] = section(0, 0, 0, 0, 0, len(rows))
        elf = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2 if data else 1, 62, 1, 0, 0, header,
                                                        0, 64, 0, 0, 64, 0, 3 if many else 4)
        with open(directory + "/endless", "wb") as file:
            file.write(elf + data + strings + names + b"".join(rows))
        started = time.monotonic()
        told = warnings(ask("all", directory + "/endless"))
        assert any("valid name" in text for text in told), told
        assert time.monotonic() - started < 5


def test_damaged_files(directory):
    rounds = int(os.environ.get("STACKDB_FUZZ_ROUNDS", "300"))
    prog, object_file = build(directory), build(directory, "one.o", ["-c"])
    library = build(directory, "lib.so", ["-shared", "-fPIC", "-m32"])
    split_prog = build(directory, "split", ["-gsplit-dwarf", "-gdwarf-4"])
    files = [prog, object_file, library, split_prog, *modules(2)]
    for kind in ("zlib", "zlib-gnu", "zstd"):
        files.append(f"{directory}/{kind}")
        run("objcopy", "--compress-debug-sections=" + kind, prog, files[-1])
    stripped = shutil.copy(library, directory + "/stripped")
    run("strip", stripped)
    opened = 0
    for seed, file in enumerate([*files, stripped]):
        opened += int(one(ask("fuzz", file, str(seed), str(rounds)), "fuzz")[1])
    print(opened, "of", rounds * (len(files) + 1), "could be opened")


def main():
    wanted = sys.argv[2:]
    failed = 0
    for name, test in sorted(globals().items()):
        if not name.startswith("test_") or (wanted and not any(want in name for want in wanted)):
            continue
        with tempfile.TemporaryDirectory() as directory:
            print(name, flush=True)
            try:
                test(directory) if test.__code__.co_argcount else test()
            except AssertionError as error:
                failed += 1
                line = traceback.extract_tb(error.__traceback__)[1].lineno
                print(f"FAILED: {name}, line {line}: {str(error)[:2000]}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
