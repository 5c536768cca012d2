/* SPDX-License-Identifier: MIT */
/*
 * When this program is killed, its breakpoints are still the stub's, and a machine that stood still stands for
 * ever. A small process has the connection, too, and lives on (drivers/survivor.h): it takes the breakpoints out
 * and lets the target go. What it has to know is in memory that both see.
 */

#include "stub.h"
#include "../survivor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { POINTS_MAX = 16384, REPLY_MS = 2000, STOP_MS = 5000 };

struct journal {
	int descriptor;
	uint64_t pid;           /* of the process that is let go; 0: the stub knows none */
	bool no_ack;
	bool physical;          /* it was told to take addresses for physical ones */
	atomic_bool running;
	atomic_bool stand;      /* it is left as it was found */
	atomic_uint count;
	struct stub_point points[POINTS_MAX];
};

struct stub_guard {
	struct journal *journal;
	int descriptor;
	pid_t pid;
};

/* ---- the process: nothing here allocates or locks ------------------------------------------------ */

static void send_bytes(int descriptor, const char *bytes, size_t size)
{
	while (size) {
		ssize_t put = send(descriptor, bytes, size, MSG_NOSIGNAL);
		struct pollfd ready = { .fd = descriptor, .events = POLLOUT };
		if (put < 0 && errno == EAGAIN && poll(&ready, 1, REPLY_MS) > 0)
			continue;
		if (put <= 0)
			return;
		bytes += put;
		size -= (size_t)put;
	}
}

/* Waits for a packet; false: none came. What is in it does not matter. */
static bool await_packet(const struct journal *journal, int timeout)
{
	int64_t end = transport_now() + timeout;
	int behind = -1; /* digits since `#` */
	for (;;) {
		char byte;
		int64_t left = end - transport_now();
		struct pollfd ready = { .fd = journal->descriptor, .events = POLLIN };
		if (left <= 0 || poll(&ready, 1, (int)left) <= 0 || recv(journal->descriptor, &byte, 1, 0) != 1)
			return false;
		if (byte == '#')
			behind = 0;
		else if (behind >= 0 && ++behind == 2)
			break;
	}
	if (!journal->no_ack)
		send_bytes(journal->descriptor, "+", 1);
	return true;
}

static void ask(const struct journal *journal, const char *request)
{
	uint8_t packet[PACKET_ROOM(64)];
	size_t size = packet_write(request, strlen(request), packet);
	send_bytes(journal->descriptor, (const char *)packet, size);
	await_packet(journal, REPLY_MS);
}

static void put_right(void *arg)
{
	struct journal *journal = arg;
	char request[64];
	struct pollfd ready = { .fd = journal->descriptor, .events = POLLIN };
	if (atomic_load(&journal->running)) {
		/* It may have stopped, and nobody read that any more. */
		if (poll(&ready, 1, 0) <= 0)
			send_bytes(journal->descriptor, "\003", 1);
		await_packet(journal, STOP_MS);
	} else if (poll(&ready, 1, 50) > 0) {
		await_packet(journal, REPLY_MS); /* a reply that was under way */
	}
	unsigned count = atomic_load(&journal->count);
	for (unsigned i = 0; i < count && i < POINTS_MAX; i++) {
		const struct stub_point *point = &journal->points[i];
		snprintf(request, sizeof(request), "z%u,%" PRIx64 ",%x", point->type, point->address, point->size);
		ask(journal, request);
	}
	if (journal->physical)
		ask(journal, "Qqemu.PhyMemMode:0");
	if (atomic_load(&journal->stand))
		return;
	if (journal->pid)
		snprintf(request, sizeof(request), "D;%" PRIx64, journal->pid);
	else
		snprintf(request, sizeof(request), "D");
	ask(journal, request);
}

/* ---- in this program --------------------------------------------------------------------------------- */

static void destroy(struct stub_guard *guard)
{
	if (guard->pid > 0)
		survivor_end(guard->pid);
	munmap(guard->journal, sizeof(*guard->journal));
	free(guard);
}

static struct stub_guard *create(struct stub *stub)
{
	struct stub_guard *guard = calloc(1, sizeof(*guard));
	if (!guard)
		return NULL;
	guard->journal = mmap(NULL, sizeof(*guard->journal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (guard->journal == MAP_FAILED) {
		free(guard);
		return NULL;
	}
	guard->descriptor = guard->journal->descriptor = stub->rsp->descriptor;
	guard->journal->no_ack = stub->rsp->no_ack;
	guard->journal->physical = stub->features.physical_mode;
	guard->journal->pid = stub->features.multiprocess && stub->thread_count ? stub->threads[0]->pid : 0;
	struct sdb_error *error = survivor_start(guard->descriptor, put_right, guard->journal, &guard->pid);
	if (!error)
		return guard;
	/* The target can be used all the same. */
	target_log(stub->target, SDB_LOG_DRIVER, SDB_LOG_WARNING, "%s", sdb_error_message(error));
	sdb_error_free(error);
	destroy(guard);
	return NULL;
}

void stub_guard_update(struct stub *stub)
{
	if (stub->guard && (!stub->rsp || stub->guard->descriptor != stub->rsp->descriptor))
		stub_guard_close(stub);
	if (!stub->rsp || (!stub->guard && !(stub->guard = create(stub))))
		return;
	struct journal *journal = stub->guard->journal;
	atomic_store(&journal->stand, stub->found_paused || stub->foreign_stop);
	atomic_store(&journal->running, stub->running);
}

void stub_guard_points(struct stub *stub)
{
	struct journal *journal = stub->guard ? stub->guard->journal : NULL;
	size_t count = stub->point_count < POINTS_MAX ? stub->point_count : POINTS_MAX;
	if (!journal)
		return;
	/* One too many does no harm, one too few does: the number is right at each moment, the order is not kept. */
	if (count < atomic_load(&journal->count))
		atomic_store(&journal->count, 0);
	memcpy(journal->points, stub->points, count * sizeof(stub->points[0]));
	atomic_store(&journal->count, (unsigned)count);
}

void stub_guard_close(struct stub *stub)
{
	if (stub->guard)
		destroy(stub->guard);
	stub->guard = NULL;
}
