/* SPDX-License-Identifier: MIT */
/* Breakpoint instructions: what stood there, and what is executed instead. */

#include "decoder.h"
#include "overlay.h"
#include "probe_private.h"

#include <stdlib.h>
#include <string.h>

#define BREAKPOINT 0xcc
#define NEAR 0x70000000u

static size_t bucket_of(uint64_t address)
{
	return (address ^ address >> 8 ^ address >> 16) % POINT_BUCKETS;
}

struct point *point_find(const struct probes *probes, uint64_t address)
{
	struct point *point = probes->buckets[bucket_of(address)];
	while (point && point->address != address)
		point = point->next;
	return point;
}

/* What is in the target's memory without our breakpoints. */
static void hide_breakpoints(const struct probes *probes, struct point *point)
{
	for (unsigned i = 1; i < point->read; i++) {
		const struct point *other = point_find(probes, point->address + i);
		if (other && other->inserted)
			point->original[i] = other->original[0];
	}
}

struct sdb_error *point_get(struct probes *probes, uint64_t address, struct point **point_ret)
{
	size_t got = 0;
	*point_ret = point_find(probes, address);
	if (*point_ret)
		return NULL;
	struct point *point = calloc(1, sizeof(*point));
	if (!point)
		return NO_MEMORY();
	point->address = address;
	struct sdb_error *error = sdb_target_read_some(probes->target, address, point->original, INSTRUCTION_MAX, &got);
	if (!error && !got)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing is mapped at %#llx", (unsigned long long)address);
	if (error) {
		free(point);
		return error;
	}
	point->read = (uint8_t)got;
	hide_breakpoints(probes, point);
	struct point **bucket = &probes->buckets[bucket_of(address)];
	point->next = *bucket;
	*bucket = point;
	*point_ret = point;
	return NULL;
}

/* ---- slots ---------------------------------------------------------------------------------------- */

static struct area *find_area(struct probes *probes, uint64_t address)
{
	for (unsigned i = 0; i < probes->area_count; i++) {
		struct area *area = &probes->areas[i];
		uint64_t distance = area->low > address ? area->low - address : address - area->low;
		if (distance < NEAR && area->used < (area->high - area->low) / SLOT_SIZE)
			return area;
	}
	return NULL;
}

/* The driver needs a stopped thread to make one. */
static struct sdb_error *make_area(struct probes *probes, uint64_t address, struct area **area_ret)
{
	struct sdb_target *target = probes->target;
	struct driver_scratch scratch;
	*area_ret = NULL;
	if (!target->driver->scratch || probes->no_scratch || probes->area_count == AREAS_MAX)
		return NULL;
	bool running = target->status == SDB_TARGET_RUNNING;
	struct sdb_error *error = running ? sdb_target_pause(target) : NULL;
	if (error)
		return error;
	error = target->driver->scratch(target, address, &scratch);
	struct point **points = error ? NULL : calloc((scratch.high - scratch.low) / SLOT_SIZE, sizeof(*points));
	/* After exec nothing is there yet that could map memory: it is tried again when the point is met. */
	bool later = error && sdb_error_code(error) == SDB_ERROR_INVALID;
	if (!error && points) {
		*area_ret = &probes->areas[probes->area_count++];
		**area_ret = (struct area){ .low = scratch.low, .high = scratch.high, .points = points };
	} else {
		if (error)
			target_log(target, SDB_LOG_PROBE, SDB_LOG_INFO, "instructions are executed in their place: %s",
				   sdb_error_message(error));
		probes->no_scratch = !later;
		sdb_error_free(error);
	}
	if (running && probes->depth) { /* after the handler */
		probes->resume = true;
		return NULL;
	}
	return running ? sdb_target_resume(target) : NULL;
}

struct sdb_error *points_protect(struct probes *probes, uint64_t address)
{
	struct area *area;
	return probes->area_count ? NULL : make_area(probes, address, &area);
}

struct sdb_error *point_complete(struct probes *probes, struct point *point)
{
	const struct architecture *architecture = probes->target->architecture;
	struct displaced displaced;
	struct sdb_error *error = point->exact ? NULL : decoder_load();
	if (point->exact || error)
		return error;
	displace(architecture, point->original, point->read, point->address, point->address, &displaced);
	if (!displaced.length)
		return sdb_error_new(SDB_ERROR_INVALID, "there is no instruction at %#llx", (unsigned long long)point->address);
	/* The driver's own breakpoints leave the memory as it is: what stands there is emulated, or stepped over. */
	point->exact = probes->target->driver->insert_breakpoint != NULL;
	if (point->exact)
		return NULL;
	struct area *area = find_area(probes, point->address);
	error = area ? NULL : make_area(probes, point->address, &area);
	if (error)
		return error;
	point->exact = area || probes->no_scratch || !probes->target->driver->scratch || probes->area_count == AREAS_MAX;
	if (!area)
		return NULL;
	uint64_t slot = area->low + area->used * SLOT_SIZE;
	if (!displace(architecture, point->original, point->read, point->address, slot, &point->displaced))
		return NULL;
	error = probes->target->driver->write_memory(probes->target, slot, point->displaced.code,
						     point->displaced.code_size);
	if (error)
		return error;
	area->points[area->used++] = point;
	point->slot = slot;
	return NULL;
}

