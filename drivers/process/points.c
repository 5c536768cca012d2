/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints and watchpoints. The base's driver keeps them, by address, whatever is mapped there: so
 * every process meets them, and one that is another is led past. Nothing is written into memory, where
 * the page may be shared with other processes and with the file.
 */

#include "guest_process.h"
#include "runtime/displace.h"
#include "runtime/emulate.h"
#include "runtime/probe.h"

#include <stdlib.h>
#include <string.h>

/* ---- which there are ------------------------------------------------------------------------------- */

bool guest_process_has_breakpoint(const struct guest_process *process, uint64_t address)
{
	for (size_t i = 0; i < process->breakpoint_count; i++)
		if (process->breakpoints[i] == address)
			return true;
	return false;
}

bool guest_process_watches(const struct guest_process *process, uint64_t address)
{
	for (size_t i = 0; i < process->watch_count; i++)
		if (address - process->watches[i].address < process->watches[i].size)
			return true;
	return false;
}

/* Whether another process over the same machine has it there: then it stays when we go. */
static bool is_shared(const struct guest_process *process, uint64_t address)
{
	for (struct overlay *overlay = process->base->overlays; overlay; overlay = overlay->next)
		if (overlay != &process->overlay && overlay->target->driver == &driver_process
		    && guest_process_has_breakpoint(guest_process_of(overlay->target), address))
			return true;
	return false;
}

static bool make_room(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return true;
	size_t larger = *room ? 2 * *room : 8;
	void *memory = reallocarray(*(void **)array, larger, size);
	if (!memory)
		return false;
	*(void **)array = memory;
	*room = larger;
	return true;
}

/* ---- breakpoints --------------------------------------------------------------------------------------- */

static bool is_there(const struct sdb_target *base)
{
	return base->status == SDB_TARGET_RUNNING || base->status == SDB_TARGET_PAUSED;
}

struct sdb_error *guest_process_insert_breakpoint(struct sdb_target *target, uint64_t address)
{
	struct guest_process *process = guest_process_of(target);
	struct sdb_target *base = process->base;
	struct sdb_error *error = NULL;
	if (guest_process_has_breakpoint(process, address))
		return NULL;
	if (!base->driver->insert_breakpoint)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s keeps no breakpoints: one in memory could be met by every "
				     "process that shares the page", base->driver->name);
	if (probes_has_point(base, address))
		return sdb_error_new(SDB_ERROR_INVALID, "the machine %s has a probe at %#llx already", base->name,
				     (unsigned long long)address);
	if (!make_room(&process->breakpoints, process->breakpoint_count, &process->breakpoint_room,
		       sizeof(*process->breakpoints)))
		return NO_MEMORY();
	if (!is_shared(process, address))
		error = base->driver->insert_breakpoint(base, address);
	if (!error)
		process->breakpoints[process->breakpoint_count++] = address;
	return error;
}

struct sdb_error *guest_process_remove_breakpoint(struct sdb_target *target, uint64_t address)
{
	struct guest_process *process = guest_process_of(target);
	struct sdb_target *base = process->base;
	for (size_t i = 0; i < process->breakpoint_count; i++) {
		if (process->breakpoints[i] != address)
			continue;
		process->breakpoints[i] = process->breakpoints[--process->breakpoint_count];
		return is_shared(process, address) || !is_there(base) ? NULL : base->driver->remove_breakpoint(base, address);
	}
	return NULL;
}

/*
 * What stands at ADDRESS, where TASK is, is executed without it; not where a breakpoint is in memory. A program's
 * memory is not accessed: emulate() does not know what it may.
 */
static struct sdb_error *emulate_at(struct sdb_thread *task, uint64_t address, bool *done_ret)
{
	enum { BREAKPOINT = 0xcc, PAGE = 4096 };
	uint8_t bytes[INSTRUCTION_MAX];
	size_t size = PAGE - address % PAGE < sizeof(bytes) ? PAGE - address % PAGE : sizeof(bytes);
	*done_ret = false;
	struct sdb_error *error = sdb_thread_read(task, address, bytes, size);
	if (error) { /* it is known to be there: the step will tell */
		sdb_error_free(error);
		return NULL;
	}
	error = bytes[0] == BREAKPOINT ? NULL : emulate(task, bytes, size, done_ret);
	return error || !*done_ret ? error : thread_flush(task);
}

struct sdb_error *guest_process_pass(struct guest_process *process, struct sdb_thread *task, uint64_t address)
{
	struct sdb_target *base = process->base;
	bool done;
	struct sdb_error *error = overlay_hold(base);
	if (error)
		return error;
	error = emulate_at(task, address, &done);
	bool lifted = !error && !done;
	if (lifted)
		error = base->driver->remove_breakpoint(base, address);
	if (lifted && !error)
		error = guest_process_step_task(base, task, &done);
	if (lifted && is_there(base) && (guest_process_has_breakpoint(process, address) || is_shared(process, address))) {
		struct sdb_error *other = base->driver->insert_breakpoint(base, address);
		if (error)
			sdb_error_free(other);
		else
			error = other;
	}
	struct sdb_error *other = overlay_release(base);
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

/* ---- watchpoints -------------------------------------------------------------------------------------------- */

struct sdb_error *guest_process_insert_watch(struct sdb_target *target, uint64_t address, unsigned size, bool reads)
{
	struct guest_process *process = guest_process_of(target);
	struct sdb_target *base = process->base;
	if (!base->driver->insert_watch)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s keeps no watchpoints", base->driver->name);
	if (!make_room(&process->watches, process->watch_count, &process->watch_room, sizeof(*process->watches)))
		return NO_MEMORY();
	struct sdb_error *error = base->driver->insert_watch(base, address, size, reads);
	if (!error)
		process->watches[process->watch_count++] = (struct guest_watch){ address, size, reads };
	return error;
}

struct sdb_error *guest_process_remove_watch(struct sdb_target *target, uint64_t address, unsigned size, bool reads)
{
	struct guest_process *process = guest_process_of(target);
	for (size_t i = 0; i < process->watch_count; i++) {
		const struct guest_watch *watch = &process->watches[i];
		if (watch->address != address || watch->size != size || watch->reads != reads)
			continue;
		process->watches[i] = process->watches[--process->watch_count];
		return is_there(process->base) ? process->base->driver->remove_watch(process->base, address, size, reads) : NULL;
	}
	return NULL;
}

void guest_process_remove_points(struct guest_process *process)
{
	while (process->breakpoint_count)
		sdb_error_free(guest_process_remove_breakpoint(process->target, process->breakpoints[0]));
	while (process->watch_count) {
		struct guest_watch watch = process->watches[0];
		sdb_error_free(guest_process_remove_watch(process->target, watch.address, watch.size, watch.reads));
	}
}
