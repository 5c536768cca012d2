/* SPDX-License-Identifier: MIT */
/* Finding the process, and letting go of it. */

#include "guest_process.h"
#include "runtime/space.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sdb_error *find(struct sdb_target *target)
{
	struct sdb_target *base = target->base;
	if (!base)
		return sdb_error_new(SDB_ERROR_INVALID, "a process inside of which machine? name its target");
	if (base->status != SDB_TARGET_RUNNING && base->status != SDB_TARGET_PAUSED)
		return sdb_error_new(SDB_ERROR_INVALID, "the machine %s is not open", base->name ? base->name : "");
	if (!base->personality)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "nobody knows the processes of %s%s%s", base->name,
				     base->personality_trouble ? ": " : "",
				     base->personality_trouble ? sdb_error_message(base->personality_trouble) : "");
	if (!base->personality->find_process || !base->personality->process_paging || !base->personality->process_regions
	    || !base->personality->process_threads || !base->personality->describe)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the personality %s does not know processes",
				     base->personality->name);
	return base->personality->find_process(base, target->spec.overlay, &target->pid);
}

/* A program of the machine's own width, or one of 32 bits: as the first file that is mapped says. */
static const struct architecture *find_architecture(struct sdb_target *target)
{
	struct space *space;
	const struct architecture *architecture = target->base->architecture;
	struct sdb_error *error = space_get(target, &space);
	for (size_t i = 0; !error && i < space->count; i++) {
		uint8_t ident[EI_NIDENT + 4];
		size_t done;
		if (space->regions[i].offset || space->regions[i].name[0] != '/')
			continue;
		error = guest_process_read(target, space->regions[i].low, ident, sizeof(ident), &done);
		if (error || done < sizeof(ident) || memcmp(ident, ELFMAG, SELFMAG) != 0)
			continue;
		architecture = architecture_find((uint16_t)(ident[EI_NIDENT + 2] | ident[EI_NIDENT + 3] << 8));
		break;
	}
	sdb_error_free(error);
	return architecture ? architecture : target->base->architecture;
}

/* The memory of the process, by one of its threads: its first one may have ended before them. 0: it has none. */
static uint64_t find_memory(const struct guest_process *process, int64_t pid)
{
	struct sdb_target *base = process->base;
	struct sdb_task task;
	for (size_t i = 0; i < base->thread_count; i++) {
		struct sdb_error *error = base->personality->describe(base->threads[i], &task);
		if (!error && task.tgid == pid && task.memory)
			return task.memory;
		sdb_error_free(error);
	}
	return 0;
}

static struct sdb_error *name_it(struct guest_process *process)
{
	struct sdb_target *target = process->target;
	struct sdb_thread *leader = target_find_thread(process->base, target->pid);
	struct sdb_task task;
	if (!leader)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "process %lld has ended", (long long)target->pid);
	struct sdb_error *error = process->base->personality->describe(leader, &task);
	if (error)
		return error;
	process->memory = task.memory ? task.memory : find_memory(process, target->pid);
	if (!process->memory)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "process %lld (%s) has no memory of its own: %s", (long long)target->pid,
				     task.name, task.kernel ? "it is a thread of the kernel" : "it has ended");
	target->name = strdup(task.name);
	return target->name ? NULL : NO_MEMORY();
}

struct sdb_error *guest_process_open(struct sdb_target *target)
{
	struct sdb_error *error = find(target);
	if (error)
		return error;
	struct guest_process *process = calloc(1, sizeof(*process));
	if (!process)
		return NO_MEMORY();
	*process = (struct guest_process){ .target = target, .base = target->base, .epoll = -1, .wakeup = -1 };
	process->overlay = (struct overlay){ .target = target, .take = guest_process_take };
	target->state = process;
	target->architecture = target->base->architecture;
	if (target->base->status == SDB_TARGET_PAUSED) {
		error = overlay_hold(target->base);
		process->holding = !error;
	}
	target->status = process->holding ? SDB_TARGET_PAUSED : SDB_TARGET_RUNNING;
	if (!error)
		error = guest_process_refresh(target);
	if (!error)
		error = name_it(process);
	if (error)
		return error;
	overlay_add(target->base, &process->overlay);
	process->added = true;
	target->architecture = find_architecture(target);
	for (size_t i = 0; i < target->thread_count; i++)
		target->threads[i]->stopped = process->holding;
	return NULL;
}

void guest_process_close(struct sdb_target *target)
{
	struct guest_process *process = guest_process_of(target);
	if (!process)
		return;
	guest_process_remove_points(process);
	process->queued = 0;
	sdb_error_free(guest_process_detach(target));
	if (process->added)
		overlay_remove(process->base, &process->overlay);
	if (process->epoll >= 0)
		close(process->epoll);
	if (process->wakeup >= 0)
		close(process->wakeup);
	sdb_error_free(process->trouble);
	free(process->queue);
	free(process->breakpoints);
	free(process->watches);
	free(process);
	target->state = NULL;
}
