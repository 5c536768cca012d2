/* SPDX-License-Identifier: MIT */
/* Targets: made of a specification, reached by a driver. */

#include "target.h"
#include "personality.h"
#include "probe.h"
#include "space.h"
#include "tasks.h"
#include "spec.h"
#include "types.h"
#include "unwind.h"

#include <stdlib.h>
#include <string.h>

/* ---- which driver ------------------------------------------------------------------------ */

void sdb_drivers(void (*fn)(void *arg, const char *name, const char *summary), void *arg)
{
	for (size_t i = 0; drivers_builtin[i]; i++)
		fn(arg, drivers_builtin[i]->name, drivers_builtin[i]->summary);
}

static struct sdb_error *find_driver(const struct sdb_spec *spec, const struct driver **driver_ret)
{
	const struct driver *claiming = NULL;
	for (size_t i = 0; drivers_builtin[i]; i++) {
		const struct driver *driver = drivers_builtin[i];
		if (spec->type ? strcmp(spec->type, driver->name) != 0 : !driver->claims || !driver->claims(spec))
			continue;
		if (claiming)
			return sdb_error_new(SDB_ERROR_INVALID, "the target may be one of %s or of %s: say which",
					     claiming->name, driver->name);
		claiming = driver;
	}
	*driver_ret = claiming;
	if (claiming)
		return NULL;
	if (spec->type)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "there is no driver '%s'", spec->type);
	return sdb_error_new(SDB_ERROR_INVALID, "the specification names no target: give a process or a program");
}

/* ---- life ----------------------------------------------------------------------------------- */

static void free_target(struct sdb_target *target)
{
	while (target->thread_count)
		target_remove_thread(target, target->threads[target->thread_count - 1]);
	free(target->threads);
	types_unref(target->types);
	unwind_cache_destroy(target->unwinding);
	space_destroy(target->space);
	page_cache_destroy(target->pages);
	guest_destroy(target->guest);
	spec_memory_free(target->spec_memory);
	free(target->name);
	free(target);
}

struct sdb_error *sdb_target_create(const struct sdb_spec *spec, struct sdb_target **target_ret)
{
	const struct driver *driver;
	struct spec_memory *memory = NULL;
	struct sdb_error *error = find_driver(spec, &driver);
	if (error)
		return error;
	struct sdb_target *target = calloc(1, sizeof(*target));
	if (!target)
		return NO_MEMORY();
	error = spec_copy(spec, &target->spec, &memory);
	target->spec_memory = memory;
	target->pages = page_cache_create(spec->cache_size);
	if (!error && !target->pages)
		error = NO_MEMORY();
	if (error) {
		free_target(target);
		return error;
	}
	target->id = spec->id;
	target->driver = driver;
	target->base = spec->base;
	target->exit_status = target->terminal = -1;
	*target_ret = target;
	return NULL;
}

struct sdb_error *sdb_target_open(struct sdb_target *target)
{
	if (target->status != SDB_TARGET_CLOSED)
		return sdb_error_new(SDB_ERROR_INVALID, "target %d is open already", target->id);
	struct sdb_error *error = target->driver->open(target);
	if (!error && !target->name && !(target->name = strdup("?")))
		error = NO_MEMORY();
	if (!error)
		error = personality_open(target);
	if (error) {
		probes_remove_all(target);
		personality_close(target);
		target->driver->close(target);
		target->state = NULL;
		guest_destroy(target->guest);
		target->guest = NULL;
		while (target->thread_count)
			target_remove_thread(target, target->threads[target->thread_count - 1]);
		target->status = SDB_TARGET_CLOSED;
	}
	return error;
}

void sdb_target_close(struct sdb_target *target)
{
	if (!target)
		return;
	if (target->status != SDB_TARGET_CLOSED) {
		probes_remove_all(target);
		if (target->status == SDB_TARGET_PAUSED)
			for (size_t i = 0; i < target->thread_count; i++)
				sdb_error_free(thread_flush(target->threads[i]));
		personality_close(target);
		target->driver->close(target);
	}
	free_target(target);
}

struct sdb_error *sdb_target_pause(struct sdb_target *target)
{
	if (target->status == SDB_TARGET_PAUSED) {
		target->paused_itself = true;
		return tasks_bind(target);
	}
	if (target->status != SDB_TARGET_RUNNING)
		return sdb_error_new(SDB_ERROR_INVALID, "%s", target->status == SDB_TARGET_EXITED ? "it has ended"
				     : "it is not open");
	struct sdb_error *error = tasks_pause(target);
	target->paused_itself = target->status == SDB_TARGET_PAUSED;
	return error;
}

struct sdb_error *sdb_target_kill(struct sdb_target *target)
{
	if (target->status == SDB_TARGET_EXITED)
		return NULL;
	if (!target->driver->kill)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s cannot be ended", target->driver->name);
	return target->driver->kill(target);
}

/* ---- what is void when it runs ----------------------------------------------------------------- */

void target_forget(struct sdb_target *target)
{
	page_cache_clear(target->pages);
	guest_forget(target);
	target->space_stale = true;
	target->tasks_current = false;
}

void target_replaced(struct sdb_target *target)
{
	target_forget(target);
	unwind_cache_destroy(target->unwinding);
	target->unwinding = NULL;
	types_unref(target->types);
	target->types = NULL;
	space_clear(target->space);
}

/* ---- what it is ------------------------------------------------------------------------------------ */

enum sdb_target_status sdb_target_status(const struct sdb_target *target)
{
	return target->status;
}

int sdb_target_id(const struct sdb_target *target)
{
	return target->id;
}

const char *sdb_target_name(const struct sdb_target *target)
{
	return target->name ? target->name : "";
}

const char *sdb_target_driver(const struct sdb_target *target)
{
	return target->driver->name;
}

bool sdb_target_is_machine(const struct sdb_target *target)
{
	return target->driver->cpus != NULL;
}

bool sdb_target_halted(struct sdb_target *target)
{
	return target->status == SDB_TARGET_RUNNING && target->driver->halted && target->driver->halted(target);
}

int64_t sdb_target_pid(const struct sdb_target *target)
{
	return target->pid;
}

int sdb_target_exit_status(const struct sdb_target *target)
{
	return target->exit_status;
}

int sdb_target_terminal(const struct sdb_target *target)
{
	return target->terminal;
}

uint16_t sdb_target_machine(const struct sdb_target *target)
{
	return target->architecture ? target->architecture->machine : 0;
}

unsigned sdb_target_address_size(const struct sdb_target *target)
{
	return target->architecture ? target->architecture->address_size : 0;
}
