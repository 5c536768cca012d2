/* SPDX-License-Identifier: MIT */
/* Probes: made, switched on and off, removed. What happens at them is in hit.c. */

#include "overlay.h"
#include "probe_private.h"

#include <stdlib.h>
#include <string.h>

struct sdb_error *probes_get(struct sdb_target *target, struct probes **probes_ret)
{
	if (target->status != SDB_TARGET_RUNNING && target->status != SDB_TARGET_PAUSED)
		return sdb_error_new(SDB_ERROR_INVALID, "the target is not there");
	if (!target->driver->wait)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s has no events", target->driver->name);
	if (!target->probes && !(target->probes = calloc(1, sizeof(*target->probes))))
		return NO_MEMORY();
	target->probes->target = target;
	*probes_ret = target->probes;
	return NULL;
}

struct thread_probing *thread_probing(struct sdb_thread *thread)
{
	if (!thread->probing)
		thread->probing = calloc(1, sizeof(struct thread_probing));
	return thread->probing;
}

struct sdb_error *probe_list_add(struct probe_list *list, struct sdb_probe *probe)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 4;
		void *items = realloc(list->items, room * sizeof(*list->items));
		if (!items)
			return NO_MEMORY();
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = probe;
	return NULL;
}

bool probe_list_has(const struct probe_list *list, const struct sdb_probe *probe)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i] == probe)
			return true;
	return false;
}

void probes_thread_gone(struct sdb_thread *thread)
{
	struct thread_probing *probing = thread->probing;
	if (thread->target->probes) {
		turn_over(thread->target->probes, thread);
		step_drop_deferred(thread->target->probes, thread);
	}
	if (!probing)
		return;
	if (thread->target->probes)
		returns_forget(thread->target->probes, probing, NULL);
	free(probing->awaited);
	free(probing->due.items);
	free(probing->callers.items);
	free(probing);
	thread->probing = NULL;
}

bool probes_active(const struct sdb_target *target)
{
	for (const struct sdb_probe *probe = target->probes ? target->probes->list : NULL; probe; probe = probe->next)
		if (probe->enabled && !probe->removed)
			return true;
	return overlays_active(target);
}

bool probes_go_later(struct sdb_target *target)
{
	bool later = target->probes && target->probes->depth;
	if (later)
		target->probes->resume = true;
	return later;
}

bool probes_has_point(const struct sdb_target *target, uint64_t address)
{
	const struct point *point = target->probes ? point_find(target->probes, address) : NULL;
	return point && point->inserted;
}

bool probe_wants(const struct sdb_probe *probe, const struct sdb_thread *thread)
{
	return probe->enabled && !probe->removed
		&& (!probe->options.thread || !thread || probe->options.thread == thread->id);
}

bool probe_passes(struct sdb_probe *probe, struct sdb_thread *thread)
{
	return !probe->filter || filter_passes(probe->filter, thread);
}

struct sdb_error *probe_call(struct sdb_probe *probe, sdb_probe_fn fn, struct sdb_hit *hit)
{
	struct probes *probes = probe->target->probes;
	if (!fn)
		return NULL;
	probes->depth++;
	struct sdb_error *error = fn(probe->options.arg, hit);
	probes->depth--;
	if (error || !hit->steps || !hit->thread || probe->removed)
		return error;
	struct thread_probing *probing = thread_probing(hit->thread);
	if (!probing)
		return NO_MEMORY();
	probing->stepper = probe;
	probing->steps = hit->steps;
	return NULL;
}

/* ---- on and off ---------------------------------------------------------------------------------- */

struct sdb_error *probe_update_points(struct sdb_probe *probe)
{
	struct sdb_error *error = NULL;
	for (struct site *site = probe->sites; site && !error; site = site->next_of_probe)
		error = point_update(probe->target->probes, site->point);
	return error;
}

bool calls_are_told(const struct probes *probes)
{
	return probes->call_probes || (probes->software && probes->target->driver->report_syscalls);
}

struct sdb_error *calls_tell(struct probes *probes)
{
	struct sdb_target *target = probes->target;
	bool tell = calls_are_told(probes);
	for (size_t i = 0; i < target->thread_count && !tell; i++) {
		struct thread_probing *probing = target->threads[i]->probing;
		if (probing) /* its exit would not be told of */
			probing->in_call = probing->through_call = false;
	}
	return target->driver->report_syscalls ? target->driver->report_syscalls(target, tell) : NULL;
}

