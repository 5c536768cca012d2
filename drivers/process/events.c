/* SPDX-License-Identifier: MIT */
/* What happens to the process: events of the machine that are its own, and its end. */

#include "guest_process.h"
#include "runtime/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CHECK_INTERVAL 200 /* milliseconds between looks whether it is still there */
#define NAP 10

static int64_t milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the queue ------------------------------------------------------------------------------------ */

void guest_process_queue(struct guest_process *process, const struct driver_event *event)
{
	if (process->queued == process->queue_room) {
		size_t room = process->queue_room ? 2 * process->queue_room : 8;
		void *queue = realloc(process->queue, room * sizeof(*process->queue));
		if (!queue) {
			sdb_error_free(process->trouble);
			process->trouble = NO_MEMORY();
			return;
		}
		process->queue = queue;
		process->queue_room = room;
	}
	process->queue[process->queued++] = *event;
	if (process->wakeup >= 0)
		eventfd_write(process->wakeup, 1);
}

bool guest_process_is_queued(const struct guest_process *process, const struct sdb_thread *thread)
{
	for (size_t i = 0; i < process->queued; i++)
		if (process->queue[i].thread == thread)
			return true;
	return false;
}

void guest_process_drop_events(struct guest_process *process)
{
	size_t kept = 0;
	for (size_t i = 0; i < process->queued; i++)
		if (process->queue[i].kind == DRIVER_EXITED || process->queue[i].kind == DRIVER_EXECUTED)
			process->queue[kept++] = process->queue[i];
	process->queued = kept;
}

static bool take_from_queue(struct guest_process *process, struct driver_event *event_ret)
{
	if (!process->queued)
		return false;
	*event_ret = process->queue[0];
	process->queued--;
	memmove(process->queue, process->queue + 1, process->queued * sizeof(*process->queue));
	return true;
}

/* ---- events of the machine -------------------------------------------------------------------------- */

struct sdb_error *guest_process_stop(struct guest_process *process, struct sdb_thread *thread, enum driver_event_kind kind,
				     int64_t number)
{
	if (!thread->state) {
		struct sdb_error *error = overlay_hold(process->base);
		if (error)
			return error;
		thread->state = process;
	}
	process->have_paging = false;
	if (!thread->dirty)
		thread_forget(thread);
	thread->stopped = true;
	guest_process_queue(process, &(struct driver_event){ .kind = kind, .thread = thread, .number = number });
	return NULL;
}

static void note_trouble(struct guest_process *process, struct sdb_error *error)
{
	if (!error)
		return;
	if (process->trouble)
		sdb_error_free(error);
	else
		process->trouble = error;
}

/* Another process over the same machine that has a breakpoint at ADDRESS and TASK as a thread. */
static bool is_others(struct guest_process *process, struct sdb_thread *task, uint64_t address)
{
	struct sdb_thread *thread;
	for (struct overlay *overlay = process->base->overlays; overlay; overlay = overlay->next) {
		struct guest_process *other;
		if (overlay == &process->overlay || overlay->target->driver != &driver_process)
			continue;
		other = guest_process_of(overlay->target);
		if (guest_process_has_breakpoint(other, address) && guest_process_owns(other, task, &thread))
			return true;
	}
	return false;
}

static bool take_breakpoint(struct guest_process *process, struct sdb_thread *task)
{
	struct sdb_thread *thread;
	uint64_t pc;
	struct sdb_error *error = thread_pc(task, &pc);
	if (error || !guest_process_has_breakpoint(process, pc)) {
		sdb_error_free(error);
		return false;
	}
	if (guest_process_owns(process, task, &thread)) {
		note_trouble(process, guest_process_stop(process, thread, DRIVER_BREAKPOINT, 0));
		return true;
	}
	if (is_others(process, task, pc))
		return false;
	note_trouble(process, guest_process_pass(process, task, pc));
	return true;
}

static bool take_watch(struct guest_process *process, struct sdb_thread *task, int64_t address)
{
	struct sdb_thread *thread;
	if (!guest_process_watches(process, (uint64_t)address) || !guest_process_owns(process, task, &thread))
		return false;
	note_trouble(process, guest_process_stop(process, thread, DRIVER_WATCHED, address));
	return true;
}

