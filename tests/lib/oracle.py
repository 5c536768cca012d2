# SPDX-License-Identifier: MIT
"""What every oracle shares: running programs, finding inputs, reporting checks.

An oracle asks another program the same questions as stackdb and reports each
difference. Results are lines that .ci/run counts:

    ok - NAME (N questions)
    not ok - NAME (N questions, M differences)
    skip - NAME: why

Every difference belongs to a reason; reasons that a check declares as explained
do not fail it, but are counted and listed all the same.
"""

import argparse
import collections
import contextlib
import glob
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SHOWN = 6  # differences printed per reason; all of them go to the log file


class Unavailable(Exception):
    """The machine lacks something that a check needs."""


class Failure(Exception):
    """A program did what it must not do: crashed, hung, printed nonsense."""


# ---- inputs ---------------------------------------------------------------


def cache_directory():
    """Where the kernel and the answers of slow peers are kept between runs."""
    for path in (os.environ.get("STACKDB_CACHE"), "/var/cache/stackdb-test",
                 os.path.expanduser("~/.cache/stackdb-test")):
        if not path:
            continue
        with contextlib.suppress(OSError):
            os.makedirs(path, exist_ok=True)
            if os.access(path, os.W_OK):
                return path
    return tempfile.mkdtemp(prefix="stackdb-test-")


CACHE = cache_directory()

# What scripts/kernel unpacked: of the version that the figures are compared on, else the newest.
KERNEL = os.environ.get("STACKDB_KERNEL") or next(
    (path for path in (f"{CACHE}/kernel-6.1", f"{CACHE}/kernel") if os.path.isdir(path)),
    f"{CACHE}/kernel")


def need(*programs):
    """Raises Unavailable for the first of PROGRAMS that is not installed."""
    for program in programs:
        if not shutil.which(program):
            raise Unavailable(f"{program} is not installed")


def vmlinux():
    found = sorted(glob.glob(f"{KERNEL}/usr/lib/debug/boot/vmlinux-*"))
    if not found:
        raise Unavailable("no kernel debug package: run scripts/kernel")
    return found[-1]


def kernel_modules():
    """Pairs of (module, debug file), sorted."""
    pairs = []
    for module in sorted(glob.glob(f"{KERNEL}/lib/modules/**/*.ko", recursive=True)):
        path = module[len(KERNEL):]
        debug = f"{KERNEL}/usr/lib/debug{path}"
        if os.path.exists(debug):
            pairs.append((module, debug))
    if not pairs:
        raise Unavailable("no kernel modules: run scripts/kernel")
    return pairs


def build_id(path):
    text = subprocess.run(["readelf", "-n", path], capture_output=True, text=True).stdout
    found = re.search(r"Build ID: ([0-9a-f]+)", text)
    return found.group(1) if found else None


def debug_file_of(path):
    identity = build_id(path)
    if identity:
        debug = f"/usr/lib/debug/.build-id/{identity[:2]}/{identity[2:]}.debug"
        if os.path.exists(debug):
            return debug
    raise Unavailable(f"no debug file for {path}")


def libc():
    for path in ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/lib/libc.so.6"):
        if os.path.exists(path):
            return os.path.realpath(path)
    raise Unavailable("no libc.so.6")


def libc_debug():
    return debug_file_of(libc())


def libstdcxx_debug():
    found = sorted(p for p in glob.glob("/usr/lib/*/debug/libstdc++.so.6.0.*")
                   if not p.endswith(".py"))
    if not found:
        raise Unavailable("libstdc++6-*-dbg is not installed")
    return found[-1]


# ---- running --------------------------------------------------------------


def run(command, stdin=None, timeout=600, check=True, env=None, binary=False):
    """Runs COMMAND and returns (status, stdout, stderr). A signal is a Failure."""
    data = stdin if stdin is None or isinstance(stdin, bytes) else stdin.encode()
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=timeout, env=env)
    except subprocess.TimeoutExpired:
        raise Failure(f"no end after {timeout} s: {' '.join(command)}") from None
    err = done.stderr.decode(errors="replace")
    if done.returncode < 0 or "Sanitizer" in err or "runtime error:" in err:
        raise Failure(f"{' '.join(command)}: status {done.returncode}: {err[-2000:]}")
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(command)}: exit {done.returncode}: {err[-500:]}")
    out = done.stdout if binary else done.stdout.decode(errors="replace")
    return done.returncode, out, err


