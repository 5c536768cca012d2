/* SPDX-License-Identifier: MIT */
/* Targets going on, and what happens to them while they run. */

#include "probe.h"
#include "tasks.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* ---- going on -------------------------------------------------------------------------------- */

struct sdb_error *sdb_target_resume(struct sdb_target *target)
{
	if (target->status == SDB_TARGET_RUNNING)
		return NULL;
	if (target->status != SDB_TARGET_PAUSED)
		return sdb_error_new(SDB_ERROR_INVALID, "%s", target->status == SDB_TARGET_EXITED ? "it has ended"
				     : "it is not open");
	target->paused_itself = false;
	return target->holds ? NULL : target_go(target);
}

struct sdb_error *target_go(struct sdb_target *target)
{
	struct sdb_error *error = NULL;
	if (!probes_active(target) && target->driver->detach) {
		for (size_t i = 0; i < target->thread_count && !error; i++)
			error = target->threads[i]->stopped ? thread_flush(target->threads[i]) : NULL;
		if (!error)
			tasks_running(target);
		return error ? error : target->driver->detach(target);
	}
	error = probes_go_all(target);
	if (!error)
		error = tasks_resume_others(target, NULL);
	target->status = SDB_TARGET_RUNNING;
	return error;
}

/* ---- events of one target ------------------------------------------------------------------- */

struct sdb_error *sdb_target_descriptor(struct sdb_target *target, int *descriptor_ret)
{
	if (!target->driver->descriptor)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s has no events", target->driver->name);
	return target->driver->descriptor(target, descriptor_ret);
}

struct sdb_error *sdb_target_poll(struct sdb_target *target, int timeout, unsigned *handled_ret)
{
	unsigned handled = 0;
	struct sdb_error *error = NULL;
	if (!target->driver->wait)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s has no events", target->driver->name);
	/* A handler may pause it: then the rest waits until it is resumed. */
	while (!error && target->status == SDB_TARGET_RUNNING) {
		struct driver_event event;
		if (!probes_next_deferred(target, &event))
			error = tasks_wait(target, handled ? 0 : timeout, &event);
		if (error || event.kind == DRIVER_NOTHING)
			break;
		handled++;
		error = probes_handle(target, &event);
		if (handled >= 64) /* others want their turn */
			break;
	}
	if (handled_ret)
		*handled_ret = handled;
	return error;
}

/* ---- a loop over several ----------------------------------------------------------------------- */

struct sdb_loop {
	struct sdb_target **targets;
	size_t count, capacity;
	int epoll, wakeup;
	atomic_bool stopped;
};

struct sdb_error *sdb_loop_create(struct sdb_loop **loop_ret)
{
	struct sdb_loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event event = { .events = EPOLLIN };
	if (!loop)
		return NO_MEMORY();
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll < 0 || loop->wakeup < 0
	    || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wakeup, &event) != 0) {
		struct sdb_error *error = sdb_error_errno(errno, "cannot make an event loop");
		sdb_loop_destroy(loop);
		return error;
	}
	*loop_ret = loop;
	return NULL;
}

void sdb_loop_destroy(struct sdb_loop *loop)
{
	if (!loop)
		return;
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->wakeup >= 0)
		close(loop->wakeup);
	free(loop->targets);
	free(loop);
}

struct sdb_error *sdb_loop_add(struct sdb_loop *loop, struct sdb_target *target)
{
	int descriptor;
	struct epoll_event event = { .events = EPOLLIN };
	struct sdb_error *error = sdb_target_descriptor(target, &descriptor);
	if (error)
		return error;
	if (loop->count == loop->capacity) {
		size_t capacity = loop->capacity ? 2 * loop->capacity : 4;
		void *targets = realloc(loop->targets, capacity * sizeof(*loop->targets));
		if (!targets)
			return NO_MEMORY();
		loop->targets = targets;
		loop->capacity = capacity;
	}
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0)
		return sdb_error_errno(errno, "cannot add target %d to the loop", target->id);
	loop->targets[loop->count++] = target;
	return NULL;
}

struct sdb_error *sdb_loop_remove(struct sdb_loop *loop, struct sdb_target *target)
{
	int descriptor;
	for (size_t i = 0; i < loop->count; i++) {
		if (loop->targets[i] != target)
			continue;
		struct sdb_error *error = sdb_target_descriptor(target, &descriptor);
		if (!error)
			epoll_ctl(loop->epoll, EPOLL_CTL_DEL, descriptor, NULL);
		loop->targets[i] = loop->targets[--loop->count];
		return error;
	}
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "target %d is not in the loop", target->id);
}

int sdb_loop_descriptor(const struct sdb_loop *loop)
{
	return loop->epoll;
}

void sdb_loop_stop(struct sdb_loop *loop)
{
	atomic_store(&loop->stopped, true);
	uint64_t one = 1;
	if (write(loop->wakeup, &one, sizeof(one)) < 0)
		return; /* it is full: readable already */
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Handles what there is of each target; false: all have ended. */
static struct sdb_error *turn(struct sdb_loop *loop, unsigned *handled_ret, bool *alive_ret)
{
	struct sdb_error *error = NULL;
	*handled_ret = 0;
	*alive_ret = false;
	for (size_t i = 0; i < loop->count && !error; i++) {
		unsigned handled;
		struct sdb_target *target = loop->targets[i];
		if (target->status != SDB_TARGET_RUNNING) {
			*alive_ret |= target->status == SDB_TARGET_PAUSED;
			continue;
		}
		/* One alone waits a little by itself: another hit is often near. */
		error = sdb_target_poll(target, loop->count == 1 ? 1 : 0, &handled);
		*handled_ret += handled;
		*alive_ret |= target->status != SDB_TARGET_EXITED;
	}
	return error;
}

struct sdb_error *sdb_loop_run(struct sdb_loop *loop, int timeout)
{
	int64_t end = timeout < 0 ? INT64_MAX : now_ms() + timeout;
	struct sdb_error *error = NULL;
	for (bool alive = true; alive && !error && !atomic_load(&loop->stopped);) {
		unsigned handled;
		error = turn(loop, &handled, &alive);
		int64_t left = end - now_ms();
		if (error || (handled && left > 0))
			continue;
		if (!alive || left <= 0)
			break;
		for (size_t i = 0; i < loop->count && !error; i++) {
			int descriptor; /* asking for it says that everything was seen */
			error = sdb_target_descriptor(loop->targets[i], &descriptor);
			/* What has ended says so for ever. */
			if (!error && loop->targets[i]->status == SDB_TARGET_EXITED)
				epoll_ctl(loop->epoll, EPOLL_CTL_DEL, descriptor, NULL);
		}
		struct pollfd ready = { .fd = loop->epoll, .events = POLLIN };
		if (!error && poll(&ready, 1, left > INT32_MAX ? -1 : (int)left) < 0 && errno != EINTR)
			error = sdb_error_errno(errno, "cannot wait for events");
	}
	atomic_store(&loop->stopped, false);
	eventfd_t ignored;
	eventfd_read(loop->wakeup, &ignored);
	return error;
}
