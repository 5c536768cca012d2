/* SPDX-License-Identifier: MIT */
/* Registers of a task that is on no CPU: those that it left on its stack. */

#include "linux.h"
#include "runtime/arch/x86.h"

#include <stdlib.h>

#define REGISTERS 21

/* Where struct pt_regs and struct inactive_task_frame have a register, and where the register file. */
struct linux_frame_layout {
	struct linux_member size, items[REGISTERS];
};

struct place {
	const char *member; /* `r`-names until v2.6.25, 65ea5b034990 "x86: rename the struct pt_regs members" */
	uint16_t offset;
	int8_t dwarf;       /* -1: not followed when unwinding */
};

#define FILE_AT(name) offsetof(struct x86_general, name)
static const struct place places[REGISTERS] = {
	{ "r15", FILE_AT(r15), 15 }, { "r14", FILE_AT(r14), 14 }, { "r13", FILE_AT(r13), 13 }, { "r12", FILE_AT(r12), 12 },
	{ "bp|rbp", FILE_AT(rbp), 6 }, { "bx|rbx", FILE_AT(rbx), 3 }, { "r11", FILE_AT(r11), 11 }, { "r10", FILE_AT(r10), 10 },
	{ "r9", FILE_AT(r9), 9 }, { "r8", FILE_AT(r8), 8 }, { "ax|rax", FILE_AT(rax), 0 }, { "cx|rcx", FILE_AT(rcx), 2 },
	{ "dx|rdx", FILE_AT(rdx), 1 }, { "si|rsi", FILE_AT(rsi), 4 }, { "di|rdi", FILE_AT(rdi), 5 },
	{ "orig_ax|orig_rax", FILE_AT(orig_rax), -1 }, { "ip|rip|ret_addr", FILE_AT(rip), 16 }, { "cs", FILE_AT(cs), -1 },
	{ "flags|eflags", FILE_AT(eflags), -1 }, { "sp|rsp", FILE_AT(rsp), 7 }, { "ss", FILE_AT(ss), -1 },
};

static struct sdb_error *load_layout(struct linux_system *system, const char *type, struct linux_frame_layout *layout)
{
	struct linux_wanted wanted[REGISTERS + 1] = { { offsetof(struct linux_frame_layout, size), type, NULL, true } };
	for (size_t i = 0; i < REGISTERS; i++)
		wanted[i + 1] = (struct linux_wanted){ offsetof(struct linux_frame_layout, items) + i * sizeof(struct linux_member), type,
						       places[i].member, true };
	struct sdb_error *error = linux_layout(system, wanted, REGISTERS + 1, layout);
	if (!error && (!linux_has(&layout->size) || layout->size.size > 512))
		error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: this kernel has no struct %s", system->db_path, type);
	return error;
}

static const struct linux_frame_layout *layout_of(struct linux_system *system, bool user, struct sdb_error **error_ret)
{
	struct linux_frame_layout **slot = user ? &system->user_frame : &system->inactive_frame;
	*error_ret = linux_load_stacks(system);
	if (*error_ret || *slot)
		return *error_ret ? NULL : *slot;
	struct linux_frame_layout *layout = calloc(1, sizeof(*layout));
	*error_ret = layout ? load_layout(system, user ? "pt_regs" : "inactive_task_frame", layout) : NO_MEMORY();
	if (*error_ret) {
		free(layout);
		return NULL;
	}
	return *slot = layout;
}

static struct sdb_error *general_only(enum register_group group)
{
	return group == REGISTERS_GENERAL ? NULL
		: sdb_error_new(SDB_ERROR_UNSUPPORTED, "of a task that is on no CPU only general registers are known");
}

static uint32_t take_frame(const struct linux_frame_layout *layout, const uint8_t *data, uint8_t *file)
{
	uint32_t known = 0;
	for (size_t i = 0; i < REGISTERS; i++) {
		if (!linux_has(&layout->items[i]))
			continue;
		uint64_t value = linux_member_of(data, &layout->items[i]);
		memcpy(file + places[i].offset, &value, sizeof(value));
		if (places[i].dwarf >= 0)
			known |= 1u << places[i].dwarf;
	}
	return known;
}

