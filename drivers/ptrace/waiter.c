/* SPDX-License-Identifier: MIT */
/*
 * Processes of this program, and a descriptor that says when one of them has something.
 *
 * What wait(2) gives belongs to the program as a whole, and so does what is in this file: it is the
 * one place with state that is not a target's. A thread looks, without taking anything
 * (WNOWAIT), and writes to an eventfd; no signal handler is needed, and the host's own children are
 * left to the host. It runs only while somebody waits by descriptor or with a timeout.
 */

#include "process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t armed_changed;
	struct process *processes;
	unsigned descriptors; /* processes that have one */
	bool started;
	bool armed;           /* somebody has seen everything and wants to be told of more */
	bool fruitless;       /* the last time told there was nothing: something of the host's is in the way */
	pthread_t thread;
} waiter = { .mutex = PTHREAD_MUTEX_INITIALIZER, .armed_changed = PTHREAD_COND_INITIALIZER };

/* ---- the list ----------------------------------------------------------------------------------- */

void waiter_enlist(struct process *process)
{
	pthread_mutex_lock(&waiter.mutex);
	process->next = waiter.processes;
	waiter.processes = process;
	pthread_mutex_unlock(&waiter.mutex);
}

static void stop_thread(void)
{
	/* It is in waitid(), in a condition, or asleep: all are points where it may be cancelled. */
	pthread_t thread = waiter.thread;
	waiter.started = false;
	pthread_mutex_unlock(&waiter.mutex);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	pthread_mutex_lock(&waiter.mutex);
}

void waiter_delist(struct process *process)
{
	pthread_mutex_lock(&waiter.mutex);
	for (struct process **link = &waiter.processes; *link; link = &(*link)->next) {
		if (*link == process) {
			*link = process->next;
			break;
		}
	}
	if (process->wakeup >= 0 && --waiter.descriptors == 0 && waiter.started)
		stop_thread();
	pthread_mutex_unlock(&waiter.mutex);
}

struct tracee *waiter_find(pid_t tid, struct process **process_ret)
{
	struct tracee *found = NULL;
	pid_t self = gettid();
	pthread_mutex_lock(&waiter.mutex);
	for (struct process *process = waiter.processes; process && !found; process = process->next) {
		if (process->tracer != self)
			continue;
		struct sdb_thread *thread = target_find_thread(process->target, tid);
		if (thread) {
			found = tracee_of(thread);
			*process_ret = process;
		}
	}
	pthread_mutex_unlock(&waiter.mutex);
	return found;
}

const struct process *waiter_parent(const struct process *process)
{
	int64_t pid = procfs_status((pid_t)process->target->pid, "PPid");
	const struct process *found = NULL;
	pthread_mutex_lock(&waiter.mutex);
	for (struct process *other = waiter.processes; other && !found; other = other->next)
		if (other != process && other->target->pid == pid && other->tracer == process->tracer)
			found = other;
	pthread_mutex_unlock(&waiter.mutex);
	return found;
}

bool waiter_waits(pid_t child)
{
	bool waits = false;
	pthread_mutex_lock(&waiter.mutex);
	for (struct process *process = waiter.processes; process; process = process->next)
		for (size_t i = 0; i < process->child_count; i++)
			waits |= process->children[i] == child;
	pthread_mutex_unlock(&waiter.mutex);
	return waits;
}

/* ---- the thread ------------------------------------------------------------------------------------ */

static void unlock(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

/* Waits until somebody wants to know; true: the last look was in vain. */
static bool await_armed(void)
{
	bool fruitless;
	pthread_mutex_lock(&waiter.mutex);
	pthread_cleanup_push(unlock, &waiter.mutex);
	while (!waiter.armed)
		pthread_cond_wait(&waiter.armed_changed, &waiter.mutex);
	fruitless = waiter.fruitless;
	pthread_cleanup_pop(1);
	return fruitless;
}

static void tell_all(void)
{
	pthread_mutex_lock(&waiter.mutex);
	waiter.armed = false;
	for (struct process *process = waiter.processes; process; process = process->next)
		if (process->wakeup >= 0)
			eventfd_write(process->wakeup, 1);
	pthread_mutex_unlock(&waiter.mutex);
}

static void *run(void *arg)
{
	for (;;) {
		siginfo_t info;
		bool fruitless = await_armed();
		if (fruitless)
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
		int got = waitid(P_ALL, 0, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL);
		if (got != 0) /* no children at all for now */
			nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
		int state;
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
		tell_all();
		pthread_setcancelstate(state, NULL);
	}
	return arg;
}

static struct sdb_error *start_thread(void)
{
	sigset_t all, before;
	if (waiter.started)
		return NULL;
	/* No signal of the host is to be handled in a thread that it does not know. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int reason = pthread_create(&waiter.thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	waiter.started = reason == 0;
	return reason ? sdb_error_errno(reason, "cannot create a thread") : NULL;
}

static struct sdb_error *make_descriptor(struct process *process)
{
	struct epoll_event event = { .events = EPOLLIN };
	if (process->wakeup >= 0)
		return NULL;
	int wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	process->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (wakeup < 0 || process->epoll < 0 || epoll_ctl(process->epoll, EPOLL_CTL_ADD, wakeup, &event) != 0
	    || (process->pidfd >= 0 && epoll_ctl(process->epoll, EPOLL_CTL_ADD, process->pidfd, &event) != 0)) {
		if (wakeup >= 0)
			close(wakeup);
		return sdb_error_errno(errno, "cannot make a descriptor to poll");
	}
	pthread_mutex_lock(&waiter.mutex);
	process->wakeup = wakeup;
	waiter.descriptors++;
	struct sdb_error *error = start_thread();
	pthread_mutex_unlock(&waiter.mutex);
	return error;
}

/* Everything that there was has been taken: the thread may look again. */
static void arm(struct process *process, bool fruitless)
{
	eventfd_t ignored;
	eventfd_read(process->wakeup, &ignored);
	pthread_mutex_lock(&waiter.mutex);
	waiter.fruitless = fruitless;
	if (!waiter.armed) {
		waiter.armed = true;
		pthread_cond_signal(&waiter.armed_changed);
	}
	pthread_mutex_unlock(&waiter.mutex);
}

struct sdb_error *waiter_descriptor(struct sdb_target *target, int *descriptor_ret)
{
	struct process *process = process_of(target);
	struct sdb_error *error = make_descriptor(process);
	if (error)
		return error;
	*descriptor_ret = process->epoll;
	/* What is queued already would not be noticed otherwise; of a paused target it waits. */
	if (process->first && target->status == SDB_TARGET_RUNNING)
		eventfd_write(process->wakeup, 1);
	else
		arm(process, false);
	return NULL;
}

struct sdb_error *waiter_poll(struct process *process, int timeout, bool fruitless)
{
	struct sdb_error *error = make_descriptor(process);
	if (error)
		return error;
	/* What stopped between the last look and this one is seen by the thread, too. */
	arm(process, fruitless);
	struct pollfd poll_one = { .fd = process->epoll, .events = POLLIN };
	if (poll(&poll_one, 1, timeout) < 0 && errno != EINTR)
		return sdb_error_errno(errno, "cannot wait");
	return NULL;
}

void waiter_wake(struct sdb_target *target)
{
	struct process *process = process_of(target);
	if (!process)
		return;
	process->woken = true;
	if (process->wakeup >= 0)
		eventfd_write(process->wakeup, 1);
}
