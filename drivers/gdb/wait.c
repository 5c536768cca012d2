/* SPDX-License-Identifier: MIT */
/* Events, one at a time. */

#include "stub.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct sdb_error *make_wakeup(struct stub *stub)
{
	if (stub->wakeup < 0)
		stub->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return stub->wakeup < 0 ? sdb_error_errno(errno, "cannot make a descriptor to poll") : NULL;
}

void stub_wake(struct sdb_target *target)
{
	struct stub *stub = stub_of(target);
	if (stub->wakeup >= 0)
		eventfd_write(stub->wakeup, 1);
}

struct sdb_error *stub_descriptor(struct sdb_target *target, int *descriptor_ret)
{
	struct stub *stub = stub_of(target);
	struct epoll_event event = { .events = EPOLLIN };
	struct sdb_error *error = make_wakeup(stub);
	if (error)
		return error;
	if (stub->epoll < 0) {
		stub->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (stub->epoll < 0 || epoll_ctl(stub->epoll, EPOLL_CTL_ADD, stub->wakeup, &event) != 0)
			return sdb_error_errno(errno, "cannot make a descriptor to poll");
	}
	if (stub->rsp && epoll_ctl(stub->epoll, EPOLL_CTL_ADD, stub->rsp->descriptor, &event) != 0 && errno != EEXIST)
		return sdb_error_errno(errno, "cannot make a descriptor to poll");
	*descriptor_ret = stub->epoll;
	/* Whoever polls it has seen everything, and waits: what is wanted to run is to run. */
	error = target->status == SDB_TARGET_RUNNING ? stub_go(stub) : NULL;
	eventfd_t ignored;
	eventfd_read(stub->wakeup, &ignored);
	if (!error && target->status == SDB_TARGET_RUNNING && (stub->event_count || (stub->rsp && rsp_has_input(stub->rsp))))
		eventfd_write(stub->wakeup, 1);
	return error;
}

/* Waits for input, or to be woken; the result of poll(2). */
static int await_input(struct stub *stub, int64_t end, bool *woken_ret)
{
	struct pollfd ready[2] = { { .fd = stub->wakeup, .events = POLLIN },
				   { .fd = stub->rsp ? stub->rsp->descriptor : -1, .events = POLLIN } };
	int64_t left = end == INT64_MAX ? -1 : end - transport_now();
	*woken_ret = false;
	if (stub->rsp && (stub->rsp->stop_count || stub->rsp->at < stub->rsp->filled))
		return 1;
	int got = poll(ready, 2, end == INT64_MAX ? -1 : left < 0 ? 0 : (int)left);
	if (got > 0 && ready[0].revents) {
		eventfd_t ignored;
		eventfd_read(stub->wakeup, &ignored);
		*woken_ret = true;
	}
	return got;
}

static bool give_queued(struct stub *stub, struct driver_event *event_ret)
{
	for (size_t i = 0; i < stub->thread_count; i++) {
		struct stub_thread *thread = stub->threads[i];
		if (!thread->exiting || thread->queued || !thread->wanted)
			continue;
		stub->gone = thread;
		*event_ret = (struct driver_event){ .kind = DRIVER_GONE, .thread = thread->thread };
		return true;
	}
	if (!stub->event_count)
		return false;
	*event_ret = stub->events[0];
	stub->event_count--;
	for (size_t i = 0; i < stub->event_count; i++)
		stub->events[i] = stub->events[i + 1];
	if (event_ret->thread) {
		stub_thread_of(event_ret->thread)->queued = false;
		event_ret->thread->trapped = false;
	}
	return true;
}

/* The connection is gone: QEMU has quit, or the stub takes another one. */
static struct sdb_error *lost(struct stub *stub, struct sdb_error *error)
{
	if (!stub->rsp->lost)
		return error;
	struct sdb_error *other = stub_reconnect(stub);
	if (other && sdb_error_code(other) == SDB_ERROR_NOT_FOUND && stub->event_count < STUB_EVENTS_MAX) {
		stub->events[stub->event_count++] = (struct driver_event){ .kind = DRIVER_EXITED, .number = -1 };
		sdb_error_free(other);
		other = NULL;
	}
	if (!other) {
		sdb_error_free(error);
		return NULL;
	}
	sdb_error_free(other);
	return error;
}

static struct sdb_error *take_reply(struct stub *stub)
{
	struct rsp_reply reply;
	bool interrupted;
	/* What has begun to come is there in a moment. */
	struct sdb_error *error = rsp_await_stop(stub->rsp, transport_now() + 1000, &reply);
	if (!error && reply.data)
		error = stub_take_stop(stub, &reply, &interrupted);
	return error ? lost(stub, error) : NULL;
}

struct sdb_error *stub_wait(struct sdb_target *target, int timeout, struct driver_event *event_ret)
{
	struct stub *stub = stub_of(target);
	int64_t end = timeout < 0 ? INT64_MAX : transport_now() + timeout;
	*event_ret = (struct driver_event){ .kind = DRIVER_NOTHING };
	if (stub->gone)
		stub_remove_thread(stub, stub->gone);
	for (;;) {
		bool woken;
		if (give_queued(stub, event_ret))
			return NULL;
		struct sdb_error *error = stub->broken ? stub_need(stub) : stub_go(stub);
		if (error)
			return error;
		int got = await_input(stub, end, &woken);
		if (got < 0 && errno != EINTR)
			return sdb_error_errno(errno, "cannot wait for the gdb stub");
		if (got <= 0 || woken)
			return NULL;
		error = take_reply(stub);
		if (error)
			return error;
		if (!stub->event_count && end != INT64_MAX && transport_now() >= end)
			return NULL;
	}
}
