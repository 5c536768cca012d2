#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Backtraces of real programs, stopped at random points: addresses against eu-stack, libunwind and gdb;
functions, lines, inlined functions, arguments and locals against gdb.

All look at one process that stands still. gdb, libunwind and the program that prints our values stay
for all points of a program: gdb would take longer to load symbols than for all of its answers."""

import concurrent.futures
import contextlib
import functools
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import busy  # noqa: E402
import oracle  # noqa: E402

ROOT = os.path.join(HERE, "..", "..")
POINTS = 500
EXPLAINED = {
    "eu-stack ends early": "elfutils gives up where rules lead further",
    "eu-stack goes on": "elfutils goes on from a frame that is in no code, or without rules",
    "libunwind goes on": "it goes on from a frame that is in no code, or without rules",
    "libunwind ends early": "it gives up where rules lead further",
    "line of several": "gdb takes the line of a statement that began earlier, or another one of those that share an address;"
                       " addr2line agrees with us",
    "inherited": "gdb calls an inherited constructor as its base, by the linkage name; its DW_AT_name is the class's",
    "alias": "memcpy and memmove are one piece of code",
    "other block": "gdb lists what is in other blocks too, as optimized out",
    "entry value": "gdb does not find the call, or asks the wrong frame of inlined ones",
    "gdb guesses": "gdb goes on from a frame that is in no function; eu-stack and libunwind end there, too",
    "no byte": "gdb takes a location whose range is empty, at a function's entry",
    "gdb has none": "gdb finds no value where the location is that at the function's entry, which it lists of the innermost block only",
    "not saved": "gdb shows what a called function left in a register that nobody saved",
    "jump": "gdb guesses what a function passed that ended with a jump to this one",
    "constant": "a constant that only the abstract function has, not where it was inlined",
    "reference to nowhere": "other words for what cannot be read",
    "virtual base": "gdb reads a virtual base that lies behind the declared type out of its own memory",
    "incomplete character": "gdb drops the character in front of an incomplete one, and takes more for incomplete",
    "symbol": "another symbol at the address",
    "other unit": "several units have this function, which is there once; gdb takes one of those that it has read, whose class lacks a"
                  " static member that another's has",
    "template": "gdb writes the names of templates in its own way",
    "enumerator": "gdb lists the enumerators of an enumeration inside of a function",
}


# ---- processes ----------------------------------------------------------------------------------------


class Peer:
    """A program that answers each line with lines, up to one that is LAST."""

    def __init__(self, command, last, env=None):
        self.errors = tempfile.TemporaryFile(mode="w+", errors="replace")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, errors="replace", env=env)
        self.last = last

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if self.last(lines[-1]):
                return lines
        self.errors.seek(0)
        raise oracle.Failure(f"{self.process.args[0]} ended with {self.process.wait()}: {self.errors.read()[-500:]}")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


# ---- what each of them says: {tid: frames} ---------------------------------------------------------------


def ours(stackdb, pid):
    return {t["tid"]: t for t in stackdb.json("backtrace", "--json", "--no-args", "-p", str(pid))}


def our_values(peer):
    """{tid: [({argument: values}, {local: values}, function)]}"""
    threads, frames = {}, []
    for line in peer.ask():
        kind, _, rest = line.partition(" ")
        if kind == "thread":
            frames = threads[int(rest)] = []
        elif kind == "frame":
            frames.append(({}, {}, rest))
        elif kind in ("arg", "local"):
            name, _, value = rest.partition(" = ")
            frames[-1][kind == "local"].setdefault(name, []).append(value)
    return threads


def eu_stack(pid):
    text = subprocess.run(["eu-stack", "-n", "0", "-p", str(pid)], capture_output=True, text=True).stdout
    threads, tid = {}, None
    for line in text.splitlines():
        if found := re.match(r"TID (\d+):", line):
            tid = int(found.group(1))
            threads[tid] = []
        elif found := re.match(r"#\d+\s+(0x[0-9a-f]+)", line):
            threads[tid].append(int(found.group(1), 16))
    return threads


def libunwind(peer):
    return {int(line.split()[0]): [int(word, 16) for word in line.split()[1:]] for line in peer.ask()[:-1]}


def gdb(peer):
    """Without frames of functions that ended with a jump to the next one: gdb guesses them. Those that
    were jumped to are marked."""
    threads = {}
    for tid, frames in json.loads(peer.ask()[0])["threads"].items():
        for frame, outer in zip(frames, frames[1:]):
            frame[0:1] = [(frame[0], outer[0] == "tail call")]
        frames[-1][0] = (frames[-1][0], False)
        threads[int(tid)] = [frame for frame in frames if frame[0][0] != "tail call"]
    return threads


# ---- comparing --------------------------------------------------------------------------------------------


def compare_addresses(check, peer, mine, theirs, pid):
    for tid, expected in theirs.items():
        found = [int(f["pc"], 16) for f in mine.get(tid, {"frames": []})["frames"] if f["kind"] != "inlined"]
        if found == expected:
            check.same()
        elif found[:len(expected)] == expected:
            check.differ(f"{peer} ends early", f"{pid}: {len(found)} frames, {peer} {len(expected)}")
        elif expected[:len(found)] == found:
            end = mine[tid].get("end", "")
            reason = f"{peer} goes on" if "no unwind rules" in end or "in any code" in end else "ends early"
            check.differ(reason, f"{pid}: {len(found)} frames, {peer} {len(expected)}: {end}")
        else:
            at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), -1)
            check.differ("other addresses", f"{pid}: at {at}: {[hex(a) for a in found[at:at + 3]]}, {peer}"
                                            f" {[hex(a) for a in expected[at:at + 3]]}")


ALIASES = re.compile(r"^(__GI_|__libc_|__)+")


def plain(name):
    """A name without the arguments of templates, which gdb writes in its own way, without parameters, which
    it adds to names with an ABI tag, and without what the compiler adds to its variants of a function."""
    name = name.replace("operator()", "operator_call").replace("(anonymous namespace)", "anonymous")
    name = re.sub(r"\{lambda\([^#]*\)#\d+\}|\(anonymous\)", "lambda", name)
    while name != (shorter := re.sub(r"<[^<>]*>|\([^()]*\)( const)?|\[abi:\w+\]", "", name)):
        name = shorter
    return ALIASES.sub("", re.sub(r"(\.(constprop|isra|part|cold)(\.\d+)?)+$", "", name.strip()))


def same_name(expected, found):
    """gdb does not tell where a lambda is."""
    expected, found = plain(expected or ""), plain(found or "")
    return expected == found or expected == "operator_call" and found.endswith("::lambda::operator_call")


def inherited(expected, found):
    """Whether FOUND is a constructor of the class that EXPECTED is in."""
    expected, found = plain(expected or "").split("::"), plain(found or "").split("::")
    return len(found) > 1 and found[-1] == found[-2] and expected[:-1] == found[:-1]


class Lines:
    """Lines that are not gdb's: addr2line is to say the same, when all have been collected."""

    def __init__(self):
        self.claims = []

    def claim(self, frames, index, text):
        """Frame INDEX has a place in the chain of inlined functions at its address, innermost first."""
        first = index
        while first and frames[first - 1]["kind"] == "inlined" and frames[first - 1]["pc"] == frames[index]["pc"]:
            first -= 1
        frame = frames[index]
        self.claims.append((frame["module"], int(frame["module_address"], 16), index - first,
                            (os.path.basename(frame["file"]), frame["line"]), text))

    def judge(self, check):
        by_module = {}
        for claim in self.claims:
            by_module.setdefault(claim[0], []).append(claim)
        for module, claims in by_module.items():
            addresses = sorted({claim[1] for claim in claims})
            chains = addr2line(module, addresses) if module.startswith("/") else {}
            for _, address, place, line, text in claims:
                chain = chains.get(address, [])
                # Of link-time optimization addr2line gives no file.
                agrees = place < len(chain) and chain[place] in (line, ("<artificial>", line[1]))
                check.differ("line of several" if agrees else "other line", f"{text}; addr2line {chain}")


