/* SPDX-License-Identifier: MIT */
/* Stop replies (GDB manual, appendix E.3), and what they mean to the runtime. */

#include "stub.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* What a reply says. */
struct stop {
	char kind;              /* S, T, W, X, w, N */
	unsigned signal;        /* or exit status */
	struct stub_thread *thread;
	bool has_thread, breakpoint, executed, created, vfork_done, syscall, syscall_exit, watched, forked;
	uint64_t pid, tid;      /* of the thread */
	uint64_t address;       /* that was accessed; number of a system call */
	uint64_t child_pid, child_tid;
	bool have_pc;
	uint64_t pc;
};

/* ---- reading ---------------------------------------------------------------------------------- */

static struct sdb_error *malformed(const struct stub *stub, const struct rsp_reply *reply)
{
	return sdb_error_new(SDB_ERROR_CORRUPT, "%s: a stop of the target makes no sense: '%s'", stub->rsp->name,
			     PACKET_SHOWN(reply->data));
}

/* `NN:hex`: a register that came with the stop. */
static void take_register(const struct stub *stub, struct stop *stop, uint64_t number, const char *value, size_t length)
{
	if (stub->features.pc < 0)
		return;
	const struct features_register *pc = &stub->features.registers[stub->features.pc];
	uint8_t bytes[8] = { 0 };
	if (number != pc->number || pc->size > sizeof(bytes) || length != 2u * pc->size
	    || packet_get_hex(value, length, bytes, pc->size) != pc->size)
		return;
	memcpy(&stop->pc, bytes, sizeof(bytes));
	stop->have_pc = true;
}

static bool take_pair(const struct stub *stub, struct stop *stop, const char *key, size_t key_length, const char *value,
		      size_t length)
{
	const struct { const char *name; bool *flag; uint64_t *number; } plain[] = {
		{ "watch", &stop->watched, &stop->address }, { "rwatch", &stop->watched, &stop->address },
		{ "awatch", &stop->watched, &stop->address }, { "swbreak", &stop->breakpoint, NULL },
		{ "hwbreak", &stop->breakpoint, NULL }, { "exec", &stop->executed, NULL }, { "create", &stop->created, NULL },
		{ "vforkdone", &stop->vfork_done, NULL }, { "syscall_entry", &stop->syscall, &stop->address },
		{ "syscall_return", &stop->syscall_exit, &stop->address },
	};
	const char *at = value;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strlen(plain[i].name) != key_length || memcmp(key, plain[i].name, key_length) != 0)
			continue;
		*plain[i].flag = true;
		return !plain[i].number || packet_number(&at, plain[i].number);
	}
	if (key_length == 6 && memcmp(key, "thread", 6) == 0) {
		stop->has_thread = true;
		return stub_parse_id(&at, &stop->pid, &stop->tid);
	}
	if ((key_length == 4 && memcmp(key, "fork", 4) == 0) || (key_length == 5 && memcmp(key, "vfork", 5) == 0)) {
		stop->forked = true;
		return stub_parse_id(&at, &stop->child_pid, &stop->child_tid);
	}
	uint64_t number;
	at = key;
	if (packet_number(&at, &number) && at == key + key_length)
		take_register(stub, stop, number, value, length);
	return true; /* what is not known is of no interest */
}

static bool take_pairs(const struct stub *stub, struct stop *stop, const char *text)
{
	while (*text) {
		const char *end = strchrnul(text, ';');
		const char *colon = memchr(text, ':', (size_t)(end - text));
		if (!colon)
			return false;
		if (!take_pair(stub, stop, text, (size_t)(colon - text), colon + 1, (size_t)(end - colon - 1)))
			return false;
		text = *end ? end + 1 : end;
	}
	return true;
}

static bool parse(const struct stub *stub, const struct rsp_reply *reply, struct stop *stop)
{
	const char *at = reply->data + 1;
	uint8_t byte = 0;
	uint64_t number;
	*stop = (struct stop){ .kind = reply->data[0] };
	switch (stop->kind) {
	case 'N':
		return true;
	case 'W': case 'X':
		if (!packet_number(&at, &number) || (*at && *at != ';'))
			return false;
		stop->signal = (unsigned)(number & 0xff);
		return true;
	case 'w':
		if (!packet_number(&at, &number) || *at++ != ';' || !stub_parse_id(&at, &stop->pid, &stop->tid))
			return false;
		stop->signal = (unsigned)(number & 0xff);
		stop->has_thread = true;
		return true;
	default:
		if (packet_get_hex(at, strnlen(at, 2), &byte, 1) != 1)
			return false;
		stop->signal = byte;
		return stop->kind == 'S' || take_pairs(stub, stop, at + 2);
	}
}

