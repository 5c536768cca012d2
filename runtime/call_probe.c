/* SPDX-License-Identifier: MIT */
/* Probes on system calls: which of them are told of a call, and of its result. */

#include "probe_private.h"

/* It is told of results only: that is what its filter is for, too. */
static bool wants_results(const struct sdb_probe *probe)
{
	return probe->options.after && !probe->options.before;
}

void call_forget(const struct sdb_probe *probe)
{
	struct sdb_target *target = probe->target;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct thread_probing *probing = target->threads[i]->probing;
		for (size_t k = 0; probing && k < probing->callers.count; k++)
			if (probing->callers.items[k] == probe)
				probing->callers.items[k] = NULL;
	}
}

static bool is_meant(const struct probes *probes, const struct sdb_probe *probe, const struct thread_probing *probing)
{
	return probe->type == PROBE_CALLS
		&& (probe->number < 0 || (probe->number == probing->call_number
					  && probing->call_machine == probes->target->architecture->machine));
}

static struct sdb_error *tell_one(struct sdb_probe *probe, struct sdb_thread *thread, const struct driver_event *event,
				  bool *pause_ret)
{
	struct thread_probing *probing = thread->probing;
	bool entry = event->kind == DRIVER_SYSCALL, judged = entry != wants_results(probe);
	if (judged ? !probe_passes(probe, thread) : entry || !probe_list_has(&probing->callers, probe))
		return NULL;
	struct sdb_hit hit = { .kind = entry ? SDB_HIT_CALL : SDB_HIT_CALL_EXIT, .probe = probe, .target = probe->target,
			       .thread = thread, .number = probing->call_number, .value = entry ? 0 : (uint64_t)event->number,
			       .machine = probing->call_machine };
	for (unsigned i = 0; i < 6; i++)
		hit.arguments[i] = probing->call_arguments[i];
	probe->hits += judged;
	struct sdb_error *error = entry ? probe_list_add(&probing->callers, probe) : NULL;
	if (!error)
		error = probe_call(probe, entry ? probe->options.before : probe->options.after, &hit);
	*pause_ret |= hit.pause;
	return error;
}

struct sdb_error *call_met(struct probes *probes, const struct driver_event *event, bool *pause_ret)
{
	bool entry = event->kind == DRIVER_SYSCALL;
	struct thread_probing *probing = calls_are_told(probes) ? thread_probing(event->thread) : NULL;
	struct sdb_error *error = NULL;
	if (!probing)
		return calls_are_told(probes) ? NO_MEMORY() : NULL;
	if (entry) {
		probing->call_number = event->number;
		probing->call_machine = event->machine;
		for (unsigned i = 0; i < 6; i++)
			probing->call_arguments[i] = event->arguments[i];
		probing->callers.count = 0;
	}
	if (!entry && !probing->in_call)
		return NULL; /* it was in there when we came */
	probing->in_call = entry;
	probes->depth++;
	for (struct sdb_probe *probe = probes->list; probe && !error; probe = probe->next)
		if (is_meant(probes, probe, probing) && probe_wants(probe, event->thread))
			error = tell_one(probe, event->thread, event, pause_ret);
	probes->depth--;
	return error;
}
