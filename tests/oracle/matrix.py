#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small but rich programs, built in every way a compiler offers: whatever the form of the
debuginfo, symbols, lines, inline chains, variables, types and unwind rows are those that
readelf, addr2line and gdb report."""

import glob
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import checks  # noqa: E402
import oracle  # noqa: E402
import sdb  # noqa: E402

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs")
C_TYPES = ["struct point", "struct large", "struct everything", "struct bits", "struct flexible",
           "struct aligned", "struct packed", "union number"]
CC_TYPES = ["outer::inner::shape", "outer::inner::square", "outer::both", "outer::left_base",
            "outer::diamond", "outer::via_a", "outer::root", "fixed_array<int, 4>", "tagged",
            "has_reference", "(anonymous namespace)::anonymous_inside"]


def make(*command, cwd=None):
    done = subprocess.run(command, capture_output=True, cwd=cwd, check=False)
    if done.returncode:
        raise oracle.Unavailable(f"{' '.join(command)}: {done.stderr.decode()[-300:]}")


class Variant:
    """One way to build: flags, then steps on the finished file."""

    def __init__(self, name, compiler, flags, after=None, needs=(), explained=None, gdb=True):
        self.name = name
        self.gdb = gdb  # whether gdb 13 reads it
        self.compiler = compiler
        self.flags = flags
        self.after = after
        self.needs = needs
        self.explained = explained or {}

    def build(self, directory, language):
        """Returns (the file to index, the file that peers are asked about, where symbols are)."""
        oracle.need(self.compiler if language == "c" else COMPILERS_CC[self.compiler], *self.needs)
        output = f"{directory}/rich"
        if language == "c":
            shutil.copy(f"{PROGRAMS}/rich.h", directory)
            sources = ["rich.c", "other.c"]
            command = [self.compiler]
        else:
            sources = ["rich.cc"]
            command = [COMPILERS_CC[self.compiler], "-std=c++17"]
        for source in sources:
            shutil.copy(f"{PROGRAMS}/{source}", directory)
        # Compiled one by one, so that a .dwo is named as its unit says.
        objects = [f"{s.rpartition('.')[0]}.o" for s in sources]
        for source, object_ in zip(sources, objects):
            make(*command, *self.flags, "-c", source, "-o", object_, cwd=directory)
        make(*command, *self.flags, "-Wl,--build-id", *objects, "-o", "rich", cwd=directory)
        return self.after(directory, output) if self.after else (output, output, [output])


COMPILERS_CC = {"gcc": "g++", "clang": "clang++"}


# ---- steps after linking ------------------------------------------------------------


def zstd(_, output):
    make("objcopy", "--compress-debug-sections=zstd", output)
    return output, output, [output]


def gnu_dwp(directory, output):
    make("dwp", "-e", output, "-o", f"{output}.dwp", cwd=directory)
    return without_dwo(directory, output)


def llvm_dwp(directory, output):
    program = next((p for p in ("llvm-dwp", "llvm-dwp-14", "llvm-dwp-16") if shutil.which(p)), None)
    if not program:
        raise oracle.Unavailable("llvm-dwp is not installed")
    make(program, "-e", output, "-o", f"{output}.dwp", cwd=directory)
    return without_dwo(directory, output)


def without_dwo(directory, output):
    for path in glob.glob(f"{directory}/*.dwo"):
        os.unlink(path)
    return output, output, [output]


def dwz(_, output):
    make("dwz", output)
    return output, output, [output]


def dwz_multiple(directory, output):
    """Two files that share a supplementary one."""
    shutil.copy(output, f"{output}2")
    make("dwz", "-m", f"{directory}/common.debug", "-M", f"{directory}/common.debug", output,
         f"{output}2")
    return output, output, [output]


def debug_link(directory, output):
    """The name in .gnu_debuglink, beside the program; build-id directories know nothing of it."""
    make("objcopy", "--only-keep-debug", output, f"{output}.debug")
    shutil.copy(output, f"{output}.full")
    make("strip", output)
    make("objcopy", f"--add-gnu-debuglink={output}.debug", output, cwd=directory)
    return output, f"{output}.full", [f"{output}.full"]


def debug_alone(_, output):
    make("objcopy", "--only-keep-debug", output, f"{output}.debug")
    return f"{output}.debug", output, [f"{output}.debug"]


def mini_debuginfo(directory, output):
    shutil.copy(output, f"{output}.symbols")
    make("strip", "--strip-debug", f"{output}.symbols")
    make("objcopy", "--only-keep-debug", f"{output}.symbols", f"{output}.mini")
    make("xz", "-f", f"{output}.mini", cwd=directory)
    shutil.copy(output, f"{output}.full")
    make("strip", output)
    make("objcopy", "--add-section", f".gnu_debugdata={output}.mini.xz", output)
    return output, f"{output}.symbols", [f"{output}.symbols"]


def only_dynamic(_, output):
    make("strip", output)
    return output, output, [output]


def relocatable(directory, output):
    """An object that was never linked."""
    name = "rich.o" if os.path.exists(f"{directory}/rich.o") else output
    return f"{directory}/{name}", f"{directory}/{name}", [f"{directory}/{name}"]


NO_SPLIT = {f"the peers {word}: {what}": "binutils and elfutils do not read what is in .dwo files"
            for word in ("agree", "differ")
            for what in ("length of the chain", "functions", "functions and lines")}
STRICT = {"the peers differ: length of the chain": "inlined functions without a line of their call:"
                                                   " binutils leaves them out, elfutils does not",
          "differs": "inlined functions without a line of their call: gdb leaves them out",
          "missing variable": "and shows the variables of the function around them",
          "gdb does not find it": "DWARF 2 has no namespaces"}
VARIANTS = [
    Variant("gcc -gdwarf-2", "gcc", ["-O2", "-gdwarf-2"]),
    Variant("gcc -gdwarf-2 -gstrict-dwarf", "gcc", ["-O2", "-gdwarf-2", "-gstrict-dwarf"],
            explained=STRICT),
    Variant("gcc -gdwarf-3", "gcc", ["-O2", "-gdwarf-3"]),
    Variant("gcc -gdwarf-4", "gcc", ["-O2", "-gdwarf-4"]),
    Variant("gcc -gdwarf-5", "gcc", ["-O2", "-gdwarf-5"]),
    Variant("gcc -O0", "gcc", ["-O0", "-g"], explained={
        "differs": "gdb takes the function around a local class for the caller of its methods"}),
    Variant("gcc -O3 -g3", "gcc", ["-O3", "-g3"]),
    Variant("gcc -gz", "gcc", ["-O2", "-g", "-gz"]),
    Variant("gcc -gz=zlib-gnu", "gcc", ["-O2", "-g", "-gz=zlib-gnu"]),
    Variant("zstd", "gcc", ["-O2", "-g"], zstd, ["objcopy"]),
    Variant("gcc -gsplit-dwarf", "gcc", ["-O2", "-gdwarf-5", "-gsplit-dwarf"],
            explained=NO_SPLIT),
    Variant("gcc -gdwarf-4 -gsplit-dwarf", "gcc", ["-O2", "-gdwarf-4", "-gsplit-dwarf"],
            explained=NO_SPLIT),
    Variant("gcc -gdwarf-4 -gsplit-dwarf, dwp", "gcc", ["-O2", "-gdwarf-4", "-gsplit-dwarf"],
            gnu_dwp, ["dwp"], NO_SPLIT),
    Variant("clang -gsplit-dwarf, llvm-dwp", "clang", ["-O2", "-gdwarf-5", "-gsplit-dwarf"],
            llvm_dwp, gdb=False),
    Variant("gcc -fdebug-types-section", "gcc", ["-O2", "-gdwarf-4", "-fdebug-types-section"]),
    Variant("gcc -fdebug-types-section, 5", "gcc", ["-O2", "-gdwarf-5", "-fdebug-types-section"]),
    Variant("gcc -flto", "gcc", ["-O2", "-g", "-flto"]),
    Variant("gcc -gdwarf64", "gcc", ["-O2", "-gdwarf-5", "-gdwarf64"]),
    Variant("clang -gdwarf-5", "clang", ["-O2", "-gdwarf-5"]),
    Variant("clang -gdwarf-4", "clang", ["-O2", "-gdwarf-4"]),
    Variant("clang -O0 -gpubnames", "clang", ["-O0", "-gdwarf-5", "-gpubnames"]),
    Variant("dwz", "gcc", ["-O2", "-gdwarf-5"], dwz, ["dwz"]),
    Variant("dwz -m", "gcc", ["-O2", "-gdwarf-5"], dwz_multiple, ["dwz"]),
    Variant("strip and debuglink", "gcc", ["-O2", "-g"], debug_link),
    Variant("the debug file alone", "gcc", ["-O2", "-g"], debug_alone),
    Variant("an object file", "gcc", ["-O2", "-g", "-ffunction-sections"], relocatable),
    Variant("gcc -m32", "gcc", ["-m32", "-O2", "-g"]),
    Variant("gcc -no-pie", "gcc", ["-O2", "-g", "-no-pie", "-fno-pie"]),
    Variant("gcc, hot and cold parts", "gcc", ["-O2", "-g", "-freorder-blocks-and-partition",
                                               "-ffunction-sections"]),
]
BARE = [Variant("mini-debuginfo", "gcc", ["-O2", "-g"], mini_debuginfo, ["xz"]),
        Variant("only .dynsym", "gcc", ["-O2", "-g", "-rdynamic"], only_dynamic)]


# ---- the questions -------------------------------------------------------------------


def ask(stackdb, report, variant, language, arguments):
    name = f"{variant.name} ({language})"
    directory = f"{arguments.work}/matrix/{name.replace(' ', '_').replace('/', '')}"
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    indexed, peer, symbol_files = variant.build(directory, language)
    database = f"{directory}/out.sdb"
    stackdb("index", "--force", "-o", database, indexed)
    status, _, errors = stackdb.outcome("info", "--verify", database)
    report.verdict(f"{name}: verifies", status == 0, errors)
    relocatable_file = variant.after is relocatable
    places = sdb.section_addresses(stackdb, database) if relocatable_file else None
    check = report.check(f"{name}: symbols", variant.explained)
    checks.symbols(check, sdb.symbols(stackdb, database), symbol_files, places)
    check.close()
    if relocatable_file:
        return database, peer, name
    check = report.check(f"{name}: unwind rows", variant.explained)
    checks.unwind(check, sdb.unwind(stackdb, database, "eh_frame", checks.register_names(peer)),
                  peer, ".eh_frame")
    check.close()
    return database, peer, name


def ask_debuginfo(stackdb, report, variant, language, arguments):
    database, peer, name = ask(stackdb, report, variant, language, arguments)
    if variant.after is relocatable:
        return  # the peers see all sections at 0
    # Most of a Rust program's code is of the library, which has no debuginfo.
    least = 200 if language == "rust" else 20
    addresses = checks.text_addresses(peer, max(int(300 * arguments.scale), least))
    check = report.check(f"{name}: addr2line",
                         {**checks.ADDR2LINE_EXPLAINED, **variant.explained})
    checks.addr2line(stackdb, check, database, peer, addresses)
    check.close()
    if not variant.gdb:
        return
    chain = report.check(f"{name}: chain of functions",
                         {**checks.CHAIN_EXPLAINED, **variant.explained})
    check = report.check(f"{name}: variables and locations", {
        **checks.VARIABLES_EXPLAINED, **variant.explained})
    gdb_language = {"c": "c", "c++": "c++", "rust": "rust"}[language]
    checks.scopes(check, chain, sdb.scopes(stackdb, database, addresses), peer, addresses,
                  gdb_language)
    chain.close()
    check.close()
    if language == "rust":
        return
    wanted = C_TYPES if language == "c" else CC_TYPES
    found = {}
    for record in sdb.types(stackdb, database, [w.split(" ")[-1] if language == "c" else w
                                                for w in wanted]):
        key = f"{record['kind']} {record['name']}" if language == "c" else record["name"]
        if not record.get("declaration"):
            found.setdefault(key, []).insert(0, record)
        else:
            found.setdefault(key, []).append(record)
    check = report.check(f"{name}: types", variant.explained)
    checks.classes(check, found, peer, wanted, gdb_language)
    check.close()


class Rust(Variant):
    def build(self, directory, language):
        oracle.need("rustc")
        make("rustc", *self.flags, "--crate-name", "rich", f"{PROGRAMS}/rich.rs", "-o",
             f"{directory}/rich")
        output = f"{directory}/rich"
        return output, output, [output]


RUST = [Rust("rustc -O", "rustc", ["-g", "-O"]),
        Rust("rustc, DWARF 5", "rustc", ["-g", "-C", "opt-level=1", "-C", "dwarf-version=5"]),
        Rust("rustc, debug", "rustc", ["-g"])]


def run(stackdb, report, arguments):
    oracle.need("gcc", "gdb", "addr2line", "eu-addr2line")
    work = [(variant, language, ask_debuginfo) for variant in VARIANTS for language in ("c", "c++")]
    work += [(variant, "c", ask) for variant in BARE]
    work += [(variant, "rust", ask_debuginfo) for variant in RUST]
    for variant, language, function in work:
        if arguments.only in f"{variant.name} ({language})":
            with report.guard(f"{variant.name} ({language})"):
                function(stackdb, report, variant, language, arguments)


oracle.main("matrix", run)
