/* SPDX-License-Identifier: MIT */
/*
 * A machine behind a stub: its CPUs and its physical memory. QEMU's own ways (its RAM mapped, its monitor)
 * are taken when they are there; else the stub's, with the machine standing still for a moment.
 */

#include "stub.h"
#include "runtime/arch/x86.h"
#include "runtime/guest.h"

#include <stdlib.h>
#include <string.h>

enum { TABLES_MS = 1000 }; /* that long descriptor tables are taken to be where they were */

static struct sdb_error *no_memory(const struct stub *stub)
{
	return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: the gdb stub does not show physical memory", stub->target->name);
}

/* ---- CPUs ------------------------------------------------------------------------------------- */

unsigned stub_cpus(struct sdb_target *target)
{
	return (unsigned)stub_of(target)->thread_count;
}

/* `IDT=     fffffe0000000000 00000fff` in what QEMU's monitor prints. */
static uint64_t find_table(const char *text, const char *name)
{
	const char *found = strstr(text, name);
	uint64_t base = 0;
	if (!found)
		return 0;
	found += strlen(name);
	found += strspn(found, " ");
	return packet_number(&found, &base) ? base : 0;
}

/* Of CPU 0: they are not among the registers of the stub. */
static void find_tables(struct stub *stub)
{
	char *text;
	if (stub->tables_time && transport_now() - stub->tables_time < TABLES_MS)
		return;
	stub->tables_time = transport_now();
	struct sdb_error *error = rsp_monitor(stub->rsp, "info registers", &text);
	if (error) { /* another stub than QEMU's: they stay unknown */
		sdb_error_free(error);
		return;
	}
	stub->idt_base = find_table(text, "IDT=");
	stub->gdt_base = find_table(text, "GDT=");
	free(text);
}

static struct sdb_error *read_cpu(struct stub *stub, struct stub_thread *thread, struct driver_cpu *cpu_ret)
{
	struct x86_registers file = { .debug = { 0 } };
	struct sdb_error *error = stub_read_registers(thread->thread, REGISTERS_GENERAL, (uint8_t *)&file);
	if (error)
		return error;
	cpu_ret->pc = file.general.rip;
	cpu_ret->sp = file.general.rsp;
	cpu_ret->flags = file.general.eflags;
	cpu_ret->cs = (uint16_t)file.general.cs;
	cpu_ret->fs_base = file.general.fs_base;
	cpu_ret->gs_base = file.general.gs_base;
	stub_fill_cpu(stub, thread, cpu_ret);
	find_tables(stub);
	cpu_ret->idt_base = stub->idt_base;
	cpu_ret->gdt_base = stub->gdt_base;
	return NULL;
}

struct sdb_error *stub_cpu_state(struct sdb_target *target, unsigned cpu, struct driver_cpu *cpu_ret)
{
	struct stub *stub = stub_of(target);
	bool was_running;
	*cpu_ret = (struct driver_cpu){ .cr0 = 0 };
	if (cpu >= stub->thread_count)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no CPU %u", target->name, cpu);
	/* What is at hand since it stopped is the fastest. */
	if (stub->qemu && qemu_has_monitor(stub->qemu) && !stub->threads[cpu]->have_raw)
		return qemu_cpu_state(stub->qemu, cpu, cpu_ret);
	struct sdb_error *error = stub_hold(stub, &was_running);
	if (error)
		return error;
	return stub_release(stub, was_running, read_cpu(stub, stub->threads[cpu], cpu_ret));
}

struct sdb_error *stub_machine_refresh(struct sdb_target *target)
{
	struct stub *stub = stub_of(target);
	/* What is mapped of a QEMU that has quit looks as if it lived. */
	if (stub->qemu && qemu_gone(stub->qemu))
		target->status = SDB_TARGET_EXITED;
	return NULL;
}

bool stub_machine_halted(struct sdb_target *target)
{
	struct stub *stub = stub_of(target);
	return stub->qemu && qemu_halted(stub->qemu);
}

/* ---- memory ---------------------------------------------------------------------------------------- */

const uint8_t *stub_map_physical(struct sdb_target *target, uint64_t address, size_t *size_ret)
{
	struct stub *stub = stub_of(target);
	return stub->qemu ? qemu_map_physical(stub->qemu, address, size_ret) : NULL;
}

bool stub_ram(struct sdb_target *target, unsigned index, uint64_t *low_ret, uint64_t *high_ret)
{
	struct stub *stub = stub_of(target);
	return stub->qemu && qemu_ram(stub->qemu, index, low_ret, high_ret);
}

static struct sdb_error *read_by_stub(void *arg, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	struct stub *stub = arg;
	*done_ret = 0;
	struct sdb_error *error = stub_need(stub);
	if (!error && !stub->features.physical_mode)
		error = no_memory(stub);
	return error ? error : stub_read_memory(stub->target, address, buffer, size, done_ret);
}

static struct sdb_error *write_by_stub(void *arg, uint64_t address, const void *buffer, size_t size)
{
	struct stub *stub = arg;
	struct sdb_error *error = stub_need(stub);
	if (!error && !stub->features.physical_mode)
		error = no_memory(stub);
	return error ? error : stub_write_memory(stub->target, address, buffer, size);
}

struct sdb_error *stub_read_physical(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	struct stub *stub = stub_of(target);
	return stub->qemu ? qemu_read_physical(stub->qemu, address, buffer, size, done_ret)
		: read_by_stub(stub, address, buffer, size, done_ret);
}

struct sdb_error *stub_write_physical(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	struct stub *stub = stub_of(target);
	return stub->qemu ? qemu_write_physical(stub->qemu, address, buffer, size) : write_by_stub(stub, address, buffer, size);
}

/* With physical memory at hand tables are walked here, for a CPU and address space that is known; else the stub does. */
static bool walks_tables(const struct stub *stub)
{
	return stub->qemu || stub->features.physical_mode;
}

struct sdb_error *stub_read_virtual(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	return walks_tables(stub_of(target)) ? guest_read_memory(target, address, buffer, size, done_ret)
		: stub_read_memory(target, address, buffer, size, done_ret);
}

struct sdb_error *stub_write_virtual(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	return walks_tables(stub_of(target)) ? guest_write_memory(target, address, buffer, size)
		: stub_write_memory(target, address, buffer, size);
}

/* ---- opening ----------------------------------------------------------------------------------------- */

#define CR0_PG (1ull << 31)
#define EFER_LMA (1ull << 10)

/* A machine of 64 bits may run a system of 32. */
static const struct architecture *architecture_of(const struct driver_cpu *cpu)
{
	return cpu->cr0 & CR0_PG && !(cpu->efer & EFER_LMA) ? &architecture_i386 : &architecture_x86_64;
}

struct sdb_error *stub_machine_open(struct stub *stub)
{
	struct driver_cpu cpu;
	struct sdb_target *target = stub->target;
	if (stub->qemu)
		qemu_set_fallback(stub->qemu, &(struct qemu_fallback){ read_by_stub, write_by_stub, stub });
	struct sdb_error *error = stub_cpu_state(target, 0, &cpu);
	if (error)
		return error;
	target->architecture = stub->features.architecture == &architecture_i386 ? &architecture_i386 : architecture_of(&cpu);
	if (!target->name && !(target->name = strdup("machine")))
		error = NO_MEMORY();
	return error;
}
