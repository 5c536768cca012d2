/* SPDX-License-Identifier: MIT */
/* Which personality knows the system in a machine, and the tasks that it adds. */

#include "external.h"
#include "tasks.h"

#include <stdlib.h>
#include <string.h>

/* ---- which one ------------------------------------------------------------------------------------ */

static struct sdb_error *try(struct sdb_target *target, const struct personality *personality)
{
	target->personality = personality;
	struct sdb_error *error = personality->open(target);
	if (!error && target->spec.active && !personality->set_active)
		error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "keeping its model current by probes (-a) is not known to it");
	if (!error)
		return NULL;
	personality->close(target);
	target->personality = NULL;
	target->system = NULL;
	return sdb_error_prefix(error, "%s", personality->name);
}

/* From now on the driver's threads are CPUs. */
static void keep_cpus(struct sdb_target *target)
{
	target->cpus = target->threads;
	target->cpu_count = target->thread_count;
	target->threads = NULL;
	target->thread_count = target->thread_capacity = 0;
}

/* NULL as well when there is none, and none was asked for. */
static struct sdb_error *find_personality(struct sdb_target *target)
{
	const char *wanted = target->spec.personality;
	struct sdb_error *error = NULL;
	if (!target->driver->cpus || (wanted && strcmp(wanted, "none") == 0))
		return NULL;
	if (target->spec.personality_library) {
		error = external_load(target, &target->personality_library);
		if (!error)
			error = try(target, external_personality(target->personality_library));
		if (!error)
			keep_cpus(target);
		return error;
	}
	for (size_t i = 0; personalities_builtin[i]; i++) {
		if (wanted && strcmp(wanted, personalities_builtin[i]->name) != 0)
			continue;
		sdb_error_free(error);
		error = try(target, personalities_builtin[i]);
		if (!error) {
			keep_cpus(target);
			return NULL;
		}
	}
	if (!error && wanted)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no personality '%s'", wanted);
	if (wanted)
		return error;
	if (target->spec.active)
		return error;
	/* The machine can be used without: registers, memory, breakpoints at addresses. */
	target->personality_trouble = error;
	return NULL;
}

struct sdb_error *personality_open(struct sdb_target *target)
{
	bool held;
	struct sdb_error *error = tasks_hold(target, &held);
	if (!error)
		error = tasks_release(target, held, find_personality(target));
	if (error || !target->personality || !target->spec.active)
		return error;
	return target->personality->set_active(target, target->spec.active);
}

void personality_close(struct sdb_target *target)
{
	if (target->personality) {
		target->personality->close(target);
		while (target->thread_count)
			target_remove_thread(target, target->threads[target->thread_count - 1]);
		free(target->threads);
		target->threads = target->cpus;
		target->thread_count = target->thread_capacity = target->cpu_count;
		target->cpus = NULL;
		target->cpu_count = 0;
	}
	target->personality = NULL;
	target->system = NULL;
	external_unload(target->personality_library);
	target->personality_library = NULL;
	sdb_error_free(target->personality_trouble);
	target->personality_trouble = NULL;
}

/* ---- tasks ------------------------------------------------------------------------------------------- */

struct sdb_error *target_add_task(struct sdb_target *target, int64_t id, uint64_t key, struct sdb_thread **thread_ret)
{
	struct sdb_thread *thread = target_find_thread(target, id);
	if (thread && thread->key != key) { /* the number was given to another one */
		target_remove_thread(target, thread);
		thread = NULL;
	}
	if (!thread) {
		struct sdb_error *error = target_add_thread(target, id, &thread);
		if (error)
			return error;
		thread->key = key;
		thread->stopped = target->status == SDB_TARGET_PAUSED;
	}
	thread->seen = true;
	*thread_ret = thread;
	return NULL;
}
