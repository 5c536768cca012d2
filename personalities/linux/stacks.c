/* SPDX-License-Identifier: MIT */
/*
 * The stacks that a task may be on: its own, and those of the CPU that it is on now: for interrupts, for the
 * exceptions that have one each, and the small one where the kernel is entered.
 */

#include "linux.h"

#include <stdlib.h>

#define EXCEPTIONS 6

struct linux_stacks {
	struct linux_member thread, irq, irq_union, entry, area_stacks, hot;
	struct linux_member exceptions[EXCEPTIONS];
	uint64_t irq_pointer, irq_union_at, exception_pointer; /* symbols of per-CPU variables; 0: none */
};

#define AT(field) offsetof(struct linux_stacks, field)
static const struct linux_wanted wanted[] = {
	/* The size of init_task's stack is that of all: THREAD_SIZE, more with KASAN. */
	{ AT(thread), "&init_stack|thread_union", NULL, true },
	{ AT(irq), "irq_stack", NULL, true },
	/* until v5.2, e6401c130931 "x86/irq/64: Split the IRQ stack into its own pages" */
	{ AT(irq_union), "irq_stack_union", "irq_stack", true },
	{ AT(hot), "pcpu_hot", "hardirq_stack_ptr", true },
	{ AT(entry), "cpu_entry_area", "entry_stack_page|SYSENTER_stack_page", true },
	{ AT(area_stacks), "cpu_entry_area", "estacks", true },
	/* v5.2, 3207426925d2 "x86/exceptions: Split debug IST stack" and those around it */
	{ AT(exceptions[0]), "cea_exception_stacks", "DF_stack", true },
	{ AT(exceptions[1]), "cea_exception_stacks", "NMI_stack", true },
	{ AT(exceptions[2]), "cea_exception_stacks", "DB_stack", true },
	{ AT(exceptions[3]), "cea_exception_stacks", "MCE_stack", true },
	{ AT(exceptions[4]), "cea_exception_stacks", "VC_stack", true },
	{ AT(exceptions[5]), "cea_exception_stacks", "VC2_stack", true },
};

struct sdb_error *linux_load_stacks(struct linux_system *system)
{
	if (system->stacks)
		return NULL;
	struct linux_stacks *stacks = calloc(1, sizeof(*stacks));
	struct sdb_error *error = stacks ? linux_load_tasks(system) : NO_MEMORY();
	if (!error)
		error = linux_layout(system, wanted, sizeof(wanted) / sizeof(wanted[0]), stacks);
	if (error) {
		free(stacks);
		return error;
	}
	stacks->irq_pointer = linux_symbol_or_0(system, linux_has(&stacks->hot) ? "pcpu_hot" : "hardirq_stack_ptr");
	if (stacks->irq_pointer && linux_has(&stacks->hot))
		stacks->irq_pointer += stacks->hot.at;
	stacks->irq_union_at = linux_symbol_or_0(system, "irq_stack_union");
	stacks->exception_pointer = linux_symbol_or_0(system, "cea_exception_stacks");
	if (!linux_has(&stacks->thread) || stacks->thread.size > (1u << 20))
		stacks->thread.size = 16384; /* of x86-64 since v3.15, 6538b8ea886e "x86_64: expand kernel stack to 16K" */
	system->stacks = stacks;
	return NULL;
}

uint64_t linux_thread_size(const struct linux_system *system)
{
	return system->stacks->thread.size;
}

static bool holds(uint64_t address, uint64_t low, uint64_t size, uint64_t *low_ret, uint64_t *high_ret)
{
	/* The end counts: a stack pointer is there when the stack is empty. */
	if (!low || address - low > size)
		return false;
	*low_ret = low;
	*high_ret = low + size;
	return true;
}

/* One of the stacks of CPU. */
static bool cpu_range(struct linux_system *system, unsigned cpu, uint64_t address, uint64_t *low_ret, uint64_t *high_ret)
{
	const struct linux_stacks *stacks = system->stacks;
	uint64_t offset = 0, pointer;
	if (system->percpu_offsets && !linux_u64(system, system->percpu_offsets + 8ull * cpu, &offset))
		return false;
	if (stacks->irq_pointer && linux_has(&stacks->irq) && linux_u64(system, stacks->irq_pointer + offset, &pointer)) {
		/* It points to the end, or to the last word (since v5.12, 951c2a51ae75 "x86/irq/64: Adjust the per CPU irq stack pointer by 8"). */
		uint64_t end = (pointer + 4095) & ~(uint64_t)4095;
		if (holds(address, end - stacks->irq.size, stacks->irq.size, low_ret, high_ret))
			return true;
	}
	if (stacks->irq_union_at && linux_has(&stacks->irq_union)
	    && holds(address, stacks->irq_union_at + offset + stacks->irq_union.at, stacks->irq_union.size, low_ret, high_ret))
		return true;
	if (!stacks->exception_pointer || !linux_u64(system, stacks->exception_pointer + offset, &pointer))
		return false;
	for (int i = 0; i < EXCEPTIONS; i++)
		if (linux_has(&stacks->exceptions[i])
		    && holds(address, pointer + stacks->exceptions[i].at, stacks->exceptions[i].size, low_ret, high_ret))
			return true;
	/* Those are a part of the CPU's area, as is the stack where it is entered. */
	return linux_has(&stacks->entry) && linux_has(&stacks->area_stacks)
		&& holds(address, pointer - stacks->area_stacks.at + stacks->entry.at, stacks->entry.size, low_ret, high_ret);
}

bool linux_stack_range(struct sdb_thread *thread, uint64_t address, uint64_t *low_ret, uint64_t *high_ret)
{
	struct linux_system *system = linux_of(thread->target);
	uint64_t stack;
	struct sdb_error *error = linux_load_stacks(system);
	if (error) {
		sdb_error_free(error);
		return false;
	}
	if (linux_has(&system->tasks.stack) && linux_u64(system, thread->key + system->tasks.stack.at, &stack)
	    && holds(address, stack, system->stacks->thread.size, low_ret, high_ret))
		return true;
	return thread->cpu && cpu_range(system, linux_cpu_number(system, thread->cpu), address, low_ret, high_ret);
}