/* A thread that runs looks for system calls only when it has been stopped and let go again. */
static struct sdb_error *report_calls(struct probes *probes)
{
	struct sdb_target *target = probes->target;
	if (!target->driver->report_syscalls)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s does not tell of system calls",
				     target->driver->name);
	struct sdb_error *error = calls_tell(probes);
	if (error || target->status != SDB_TARGET_RUNNING)
		return error;
	error = sdb_target_pause(target);
	if (probes->depth) {
		probes->resume = true;
		return error;
	}
	return error ? error : sdb_target_resume(target);
}

static struct sdb_error *switch_on(struct sdb_probe *probe)
{
	struct probes *probes = probe->target->probes;
	if (probe->type == PROBE_WATCH && probe->options.software)
		return software_set(probes, probe);
	if (probe->type == PROBE_WATCH || (probe->type == PROBE_PLACES && probe->options.hardware))
		return watch_set(probes, probe);
	if (probe->type == PROBE_CALLS) {
		probes->call_probes++;
		return report_calls(probes);
	}
	return probe_update_points(probe);
}

static struct sdb_error *switch_off(struct sdb_probe *probe)
{
	struct probes *probes = probe->target->probes;
	steps_forget(probes, probe);
	if (probe->type == PROBE_WATCH && probe->options.software)
		return software_clear(probes, probe);
	if (probe->watch >= 0)
		return watch_clear(probes, probe);
	if (probe->type == PROBE_CALLS) {
		probes->call_probes--;
		return report_calls(probes);
	}
	for (size_t i = 0; probe->returns && i < probe->target->thread_count; i++)
		if (probe->target->threads[i]->probing)
			returns_forget(probes, probe->target->threads[i]->probing, probe);
	return probe->returns ? points_update_all(probes) : probe_update_points(probe);
}