struct point *point_of_slot(const struct probes *probes, uint64_t pc)
{
	for (unsigned i = 0; i < probes->area_count; i++) {
		const struct area *area = &probes->areas[i];
		if (pc >= area->low && pc < area->high)
			return area->points[(pc - area->low) / SLOT_SIZE];
	}
	return NULL;
}

/* ---- in and out ------------------------------------------------------------------------------------- */

static bool is_needed(const struct point *point)
{
	if (point->returns)
		return true;
	for (const struct site *site = point->sites; site; site = site->next_at_point)
		if (site->probe->enabled && !site->probe->removed)
			return true;
	return false;
}

static struct sdb_error *insert(struct probes *probes, struct point *point)
{
	static const uint8_t breakpoint = BREAKPOINT;
	struct sdb_target *target = probes->target;
	struct sdb_error *error = point_complete(probes, point);
	if (!error && overlays_have_point(target, point->address))
		error = sdb_error_new(SDB_ERROR_INVALID, "a process in %s has a probe at %#llx already", target->name,
				      (unsigned long long)point->address);
	if (!error && target->driver->insert_breakpoint) {
		error = target->driver->insert_breakpoint(target, point->address);
		point->inserted = !error;
		return error;
	}
	/* What stood there is kept safe before it is changed. */
	if (!error && target->driver->guard)
		error = target->driver->guard(target, point->address, point->original, 1);
	if (error)
		return error;
	error = sdb_target_write(target, point->address, &breakpoint, 1);
	if (!error)
		point->inserted = true;
	else if (target->driver->guard_release)
		target->driver->guard_release(target, point->address);
	return error;
}

struct sdb_error *point_lift(struct probes *probes, struct point *point)
{
	struct sdb_target *target = probes->target;
	if (!point->inserted)
		return NULL;
	if (target->driver->insert_breakpoint) {
		point->inserted = false;
		return target->driver->remove_breakpoint(target, point->address);
	}
	struct sdb_error *error = sdb_target_write(target, point->address, point->original, 1);
	point->inserted = false;
	if (target->driver->guard_release)
		target->driver->guard_release(target, point->address);
	/* Memory that was unmapped took the breakpoint with it. */
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

struct sdb_error *point_update(struct probes *probes, struct point *point)
{
	if (is_needed(point) == point->inserted)
		return NULL;
	return point->inserted ? point_lift(probes, point) : insert(probes, point);
}

struct sdb_error *points_update_all(struct probes *probes)
{
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < POINT_BUCKETS; i++)
		for (struct point *point = probes->buckets[i]; point && !error; point = point->next)
			error = point_update(probes, point);
	return error;
}

/* Where the thread would be without us: before the instruction, or behind it. */
static uint64_t true_pc(const struct point *point, uint64_t pc)
{
	bool done = point->displaced.copy_length && pc >= point->slot + point->displaced.copy_length;
	return point->address + (done ? point->displaced.length : 0);
}

uint64_t probes_true_pc(const struct sdb_target *target, uint64_t pc)
{
	const struct point *point = target->probes ? point_of_slot(target->probes, pc) : NULL;
	return point ? true_pc(point, pc) : pc;
}

struct sdb_error *points_leave(struct probes *probes)
{
	struct sdb_target *target = probes->target;
	struct sdb_error *error = points_update_all(probes);
	for (size_t i = 0; i < target->thread_count && !error && probes->area_count; i++) {
		struct sdb_thread *thread = target->threads[i];
		uint64_t pc;
		if (!thread->stopped)
			continue;
		error = thread_pc(thread, &pc);
		const struct point *point = error ? NULL : point_of_slot(probes, pc);
		if (point && (point->displaced.copy_length || pc == point->slot))
			error = thread_set_pc(thread, true_pc(point, pc));
		else if (!point && !error && (point = point_find(probes, pc - 1)) && thread->trapped)
			error = thread_set_pc(thread, pc - 1);
	}
	return error;
}

void points_free_unused(struct probes *probes)
{
	for (size_t i = 0; i < POINT_BUCKETS; i++) {
		for (struct point **link = &probes->buckets[i]; *link;) {
			struct point *point = *link;
			/* One with a slot stays: a thread may be in there, and it is wanted again often. */
			if (point->sites || point->returns || point->inserted || point->slot) {
				link = &point->next;
				continue;
			}
			*link = point->next;
			free(point);
		}
	}
}

void points_forget(struct probes *probes)
{
	for (size_t i = 0; i < POINT_BUCKETS; i++) {
		for (struct point *point = probes->buckets[i], *next; point; point = next) {
			next = point->next;
			free(point);
		}
		probes->buckets[i] = NULL;
	}
	for (unsigned i = 0; i < probes->area_count; i++)
		free(probes->areas[i].points);
	probes->area_count = 0;
}
