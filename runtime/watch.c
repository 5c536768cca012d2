/* SPDX-License-Identifier: MIT */
/*
 * Watchpoints: those that the driver keeps, or debug registers of x86 (Intel SDM volume 3, 17.2): four addresses, the
 * same in every thread.
 */

#include "probe_private.h"

#include <stdlib.h>

static const char *const address_names[WATCHES] = { "dr0", "dr1", "dr2", "dr3" };

static uint64_t control_bits(const struct sdb_probe *probe)
{
	unsigned length = probe->size == 1 ? 0 : probe->size == 2 ? 1 : probe->size == 4 ? 3 : 2;
	unsigned access = probe->type == PROBE_PLACES ? 0 : probe->access == SDB_WATCH_ACCESS ? 3 : 1;
	return UINT64_C(1) << (2 * probe->watch) | (uint64_t)(length << 2 | access) << (16 + 4 * probe->watch);
}

/* Writes to THREAD what is armed; it is stopped. */
static struct sdb_error *arm_thread(struct probes *probes, struct sdb_thread *thread)
{
	uint64_t control = 0;
	struct sdb_error *error = thread_load(thread, REGISTERS_DEBUG);
	for (unsigned i = 0; i < WATCHES && !error; i++) {
		const struct sdb_probe *probe = probes->watches[i];
		if (probe)
			control |= control_bits(probe);
		error = sdb_thread_set_register_number(thread, address_names[i], probe ? probe->address : 0);
	}
	if (!error)
		error = sdb_thread_set_register_number(thread, "dr7", control);
	return error ? error : thread_flush(thread);
}

static struct sdb_error *arm_all(struct probes *probes)
{
	struct sdb_target *target = probes->target;
	bool running = target->status == SDB_TARGET_RUNNING;
	if (target->status == SDB_TARGET_EXITED || target->status == SDB_TARGET_CLOSED)
		return NULL;
	struct sdb_error *error = running ? sdb_target_pause(target) : NULL;
	for (size_t i = 0; i < target->thread_count && !error; i++)
		if (target->threads[i]->stopped && !target->threads[i]->foreign)
			error = arm_thread(probes, target->threads[i]);
	/* Inside of a handler the others go on; the thread in hand waits for the handler. */
	if (!running)
		return error;
	struct sdb_error *other = NULL;
	if (probes->depth == 0)
		other = sdb_target_resume(target);
	else
		probes->resume = true;
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

/* Another probe has the driver watch the same already, or still. */
static bool is_shared(const struct probes *probes, const struct sdb_probe *probe)
{
	for (const struct sdb_probe *other = probes->list; other; other = other->next)
		if (other != probe && other->type == PROBE_WATCH && other->watch >= 0 && other->address == probe->address
		    && other->size == probe->size
		    && (other->access == SDB_WATCH_ACCESS) == (probe->access == SDB_WATCH_ACCESS))
			return true;
	return false;
}

static struct sdb_error *set_by_driver(struct probes *probes, struct sdb_probe *probe, bool on)
{
	struct sdb_target *target = probes->target;
	bool reads = probe->access == SDB_WATCH_ACCESS;
	if (is_shared(probes, probe))
		return NULL;
	return on ? target->driver->insert_watch(target, probe->address, probe->size, reads)
		: target->driver->remove_watch(target, probe->address, probe->size, reads);
}

static void note_value(struct sdb_probe *probe)
{
	if (probe->type == PROBE_WATCH)
		sdb_error_free(sdb_target_read_number(probe->target, probe->address, probe->size, &probe->last_value));
}

struct sdb_error *watch_set(struct probes *probes, struct sdb_probe *probe)
{
	if (probes->target->driver->insert_watch) {
		note_value(probe);
		struct sdb_error *error = set_by_driver(probes, probe, true);
		probe->watch = error ? -1 : 0;
		return error;
	}
	if (sdb_register_by_name(probes->target, "dr7") < 0)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s has no debug registers that are known",
				     probes->target->architecture->name);
	for (int i = 0; i < WATCHES && probe->watch < 0; i++)
		if (!probes->watches[i])
			probe->watch = i;
	if (probe->watch < 0)
		return sdb_error_new(SDB_ERROR_MEMORY, "all %d debug registers of the machine are in use", WATCHES);
	probes->watches[probe->watch] = probe;
	note_value(probe);
	struct sdb_error *error = arm_all(probes);
	if (error) {
		probes->watches[probe->watch] = NULL;
		probe->watch = -1;
	}
	return error;
}

struct sdb_error *watch_clear(struct probes *probes, struct sdb_probe *probe)
{
	if (probe->watch < 0)
		return NULL;
	if (probes->target->driver->insert_watch) {
		probe->watch = -1;
		return set_by_driver(probes, probe, false);
	}
	probes->watches[probe->watch] = NULL;
	probe->watch = -1;
	return arm_all(probes);
}

struct sdb_error *watch_new_thread(struct probes *probes, struct sdb_thread *thread)
{
	for (unsigned i = 0; i < WATCHES; i++)
		if (probes->watches[i])
			return arm_thread(probes, thread);
	return NULL;
}

static struct sdb_error *met_one(struct sdb_probe *probe, struct sdb_thread *thread, bool *pause_ret)
{
	uint64_t before = probe->last_value;
	struct sdb_hit hit = { .kind = probe->type == PROBE_PLACES ? SDB_HIT_ADDRESS : SDB_HIT_WATCH, .probe = probe,
			       .target = probe->target, .thread = thread, .address = probe->address,
			       .old_value = probe->last_value, .old_bytes = &before, .bytes = &hit.value, .size = probe->size };
	if (probe->type == PROBE_WATCH) {
		struct sdb_error *error = sdb_target_read_number(probe->target, probe->address, probe->size, &hit.value);
		if (error)
			return error;
		probe->last_value = hit.value;
		if (probe->access == SDB_WATCH_CHANGE && hit.value == hit.old_value)
			return NULL;
	}
	if (!probe_wants(probe, thread) || !probe_passes(probe, thread))
		return NULL;
	probe->hits++;
	struct sdb_error *error = probe_call(probe, probe->options.before, &hit);
	*pause_ret |= hit.pause;
	return error;
}

/* The driver says which address was accessed. */
static struct sdb_error *met_address(struct probes *probes, const struct driver_event *event, bool *pause_ret)
{
	struct sdb_error *error = NULL;
	uint64_t address = (uint64_t)event->number;
	for (struct sdb_probe *probe = probes->list, *next; probe && !error; probe = next) {
		next = probe->next;
		if (probe->type == PROBE_WATCH && probe->watch >= 0 && address - probe->address < probe->size)
			error = met_one(probe, event->thread, pause_ret);
	}
	return error;
}

struct sdb_error *watch_met(struct probes *probes, const struct driver_event *event, bool *pause_ret)
{
	struct sdb_error *error = NULL;
	if (event->kind == DRIVER_WATCHED)
		return met_address(probes, event, pause_ret);
	for (int i = 0; i < WATCHES && !error; i++)
		if (event->number & 1 << i && probes->watches[i])
			error = met_one(probes->watches[i], event->thread, pause_ret);
	return error;
}
