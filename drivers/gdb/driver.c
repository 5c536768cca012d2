/* SPDX-License-Identifier: MIT */
/* Machines by QEMU's monitor and RAM alone: they can be looked at, paused and let go, without the stub. */

#include "gdb.h"
#include "qemu.h"
#include "runtime/guest.h"

#include <elf.h>
#include <stdlib.h>

static struct qemu *qemu_of(const struct sdb_target *target)
{
	return target->state;
}

static bool claims(const struct sdb_spec *spec)
{
	return spec->qemu || spec->qemu_pid || spec->qemu_memory || spec->qmp_socket || spec->qmp_port || spec->domain
		|| spec->gdb_port || spec->gdb_socket;
}

/* Threads are the CPUs. */
static struct sdb_error *add_cpus(struct sdb_target *target, bool stopped)
{
	struct sdb_thread *thread;
	struct sdb_error *error = NULL;
	for (unsigned i = 0; i < qemu_cpus(qemu_of(target)) && !error; i++) {
		error = target_add_thread(target, i, &thread);
		if (!error)
			thread->stopped = stopped;
	}
	return error;
}

static struct sdb_error *open_machine(struct sdb_target *target)
{
	struct qemu *qemu;
	struct sdb_error *error = qemu_open(target, &qemu);
	target->state = error ? NULL : qemu;
	if (error)
		return error;
	if (!qemu)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a stub alone cannot be used yet: add --qemu");
	target->architecture = architecture_find(EM_X86_64);
	target->status = qemu_has_monitor(qemu) && !qemu_running(qemu) ? SDB_TARGET_PAUSED : SDB_TARGET_RUNNING;
	return add_cpus(target, target->status == SDB_TARGET_PAUSED);
}

static void close_machine(struct sdb_target *target)
{
	qemu_close(qemu_of(target));
	target->state = NULL;
}

static void set_stopped(struct sdb_target *target, bool stopped)
{
	struct sdb_thread **threads = target->cpus ? target->cpus : target->threads;
	size_t count = target->cpus ? target->cpu_count : target->thread_count;
	for (size_t i = 0; i < count; i++)
		threads[i]->stopped = stopped;
	target->status = stopped ? SDB_TARGET_PAUSED : SDB_TARGET_RUNNING;
}

static struct sdb_error *pause_machine(struct sdb_target *target)
{
	struct sdb_error *error = qemu_stop(qemu_of(target));
	if (!error)
		set_stopped(target, true);
	return error;
}

static struct sdb_error *detach_machine(struct sdb_target *target)
{
	struct sdb_error *error = qemu_cont(qemu_of(target));
	if (!error)
		set_stopped(target, false);
	return error;
}

static struct sdb_error *kill_machine(struct sdb_target *target)
{
	struct sdb_error *error = qemu_quit(qemu_of(target));
	if (!error)
		target->status = SDB_TARGET_EXITED;
	return error;
}

static struct sdb_error *refresh_machine(struct sdb_target *target)
{
	if (qemu_gone(qemu_of(target)))
		target->status = SDB_TARGET_EXITED;
	return NULL;
}

static unsigned cpus(struct sdb_target *target)
{
	return qemu_cpus(qemu_of(target));
}

static struct sdb_error *cpu_state(struct sdb_target *target, unsigned cpu, struct driver_cpu *cpu_ret)
{
	return qemu_cpu_state(qemu_of(target), cpu, cpu_ret);
}

static const uint8_t *map_physical(struct sdb_target *target, uint64_t address, size_t *size_ret)
{
	return qemu_map_physical(qemu_of(target), address, size_ret);
}

static struct sdb_error *read_physical(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	return qemu_read_physical(qemu_of(target), address, buffer, size, done_ret);
}

static struct sdb_error *write_physical(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	return qemu_write_physical(qemu_of(target), address, buffer, size);
}

static bool ram(struct sdb_target *target, unsigned index, uint64_t *low_ret, uint64_t *high_ret)
{
	return qemu_ram(qemu_of(target), index, low_ret, high_ret);
}

const struct driver driver_gdb = {
	.name = "gdb",
	.summary = "a machine in QEMU, or what a gdb stub reaches",
	.claims = claims,
	.open = open_machine,
	.close = close_machine,
	.kill = kill_machine,
	.pause = pause_machine,
	.detach = detach_machine,
	.refresh = refresh_machine,
	.read_memory = guest_read_memory,
	.write_memory = guest_write_memory,
	.cpus = cpus,
	.cpu_state = cpu_state,
	.map_physical = map_physical,
	.read_physical = read_physical,
	.write_physical = write_physical,
	.ram = ram,
};