struct sdb_error *sdb_probe_enable(struct sdb_probe *probe)
{
	struct sdb_target *target = probe->target;
	if (probe->enabled || probe->removed)
		return NULL;
	if (target->status != SDB_TARGET_RUNNING && target->status != SDB_TARGET_PAUSED)
		return sdb_error_new(SDB_ERROR_INVALID, "the target is not there");
	/* Before the first one the target is not watched: a breakpoint would end it. */
	bool first = !probes_active(target) && target->status == SDB_TARGET_RUNNING;
	struct sdb_error *error = first ? sdb_target_pause(target) : NULL;
	if (error)
		return error;
	probe->enabled = true;
	error = switch_on(probe);
	if (error) {
		probe->enabled = false;
		sdb_error_free(switch_off(probe));
	}
	struct sdb_error *other = first ? sdb_target_resume(target) : NULL;
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

struct sdb_error *sdb_probe_disable(struct sdb_probe *probe)
{
	if (!probe->enabled)
		return NULL;
	probe->enabled = false;
	struct sdb_error *error = switch_off(probe);
	return error ? error : probes_settle(probe->target);
}

/* ---- life ------------------------------------------------------------------------------------------ */

static void free_probe(struct sdb_probe *probe)
{
	for (struct site *site = probe->sites, *next; site; site = next) {
		next = site->next_of_probe;
		struct site **link = &site->point->sites;
		while (*link && *link != site)
			link = &(*link)->next_at_point;
		if (*link)
			*link = site->next_at_point;
		free(site);
	}
	call_forget(probe);
	filter_destroy(probe->filter);
	free(probe->bytes);
	free(probe->pattern);
	free(probe);
}

void probes_sweep(struct probes *probes)
{
	if (probes->depth || !probes->sweep)
		return;
	probes->sweep = false;
	for (struct sdb_probe **link = &probes->list; *link;) {
		struct sdb_probe *probe = *link;
		if (!probe->removed) {
			link = &probe->next;
			continue;
		}
		*link = probe->next;
		free_probe(probe);
	}
	points_free_unused(probes);
}

struct sdb_error *probes_settle(struct sdb_target *target)
{
	struct probes *probes = target->probes;
	if (!probes || probes->depth)
		return NULL;
	probes_sweep(probes);
	/* With nothing to look for, nobody needs to watch it. */
	if (probes_active(target) || target->status != SDB_TARGET_RUNNING)
		return NULL;
	struct sdb_error *error = sdb_target_pause(target);
	return error ? error : sdb_target_resume(target);
}

struct sdb_error *sdb_probe_remove(struct sdb_probe *probe)
{
	struct sdb_target *target = probe->target;
	bool was_enabled = probe->enabled;
	probe->enabled = false;
	struct sdb_error *error = was_enabled ? switch_off(probe) : NULL;
	probe->removed = true;
	target->probes->sweep = true;
	struct sdb_error *other = probes_settle(target);
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

void probes_remove_all(struct sdb_target *target)
{
	struct probes *probes = target->probes;
	if (!probes)
		return;
	bool there = target->status == SDB_TARGET_RUNNING || target->status == SDB_TARGET_PAUSED;
	if (there)
		sdb_error_free(sdb_target_pause(target));
	probes->depth++; /* nothing is to go on meanwhile */
	for (struct sdb_probe *probe = probes->list; probe; probe = probe->next) {
		if (probe->enabled) {
			probe->enabled = false;
			sdb_error_free(switch_off(probe));
		}
		probe->removed = true;
	}
	probes->depth--;
	if (there && target->status == SDB_TARGET_PAUSED)
		sdb_error_free(points_leave(probes));
	probes->sweep = true;
	probes_sweep(probes);
	for (size_t i = 0; i < target->thread_count; i++)
		probes_thread_gone(target->threads[i]);
	points_forget(probes);
	free(probes->deferred);
	free(probes);
	target->probes = NULL;
}

static void lose_places(struct sdb_probe *probe)
{
	for (struct site *site = probe->sites, *next; site; site = next) {
		next = site->next_of_probe;
		free(site);
	}
	probe->sites = NULL;
	probe->site_count = 0;
	probe->watch = -1;
	free(probe->bytes);
	probe->bytes = NULL;
	/* In another program an address is that of anything. */
	if (probe->pattern && strncmp(probe->pattern, "0x", 2) == 0) {
		free(probe->pattern);
		probe->pattern = NULL;
	}
	/* Events are still told of, and what is pending is looked for anew. */
	if ((probe->type == PROBE_PLACES && !probe->pattern) || probe->type == PROBE_WATCH)
		probe->enabled = false;
}

/* The places of PROBE in another program than the one that it was made for. */
static struct sdb_error *find_in_new(struct sdb_probe *probe)
{
	struct sdb_error *error = NULL;
	if (probe->pattern)
		error = place_pending_again(probe);
	else if (probe->type == PROBE_EVENTS && probe->kinds & 1u << SDB_HIT_LIBRARY)
		error = place_bind(probe, LINKER_HOOK);
	if (error && sdb_error_code(error) != SDB_ERROR_MEMORY) {
		if (sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
			target_log(probe->target, SDB_LOG_PROBE, SDB_LOG_WARNING, "in the new program: %s", sdb_error_message(error));
		sdb_error_free(error);
		error = NULL;
	}
	return error ? error : probe_update_points(probe);
}

struct sdb_error *probes_replaced(struct probes *probes)
{
	struct sdb_target *target = probes->target;
	for (struct sdb_probe *probe = probes->list; probe; probe = probe->next)
		lose_places(probe);
	for (unsigned i = 0; i < WATCHES; i++)
		probes->watches[i] = NULL;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct thread_probing *probing = target->threads[i]->probing;
		if (!probing)
			continue;
		probing->count = probing->due.count = probing->steps = 0;
		probing->after = probing->interrupted = NULL;
		probing->ready = false;
	}
	probes->software = 0;
	probes->turn = NULL;
	struct sdb_error *error = calls_tell(probes);
	probes->no_scratch = false;
	points_forget(probes);
	probes->depth++;
	for (struct sdb_probe *probe = probes->list; probe && !error; probe = probe->next)
		if (!probe->removed)
			error = find_in_new(probe);
	probes->depth--;
	return error;
}

static struct sdb_error *create(struct sdb_target *target, enum probe_type type, const struct sdb_probe_options *options,
				struct sdb_probe **probe_ret)
{
	struct probes *probes = NULL;
	struct sdb_error *error = probes_get(target, &probes);
	if (error)
		return error;
	struct sdb_probe *probe = calloc(1, sizeof(*probe));
	if (!probe)
		return NO_MEMORY();
	*probe = (struct sdb_probe){ .target = target, .options = *options, .type = type, .watch = -1, .number = -1 };
	/* Breakpoints that the driver keeps are such already. */
	probe->options.hardware &= !target->driver->insert_breakpoint;
	error = options->filter ? filter_create(options->filter, &probe->filter) : NULL;
	if (error) {
		free(probe);
		return error;
	}
	probe->options.filter = NULL; /* that is the caller's */
	struct sdb_probe **link = &probes->list;
	while (*link)
		link = &(*link)->next;
	*link = probe;
	*probe_ret = probe;
	return NULL;
}

/* Switches a new probe on, or frees it with ERROR. */
static struct sdb_error *finish(struct sdb_probe *probe, struct sdb_error *error, struct sdb_probe **probe_ret)
{
	if (!error && !probe->options.disabled)
		error = sdb_probe_enable(probe);
	if (error) {
		sdb_error_free(sdb_probe_remove(probe));
		return error;
	}
	*probe_ret = probe;
	return NULL;
}

/* ---- making them ------------------------------------------------------------------------------------- */

static struct sdb_error *make_places(struct sdb_target *target, const char *pattern,
				     const struct sdb_probe_options *options, bool returns, struct sdb_probe **probe_ret)
{
	struct sdb_probe *probe = NULL;
	struct sdb_error *error = create(target, PROBE_PLACES, options, &probe);
	if (error)
		return error;
	probe->returns = returns;
	error = place_bind(probe, pattern);
	if (options->pending && !options->hardware && (!error || sdb_error_code(error) == SDB_ERROR_NOT_FOUND))
		error = place_pending(probe, pattern, error);
	if (!error && !probe->site_count && !probe->pattern)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "'%s' is a variable: watch it instead", pattern);
	return finish(probe, error, probe_ret);
}

struct sdb_error *sdb_probe_pattern(struct sdb_target *target, const char *pattern,
				    const struct sdb_probe_options *options, struct sdb_probe **probe_ret)
{
	return make_places(target, pattern, options, false, probe_ret);
}

struct sdb_error *sdb_probe_function(struct sdb_target *target, const char *pattern,
				     const struct sdb_probe_options *options, struct sdb_probe **probe_ret)
{
	if (options->after && (options->body || options->hardware))
		return sdb_error_new(SDB_ERROR_INVALID, "returns can be told only with breakpoints at the functions' entries");
	return make_places(target, pattern, options, options->after != NULL, probe_ret);
}

struct sdb_error *sdb_probe_address(struct sdb_target *target, uint64_t address,
				    const struct sdb_probe_options *options, struct sdb_probe **probe_ret)
{
	struct sdb_probe *probe = NULL;
	struct sdb_error *error = create(target, PROBE_PLACES, options, &probe);
	if (error)
		return error;
	return finish(probe, place_at(probe, address), probe_ret);
}

struct sdb_error *sdb_probe_watch(struct sdb_target *target, uint64_t address, unsigned size, enum sdb_watch access,
				  const struct sdb_probe_options *options, struct sdb_probe **probe_ret)
{
	struct sdb_probe *probe = NULL;
	if (options->software && access != SDB_WATCH_CHANGE)
		return sdb_error_new(SDB_ERROR_INVALID, "stepping notices changes, not every access");
	if (options->software && (size == 0 || size > WATCH_MAX))
		return sdb_error_new(SDB_ERROR_INVALID, "1 to %u bytes can be watched", WATCH_MAX);
	if (!options->software && ((size != 1 && size != 2 && size != 4 && size != 8) || address % size))
		return sdb_error_new(SDB_ERROR_INVALID, "a debug register watches 1, 2, 4 or 8 bytes at a multiple of that");
	struct sdb_error *error = create(target, PROBE_WATCH, options, &probe);
	if (error)
		return error;
	probe->address = address;
	probe->size = size;
	probe->access = access;
	return finish(probe, NULL, probe_ret);
}

struct sdb_error *sdb_probe_calls(struct sdb_target *target, int64_t number, const struct sdb_probe_options *options,
				  struct sdb_probe **probe_ret)
{
	struct sdb_probe *probe = NULL;
	struct sdb_error *error = create(target, PROBE_CALLS, options, &probe);
	if (error)
		return error;
	probe->number = number;
	return finish(probe, NULL, probe_ret);
}

struct sdb_error *sdb_probe_events(struct sdb_target *target, unsigned kinds, const struct sdb_probe_options *options,
				   struct sdb_probe **probe_ret)
{
	struct sdb_probe *probe = NULL;
	struct sdb_error *error = create(target, PROBE_EVENTS, options, &probe);
	if (error)
		return error;
	probe->kinds = kinds;
	if (kinds & 1u << SDB_HIT_LIBRARY) { /* the dynamic linker calls this when it has changed its list */
		error = place_bind(probe, LINKER_HOOK);
	}
	return finish(probe, error, probe_ret);
}

/* ---- what they are --------------------------------------------------------------------------------------- */

bool sdb_probe_enabled(const struct sdb_probe *probe)
{
	return probe->enabled;
}

const char *sdb_probe_filter_failure(const struct sdb_probe *probe)
{
	return probe->filter ? filter_failure(probe->filter) : NULL;
}

uint64_t sdb_probe_hits(const struct sdb_probe *probe)
{
	return probe->hits;
}

size_t sdb_probe_places(const struct sdb_probe *probe)
{
	return probe->site_count;
}

struct sdb_target *sdb_probe_target(const struct sdb_probe *probe)
{
	return probe->target;
}