/* ---- the thread --------------------------------------------------------------------------------- */

static struct sdb_error *find_thread(struct stub *stub, struct stop *stop, const struct rsp_reply *reply)
{
	struct sdb_error *error = NULL;
	if (!stop->has_thread && stub->thread_count > 1) {
		struct rsp_reply current;
		error = rsp_askf(stub->rsp, &current, "qC");
		const char *at = current.data + 2;
		if (!error && strncmp(current.data, "QC", 2) == 0)
			stop->has_thread = stub_parse_id(&at, &stop->pid, &stop->tid);
	}
	if (error)
		return error;
	if (!stop->has_thread) {
		stop->thread = stub->thread_count ? stub->threads[0] : NULL;
		return stop->thread ? NULL : malformed(stub, reply);
	}
	stop->thread = stub_find_thread(stub, stop->pid, stop->tid);
	if (stop->thread)
		return NULL;
	error = stub_list_threads(stub);
	stop->thread = error ? NULL : stub_find_thread(stub, stop->pid, stop->tid);
	return error || stop->thread ? error : malformed(stub, reply);
}

/* ---- what it means ---------------------------------------------------------------------------------- */

static struct sdb_error *queue(struct stub *stub, const struct driver_event *event)
{
	if (stub->event_count == STUB_EVENTS_MAX)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub tells of stops without end", stub->rsp->name);
	stub->events[stub->event_count++] = *event;
	if (!event->thread)
		return NULL;
	struct stub_thread *thread = stub_thread_of(event->thread);
	thread->wanted = false;
	thread->queued = true;
	event->thread->stopped = true;
	event->thread->trapped = event->kind == DRIVER_BREAKPOINT;
	return NULL;
}

static struct sdb_error *ended(struct stub *stub, const struct stop *stop)
{
	int status = stop->kind == 'W' ? (int)stop->signal << 8 : stub_signal_from_gdb(stop->signal);
	return queue(stub, &(struct driver_event){ .kind = DRIVER_EXITED, .number = status });
}

/* Whether the instruction in BYTES is a branch to itself: SDM volume 2, jmp, jcc, loop. */
static bool loops(const uint8_t bytes[6])
{
	static const uint8_t back5[] = { 0xfb, 0xff, 0xff, 0xff }, back6[] = { 0xfa, 0xff, 0xff, 0xff };
	uint8_t first = bytes[0];
	if (first == 0xeb || (first & 0xf0) == 0x70 || (first & 0xfc) == 0xe0)
		return bytes[1] == 0xfe;
	return first == 0x0f ? (bytes[1] & 0xf0) == 0x80 && memcmp(bytes + 2, back6, sizeof(back6)) == 0
		: first == 0xe9 && memcmp(bytes + 1, back5, sizeof(back5)) == 0;
}

/*
 * A step of QEMU's ends when the CPU was to leave its loop for something else, too: an instruction that was not executed
 * is to be stepped again. One with a rep prefix is through when it is left. A stub that has its
 * breakpoints in memory does not get on at one.
 */
static struct sdb_error *stepped(struct stub *stub, struct stub_thread *thread, struct driver_event *event)
{
	enum { IDLE_STEPS_MAX = 8 };
	uint8_t bytes[6] = { 0 };
	uint64_t pc;
	size_t got;
	event->kind = DRIVER_STEPPED;
	struct sdb_error *error = stub->machine ? stub_thread_pc(stub, thread, &pc) : NULL;
	if (error || !stub->machine || pc != thread->step_pc)
		return error;
	error = stub_read_virtual(stub->target, pc, bytes, sizeof(bytes), &got);
	event->number = !error && !loops(bytes);
	sdb_error_free(error);
	if (event->number && stub_has_breakpoint(stub, pc) && ++thread->idle_steps > IDLE_STEPS_MAX)
		*event = (struct driver_event){ .kind = DRIVER_BREAKPOINT, .thread = event->thread };
	return NULL;
}

