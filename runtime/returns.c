/* SPDX-License-Identifier: MIT */
/*
 * Returns of functions: a breakpoint at the return address of each call. A return is recognised by
 * the thread and its stack pointer, so that recursion and other callers of the same place are told
 * apart; the stack of the target is not changed.
 */

#include "probe_private.h"

#include <stdlib.h>
#include <string.h>

#define AWAITED_MAX 100000 /* calls of one thread */

static void drop(struct probes *probes, struct thread_probing *probing, size_t index)
{
	struct point *point = probing->awaited[index].point;
	probing->count--;
	memmove(&probing->awaited[index], &probing->awaited[index + 1],
		(probing->count - index) * sizeof(*probing->awaited));
	point->returns--;
	/* It stays in place while it may be wanted soon; points_free_unused() decides. */
	(void)probes;
}

struct sdb_error *returns_await(struct sdb_probe *probe, struct sdb_thread *thread, uint64_t entry)
{
	struct probes *probes = probe->target->probes;
	const struct architecture *architecture = probe->target->architecture;
	struct thread_probing *probing = thread_probing(thread);
	struct point *point;
	uint64_t address;
	if (!probing)
		return NO_MEMORY();
	struct sdb_error *error = thread_load(thread, REGISTERS_GENERAL);
	if (error)
		return error;
	uint64_t stack = thread_get(thread, architecture->sp);
	error = sdb_target_read_number(probe->target, stack, architecture->address_size, &address);
	/* Calls that ended in another way lie below this one. */
	while (probing->count && probing->awaited[probing->count - 1].stack <= stack)
		drop(probes, probing, probing->count - 1);
	if (!error && probing->count == probing->room) {
		size_t room = probing->room ? 2 * probing->room : 8;
		void *awaited = room > AWAITED_MAX ? NULL : realloc(probing->awaited, room * sizeof(*probing->awaited));
		if (!awaited)
			return room > AWAITED_MAX ? sdb_error_new(SDB_ERROR_MEMORY, "more than %d calls are awaited to return",
								  AWAITED_MAX) : NO_MEMORY();
		probing->awaited = awaited;
		probing->room = room;
	}
	if (!error)
		error = point_get(probes, address, &point);
	if (error)
		return error;
	point->returns++;
	probing->awaited[probing->count++] = (struct awaited){
		.probe = probe, .point = point, .stack = stack + architecture->address_size, .entry = entry,
	};
	return point_update(probes, point);
}

struct sdb_error *returns_met(struct probes *probes, struct sdb_thread *thread, struct point *point, struct sdb_hit *hit)
{
	const struct architecture *architecture = probes->target->architecture;
	struct thread_probing *probing = thread->probing;
	struct sdb_error *error = NULL;
	if (!probing || !probing->count)
		return NULL;
	error = thread_load(thread, REGISTERS_GENERAL);
	uint64_t stack = error ? 0 : thread_get(thread, architecture->sp);
	while (!error && probing->count) {
		struct awaited top = probing->awaited[probing->count - 1];
		/* What lies above is still running. Callee-popped arguments move it a little further. */
		if (top.stack > stack)
			break;
		drop(probes, probing, probing->count - 1);
		if (top.point != point || top.stack != stack)
			continue; /* it ended by longjmp or an exception */
		*hit = (struct sdb_hit){ .kind = SDB_HIT_RETURN, .probe = top.probe, .target = probes->target, .thread = thread,
					 .address = point->address, .entry = top.entry, .pause = hit->pause,
					 .value = thread_get(thread, architecture->return_value) };
		if (probe_wants(top.probe, thread) && top.probe->options.after)
			error = probe_call(top.probe, top.probe->options.after, hit);
	}
	return error;
}

void returns_forget(struct probes *probes, struct thread_probing *probing, const struct sdb_probe *probe)
{
	for (size_t i = probing->count; i-- > 0;)
		if (!probe || probing->awaited[i].probe == probe)
			drop(probes, probing, i);
}
