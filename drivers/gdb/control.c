/* SPDX-License-Identifier: MIT */
/* Threads going on and standing still: one by one for the runtime, all at once for the stub. */

#include "stub.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOREIGN_STOP_MS = 300 };

/* ---- standing still -------------------------------------------------------------------------- */

static struct sdb_error *await_halt(struct stub *stub)
{
	int64_t end = transport_now() + (stub->foreign_stop ? FOREIGN_STOP_MS : STUB_TIMEOUT_MS);
	while (stub->running) {
		struct rsp_reply reply;
		bool interrupted = false;
		struct sdb_error *error = rsp_await_stop(stub->rsp, end, &reply);
		if (error)
			return error;
		if (!reply.data && stub->foreign_stop) { /* it stands since somebody else stopped it */
			stub->running = false;
			return NULL;
		}
		if (!reply.data)
			return sdb_error_new(SDB_ERROR_SYSTEM, "%s: the target did not stop within %d seconds", stub->rsp->name,
					     STUB_TIMEOUT_MS / 1000);
		error = stub_take_stop(stub, &reply, &interrupted);
		if (error)
			return error;
		/* A process that stopped by itself just then gets the signal that was to stop it later. */
		if (!stub->running && !interrupted)
			stub->stale_interrupt = !stub->machine;
	}
	return NULL;
}

struct sdb_error *stub_halt(struct stub *stub)
{
	if (!stub->running)
		return NULL;
	struct sdb_error *error = rsp_interrupt(stub->rsp);
	stub->halting = true;
	if (!error)
		error = await_halt(stub);
	stub->halting = false;
	stub_guard_update(stub);
	return error;
}

struct sdb_error *stub_hold(struct stub *stub, bool *was_running)
{
	bool ran;
	struct sdb_error *error = stub_reach(stub, &ran);
	*was_running = ran || stub->running;
	return error ? error : stub_halt(stub);
}

