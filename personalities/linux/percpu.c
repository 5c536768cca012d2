/* SPDX-License-Identifier: MIT */
/* CPUs: which there are, where each has its variables, what it runs. */

#include "linux.h"

struct sdb_error *linux_find_cpus(struct linux_system *system)
{
	struct linux_member member = { 0 };
	const struct linux_wanted wanted[] = { { 0, "pcpu_hot", "current_task", true } };
	struct sdb_error *error = linux_need_database(system);
	if (error)
		return error;
	/* Without CONFIG_SMP there is no table: per-CPU variables are ordinary ones. */
	system->percpu_offsets = linux_symbol_or_0(system, "__per_cpu_offset");
	system->runqueues = linux_symbol_or_0(system, "runqueues");
	/* A variable of its own since v4.5 (5aec01b834fd); before, a pointer that is constant led to the bits. */
	system->online = linux_symbol_or_0(system, "__cpu_online_mask");
	if (!system->online)
		system->online = linux_symbol_or_0(system, "cpu_online_bits");
	/* Between v6.2 (e57ef2ed97c1 "x86: Put hot per CPU variables into a struct") and v6.15 it is in a structure. */
	error = linux_layout(system, wanted, 1, &member);
	if (!error && linux_has(&member)) {
		error = linux_symbol(system, "pcpu_hot", &system->current_task);
		system->current_task += member.at;
	} else if (!error) {
		error = linux_symbol(system, "current_task", &system->current_task);
	}
	return error;
}

struct sdb_error *linux_cpu_offset(struct linux_system *system, unsigned cpu, uint64_t *offset_ret)
{
	*offset_ret = 0;
	if (cpu >= LINUX_CPUS_MAX || (!system->percpu_offsets && cpu))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no CPU %u", cpu);
	return system->percpu_offsets ? linux_read_u64(system, system->percpu_offsets + 8ull * cpu, offset_ret) : NULL;
}

struct sdb_error *linux_current(struct linux_system *system, unsigned cpu, uint64_t *task_ret)
{
	uint64_t offset;
	struct sdb_error *error = linux_cpu_offset(system, cpu, &offset);
	if (!error)
		error = linux_read_u64(system, system->current_task + offset, task_ret);
	if (!error && !linux_is_pointer(*task_ret))
		error = sdb_error_new(SDB_ERROR_CORRUPT, "CPU %u runs a task at %#llx, which is no address", cpu,
				      (unsigned long long)*task_ret);
	return error;
}

unsigned linux_cpus_online(struct linux_system *system, bool *online, unsigned count)
{
	uint64_t mask = system->online;
	unsigned found = 0;
	for (unsigned i = 0; i < count; i++) {
		uint8_t bits = 0;
		if (mask && !linux_copy(system, mask + i / 8, &bits, 1))
			bits = 0;
		online[i] = mask ? bits >> (i & 7) & 1 : i == 0;
		found += online[i];
	}
	return found;
}

unsigned linux_cpu_number(struct linux_system *system, const struct sdb_thread *cpu)
{
	const struct driver *driver = system->target->driver;
	struct driver_cpu state;
	unsigned number = (unsigned)cpu->id;
	struct sdb_error *error = driver->cpu_state(system->target, number, &state);
	/* In the kernel, GS is where the CPU has its variables; firmware may number CPUs otherwise. */
	for (unsigned i = 0; !error && state.gs_base & LINUX_UPPER_HALF && i < system->target->cpu_count + 1; i++) {
		uint64_t offset;
		struct sdb_error *missing = linux_cpu_offset(system, i, &offset);
		if (!missing && offset && (offset == state.gs_base || offset == state.kernel_gs_base))
			number = i;
		sdb_error_free(missing);
	}
	sdb_error_free(error);
	return number;
}

struct sdb_error *linux_percpu_offset(struct sdb_target *target, unsigned cpu, uint64_t *offset_ret)
{
	struct linux_system *system = linux_of(target);
	struct sdb_error *error = linux_load_tasks(system);
	return error ? error : linux_cpu_offset(system, cpu, offset_ret);
}
