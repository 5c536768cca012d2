#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the seed corpora of the fuzz targets: small files of every kind that the indexer reads,
and their databases.

usage: seeds.py DIRECTORY [STACKDB]
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import fake_stub  # noqa: E402

C = """
struct s { int a : 3; long b; struct s *next; union { char c[4]; float f; }; };
enum e { one = 1, two };
static inline __attribute__((always_inline)) int in(int x) { int y = x * 2; return y + 1; }
__thread int tls = 1;
int f(struct s *s, enum e e)
{
	int array[s->a + 4];
	for (int i = 0; i < 3; i++) { static int n; array[i] = in(e) + n++; }
	if (__builtin_expect(s->b > 100, 0)) __builtin_abort();
	return array[s->b & 3] + tls + (s->next ? f(s->next, two) : 0);
}
"""
CC = """
namespace n { template <typename T, int N> struct t { T a[N]; virtual T get() { return a[0]; } };
struct d : virtual t<int, 2> { int &r; d(int &x) : r(x) {} int get() override { return r; } };
enum class k : char { x }; }
int g(int v) { n::d d(v); auto l = [&](int z) { return d.get() + z; }; return l((int)n::k::x); }
"""
MAIN = "int main(int c, char **v) { return c + (v != 0); }\n"


def run(*command):
    """Whether a seed could be made: one that a compiler cannot make is left out."""
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def objects(work, out):
    for name, text in (("f.c", C), ("g.cc", CC), ("m.c", MAIN)):
        with open(f"{work}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    flags = {"dwarf2": ["-gdwarf-2"], "dwarf3": ["-gdwarf-3"], "dwarf4": ["-gdwarf-4"],
             "dwarf5": ["-gdwarf-5"], "dwarf64": ["-gdwarf-5", "-gdwarf64"], "gz": ["-g", "-gz"],
             "zdebug": ["-g", "-gz=zlib-gnu"], "types": ["-gdwarf-4", "-fdebug-types-section"],
             "types5": ["-gdwarf-5", "-fdebug-types-section"], "m32": ["-m32", "-g"],
             "split": ["-gsplit-dwarf", "-g"], "bare": [],
             "debug_frame": ["-g", "-fno-asynchronous-unwind-tables"]}
    for name, options in flags.items():
        run("gcc", "-O2", *options, "-c", f"{work}/f.c", "-o", f"{out}/gcc-{name}.o")
        run("g++", "-O1", *options, "-c", f"{work}/g.cc", "-o", f"{out}/gxx-{name}.o")
    for name in ("dwarf4", "dwarf5"):
        run("clang", "-O2", f"-g{name.replace('f', 'f-')}", "-c", f"{work}/f.c", "-o",
            f"{out}/clang-{name}.o")
    run("gcc", "-O2", "-g", "-nostdlib", "-static", "-Wl,--build-id", "-Wl,-e,main",
        f"{work}/m.c", "-o", f"{out}/linked")
    run("gcc", "-O2", "-g", "-shared", "-fPIC", "-nostdlib", "-Wl,--build-id", f"{work}/f.c",
        "-o", f"{out}/shared")
    run("objcopy", "--only-keep-debug", f"{out}/shared", f"{out}/shared.debug")
    run("objcopy", "--compress-debug-sections=zstd", f"{out}/gcc-dwarf5.o", f"{out}/zstd.o")
    shutil.copy(f"{out}/gcc-dwarf5.o", f"{out}/btf.o")
    run("pahole", "-J", f"{out}/btf.o")
    run("objcopy", "--strip-debug", f"{out}/btf.o")
    mini_debuginfo(work, out)
    for dwo in glob.glob(f"{out}/*.dwo"):
        os.unlink(dwo)


def mini_debuginfo(work, out):
    symbols = f"{work}/symbols"
    if run("objcopy", "-S", "--remove-section=.debug*", "--keep-file-symbols", f"{out}/linked",
           symbols) and run("xz", "-f", symbols):
        run("strip", "-o", f"{out}/mini", f"{out}/linked")
        run("objcopy", "--add-section", f".gnu_debugdata={symbols}.xz", f"{out}/mini")


EXPRESSIONS = ["p->next->x + g * 2", "*p@3", "text[2] == 'a' && !g || p", "(struct point *)text", "&p->next",
               "sizeof(struct point [3])", "g = 7", "1.5f / 2 > 0 ? -1 : ~0x7f", "\"abc\"[1]", "wave * 2.5i - g", "p->method(1.5)", "(p->*v)()", "*p .* m",
               "&point::x", "&point::method", "point::method", "f(g, \"text\")", "p->point::method(f(2))", "y.x", "~wave == 1", "m:g", "'f.c'::p"]
OPERATIONS = ["31 32 22 9f", "91 70", "50 93 04 51 93 02 93 03", "a3 01 55 9f", "77 00 06 23 08", "9e 03 01 02 03",
              "08 05 a8 03 31 a8 03 1e a8 00 9f", "f2 01 00 04", "31 28 01 00 96 2f fa ff", "a5 05 01 9f", "9c 23 10"]


def expressions(out):
    os.makedirs(out, exist_ok=True)
    for number, text in enumerate(EXPRESSIONS):
        with open(f"{out}/c{number}", "wb") as file:
            file.write(b"\0" + text.encode())
    for number, text in enumerate(OPERATIONS):
        with open(f"{out}/dwarf{number}", "wb") as file:
            file.write(bytes([1, number]) + bytes.fromhex(text))


def stub(out):
    """What gdb stubs send: packets, and descriptions of targets."""
    os.makedirs(out, exist_ok=True)
    packets = [b"+$OK#9a", b"$T05swbreak:;06:0*,;thread:p1.2;#00", b"$l}\x03}]ab*~#77", b"%Stop:T05#00$E01#a6", b"-+$#00"]
    texts = [fake_stub.XML.encode(), fake_stub.CORE.encode(),
             b'<a b="&lt;&#x41;" c=\'d\'><!-- x --><reg name="rip" bitsize="64" regnum="16"/></a>']
    for number, data in enumerate([b"\0" + p for p in packets] + [b"\4" + p for p in packets] + [b"\1" + t for t in texts]):
        with open(f"{out}/{number}", "wb") as file:
            file.write(data)


def main():
    directory = sys.argv[1]
    out = f"{directory}/index"
    os.makedirs(out, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        objects(work, out)
    if len(sys.argv) > 2:
        os.makedirs(f"{directory}/db", exist_ok=True)
        for path in glob.glob(f"{out}/*"):
            run(sys.argv[2], "index", "-o", f"{directory}/db/{os.path.basename(path)}.sdb", path)
        shutil.copytree(f"{directory}/db", f"{directory}/value", dirs_exist_ok=True)
    expressions(f"{directory}/expression")
    stub(f"{directory}/rsp")
    for kind in os.listdir(directory):
        files = glob.glob(f"{directory}/{kind}/*")
        print(f"{kind}: {len(files)} seeds, {sum(map(os.path.getsize, files))} bytes")


main()