def addr2line(module, addresses):
    """{address: [(file, line)]}, innermost first."""
    text = "".join(f"{address:#x}\n" for address in addresses)
    out = subprocess.run(["addr2line", "-a", "-i", "-e", module], input=text, capture_output=True, text=True, check=False).stdout
    chains, chain = {}, []
    for line in out.splitlines():
        if line.startswith("0x"):
            chain = chains[int(line, 16)] = []
        elif found := re.match(r"(.*):(\d+)", line):
            chain.append((os.path.basename(found.group(1)), int(found.group(2))))
    return chains


def compare_frame(check, lines, where, expected, frames, index):
    (kind, _), pc, name, path, line = expected[:5]
    frame = frames[index]
    text = f"{where}: gdb {name} {path}:{line}, found {frame.get('function')} {frame.get('file')}:{frame.get('line')}"
    interrupted = index == 0 or frames[index - 1]["kind"] == "signal"
    if kind != frame["kind"] or pc != int(frame["pc"], 16) and kind != "inlined":
        check.differ("other frame", f"{text}: gdb {kind} {pc:#x}, found {frame['kind']} {frame['pc']}")
    elif kind == "signal":
        check.same()
    elif path is None and "file" not in frame:  # of symbols at one address each takes another
        check.same()
    elif same_name(name, frame.get("function")) and (path, line) == (os.path.basename(frame.get("file", "")), frame.get("line")):
        check.same()
    elif same_name(name, frame.get("function")) and path and "file" in frame:
        lines.claim(frames, index, text)
    elif interrupted and {"memcpy", "memmove"} <= set(re.findall("memcpy|memmove", f"{name} {frame.get('function')}")):
        check.differ("alias", text)
    elif inherited(name, frame.get("function")):
        check.differ("inherited", text)
    else:
        check.differ("other function", text)