/* SIGTRAP: of a breakpoint, a step, or the program's own. */
static struct sdb_error *trapped(struct stub *stub, const struct stop *stop, struct driver_event *event)
{
	uint64_t pc;
	if (stop->thread->step == DRIVER_STEP && stop->thread->wanted)
		return stepped(stub, stop->thread, event);
	struct sdb_error *error = stub_thread_pc(stub, stop->thread, &pc);
	if (error)
		return error;
	/* One that was taken out a moment ago is none of ours any more: the runtime knows what to do. */
	event->kind = stop->breakpoint || stub->machine || stub_has_breakpoint(stub, pc) ? DRIVER_BREAKPOINT : DRIVER_SIGNAL;
	if (event->kind == DRIVER_SIGNAL)
		event->number = event->thread->signal = SIGTRAP;
	return NULL;
}

static struct sdb_error *make_event(struct stub *stub, const struct stop *stop, struct driver_event *event)
{
	if (stop->kind == 'w') {
		event->kind = DRIVER_EXITING;
		event->number = stop->signal << 8;
		stop->thread->exiting = true;
	} else if (stop->created) {
		event->kind = DRIVER_CREATED;
	} else if (stop->executed) {
		event->kind = DRIVER_EXECUTED;
		stub_forget_points(stub);
	} else if (stop->forked) {
		event->kind = DRIVER_CHILD;
		event->number = (int64_t)stop->child_pid;
		return stub_release_child(stub, stop->child_pid, stop->child_tid);
	} else if (stop->watched) {
		event->kind = DRIVER_WATCHED;
		event->number = (int64_t)stop->address;
	} else if (stop->syscall || stop->syscall_exit) {
		event->kind = stop->syscall ? DRIVER_SYSCALL : DRIVER_SYSCALL_EXIT;
		event->number = (int64_t)stop->address;
	} else if (stop->signal == GDB_SIGNAL_TRAP) {
		return trapped(stub, stop, event);
	} else {
		event->kind = DRIVER_SIGNAL;
		event->number = event->thread->signal = stub_signal_from_gdb(stop->signal);
	}
	return NULL;
}

/* Somebody else, or the machine itself, has stopped it: it stands until that one lets it go on. */
static void note_foreign_stop(struct stub *stub, const struct stop *stop)
{
	stub->foreign_stop = true;
	target_log(stub->target, SDB_LOG_DRIVER, SDB_LOG_WARNING, "%s was stopped by somebody else (signal %u)",
		   stub->target->name, stop->signal);
}

struct sdb_error *stub_take_stop(struct stub *stub, const struct rsp_reply *reply, bool *interrupted_ret)
{
	struct stop stop;
	*interrupted_ret = false;
	if (!parse(stub, reply, &stop))
		return malformed(stub, reply);
	if (stub->machine && !stub->halting && stop.kind == 'T' && stop.signal != GDB_SIGNAL_TRAP) {
		note_foreign_stop(stub, &stop);
		return NULL;
	}
	stub->running = false;
	stub_forget_registers(stub);
	if (stop.kind == 'N')
		return NULL;
	if (stop.kind == 'W' || stop.kind == 'X')
		return ended(stub, &stop);
	struct sdb_error *error = find_thread(stub, &stop, reply);
	if (error)
		return error;
	stub->general = stub->machine ? stop.thread : NULL;
	stop.thread->have_pc = stop.have_pc;
	stop.thread->pc = stop.pc;
	bool interrupt = stop.kind != 'w' && (stop.signal == GDB_SIGNAL_INT || stop.signal == GDB_SIGNAL_0);
	if (interrupt && stub->halting) {
		*interrupted_ret = true;
		return NULL;
	}
	if (interrupt && stub->stale_interrupt) {
		stub->stale_interrupt = false;
		return NULL;
	}
	if (stop.vfork_done)
		return stub_insert_again(stub);
	struct driver_event event = { .kind = DRIVER_NOTHING, .thread = stop.thread->thread };
	error = make_event(stub, &stop, &event);
	/* Unwatched, it goes on, with its signal. */
	if (!error && !stub->watched) {
		stop.thread->exiting = false;
		return NULL;
	}
	return error ? error : queue(stub, &event);
}