bool guest_process_take(struct sdb_target *target, const struct driver_event *event)
{
	struct guest_process *process = guest_process_of(target);
	switch (event->kind) {
	case DRIVER_EXITED:
		if (!process->ended)
			guest_process_queue(process, &(struct driver_event){ .kind = DRIVER_EXITED, .number = event->number });
		process->ended = true;
		return false; /* it is the machine's end, too */
	case DRIVER_BREAKPOINT:
		return event->thread && !process->ended && take_breakpoint(process, event->thread);
	case DRIVER_WATCHED:
		return event->thread && !process->ended && take_watch(process, event->thread, event->number);
	default:
		return false;
	}
}

/* ---- waiting for them ---------------------------------------------------------------------------------- */

/* Every thread goes on, and the machine does not: its threads have ended, or were told by their process. */
static struct sdb_error *settle_hold(struct guest_process *process)
{
	struct sdb_target *target = process->target;
	if (!process->holding || target->status != SDB_TARGET_RUNNING)
		return NULL;
	for (size_t i = 0; i < target->thread_count; i++)
		if (target->threads[i]->stopped)
			return NULL;
	process->holding = process->have_paging = false;
	return overlay_release(process->base);
}

/* Has the machine tell what there is, for TIME milliseconds. */
static struct sdb_error *poll_machine(struct guest_process *process, int time)
{
	struct sdb_target *base = process->base;
	if (base->status == SDB_TARGET_EXITED && !process->ended) {
		process->ended = true;
		guest_process_queue(process, &(struct driver_event){ .kind = DRIVER_EXITED, .number = -1 });
		return NULL;
	}
	if (base->status == SDB_TARGET_RUNNING)
		return sdb_target_poll(base, time, NULL);
	if (time) { /* somebody else holds it */
		struct timespec nap = { .tv_nsec = (time < 0 || time > NAP ? NAP : time) * 1000000L };
		nanosleep(&nap, NULL);
	}
	return NULL;
}

struct sdb_error *guest_process_wait(struct sdb_target *target, int timeout, struct driver_event *event_ret)
{
	struct guest_process *process = guest_process_of(target);
	int64_t now = milliseconds(), end = timeout < 0 ? INT64_MAX : now + timeout;
	*event_ret = (struct driver_event){ .kind = DRIVER_NOTHING };
	struct sdb_error *error = settle_hold(process);
	while (!error && !process->queued && !process->trouble) {
		if (now - process->checked >= CHECK_INTERVAL) {
			process->checked = now;
			error = guest_process_check(process);
			continue;
		}
		int64_t left = end - now;
		error = poll_machine(process, (int)(left > CHECK_INTERVAL ? CHECK_INTERVAL : left < 0 ? 0 : left));
		now = milliseconds();
		if (now >= end)
			break;
	}
	if (!error && process->trouble && !process->queued) {
		error = process->trouble;
		process->trouble = NULL;
	}
	if (!error)
		take_from_queue(process, event_ret);
	return error;
}

/* ---- from outside ------------------------------------------------------------------------------------------ */

static struct sdb_error *make_descriptor(struct guest_process *process)
{
	struct epoll_event event = { .events = EPOLLIN };
	process->epoll = epoll_create1(EPOLL_CLOEXEC);
	process->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (process->epoll < 0 || process->wakeup < 0
	    || epoll_ctl(process->epoll, EPOLL_CTL_ADD, process->wakeup, &event) != 0)
		return sdb_error_errno(errno, "cannot make a descriptor for the events of process %lld",
				       (long long)process->target->pid);
	return NULL;
}

struct sdb_error *guest_process_descriptor(struct sdb_target *target, int *descriptor_ret)
{
	struct guest_process *process = guest_process_of(target);
	struct epoll_event event = { .events = EPOLLIN };
	eventfd_t ignored;
	int below;
	struct sdb_error *error = process->epoll < 0 ? make_descriptor(process) : NULL;
	/* Asking the base says that everything of it was seen; its descriptor may be another one each time. */
	if (!error)
		error = sdb_target_descriptor(process->base, &below);
	if (!error && epoll_ctl(process->epoll, EPOLL_CTL_ADD, below, &event) != 0 && errno != EEXIST)
		error = sdb_error_errno(errno, "cannot wait for events of the machine");
	if (error)
		return error;
	eventfd_read(process->wakeup, &ignored);
	if (process->queued || process->trouble)
		eventfd_write(process->wakeup, 1);
	*descriptor_ret = process->epoll;
	return NULL;
}

void guest_process_wake(struct sdb_target *target)
{
	struct guest_process *process = guest_process_of(target);
	if (process->base->driver->wake)
		process->base->driver->wake(process->base);
}