@functools.lru_cache(None)
def unit_ranges(module):
    """[(low, high, unit)] as .debug_aranges says."""
    out = subprocess.run(["readelf", "-W", "--debug-dump=aranges", module], capture_output=True, text=True, check=False).stdout
    ranges, unit = [], None
    for line in out.splitlines():
        if found := re.match(r"\s+Offset into \.debug_info:\s+(\S+)", line):
            unit = found.group(1)
        elif found := re.match(r"\s+([0-9a-f]{8,}) ([0-9a-f]{8,})\s*$", line):
            low, size = (int(word, 16) for word in found.groups())
            ranges.append((low, low + size, unit))
    return ranges


def has_several_units(frame):
    address = int(frame["module_address"], 16)
    return len({unit for low, high, unit in unit_ranges(frame["module"]) if low <= address < high}) > 1


def without_statics(text):
    return re.sub(r"static \w+ = [^,{}]*(, )?", "", text)


def drops_characters(expected, found):
    """Whether they differ only in characters at, and in front of, what gdb calls an incomplete sequence."""
    rest = re.compile(r'(?:[^"\\]|\\.)*"(, <incomplete sequence [^>]*>)?')
    while expected != found:
        at = common(expected, found)
        whole = expected.startswith("<incomplete", at)
        end = re.match(r'((?:[^"\\]|\\.)*", )?<incomplete sequence [^>]*>', expected[at:])
        mine = rest.match(found[at + whole:])
        if not end or not mine:
            return False
        expected, found = expected[at + end.end():], found[at + whole + mine.end():]
    return True


def drop_nested(text, begin):
    """TEXT without what stands in brackets behind BEGIN (`<` or ` <`), however deep: symbols, classes."""
    out, at = "", 0
    while (found := text.find(begin, at)) >= 0:
        depth, end = 0, found + len(begin) - 1
        while end < len(text):
            depth += {"<": 1, ">": -1}.get(text[end], 0) if text[end - 8:end + 1] != "operator>" else 0
            end += 1
            if not depth:
                break
        out, at = out + text[at:found], end
    return out + text[at:]