static void take_bases(struct linux_system *system, uint64_t task, struct x86_general *general)
{
	uint64_t value;
	if (linux_has(&system->tasks.fs_base) && linux_u64(system, task + system->tasks.fs_base.at, &value))
		general->fs_base = value;
	if (linux_has(&system->tasks.gs_base) && linux_u64(system, task + system->tasks.gs_base.at, &value))
		general->gs_base = value;
}

static struct sdb_error *ended(const struct sdb_thread *thread)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "task %lld has ended: its stack was freed", (long long)thread->id);
}

/* ---- in the kernel ------------------------------------------------------------------------------------ */

/* Where __switch_to_asm() has left them: thread.sp points there (v4.9, 0100301bfdf5 "sched/x86: Rewrite the switch_to() code"). */
static struct sdb_error *find_inactive(struct sdb_thread *thread, const struct linux_frame_layout *layout, uint64_t *address_ret)
{
	struct linux_system *system = linux_of(thread->target);
	uint64_t stack;
	if (!linux_has(&system->tasks.sp))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "where this kernel keeps the stack pointer of a task is not known");
	struct sdb_error *error = linux_read_u64(system, thread->key + system->tasks.sp.at, address_ret);
	if (!error)
		error = linux_read_u64(system, thread->key + system->tasks.stack.at, &stack);
	if (!error && !stack)
		return ended(thread);
	if (!error && (*address_ret < stack || *address_ret - stack > linux_thread_size(system) - layout->size.size))
		error = sdb_error_new(SDB_ERROR_CORRUPT, "the stack pointer %#llx of task %lld is not in its stack at %#llx",
				      (unsigned long long)*address_ret, (long long)thread->id, (unsigned long long)stack);
	return error;
}

struct sdb_error *linux_read_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file,
				       uint32_t *valid_ret)
{
	struct linux_system *system = linux_of(thread->target);
	uint8_t data[512];
	uint64_t address;
	struct sdb_error *error = general_only(group);
	const struct linux_frame_layout *layout = error ? NULL : layout_of(system, false, &error);
	if (!error)
		error = find_inactive(thread, layout, &address);
	if (!error)
		error = linux_read(system, address, data, layout->size.size);
	if (error)
		return error;
	struct x86_general *general = (struct x86_general *)file;
	memset(general, 0, sizeof(*general));
	*valid_ret = take_frame(layout, data, file) | 1u << 7;
	general->rsp = address + layout->size.size;
	general->cs = 0x10; /* __KERNEL_CS */
	take_bases(system, thread->key, general);
	return NULL;
}

static struct sdb_error *put_frame(struct linux_system *system, const struct linux_frame_layout *layout, uint64_t address,
				   const uint8_t *file)
{
	uint8_t data[512];
	struct sdb_error *error = linux_read(system, address, data, layout->size.size);
	if (error)
		return error;
	for (size_t i = 0; i < REGISTERS; i++)
		if (linux_has(&layout->items[i]) && layout->items[i].size <= 8)
			memcpy(data + layout->items[i].at, file + places[i].offset, layout->items[i].size);
	return guest_write(system->target, &system->paging, address, data, layout->size.size);
}

struct sdb_error *linux_write_registers(struct sdb_thread *thread, enum register_group group, const uint8_t *file)
{
	struct linux_system *system = linux_of(thread->target);
	uint64_t address;
	struct sdb_error *error = general_only(group);
	const struct linux_frame_layout *layout = error ? NULL : layout_of(system, false, &error);
	if (!error)
		error = find_inactive(thread, layout, &address);
	if (!error && ((const struct x86_general *)file)->rsp != address + layout->size.size)
		error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "the stack pointer of a task that sleeps cannot be changed");
	return error ? error : put_frame(system, layout, address, file);
}

/* ---- in user mode ---------------------------------------------------------------------------------------- */