def peer(command, inputs=(), stdin="", timeout=1800):
    """The standard output of another program; kept in the cache, because it never changes."""
    key = hashlib.sha256()
    for part in [*command, stdin]:
        key.update(part.encode() + b"\0")
    for path in [shutil.which(command[0]) or command[0], *inputs]:
        status = os.stat(path)
        key.update(f"{path} {status.st_size} {status.st_mtime_ns}\0".encode())
    path = f"{CACHE}/peers/{key.hexdigest()[:32]}.gz"
    if os.path.exists(path):
        with contextlib.suppress(OSError, EOFError):
            with gzip.open(path, "rt", errors="replace") as file:
                return file.read()
    try:
        done = subprocess.run(command, input=stdin.encode(), capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failure(f"no end after {timeout} s: {' '.join(command)}") from None
    text = done.stdout.decode(errors="replace")
    if done.returncode == 0 and len(text) < 400 << 20:
        with contextlib.suppress(OSError):
            os.makedirs(f"{CACHE}/peers", exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=f"{CACHE}/peers", delete=False) as file:
                file.write(gzip.compress(text.encode(), 1))
            os.rename(file.name, path)
    return text


class Stackdb:
    """The program under test and the databases it made."""

    def __init__(self, program, work):
        self.program = shutil.which(program) or program
        if not os.path.exists(self.program):
            raise SystemExit(f"no program {program}: set STACKDB or use --stackdb")
        self.work = work
        self.env = dict(os.environ, STACKDB_STORE=f"{work}/store", LC_ALL="C")
        os.makedirs(work, exist_ok=True)

    def __call__(self, *arguments, stdin=None, check=True, timeout=600):
        return run([self.program, *arguments], stdin=stdin, check=check, timeout=timeout,
                   env=self.env)[1]

    def outcome(self, *arguments, stdin=None, timeout=600, env=None):
        """(status, stdout, stderr) whatever the status is."""
        return run([self.program, *arguments], stdin=stdin, check=False, timeout=timeout,
                   env=env or self.env)

    def json(self, *arguments, stdin=None, check=True):
        return [json.loads(line)
                for line in self(*arguments, stdin=stdin, check=check).splitlines() if line]

    def sql(self, database, query):
        return self.json("sql", "--json", database, query)

    def stale(self, database):
        """Whether DATABASE was made by an older program than the one under test."""
        made = [self.program]
        build = os.path.dirname(os.path.dirname(self.program))
        made += glob.glob(f"{build}/**/libstackdb*.so*", recursive=True)
        return not os.path.exists(database) or any(
            os.path.getmtime(path) > os.path.getmtime(database) for path in made)

    def database(self, path, *options, again=False):
        """Indexes PATH, unless this program did so before; returns the database's path."""
        name = hashlib.sha256("\0".join([os.path.realpath(path), *options]).encode())
        database = f"{self.work}/{os.path.basename(path)}-{name.hexdigest()[:8]}.sdb"
        if again or self.stale(database) or os.path.getmtime(path) > os.path.getmtime(database):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(database)
            self("index", "-o", database, *options, path)
        return database


# ---- reporting ------------------------------------------------------------


class Check:
    """One question asked many times."""

    def __init__(self, report, name, explained=None):
        self.report = report
        self.name = name
        self.explained = explained or {}
        self.asked = 0
        self.differences = collections.defaultdict(list)

    def same(self, count=1):
        self.asked += count

    def differ(self, reason, text):
        self.asked += 1
        self.differences[reason].append(text)

    def compare(self, what, expected, found, reason="differs"):
        if expected == found:
            self.same()
        else:
            self.differ(reason, f"{what}: expected {expected!r}, found {found!r}")

    def close(self, least=1):
        self.report.result(self, least)


class Report:
    def __init__(self, name, work, seed):
        self.name = name
        self.seed = seed
        self.passed = self.failed = self.skipped = 0
        os.makedirs(f"{work}/logs", exist_ok=True)
        self.log = open(f"{work}/logs/{name}.txt", "w", encoding="utf-8")

    def say(self, text):
        print(text, flush=True)
        print(text, file=self.log, flush=True)

    def check(self, name, explained=None):
        return Check(self, name, explained)

    def result(self, check, least):
        wrong = 0
        for reason, texts in check.differences.items():
            why = check.explained.get(reason)
            if not why:
                wrong += len(texts)
            self.say(f"  # {check.name}: {len(texts)} x {reason}" + (f": {why}" if why else ""))
            for index, text in enumerate(texts):
                line = f"  #   {text}"
                if index < SHOWN:
                    print(line)
                print(line, file=self.log)
        explained = sum(map(len, check.differences.values())) - wrong
        summary = f"{check.asked} questions"
        if explained:
            summary += f", {explained} explained"
        if check.asked < least:
            wrong += 1
            summary += f", expected at least {least}"
        if wrong:
            self.failed += 1
            self.say(f"not ok - {self.name}: {check.name} ({summary}, {wrong} differences)")
        else:
            self.passed += 1
            self.say(f"ok - {self.name}: {check.name} ({summary})")

    def verdict(self, name, good, why=""):
        """A check of a single fact."""
        check = self.check(name)
        if good:
            check.same()
        else:
            check.differ("wrong", why or "it is not so")
        check.close()

    @contextlib.contextmanager
    def guard(self, name):
        """Turns what is raised inside into a skip or a failure of NAME. The random questions
        inside depend on the seed and NAME only, so that each part can be repeated alone."""
        random.seed(f"{self.seed} {name}")
        try:
            yield
        except Unavailable as reason:
            self.skipped += 1
            self.say(f"skip - {self.name}: {name}: {reason}")
        except Failure as reason:
            self.failed += 1
            self.say(f"not ok - {self.name}: {name}: {reason}")

    def close(self):
        self.say(f"# {self.name}: {self.passed} passed, {self.failed} failed,"
                 f" {self.skipped} skipped")
        return 1 if self.failed else 0


def main(name, function):
    """Parses the standard arguments and calls FUNCTION(stackdb, report, arguments)."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--stackdb", default=os.environ.get("STACKDB", "stackdb"))
    parser.add_argument("--work", default=os.environ.get("STACKDB_WORK"),
                        help="directory for databases and logs (default: a temporary one)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0,
                        help="multiplies the number of random questions")
    parser.add_argument("--only", default="", help="run the checks whose name contains this")
    arguments = parser.parse_args()
    # A background job of a shell ignores it, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    temporary = None
    if not arguments.work:
        temporary = arguments.work = tempfile.mkdtemp(prefix="stackdb-oracle-")
    report = Report(name, arguments.work, arguments.seed)
    try:
        stackdb = Stackdb(arguments.stackdb, arguments.work)
        function(stackdb, report, arguments)
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    sys.exit(report.close())