struct sdb_error *stub_release(struct stub *stub, bool was_running, struct sdb_error *error)
{
	struct sdb_error *other = was_running ? stub_go(stub) : NULL;
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

static bool is_ending(const struct stub *stub)
{
	for (size_t i = 0; i < stub->event_count; i++)
		if (stub->events[i].kind == DRIVER_EXITED)
			return true;
	return false;
}

struct sdb_error *stub_pause(struct sdb_target *target)
{
	struct stub *stub = stub_of(target);
	bool ran;
	struct sdb_error *error = stub_hold(stub, &ran);
	if (!error && is_ending(stub) && !stub->watched) {
		target->status = SDB_TARGET_EXITED;
		target->exit_status = (int)stub->events[stub->event_count - 1].number;
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has ended", target->name);
	}
	if (!error && !stub->machine && stub->ran && !is_ending(stub))
		error = stub_list_threads(stub);
	if (error)
		return error;
	for (size_t i = 0; i < stub->thread_count; i++) {
		stub->threads[i]->wanted = false;
		stub->threads[i]->thread->stopped = true;
	}
	target_forget(target);
	target->status = SDB_TARGET_PAUSED;
	return NULL;
}

/* ---- what is wanted to be known -------------------------------------------------------------------- */

/* While nobody watches, the process is to get its signals without us. SIGINT is what stops it. */
static struct sdb_error *pass_signals(struct stub *stub, bool all)
{
	char request[1024] = "QPassSignals:";
	struct rsp_reply reply;
	size_t length = strlen(request);
	if (!stub->features.pass_signals)
		return NULL;
	for (int signal = 1; all && signal <= 64; signal++) {
		int number = stub_signal_to_gdb(signal);
		if (signal == SIGINT || signal == SIGTRAP || signal == SIGKILL || signal == SIGSTOP)
			continue;
		length += (size_t)snprintf(request + length, sizeof(request) - length, "%x;", (unsigned)number);
	}
	return rsp_ask(stub->rsp, request, length - all, &reply);
}

static struct sdb_error *set_watched(struct stub *stub, bool watched)
{
	struct sdb_error *error = NULL;
	if (stub->watched == watched || stub->machine) {
		stub->watched = watched;
		return NULL;
	}
	/*
	 * Threads are not reported as they come and go (QThreadEvents): of an exit gdbserver 13 dies, when it stops
	 * all threads at once. They are found when they stop, or everything is paused.
	 */
	error = pass_signals(stub, !watched);
	if (!error && watched)
		error = stub_list_threads(stub);
	stub->watched = watched;
	return error;
}

/* ---- going on --------------------------------------------------------------------------------------- */

/* The thread is told something of its own. */
static bool is_special(const struct stub_thread *thread)
{
	return thread->wanted && (thread->step == DRIVER_STEP || thread->thread->signal);
}

static size_t put_action(const struct stub *stub, const struct stub_thread *thread, char *to, size_t room)
{
	char id[STUB_ID_SIZE];
	int length;
	stub_format_id(stub, thread, id);
	if (thread->thread->signal)
		length = snprintf(to, room, ";%c%02x:%s", thread->step == DRIVER_STEP ? 'S' : 'C',
				  (unsigned)stub_signal_to_gdb(thread->thread->signal), id);
	else
		length = snprintf(to, room, ";%c:%s", thread->step == DRIVER_STEP ? 's' : 'c', id);
	return (size_t)length;
}

/* Those that are wanted to: all of them in one request. */
static struct sdb_error *send_vcont(struct stub *stub, size_t held)
{
	size_t room = stub->rsp->packet_max, size = 5;
	bool plain = false;
	char *request = malloc(room + 64);
	if (!request)
		return NO_MEMORY();
	memcpy(request, "vCont", 5);
	for (size_t i = 0; i < stub->thread_count && size < room; i++) {
		const struct stub_thread *thread = stub->threads[i];
		if (!thread->wanted || thread->exiting)
			continue;
		plain |= !is_special(thread);
		if (held || is_special(thread))
			size += put_action(stub, thread, request + size, room + 64 - size);
	}
	if (!held && plain && size < room)
		size += (size_t)snprintf(request + size, room + 64 - size, ";c");
	/* Too many to name: they wait until the one that is in hand goes on, too. */
	struct sdb_error *error = size >= room ? NULL : rsp_send(stub->rsp, request, size);
	stub->running = !error && size < room;
	free(request);
	return error;
}

/* A stub that can only let all go, or one make a step. */
static struct sdb_error *send_continue(struct stub *stub)
{
	struct stub_thread *special = NULL;
	char id[STUB_ID_SIZE] = "-1", request[8];
	for (size_t i = 0; i < stub->thread_count && !special; i++)
		if (is_special(stub->threads[i]))
			special = stub->threads[i];
	if (special)
		stub_format_id(stub, special, id);
	struct rsp_reply ignored;
	struct sdb_error *error = rsp_askf(stub->rsp, &ignored, "Hc%s", id);
	if (error)
		return error;
	bool step = special && special->step == DRIVER_STEP;
	if (special && special->thread->signal)
		snprintf(request, sizeof(request), "%c%02x", step ? 'S' : 'C', (unsigned)stub_signal_to_gdb(special->thread->signal));
	else
		snprintf(request, sizeof(request), "%c", step ? 's' : 'c');
	error = rsp_send(stub->rsp, request, strlen(request));
	stub->running = !error;
	return error;
}

struct sdb_error *stub_go(struct stub *stub)
{
	size_t held = 0, wanted = 0;
	if (stub->running || stub->event_count || !stub->rsp)
		return NULL;
	for (size_t i = 0; i < stub->thread_count; i++) {
		wanted += stub->threads[i]->wanted && !stub->threads[i]->exiting;
		held += !stub->threads[i]->wanted && !stub->threads[i]->exiting;
	}
	if (!wanted)
		return NULL;
	struct sdb_error *error = stub->features.vcont ? send_vcont(stub, held) : send_continue(stub);
	if (error || !stub->running)
		return error;
	stub->found_paused = stub->foreign_stop = false;
	stub->ran = true;
	for (size_t i = 0; i < stub->thread_count; i++)
		if (stub->threads[i]->wanted)
			stub->threads[i]->thread->signal = 0;
	stub_forget_registers(stub);
	stub_guard_update(stub);
	return NULL;
}

/* What stub_take_stop() compares with. */
static struct sdb_error *begin_step(struct stub *stub, struct stub_thread *thread)
{
	uint64_t pc;
	struct sdb_error *error = stub_thread_pc(stub, thread, &pc);
	if (!error && pc != thread->step_pc)
		thread->idle_steps = 0;
	if (!error)
		thread->step_pc = pc;
	return error;
}

struct sdb_error *stub_resume(struct sdb_thread *thread, enum driver_step step)
{
	struct stub_thread *one = stub_thread_of(thread);
	struct stub *stub = stub_of(thread->target);
	if (!thread->stopped || one->queued)
		return NULL;
	struct sdb_error *error = stub_need(stub);
	if (!error)
		error = set_watched(stub, true);
	if (!error && step == DRIVER_STEP && stub->machine && !stub->running)
		error = begin_step(stub, one);
	if (error)
		return error;
	one->wanted = true;
	one->step = step;
	thread->stopped = thread->trapped = false;
	thread->target->status = SDB_TARGET_RUNNING;
	/* As long as another one stands, more may follow: then it goes when somebody waits. */
	for (size_t i = 0; i < stub->thread_count; i++)
		if (!stub->threads[i]->wanted && !stub->threads[i]->exiting)
			return NULL;
	return stub_go(stub);
}

/* A signal that was not told of is still the thread's. */
static void drop_events(struct stub *stub)
{
	for (size_t i = 0; i < stub->event_count; i++) {
		struct sdb_thread *thread = stub->events[i].thread;
		if (!thread)
			continue;
		if (stub->events[i].kind == DRIVER_SIGNAL)
			thread->signal = (int)stub->events[i].number;
		stub_thread_of(thread)->queued = false;
		thread->trapped = false;
	}
	stub->event_count = 0;
}

struct sdb_error *stub_detach(struct sdb_target *target)
{
	struct stub *stub = stub_of(target);
	if (is_ending(stub)) {
		target->exit_status = (int)stub->events[stub->event_count - 1].number;
		target->status = SDB_TARGET_EXITED;
		return NULL;
	}
	struct sdb_error *error = stub_need(stub);
	if (!error)
		error = set_watched(stub, false);
	if (error)
		return error;
	drop_events(stub);
	for (size_t i = 0; i < stub->thread_count; i++) {
		stub->threads[i]->wanted = true;
		stub->threads[i]->step = DRIVER_CONTINUE;
		stub->threads[i]->thread->stopped = stub->threads[i]->thread->trapped = false;
		thread_forget(stub->threads[i]->thread);
	}
	target_forget(target);
	target->status = SDB_TARGET_RUNNING;
	return stub_go(stub);
}
