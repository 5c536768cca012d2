# SPDX-License-Identifier: MIT
"""Run by gdb that is connected to a guest's stub: prints the stack of each vCPU, and of each sleeping task (by giving
the vCPU, which is stopped, that task's registers for a moment), as JSON after the line `answer`."""

import json
import os

import gdb  # pylint: disable=import-error

wanted = os.environ.get("GUEST_GDB", "cpus tasks").split()
SAVED = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split()
LIMIT = 64


def number(text):
    return int(gdb.parse_and_eval(text)) & (1 << 64) - 1


def frames():
    """The frames from the selected thread's innermost one on, until user mode."""
    found, frame = [], gdb.newest_frame()
    while frame is not None and len(found) < LIMIT:
        if frame.type() != gdb.TAILCALL_FRAME:  # gdb's guess at who jumped there: it is not on the stack
            found.append({"name": frame.name(), "pc": frame.pc(), "inline": frame.type() == gdb.INLINE_FRAME})
        if frame.pc() < 1 << 63:
            break
        try:
            frame = frame.older()
        except gdb.error as error:
            found.append({"name": None, "pc": None, "inline": False, "error": str(error)})
            break
    return found


def field(kind, name):
    each = gdb.lookup_type(kind)
    for part in name.split("."):
        found = next(field for field in each.strip_typedefs().fields() if field.name == part)
        yield found.bitpos // 8
        each = found.type


def offset(kind, name):
    return sum(field(kind, name))


def word(address, size=8):
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, size)), "little")


def all_tasks():
    """Every thread's task_struct, with the lists that the kernel has (for_each_process_thread)."""
    tasks, node = offset("struct task_struct", "tasks"), offset("struct task_struct", "thread_node")
    signal, head = offset("struct task_struct", "signal"), offset("struct signal_struct", "thread_head")
    first = number("&init_task")
    leader = word(first + tasks) - tasks
    while leader != first:
        at = end = word(leader + signal) + head
        while (at := word(at)) != end:
            yield at - node
        leader = word(leader + tasks) - tasks


def sleeping(task, sp):
    """With the registers that __switch_to_asm left on the task's stack (struct inactive_task_frame)."""
    fields = {f.name: f.bitpos // 8 for f in gdb.lookup_type("struct inactive_task_frame").fields()}
    for name, register in (("bp", "rbp"), ("bx", "rbx"), ("r12", "r12"), ("r13", "r13"), ("r14", "r14"), ("r15", "r15"),
                           ("ret_addr", "rip")):
        gdb.execute(f"set ${register} = {word(sp + fields[name])}")
    gdb.execute(f"set $rsp = {sp + gdb.lookup_type('struct inactive_task_frame').sizeof}")
    return frames()


def main():
    answer = {"cpus": [], "stacks": {}}
    threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num)
    for thread in threads:
        thread.switch()
        answer["cpus"].append(frames())
    if "tasks" in wanted:
        threads[0].switch()
        before = {name: number(f"${name}") for name in SAVED}
        pid, on_cpu = offset("struct task_struct", "pid"), offset("struct task_struct", "on_cpu")
        sp = offset("struct task_struct", "thread.sp")
        try:
            for task in all_tasks():
                if word(task + on_cpu, 4) == 0:
                    answer["stacks"][word(task + pid, 4)] = sleeping(task, word(task + sp))
        finally:
            for name, value in before.items():
                gdb.execute(f"set ${name} = {value}")
    print("answer\n" + json.dumps(answer))


main()