/* task_pt_regs(): at the end of the stack, less what is kept free there (TOP_OF_KERNEL_STACK_PADDING; of FRED, 16 bytes). */
static struct sdb_error *find_user(struct sdb_thread *thread, const struct linux_frame_layout *layout, uint64_t *address_ret)
{
	struct linux_system *system = linux_of(thread->target);
	uint64_t stack, padding = 0;
	struct sdb_error *error = linux_read_u64(system, thread->key + system->tasks.stack.at, &stack);
	if (error)
		return error;
	if (!stack)
		return ended(thread);
	/* The linker places init_task's so. */
	uint64_t top = linux_symbol_or_0(system, "__top_init_kernel_stack"), end = linux_symbol_or_0(system, "__end_init_stack");
	if (top && end > top + layout->size.size && end - top - layout->size.size <= 64)
		padding = end - top - layout->size.size;
	*address_ret = stack + linux_thread_size(system) - padding - layout->size.size;
	return NULL;
}

static struct sdb_error *none(const struct sdb_thread *thread)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "task %lld was not in user mode", (long long)thread->id);
}

/* Whether THREAD is in user mode on a CPU: then that one's registers are its own. */
static struct sdb_error *is_in_user(struct sdb_thread *thread, bool *is_ret)
{
	struct driver_cpu state;
	*is_ret = false;
	if (!thread->cpu)
		return NULL;
	struct sdb_error *error = thread->target->driver->cpu_state(thread->target, (unsigned)thread->cpu->id, &state);
	*is_ret = !error && (state.cs & 3) == 3;
	return error;
}

/* Where the kernel has them, of a thread that is in it. */
static struct sdb_error *find_user_frame(struct sdb_thread *thread, enum register_group group,
					 const struct linux_frame_layout **layout_ret, uint64_t *address_ret)
{
	struct sdb_error *error = general_only(group);
	*layout_ret = error ? NULL : layout_of(linux_of(thread->target), true, &error);
	return error ? error : find_user(thread, *layout_ret, address_ret);
}

struct sdb_error *linux_read_user_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file)
{
	struct linux_system *system = linux_of(thread->target);
	uint8_t data[512];
	const struct linux_frame_layout *layout;
	uint64_t address;
	bool in_user;
	struct sdb_error *error = is_in_user(thread, &in_user);
	if (!error && in_user)
		return thread->target->driver->read_registers(thread->cpu, group, file);
	if (!error)
		error = find_user_frame(thread, group, &layout, &address);
	if (!error)
		error = linux_read(system, address, data, layout->size.size);
	if (error)
		return error;
	struct x86_general *general = (struct x86_general *)file;
	memset(general, 0, sizeof(*general));
	take_frame(layout, data, file);
	/* A kernel thread has zeros there, or nothing yet. */
	if ((general->cs & 3) != 3 || general->rip & LINUX_UPPER_HALF)
		return none(thread);
	take_bases(system, thread->key, general);
	if (thread->cpu) { /* what it had when it was switched to is not what it has */
		struct driver_cpu state;
		error = thread->target->driver->cpu_state(thread->target, (unsigned)thread->cpu->id, &state);
		general->fs_base = error ? general->fs_base : state.fs_base;
		sdb_error_free(error);
	}
	return NULL;
}

struct sdb_error *linux_write_user_registers(struct sdb_thread *thread, enum register_group group, const uint8_t *file)
{
	struct linux_system *system = linux_of(thread->target);
	const struct x86_general *general = (const struct x86_general *)file;
	const struct linux_frame_layout *layout;
	uint64_t address;
	bool in_user;
	struct sdb_error *error = is_in_user(thread, &in_user);
	if (!error && in_user)
		return thread->target->driver->write_registers(thread->cpu, group, file);
	if (!error)
		error = find_user_frame(thread, group, &layout, &address);
	if (!error && ((general->cs & 3) != 3 || general->rip & LINUX_UPPER_HALF))
		error = sdb_error_new(SDB_ERROR_INVALID, "these are no registers of user mode");
	return error ? error : put_frame(system, layout, address, file);
}