def common(a, b):
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def why(expected, found, frame):
    """The reason for a value that is not gdb's, in FRAME: whether that called another one, is inlined, was
    reached through a jump; whether the variable is an entry value that gdb did not find."""
    if expected == "<optimized out>":
        return "entry value" if frame["entry value"] else "gdb has none"
    if found is None:
        return "constant" if frame["inlined"] else "missing"
    if frame["inlined"] and frame["entry value"]:
        return "entry value"
    if frame["outer"] and "<not saved>" in found:
        return "not saved"
    if frame["jumped"] and found == "<optimized out>":
        return "jump"
    if drops_characters(expected, found):
        return "incomplete character"
    if drop_nested(expected, " <") == drop_nested(found, " <"):
        return "symbol"
    if frame["at entry"] and found == "<optimized out>":
        return "no byte"
    if drops_characters(*(re.sub(r"(0x[0-9a-f]+) <[\w.@]+(\+\d+)?>", r"\1", text) for text in (expected, found))):
        return "incomplete character"
    if expected.startswith("<error reading variable: Cannot access") and expected[len("<error reading variable: "):-1] in found:
        return "reference to nowhere"
    expected, found = (re.sub(r" = (\{<No data fields>\}|<incomplete type>)", "", drop_nested(text, "<")) for text in (expected, found))
    if expected == found:
        return "template"
    if without_statics(expected) == without_statics(found) and has_several_units(frame["place"]):
        return "other unit"
    if "_vptr.ios_base" in found and common(expected, found) > len(found) / 2:
        return "virtual base"
    return "other value"


def without_other_blocks(values, given):
    """gdb's VALUES of one name, less what it has too many of those that are optimized out."""
    spare, kept = len(values) - len(given), []
    for index, value in enumerate(values):
        if spare > 0 and value == "<optimized out>" and (len(kept) == len(given) or given[len(kept)] != value):
            spare -= 1
        else:
            kept.append(value)
    return kept


def compare_values(check, where, frame, found, frames, index):
    function = next((each for each in frames[index:] if each["kind"] != "inlined"), frames[index])
    about = {"outer": index > 0, "inlined": frame[0][0] == "inlined", "jumped": frame[0][1], "place": frames[index],
             "at entry": function["pc"] == frames[0]["pc"] and function.get("offset") == "0x0"}
    for theirs, mine in zip(frame[5:7], found):
        for name, values in theirs.items():
            given = mine.get(name, [])
            kept = without_other_blocks(values, given)
            for _ in range(len(values) - len(kept)):
                check.differ("other block", f"{where}: {name}")
            for index, expected in enumerate(kept):
                value = given[index] if index < len(given) else None
                if expected == value:
                    check.same()
                elif value is None and expected == name:
                    check.differ("enumerator", f"{where}: {name}")
                elif expected == "<optimized out>" and len(values) > 1:
                    check.differ("other block", f"{where}: {name}")
                else:
                    about["entry value"] = name in frame[7]
                    check.differ(why(expected, value, about), f"{where}: {name}: gdb {expected}, found {value}")


def compare_gdb(checks, lines, mine, values, theirs, pid):
    for tid, expected in theirs.items():
        found = mine.get(tid, {"frames": []})["frames"]
        if len(expected) != len(found):
            guessed = len(found) < len(expected) and "function" not in found[-1] and expected[len(found) - 1][2] is None and all(
                int(mine["pc"], 16) == theirs[1] for mine, theirs in zip(found, expected) if mine["kind"] != "inlined")
            checks["frames"].differ("gdb guesses" if guessed else "other number of frames", f"{pid}: gdb {len(expected)}, found {len(found)}: gdb"
                                    f" {[e[2] for e in expected]}, found {[f.get('function') for f in found]}")
            continue
        if values and len(values.get(tid, [])) < len(expected):
            checks["values"].differ("other number of frames", f"{pid}: gdb {len(expected)}, found {len(values.get(tid, []))}:"
                                    f" gdb {[e[2] for e in expected]}, found {[v[2] for v in values.get(tid, [])]}")
            continue
        for index, frame in enumerate(expected):
            where = f"{pid} #{index} {found[index]['pc']} {found[index].get('function')}"
            compare_frame(checks["frames"], lines, where, frame, found, index)
            if values and len(frame) > 5 and same_name(frame[2], found[index].get("function")):
                compare_values(checks["values"], where, frame, values[tid][index], found, index)


# ---- programs -----------------------------------------------------------------------------------------------


