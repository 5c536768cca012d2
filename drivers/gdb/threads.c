/* SPDX-License-Identifier: MIT */
/* Threads as the stub numbers them, and as the runtime does: of a machine CPUs from 0 on. */

#include "stub.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ------------------------------------------------------------------------------- */

bool stub_parse_id(const char **at, uint64_t *pid_ret, uint64_t *tid_ret)
{
	bool process = **at == 'p';
	*pid_ret = 0;
	*at += process;
	if (!packet_number(at, tid_ret))
		return false;
	if (!process)
		return true;
	*pid_ret = *tid_ret;
	if (**at != '.')
		return false;
	(*at)++;
	return packet_number(at, tid_ret);
}

void stub_format_id(const struct stub *stub, const struct stub_thread *thread, char id[STUB_ID_SIZE])
{
	if (stub->features.multiprocess && thread->pid)
		snprintf(id, STUB_ID_SIZE, "p%" PRIx64 ".%" PRIx64, thread->pid, thread->tid);
	else
		snprintf(id, STUB_ID_SIZE, "%" PRIx64, thread->tid);
}

struct stub_thread *stub_find_thread(const struct stub *stub, uint64_t pid, uint64_t tid)
{
	for (size_t i = 0; i < stub->thread_count; i++)
		if (stub->threads[i]->tid == tid && (!pid || !stub->threads[i]->pid || stub->threads[i]->pid == pid))
			return stub->threads[i];
	return NULL;
}

/* ---- the list ---------------------------------------------------------------------------------- */

struct sdb_error *stub_add_thread(struct stub *stub, uint64_t pid, uint64_t tid, struct stub_thread **thread_ret)
{
	if (stub->thread_count == STUB_THREADS_MAX)
		return sdb_error_new(SDB_ERROR_MEMORY, "%s: the gdb stub has more than %d threads", stub->target->name,
				     STUB_THREADS_MAX);
	if (!stub->machine && (tid == 0 || tid > INT64_MAX))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub has a thread with number %#" PRIx64, stub->rsp->name, tid);
	if (stub->thread_count == stub->thread_room) {
		size_t room = stub->thread_room ? 2 * stub->thread_room : 8;
		void *threads = realloc(stub->threads, room * sizeof(*stub->threads));
		if (!threads)
			return NO_MEMORY();
		stub->threads = threads;
		stub->thread_room = room;
	}
	struct stub_thread *thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NO_MEMORY();
	int64_t number = stub->machine ? (int64_t)stub->thread_count : (int64_t)tid;
	struct sdb_error *error = target_add_thread(stub->target, number, &thread->thread);
	if (error) {
		free(thread);
		return error;
	}
	thread->thread->state = thread;
	thread->pid = pid;
	thread->tid = tid;
	thread->wanted = stub->target->status == SDB_TARGET_RUNNING;
	thread->thread->stopped = !thread->wanted;
	stub->threads[stub->thread_count++] = thread;
	*thread_ret = thread;
	return NULL;
}

static void free_thread(struct stub *stub, struct stub_thread *thread)
{
	if (stub->general == thread)
		stub->general = NULL;
	if (stub->gone == thread)
		stub->gone = NULL;
	free(thread->raw);
	free(thread);
}

void stub_remove_thread(struct stub *stub, struct stub_thread *thread)
{
	size_t kept = 0;
	for (size_t i = 0; i < stub->event_count; i++)
		if (stub->events[i].thread != thread->thread)
			stub->events[kept++] = stub->events[i];
	stub->event_count = kept;
	for (size_t i = 0; i < stub->thread_count; i++) {
		if (stub->threads[i] != thread)
			continue;
		stub->thread_count--;
		memmove(stub->threads + i, stub->threads + i + 1, (stub->thread_count - i) * sizeof(*stub->threads));
		break;
	}
	target_remove_thread(stub->target, thread->thread);
	free_thread(stub, thread);
}

/* The runtime's part of them is freed with the target. */
void stub_free_threads(struct stub *stub)
{
	for (size_t i = 0; i < stub->thread_count; i++) {
		stub->threads[i]->thread->state = NULL;
		free_thread(stub, stub->threads[i]);
	}
	free(stub->threads);
	stub->threads = NULL;
	stub->thread_count = stub->thread_room = 0;
	stub->general = stub->gone = NULL;
}

static struct sdb_error *malformed(const struct stub *stub, const char *text)
{
	return sdb_error_new(SDB_ERROR_CORRUPT, "%s: the gdb stub's list of threads makes no sense: '%.40s'", stub->rsp->name,
			     text);
}

/* `pP.T,pP.T` */
static struct sdb_error *take_part(struct stub *stub, const char *text)
{
	for (const char *at = text; *at;) {
		uint64_t pid, tid;
		struct stub_thread *thread;
		if (!stub_parse_id(&at, &pid, &tid) || (*at && *at++ != ','))
			return malformed(stub, text);
		thread = stub_find_thread(stub, pid, tid);
		/* Of several processes behind one stub only the first is looked at. */
		bool other = !thread && pid && !stub->machine && stub->thread_count && stub->threads[0]->pid != pid;
		struct sdb_error *error = thread || other ? NULL : stub_add_thread(stub, pid, tid, &thread);
		if (error)
			return error;
		if (thread)
			thread->seen = true;
	}
	return NULL;
}

struct sdb_error *stub_list_threads(struct stub *stub)
{
	struct rsp_reply reply;
	size_t parts = 0;
	int64_t end = transport_now() + STUB_TIMEOUT_MS;
	for (size_t i = 0; i < stub->thread_count; i++)
		stub->threads[i]->seen = false;
	struct sdb_error *error = rsp_askf(stub->rsp, &reply, "qfThreadInfo");
	while (!error && reply.data[0] == 'm') {
		error = take_part(stub, reply.data + 1);
		if (!error && (++parts > STUB_THREADS_MAX || transport_now() > end))
			error = malformed(stub, "it has no end");
		if (!error)
			error = rsp_askf(stub->rsp, &reply, "qsThreadInfo");
	}
	if (!error && reply.size && reply.data[0] != 'l')
		error = malformed(stub, reply.data);
	if (error)
		return error;
	stub->ran = false;
	/* A stub without a list has one thread. */
	if (!stub->thread_count) {
		struct stub_thread *thread;
		return stub_add_thread(stub, 0, 1, &thread);
	}
	for (size_t i = stub->thread_count; i-- > 0 && parts && !stub->machine;)
		if (!stub->threads[i]->seen && !stub->threads[i]->queued && !stub->threads[i]->exiting)
			stub_remove_thread(stub, stub->threads[i]);
	return NULL;
}

struct sdb_error *stub_select(struct stub *stub, struct stub_thread *thread)
{
	char id[STUB_ID_SIZE];
	if (stub->general == thread)
		return NULL;
	stub_format_id(stub, thread, id);
	struct sdb_error *error = rsp_order(stub->rsp, "Hg%s", id);
	/* One that knows nothing of threads has only one. */
	if (error && sdb_error_code(error) == SDB_ERROR_UNSUPPORTED && stub->thread_count == 1) {
		sdb_error_free(error);
		error = NULL;
	}
	stub->general = error ? NULL : thread;
	return error;
}

struct sdb_error *stub_refresh(struct sdb_target *target)
{
	struct stub *stub = stub_of(target);
	bool was_running;
	if (!stub->rsp || stub->machine || !stub->ran)
		return NULL;
	struct sdb_error *error = stub_hold(stub, &was_running);
	if (error)
		return error;
	return stub_release(stub, was_running, stub_list_threads(stub));
}
