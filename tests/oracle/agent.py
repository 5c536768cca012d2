#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`stackdb agent` over a long time: its memory, and a machine that is held, booted anew, or dies under it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "guests"))
import oracle  # noqa: E402
from guest import STORE, Guest  # noqa: E402
from oracle import Failure  # noqa: E402

KERNEL = os.environ.get("STACKDB_GUEST_KERNELS", "6.1").split()[0]


class Agent:
    """One that runs; its lines are read from a file while it does."""

    def __init__(self, stackdb, guest, *options):
        self.path = f"{guest.directory}/agent-{time.monotonic_ns()}.jsonl"
        self.process = subprocess.Popen([stackdb.program, "agent", f"--output={self.path}", *options, *guest.arguments()],
                                        env=stackdb.env, stderr=subprocess.PIPE, text=True)
        self.until("started")

    def events(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().splitlines(True) if line.endswith("\n")]

    def kinds(self):
        return [event["event"] for event in self.events()]

    def until(self, kind, times=1, seconds=30):
        """Waits for the TIMES-th event of KIND, and gives it."""
        end = time.monotonic() + seconds
        while True:
            found = [event for event in self.events() if event["event"] == kind]
            if len(found) >= times:
                return found[times - 1]
            if time.monotonic() > end or self.process.poll() is not None:
                raise Failure(f"no {kind} within {seconds} s; status {self.process.poll()}; {self.events()[-3:]}")
            time.sleep(0.02)

    def anonymous(self):
        """Kilobytes of memory of its own."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))

    def end(self, seconds=20):
        """Its status, after what it wrote to standard error."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        errors = self.process.communicate(timeout=seconds)[1]
        return errors, self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def running(stackdb, guest, *options):
    agent = Agent(stackdb, guest, *options)
    try:
        yield agent
    finally:
        agent.close()


# ---- memory -------------------------------------------------------------------------------------------------------

CHURN = "while :; do /bin/true; rmmod dummy; insmod /lib/modules/dummy.ko; usleep 20000; done >/dev/null 2>&1 & echo $!"


def growth(stackdb, report, guest, scans):
    """RssAnon when all has been seen once, and thousands of scans later: of a system at rest, and of one where processes
    and modules come and go all the time."""
    for name, allowed in (("at rest", 0), ("with processes and modules that come and go", 8)):
        check = report.check(f"memory does not grow, {name}")
        churn = guest.shell(CHURN) if allowed else None
        with running(stackdb, guest, "--interval=0.01", "--text=4096") as agent:
            time.sleep(4)
            first = agent.anonymous()
            time.sleep(scans * 0.0105)
            last = agent.anonymous()
            check.compare("it ends in order", ("", 0), agent.end())
            events = agent.events()
            check.compare("scans", True, events[-1]["scans"] >= scans * 0.9, str(events[-1]["scans"]))
            check.compare("kilobytes more", True, last - first <= allowed, f"{first} kB, then {last} kB")
            check.compare("peak", True, events[-1]["peak_kb"] <= 10000, str(events[-1]["peak_kb"]))
            check.compare("no trouble", [], [event for event in events if event["event"] == "trouble"])
            if churn:
                seen = agent.kinds()
                check.compare("something came", True, seen.count("process_started") > 20 and seen.count("module_loaded") > 5)
                guest.shell(f"kill -9 {churn}")
            else:
                check.compare("nothing came", [], [event for event in events if event["event"] == "process_started"])
            report.say(f"  # {name}: {events[-1]['scans']} scans, {first} kB, then {last} kB; peak {events[-1]['peak_kb']} kB")
        check.close(5)


# ---- what happens to the machine -----------------------------------------------------------------------------------


def held(stackdb, report, guest):
    check = report.check("a machine that its monitor holds: told once, and watched again afterwards")
    with running(stackdb, guest, "--interval=0.1") as agent:
        time.sleep(0.5)
        guest.stop()
        agent.until("paused")
        time.sleep(1)
        check.compare("told once", 1, agent.kinds().count("paused"))
        guest.cont()
        pid = guest.start("sleeper")
        agent.until("resumed")
        check.compare("what starts then is seen", ["actor", "sleeper"], agent.until("process_started")["command"]
                      if pid else None)
        guest.shell(f"kill -9 {pid}")
        check.compare("it ends in order", ("", 0), agent.end())
        check.compare("no trouble", 0, agent.kinds().count("trouble"))
    check.close(4)


def reset(stackdb, report, guest):
    check = report.check("a machine that is booted anew")
    with running(stackdb, guest, "--interval=0.2") as agent:
        time.sleep(1)
        base = agent.events()[0]["base"]
        for times in (1, 2):
            guest.monitor("system_reset")
            event = agent.until("rebooted", times, 120)
            check.compare("its kernel is known again", agent.events()[0]["build_id"], event["build_id"])
            check.compare("it has not run long", True, event["uptime_ns"] < 60e9, str(event))
        guest.witness.close()
        time.sleep(8)
        check.compare("processes of the new one", True, any(event["event"] == "process_started" and event["name"] == "actor"
                                                           for event in agent.events()))
        check.compare("it ends in order", ("", 0), agent.end())
        report.say(f"  # base {base}, then {event['base']}; {agent.kinds().count('trouble')} lines of trouble")
        check.compare("trouble is told, and not without end", True, agent.kinds().count("trouble") < 40)
    check.close(6)


def death(stackdb, report, guest, number, options, expected):
    check = report.check(f"a machine whose QEMU ends by {number.name}{' '.join(['', *options])}")
    with running(stackdb, guest, "--interval=0.2", *options) as agent:
        time.sleep(0.5)
        begun = time.monotonic()
        os.kill(guest.pid, number)
        agent.until("lost")
        check.compare("it is noticed at once", True, time.monotonic() - begun < 5)
        if "--wait" in options:
            time.sleep(1.5)
            check.compare("it waits", None, agent.process.poll())
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                agent.process.wait(5)
            check.compare("it ends by itself", expected, agent.process.poll())
        errors, status = agent.end()
        check.compare("its status", expected, status)
        check.compare("its last line", "ended", agent.kinds()[-1])
        check.compare("told once", 1, agent.kinds().count("lost"))
    check.close(5)


def run(stackdb, report, arguments):
    with report.guard("the agent"):
        with Guest(stackdb.work, kernel=KERNEL, smp=1, reboot=True) as guest:
            guest.wait_ready()
            guest.kernel.index(stackdb.program)
            stackdb.env["STACKDB_STORE"] = STORE
            with report.guard("memory"):
                growth(stackdb, report, guest, max(1000, int(4000 * arguments.scale)))
            with report.guard("held"):
                held(stackdb, report, guest)
            with report.guard("booted anew"):
                reset(stackdb, report, guest)
        for number, options, expected in ((signal.SIGKILL, (), 1), (signal.SIGTERM, ("--probe=do_init_module",), 1),
                                          (signal.SIGKILL, ("--wait",), 0)):
            with report.guard(f"its QEMU ends by {number.name}"):
                with Guest(stackdb.work, kernel=KERNEL, smp=1) as guest:
                    guest.wait_ready()
                    death(stackdb, report, guest, number, options, expected)


oracle.main("agent", run)