class Tools:
    """The programs that look at processes with us."""

    def __init__(self, stackdb):
        build = os.path.abspath(os.path.dirname(os.path.dirname(stackdb.program)))
        self.stackdb = stackdb
        self.env = dict(stackdb.env, STACKDB_INDEXER=f"{build}/tools/stackdb-indexer")
        self.stacks = f"{stackdb.work}/stacks"
        subprocess.run(["gcc", "-O1", f"-I{ROOT}/include", f"{busy.PROGRAMS}/stacks.c", "-o", self.stacks, f"-L{build}/runtime",
                        "-lstackdb", f"-Wl,-rpath,{build}/runtime"], check=True)
        self.unwinder = f"{stackdb.work}/unwind_peer"
        if subprocess.run(["gcc", "-O1", f"{busy.PROGRAMS}/unwind_peer.c", "-o", self.unwinder, "-lunwind-ptrace", "-lunwind-x86_64"],
                          stderr=subprocess.DEVNULL, check=False).returncode:
            self.unwinder = None

    def start(self, pid, anchor, values):
        env = dict(self.env, PID=str(pid), ANCHOR=str(anchor), VALUES="1" if values else "", LC_ALL="C.UTF-8")
        gdb_peer = Peer(["gdb", "-nx", "-q", "-batch", "-x", f"{ROOT}/tests/lib/gdb_stacks.py"], lambda line: line.startswith("{"), env)
        for line in gdb_peer.process.stdout:
            if line == "ready\n":
                break
        unwinder = Peer([self.unwinder, str(pid)], lambda line: line == "end") if self.unwinder else None
        return gdb_peer, unwinder, Peer([self.stacks, str(pid)], lambda line: line == "end", self.env)


def ask(tools, report, name, command, points, gdb_too=True, libunwind_too=True, values=True, **options):
    """Returns what closes the checks, for the thread that reports."""
    checks = {"eu-stack": report.check(f"{name}: addresses against eu-stack", EXPLAINED)}
    if libunwind_too and tools.unwinder:
        checks["libunwind"] = report.check(f"{name}: addresses against libunwind", EXPLAINED)
    if gdb_too:
        checks["frames"] = report.check(f"{name}: frames against gdb", EXPLAINED)
    if gdb_too and values:
        checks["values"] = report.check(f"{name}: arguments and locals against gdb", EXPLAINED)
    lines = Lines()
    chosen = random.Random(f"{report.seed} {name}")
    spent = dict.fromkeys(("ours", "eu-stack", "libunwind", "gdb"), 0.0)

    def timed(who, function, *arguments):
        begun = time.monotonic()
        answer = function(*arguments)
        spent[who] += time.monotonic() - begun
        return answer

    with busy.started(command, **options) as pid, busy.started(command, **options) as anchor:
        os.kill(anchor, signal.SIGSTOP)
        gdb_peer, unwinder, stacks = tools.start(pid, anchor, values)
        try:
            for _ in range(points):
                time.sleep(chosen.random() * 0.01)
                with busy.stopped(pid):
                    mine = timed("ours", ours, tools.stackdb, pid)
                    compare_addresses(checks["eu-stack"], "eu-stack", mine, timed("eu-stack", eu_stack, pid), pid)
                    if "libunwind" in checks:
                        compare_addresses(checks["libunwind"], "libunwind", mine, timed("libunwind", libunwind, unwinder), pid)
                    if gdb_too:
                        found = timed("ours", our_values, stacks) if values else None
                        compare_gdb(checks, lines, mine, found, timed("gdb", gdb, gdb_peer), pid)
        finally:
            for peer in (gdb_peer, unwinder, stacks):
                if peer:
                    peer.close()
    if gdb_too:
        lines.judge(checks["frames"])
    return checks, ", ".join(f"{who} {seconds:.1f} s" for who, seconds in spent.items())


def run(stackdb, report, arguments):
    points = max(5, int(POINTS * arguments.scale))
    with report.guard("tools"):
        oracle.need("eu-stack", "gdb")
        tools = Tools(stackdb)
    with report.guard("addresses against libunwind"):
        if not tools.unwinder:
            raise oracle.Unavailable("libunwind-dev is not installed")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = []
        for name, make in busy.programs(stackdb.work):
            if arguments.only in name:
                waiting.append((name, pool.submit(lambda n=name, m=make: ask(tools, report, n, points=points, **m()))))
        for name, future in waiting:
            with report.guard(name):
                checks, spent = future.result()
                report.say(f"  # {name}: {spent}")
                for check in checks.values():
                    check.close(points)


oracle.main("backtraces", run)
