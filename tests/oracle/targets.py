#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Live targets: what is left of a debugger that was killed, system calls against strace, and bad input."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CALLS = 300000


def compile_target(work, *options):
    path = f"{work}/target"
    subprocess.run(["gcc", "-g", "-O2", "-pthread", *options, "-o", path, f"{ROOT}/tests/programs/target.c"], check=True)
    return path


def compile_prober(stackdb):
    """Beside the program under test there is its library."""
    build = os.path.dirname(os.path.dirname(stackdb.program))
    path = f"{stackdb.work}/prober"
    subprocess.run(["gcc", "-O1", f"-I{ROOT}/include", f"{ROOT}/tests/programs/prober.c", "-o", path,
                    f"-L{build}/runtime", "-lstackdb", f"-Wl,-rpath,{os.path.abspath(build)}/runtime"], check=True)
    return path, dict(stackdb.env, STACKDB_INDEXER=f"{build}/tools/stackdb-indexer")


def start(target, *arguments):
    process = subprocess.Popen([target, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def killed(stackdb, report, count, number, *watch):
    name = f"a debugger ended by signal {number}" + (", with a watchpoint" if watch else "")
    with report.guard(name):
        target = compile_target(stackdb.work)
        prober, env = compile_prober(stackdb)
        check = report.check(f"{name}: its target goes on")
        for _ in range(count):
            process = start(target, "count", str(CALLS), "4")
            debugger = subprocess.Popen([prober, str(process.pid), *watch], stdout=subprocess.PIPE, env=env)
            check.compare("it began", b"ready\n", debugger.stdout.readline())
            process.stdin.write(b"\n")
            process.stdin.flush()
            time.sleep(random.random() * 0.03)
            debugger.send_signal(number)
            debugger.wait()
            debugger.stdout.close()
            try:
                out = process.communicate(timeout=60)[0].decode()
            except subprocess.TimeoutExpired:
                process.kill()
                out = "no end"
            check.compare("the target", (0, f"4 threads, {CALLS} calls each, 0 wrong\n"), (process.returncode, out))
        check.close(count)


def left_behind(program):
    """Processes of PROGRAM that are still there, with their states."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe") == program:
                found.append((pid, open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]))
        except OSError:
            pass
    return found


def killed_command(stackdb, report, count):
    """`dumptarget` killed while it follows children, steps threads, watches: what it left goes on."""
    with report.guard("a command killed"):
        check = report.check("a command killed while it follows, steps and watches: its targets go on")
        os.makedirs(f"{stackdb.work}/killed", exist_ok=True)
        target = os.path.realpath(compile_target(f"{stackdb.work}/killed"))
        ways = ((["counted", "-f", "-r"], ["programs", "30"], "30 programs, 0 bad"),
                (["counted", "-f"], ["fork", "60"], "60 children, 0 bad"),
                (["counted", "-f"], ["bomb", "6"], "burnt out"),
                (["counted", "-f", "-P"], ["mix", "300", "4"], "0 wrong, 0 bad"),
                (["counted", "--step", "5"], ["signals", "300", "4"], "4 threads, 300 calls each, 0 wrong"),
                (["wide", "--software-watch"], ["write", "120", "4"], "480 writes"),
                (["wide", "--software-watch"], ["masks", "40", "4"], "masks wrong"),
                (["wide", "--software-watch"], ["traps", "400"], "0 traps lost"),
                (["counted"], ["exec", "300"], "300 calls"))
        attaching = ((["counted"], ["sums", "3000", "4"], "0 sums wrong"), (["wide", "--software-watch"], ["sums", "3000", "2"], "0 sums wrong"))
        for turn in range(2 * count):
            early = turn % 2 == 1 # killed when it has hardly begun
            options, mode, says = attaching[turn // 2 % 2] if early else ways[turn // 2 % len(ways)]
            process = start(target, *mode)
            if early:
                process.stdin.write(b"\n")
                process.stdin.flush()
            debugger = subprocess.Popen([stackdb.program, "dumptarget", "-q", *options, "-p", str(process.pid)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=stackdb.env)
            while not early and "--software-watch" not in options and debugger.poll() is None \
                    and b"stackdb-guard" not in b"".join(names_of_children(debugger.pid)):
                time.sleep(0.01)
            if not early:
                process.stdin.write(b"\n")
                process.stdin.flush()
            time.sleep(random.random() * (0.05 if early else 0.2))
            debugger.kill()
            debugger.wait()
            try:
                out = process.communicate(timeout=60)[0].decode()
            except subprocess.TimeoutExpired:
                process.kill()
                out = "no end"
            check.compare(f"{options} {mode}", (0, True), (process.returncode, says in out), out)
            check.compare(f"{options} {mode}: processes", [], left_behind(target))
            for pid, _ in left_behind(target):
                os.kill(int(pid), signal.SIGKILL)
        check.close(2 * count)


def names_of_children(pid):
    for child in filter(str.isdigit, os.listdir("/proc")):
        try:
            if f"PPid:\t{pid}\n" in open(f"/proc/{child}/status").read():
                yield open(f"/proc/{child}/comm", "rb").read()
        except OSError:
            pass


def killed_target(stackdb, report, count):
    """The target is killed while it makes threads and children: the command ends, and leaves nothing stopped."""
    with report.guard("a target killed"):
        check = report.check("a target killed while it makes children: nothing is left of it")
        os.makedirs(f"{stackdb.work}/killed", exist_ok=True)
        target = os.path.realpath(compile_target(f"{stackdb.work}/killed"))
        ways = ((["counted", "-f", "-r"], ["programs", "1000"]), (["counted"], ["fork", "10000"]), (["counted", "-f"], ["fork", "10000"]),
                (["counted", "-f"], ["bomb", "8"]), (["counted", "-P"], ["mix", "100000", "8"]),
                (["wide", "--software-watch"], ["write", "10000", "8"]))
        for turn in range(count):
            options, mode = ways[turn % len(ways)]
            process = start(target, *mode)
            debugger = subprocess.Popen([stackdb.program, "dumptarget", "-q", *options, "-p", str(process.pid)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=stackdb.env)
            time.sleep(0.05)
            process.stdin.write(b"\n")
            process.stdin.flush()
            time.sleep(random.random() * 0.2)
            process.kill()
            process.communicate()
            # Those of its children that follow nobody's example end by themselves.
            try:
                errors = debugger.communicate(timeout=60)[1].decode()
            except subprocess.TimeoutExpired:
                debugger.kill()
                errors = "no end"
            if debugger.returncode == 1 and errors.endswith((f"process {process.pid} has ended\n", f"there is no process {process.pid}\n")):
                check.same()  # before there was anything to wait for
            else:
                check.compare(f"{options} {mode}", (0, ""), (debugger.returncode, errors))
            deadline = time.time() + 20
            while left_behind(target) and time.time() < deadline:
                time.sleep(0.05)
            check.compare(f"{options} {mode}: processes", [], left_behind(target))
            for pid, _ in left_behind(target):
                os.kill(int(pid), signal.SIGKILL)
        check.close(count)


FUNCTIONS = """main counted call_counted __vfprintf_internal printf puts _IO_new_file_xsputn _IO_new_file_write _IO_new_do_write
_IO_new_file_overflow malloc _int_malloc _int_free free __pthread_create_2_1 start_thread __clone3 __pthread_join read exit
__run_exit_handlers _IO_cleanup __libc_fork __wait4 __nptl_free_tcb _itoa_word __memset_evex_unaligned_erms
__memset_avx2_unaligned_erms __strchrnul_evex __strchrnul_avx2 __strlen_evex __strlen_avx2""".split()
MODES = ((["count", "20", "4"], "4 threads, 20 calls each, 0 wrong"), (["churn", "10"], "churned"),
         (["fork", "5"], "5 children, 0 bad"))


def instructions(path):
    """The addresses of the instructions of FUNCTIONS."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True).stdout
    wanted, found = False, []
    for line in text.splitlines():
        if name := re.match(r"[0-9a-f]+ <(.*)>:", line):
            wanted = name.group(1) in FUNCTIONS
        elif wanted and (one := re.match(r"\s+([0-9a-f]+):\s+(?!int3|nop|ud2|hlt|data16)\S", line)):
            found.append(int(one.group(1), 16))
    return found


def every_instruction(stackdb, report, count):
    """A program that has a breakpoint on every instruction does what it did without."""
    with report.guard("every instruction"):
        check = report.check("a probe on every instruction changes nothing")
        os.makedirs(f"{stackdb.work}/static", exist_ok=True)
        target = compile_target(f"{stackdb.work}/static", "-static", "-no-pie")
        places = instructions(target)
        for options in ([], ["-P"]):
            chosen = random.sample(places, min(count, len(places)))
            for mode, says in MODES:
                _, out, _ = stackdb.outcome("dumptarget", "-q", *options, *map(hex, chosen), "-I", "/dev/null", "--", target, *mode)
                hits = [int(line.split()[0]) for line in out.splitlines() if "0x" in line]
                check.compare(f"{mode} {options}", (True, len(chosen), True),
                              (says in out, len(hits), sum(map(bool, hits)) > len(chosen) / 20))
                check.same(len(hits))
        check.close(6)


DECODED = "execve openat read write close unlinkat unlink mkdir rmdir rename chdir getcwd dup2 fchmodat".split()


def lines_of(text, pattern):
    """The calls in TEXT that both programs write in the same way; addresses are each run's own."""
    found = []
    for line in text.splitlines():
        if (call := re.match(pattern, line)) and call.group(1) in DECODED:
            found.append(re.sub(r"0x[0-9a-f]+", "ADDRESS", re.sub(r"\)\s+= ", ") = ", line[call.start(1):])))
    return found


def decoded_calls(stackdb, report):
    """Arguments and results as strace writes them, of what the call begins with: execve() leaves nothing of it."""
    with report.guard("strace, decoded"):
        oracle.need("strace")
        check = report.check("arguments of system calls as strace writes them")
        log, place = f"{stackdb.work}/decoded", f"{stackdb.work}/place"
        target = compile_target(stackdb.work)
        long = "x" * 100
        for command in (["cat", "/etc/hostname", "/nonexistent"], ["sort", "/etc/passwd"], ["head", "-c", "300", "/bin/true"],
                        ["sh", "-c", f"mkdir -p {place}; cd {place}; echo one > a; printf '\\1\\0019\\377\\r' >> a; mv a b; rm b; rmdir {place}"],
                        ["sh", "-c", f"true; /bin/true; /bin/echo {long} two; /nonexistent; exec /bin/echo '\"' \\\\ end"],
                        ["env", "-i", "A=b", "/bin/true"], ["env", "-i", "/bin/true", *map(str, range(40))], [target, "programs", "3"]):
            arguments = ["syscall", "-f", "-I", "/dev/null", "-O", "/dev/null", "--", *command]
            mine = lines_of(stackdb.outcome(*arguments)[1], r"\[\d+\] (\w+)\(")
            with open("/dev/null") as null:
                subprocess.run(["strace", "-f", "-o", log, *command], stdin=null, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               check=False, env=stackdb.env)
            text = open(log, encoding="utf-8", errors="replace").read()
            halves = dict.fromkeys(re.findall(r"^(\d+)", text, re.M), "")
            whole = []
            for line in text.splitlines():  # what another process interrupted
                pid, rest = line.split(None, 1)
                if rest.endswith(" <unfinished ...>"):
                    halves[pid] = rest[:-len(" <unfinished ...>")]
                elif resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
                    whole.append(f"{pid} {halves[pid]}{resumed.group(1)}")
                else:
                    whole.append(line)
            others = lines_of("\n".join(whole), r"\d+ +(\w+)\(")[1:]  # the exec that brings the program
            check.compare(f"{command}: how many", True, len(others) > 3)
            for line in sorted(set(mine + others)):
                check.compare(f"{command}: {line}", others.count(line), mine.count(line))
            records = [r for r in stackdb.json(*arguments[:1], "--json", *arguments[1:]) if r["name"] in DECODED]
            texts = [f"1 {r['text']} = {r.get('error', '0')}" for r in records]
            check.compare(f"{command}: as JSON", sorted(line.rsplit(") = ", 1)[0] for line in mine),
                          sorted(line.rsplit(") = ", 1)[0] for line in lines_of("\n".join(texts), r"\d+ (\w+)\(")))
            check.compare(f"{command}: errors as JSON", sorted(re.findall(r"= -1 (E\w+)", "\n".join(mine))),
                          sorted(r["error"] for r in records if "error" in r))
        check.close(100)


def system_calls(stackdb, report):
    with report.guard("strace"):
        oracle.need("strace")
        check = report.check("system calls against strace")
        for command in (["cat", "/etc/hostname"], ["ls", "/usr"], ["sort", "/etc/passwd"], ["find", "/etc/apt"]):
            mine = stackdb.json("syscall", "--json", "-O", "/dev/null", "--", *command)
            mine = [r["name"] for r in mine]
            log = f"{stackdb.work}/strace"
            subprocess.run(["strace", "-f", "-o", log, *command], stdout=subprocess.DEVNULL, check=False,
                           env=stackdb.env)
            calls = re.findall(r"^\d+\s+(\w+)\(", open(log).read(), re.M)
            # strace begins with the exec that brings the program.
            check.compare(f"{command}", calls[1:], mine, "other calls")
        # Of several processes the order is nobody's: how often each call was made is the same.
        command = ["sh", "-c", "for i in 1 2 3 4 5; do /bin/true; (exit 3); done; cat /etc/hostname | cat"]
        mine = [r["name"] for r in stackdb.json("syscall", "-f", "--json", "-O", "/dev/null", "--", *command)]
        subprocess.run(["strace", "-f", "-o", log, *command], stdout=subprocess.DEVNULL, check=False, env=stackdb.env)
        calls = re.findall(r"^\d+\s+(\w+)\(", open(log).read(), re.M)[1:]
        unsteady = {"rt_sigreturn", "wait4"}  # they depend on when a child ends
        for name in sorted(set(calls) | set(mine) - unsteady):
            if name not in unsteady:
                check.compare(f"{name} with its children", calls.count(name), mine.count(name), "other calls")
        # A 64-bit program may call the 32-bit way; a 32-bit one has numbers of its own.
        target = compile_target(stackdb.work)
        found = [(r["name"], r.get("machine")) for r in stackdb.json("syscall", "-n", "getpid", "--json", "-O", "/dev/null", "--",
                                                                      target, "narrow")]
        check.compare("int $0x80", [("getpid", "i386"), ("getpid", None)], found)
        os.makedirs(f"{stackdb.work}/32", exist_ok=True)
        try:
            narrow = compile_target(f"{stackdb.work}/32", "-m32")
        except subprocess.CalledProcessError:
            report.skip("system calls of a 32-bit program: gcc -m32 cannot link")
        else:
            command = [narrow, "calls", "3"]
            mine = [r["name"] for r in stackdb.json("syscall", "--json", "-O", "/dev/null", "--", *command)]
            subprocess.run(["strace", "-f", "-o", log, *command], stdout=subprocess.DEVNULL, check=False, env=stackdb.env)
            check.compare("of a 32-bit program", re.findall(r"^\d+\s+(\w+)\(", open(log).read(), re.M)[1:], mine, "other calls")
        check.close(12)


def hits(stackdb, target, *arguments, mode=("calls", "3")):
    """What dumptarget prints as JSON of TARGET, and what it complains of."""
    status, out, errors = stackdb.outcome("dumptarget", "--json", "-I", "/dev/null", "-O", "/dev/null", *arguments, "--", target, *mode)
    return [json.loads(line) for line in out.splitlines()], errors, status


def commands(stackdb, report):
    """What dumptarget can do, beside what the target says of it."""
    with report.guard("probes of the commands"):
        target = compile_target(stackdb.work)
        check = report.check("filters, actions and children of dumptarget")
        count = lambda *arguments, **more: len(hits(stackdb, target, *arguments, **more)[0])
        check.compare("all", 12, count("counted", mode=("count", "4", "3")))
        check.compare("--if", 3, count("counted", "--if", "a == 2", mode=("count", "4", "3")))
        check.compare("--match", 6, count("counted", "--match", "a=^[13]$", mode=("count", "4", "3")))
        check.compare("--match of a string", 5, count("looked_up", "--match", "named->name=^(beta|gamma)$", mode=("lookup", "10")))
        check.compare("--thread-name", 4, count("counted", "--thread-name", "caller-1", mode=("names", "4", "3")))
        check.compare("--user", 12, count("counted", "--user", str(os.geteuid()), mode=("count", "4", "3")))
        check.compare("--user of another", 0, count("counted", "--user", str(os.geteuid() + 1), mode=("count", "4", "3")))
        found, _, _ = hits(stackdb, target, "counted", "stay", "--at", "call_in_threads", mode=("count", "4", "1"))
        check.compare("--at", ["call_in_threads"] + ["counted"] * 4, [hit["probe"] for hit in found])
        found, _, _ = hits(stackdb, target, "main", "counted", "--until", "call_in_threads", mode=("count", "4", "3"))
        check.compare("--until", ["main", "call_in_threads"], [hit["probe"] for hit in found])
        found, _, _ = hits(stackdb, target, "counted", "looked_up", "--enable", "looked_up,counted", mode=("count", "4", "1"))
        check.compare("--enable: it begins off", [], found)
        check.compare("--disable", 1, count("counted", "--disable", "1,1", mode=("count", "4", "1")))
        found, _, _ = hits(stackdb, target, "counted", "--step", "4", "-n", "2", mode=("count", "4", "1"))
        check.compare("--step", ["hit"] + ["step"] * 4 + ["hit"] + ["step"] * 4, [hit["kind"] for hit in found])
        found, _, _ = hits(stackdb, target, "counted", "--set", "sink = 7", "--print", "sink", mode=("count", "4", "1"))
        check.compare("--set", ["0", "8", "9", "10"], [hit["prints"]["sink"] for hit in found])
        for arguments, says in ((["--abort", "0"], "1 wrong"), (["--set", "$rdi=100"], "1 wrong"), ([], "0 wrong")):
            out = stackdb.outcome("dumptarget", "-q", "counted", *arguments, "-I", "/dev/null", "--", target, "count", "4", "1")[1]
            check.compare(f"{arguments}", True, says in out, out)
        check.compare("--signal", 1, count("counted", "--signal", "KILL", mode=("count", "4", "1")))
        for flag, name in (("--signal", "NOTHING"), ("--enable", "1"), ("--match", "a"), ("--user", "nobody-is-called-so")):
            check.compare(f"{flag} {name}", 2, stackdb.outcome("dumptarget", "counted", flag, name, "-p", "1")[0])
        _, errors, status = hits(stackdb, target, "counted", "--match", "a=(", mode=("count", "4", "1"))
        check.compare("a bad expression", (True, True), (status != 0, "regular expression" in errors), errors)
        _, errors, _ = hits(stackdb, target, "counted", "--if", "nonsense", mode=("count", "4", "1"))
        check.compare("a bad condition", True, "nonsense" in errors or "no variable" in errors, errors)
        found, _, _ = hits(stackdb, target, "wide", "--software-watch", mode=("write", "20", "3"))
        check.compare("--software-watch", 61, len(found))
        check.compare("the last one is the kernel's", ("21", 100), (found[-1]["value"], found[-1]["offset"]))
        check.compare("children", sum(range(1, 7)) + 6, count("counted", "-f", mode=("programs", "6")))
        check.compare("children that are forked", 2 * 20, count("counted", "-f", mode=("fork", "20")))
        check.compare("children of children", 127, count("counted", "-f", mode=("bomb", "6")))
        check.compare("without -f", 6, count("counted", mode=("programs", "6")))
        found, errors, _ = hits(stackdb, target, "counted", "sink", mode=("exec", "3"))
        check.compare("another program", (6, 3), tuple(sum(hit["kind"] == kind for hit in found) for kind in ("hit", "write")))
        check.compare("what is lost there", True, "sink: is lost" in errors, errors)
        check.close(25)


def bad_input(stackdb, report):
    with report.guard("bad input"):
        check = report.check("bad input is refused with a reason")
        for arguments, word in ((["-p", "999999999"], "there is no process"), (["-p", "2"], "kernel"),
                                (["-b", "/nonexistent"], "No such file"), (["-t", "nothing", "-p", "1"], "no driver"),
                                (["--", "/etc/passwd"], "cannot launch")):
            status, out, errors = stackdb.outcome("backtrace", *arguments)
            check.compare(f"{arguments}", (1, "", True), (status, out, word in errors), errors)
        for arguments in ([], ["-p", "x"], ["-p"], ["--args", "a"], ["-e", "x", "-p", "1"], ["-l", "x", "-p", "1"]):
            status, out, _ = stackdb.outcome("backtrace", *arguments)
            check.compare(f"{arguments}", (2, ""), (status, out))
        target = compile_target(stackdb.work)
        for mode in (["corrupt"], ["recurse", "20000"], ["threads", "1000"], ["nowhere"]):
            process = start(target, *mode)
            begun = time.time()
            status, out, _ = stackdb.outcome("backtrace", "-p", str(process.pid))
            check.compare(f"{mode}", (0, True, True), (status, "TID " in out, time.time() - begun < 20))
            check.compare(f"{mode}: it goes on", None, process.poll())
            process.kill()
            process.communicate()
        process = start(target, "stay")
        tracer = subprocess.Popen(["strace", "-o", "/dev/null", "-p", str(process.pid)], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        status, _, errors = stackdb.outcome("backtrace", "-p", str(process.pid))
        check.compare("traced already", (1, True), (status, "traced by strace" in errors))
        tracer.terminate()
        tracer.wait()
        os.kill(process.pid, signal.SIGSTOP)
        status, out, _ = stackdb.outcome("backtrace", "-p", str(process.pid))
        time.sleep(0.1)
        state = re.search(r"State:\s+(\w)", open(f"/proc/{process.pid}/status").read()).group(1)
        check.compare("stopped by a signal before: and after", (0, "T"), (status, state))
        process.kill()
        process.communicate()
        check.close(20)


def exported(library):
    """name -> the addresses that it may mean: of the default version, or of all if none is that; of functions and variables."""
    out = subprocess.run(["readelf", "-W", "--dyn-syms", library], capture_output=True, text=True, check=True).stdout
    versions, defaults = {}, {}
    for line in out.splitlines():
        words = line.split()
        if len(words) > 7 and words[3] in ("FUNC", "OBJECT") and words[6] not in ("UND", "ABS") and "@" in words[7]:
            name = words[7].split("@")[0]
            versions.setdefault(name, set()).add(int(words[1], 16))
            if "@@" in words[7]:
                defaults[name] = {int(words[1], 16)}
    return {name: defaults.get(name, all_of_it) for name, all_of_it in versions.items()}


def names(stackdb, report, count):
    """Most of what the C library exports has another name in its debuginfo (malloc is __libc_malloc)."""
    with report.guard("names"):
        oracle.need("gdb")
        check = report.check("addresses of exported functions and variables as gdb has them", {
            "version": "gdb takes another version than the default one, or what another library has of that name"})
        target = compile_target(stackdb.work)
        process = start(target, "stay")
        with open(f"/proc/{process.pid}/maps") as maps:
            lines = [line.split() for line in maps if line.rstrip().endswith("/libc.so.6")]
        base, library = int(lines[0][0].split("-")[0], 16), lines[0][5]
        oracle.debug_file_of(library)
        known = exported(library)
        chosen = random.sample(sorted(known), min(count, len(known)))
        expressions = [f"&{prefix}{name}" for name in chosen for prefix in ("", "libc:")]
        _, out, _ = stackdb.outcome("read", "-p", str(process.pid), *expressions)
        mine = {found[1]: int(found[2], 16) for found in re.finditer(r"^&(\S+) = .*?(0x[0-9a-f]+)", out, re.M)}
        script = f"{stackdb.work}/names.gdb"
        with open(script, "w") as file:
            for name in chosen:
                file.write(f"echo %%%{name}\\n\nprint &{name}\n")
        # Without -batch it goes on where an expression fails.
        text = subprocess.run(["gdb", "-nx", "-q", "-p", str(process.pid), "-ex", "set confirm off", "-ex", "set width 0"],
                              stdin=open(script), capture_output=True, text=True, check=False).stdout
        process.kill()
        process.communicate()
        theirs = {part.split("\n")[0]: re.search(r"\$\d+ = .*?(0x[0-9a-f]+)", part) for part in text.split("%%%")[1:]}
        for name in chosen:
            found, other = mine.get(name), int(theirs[name][1], 16) if theirs.get(name) else None
            right = {base + address for address in known[name]}
            # One that the program has a copy of is elsewhere.
            check.compare(f"{name}: where the library has it", True, found in right or found == other)
            check.compare(f"libc:{name}", found, mine.get(f"libc:{name}"))
            check.compare(name, other, found, "version" if found in right else "differs")
        check.close(count)


def run(stackdb, report, arguments):
    count = max(5, int(100 * arguments.scale))
    killed(stackdb, report, count, signal.SIGKILL)
    killed(stackdb, report, count, signal.SIGKILL, "watch")
    killed(stackdb, report, max(3, count // 10), signal.SIGSEGV)
    killed(stackdb, report, max(3, count // 10), signal.SIGTERM)
    killed_command(stackdb, report, max(7, int(42 * arguments.scale)))
    killed_target(stackdb, report, max(6, int(30 * arguments.scale)))
    every_instruction(stackdb, report, int(2000 * arguments.scale) + 100)
    system_calls(stackdb, report)
    decoded_calls(stackdb, report)
    commands(stackdb, report)
    names(stackdb, report, int(1000 * arguments.scale))
    bad_input(stackdb, report)


oracle.main("targets", run)
