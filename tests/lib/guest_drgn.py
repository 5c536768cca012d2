# SPDX-License-Identifier: MIT
"""Run by drgn on a dump of a guest: prints what it finds as JSON (see guest_peers.py)."""

import json
import os
import sys
import time

from drgn import TypeKind
from drgn.helpers.linux.cpumask import for_each_online_cpu
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import idle_task, task_state_to_char

prog = globals()["prog"]
wanted = set(os.environ.get("GUEST_DRGN", "tasks stacks modules").split())


def plain(value):
    """A parameter as a number, or None where it is no scalar or was optimized out."""
    try:
        if underlying(value.type_).kind in (TypeKind.INT, TypeKind.BOOL, TypeKind.ENUM, TypeKind.POINTER):
            return int(value.value_())
    except Exception:  # absent, faulting: no value to compare
        pass
    return None


def underlying(kind):
    while kind.kind == TypeKind.TYPEDEF:
        kind = kind.type
    return kind


def task(each):
    cred = each.real_cred
    return {
        "pid": each.pid.value_(), "tgid": each.tgid.value_(), "ppid": each.real_parent.tgid.value_(),
        "comm": each.comm.string_().decode(errors="surrogateescape"), "state": task_state_to_char(each),
        "uid": cred.uid.val.value_(), "gid": cred.gid.val.value_(), "start_ns": each.start_time.value_(),
        "boot_ns": (each.member_("start_boottime") if has(each, "start_boottime") else each.real_start_time).value_(),
        "address": each.value_(), "sp": each.thread.sp.value_(), "on_cpu": each.on_cpu.value_()}


def has(value, name):
    try:
        value.member_(name)
        return True
    except LookupError:
        return False


def stack(each, arguments):
    try:
        trace = prog.stack_trace(each)
    except Exception as error:
        return str(error)
    frames = []
    for frame in trace:
        try:
            pc = frame.pc
        except LookupError:
            pc = None
        one = {"name": frame.name, "pc": pc, "inline": frame.is_inline}
        if arguments and frame.name:
            try:
                parameters = [parameter.name for parameter in prog.function(frame.name).type_.parameters]
                one["arguments"] = {name: plain(frame[name]) for name in parameters if name}
            except Exception:
                one["arguments"] = None
        frames.append(one)
    return frames


def module(each):
    name = each.name.string_().decode()
    if has(each, "mem"):  # one area for each kind since Linux 6.4 (ac3b43283923)
        return name, {"base": each.mem[0].base.value_(), "size": sum(each.mem[kind].size.value_() for kind in range(len(each.mem)))}
    layout = each.core_layout
    return name, {"base": layout.base.value_(), "size": layout.size.value_()}


def main():
    begun = time.monotonic()
    answer = {}
    tasks = list(for_each_task(prog))
    idle = [idle_task(prog, cpu) for cpu in for_each_online_cpu(prog)]
    answer["tasks"] = {each.pid.value_(): task(each) for each in tasks}
    answer["idle"] = [task(each) for each in idle]
    answer["listing"] = time.monotonic() - begun
    if "stacks" in wanted:
        begun = time.monotonic()
        answer["stacks"] = {each.pid.value_(): stack(each, "arguments" in wanted) for each in tasks}
        answer["idle_stacks"] = [stack(each, "arguments" in wanted) for each in idle]
        answer["stacking"] = time.monotonic() - begun
    if "modules" in wanted:
        answer["modules"] = dict(map(module, list_for_each_entry("struct module", prog["modules"].address_of_(), "list")))
    answer["release"] = prog["UTS_RELEASE"].string_().decode()
    if "symbols" in wanted:
        answer["symbols"] = {}
        for name in sys.stdin.read().split():
            try:
                answer["symbols"][name] = prog.symbol(name).address
            except LookupError:
                answer["symbols"][name] = None
    if "again" in wanted:  # for benchmarks: the second time, everything is loaded
        begun = time.monotonic()
        [task(each) for each in for_each_task(prog)]
        answer["listing_again"] = time.monotonic() - begun
        begun = time.monotonic()
        [stack(each, "arguments" in wanted) for each in tasks]
        answer["stacking_again"] = time.monotonic() - begun
    print(json.dumps(answer))


main()
