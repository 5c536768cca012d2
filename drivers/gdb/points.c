/* SPDX-License-Identifier: MIT */
/* Breakpoints and watchpoints that the stub keeps (Z, z). */

#include "stub.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SOFTWARE = 0, WATCH_WRITE = 2, WATCH_ACCESS = 4 };

static struct stub_point *find(const struct stub *stub, const struct stub_point *wanted)
{
	for (size_t i = 0; i < stub->point_count; i++)
		if (stub->points[i].address == wanted->address && stub->points[i].type == wanted->type
		    && stub->points[i].size == wanted->size)
			return &stub->points[i];
	return NULL;
}

bool stub_has_breakpoint(const struct stub *stub, uint64_t address)
{
	return find(stub, &(struct stub_point){ .address = address, .type = SOFTWARE, .size = 1 }) != NULL;
}

static struct sdb_error *send(struct stub *stub, char request, const struct stub_point *point)
{
	struct rsp_reply reply;
	struct sdb_error *error = rsp_askf(stub->rsp, &reply, "%c%u,%" PRIx64 ",%x", request, point->type, point->address,
					   point->size);
	if (error)
		return error;
	if (reply.size == 0)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: the gdb stub has no %s", stub->rsp->name,
				     point->type == SOFTWARE ? "breakpoints" : "watchpoints");
	if (!rsp_is(&reply, "OK"))
		return sdb_error_new(point->type == SOFTWARE ? SDB_ERROR_NOT_FOUND : SDB_ERROR_MEMORY,
				     "%s: the gdb stub refused a %s at %#" PRIx64 " (%.40s)%s", stub->rsp->name,
				     point->type == SOFTWARE ? "breakpoint" : "watchpoint", point->address, reply.data,
				     point->type == SOFTWARE ? "" : ": it has no more of them");
	return NULL;
}

static struct sdb_error *insert(struct sdb_target *target, const struct stub_point *point)
{
	struct stub *stub = stub_of(target);
	bool was_running;
	struct sdb_error *error = stub_hold(stub, &was_running);
	if (error)
		return error;
	if (stub->point_count == stub->point_room) {
		size_t room = stub->point_room ? 2 * stub->point_room : 16;
		void *points = realloc(stub->points, room * sizeof(*stub->points));
		if (!points)
			error = NO_MEMORY();
		if (points) {
			stub->points = points;
			stub->point_room = room;
		}
	}
	if (!error) {
		/* Known to the guard before it is there. */
		stub->points[stub->point_count++] = *point;
		stub_guard_points(stub);
		error = send(stub, 'Z', point);
		if (error)
			stub->point_count--;
	}
	return stub_release(stub, was_running, error);
}

static struct sdb_error *take_out(struct sdb_target *target, const struct stub_point *point)
{
	struct stub *stub = stub_of(target);
	bool was_running;
	struct stub_point *there = find(stub, point);
	if (!there)
		return NULL;
	if (target->status == SDB_TARGET_EXITED) { /* with what it was in; gdbserver does not survive the question */
		*there = stub->points[--stub->point_count];
		return NULL;
	}
	struct sdb_error *error = stub_hold(stub, &was_running);
	if (error)
		return error;
	error = send(stub, 'z', point);
	*there = stub->points[--stub->point_count];
	stub_guard_points(stub);
	return stub_release(stub, was_running, error);
}

struct sdb_error *stub_insert_breakpoint(struct sdb_target *target, uint64_t address)
{
	return insert(target, &(struct stub_point){ .address = address, .type = SOFTWARE, .size = 1 });
}

struct sdb_error *stub_remove_breakpoint(struct sdb_target *target, uint64_t address)
{
	return take_out(target, &(struct stub_point){ .address = address, .type = SOFTWARE, .size = 1 });
}

struct sdb_error *stub_insert_watch(struct sdb_target *target, uint64_t address, unsigned size, bool reads)
{
	return insert(target, &(struct stub_point){ .address = address, .type = reads ? WATCH_ACCESS : WATCH_WRITE, .size = size });
}

struct sdb_error *stub_remove_watch(struct sdb_target *target, uint64_t address, unsigned size, bool reads)
{
	return take_out(target, &(struct stub_point){ .address = address, .type = reads ? WATCH_ACCESS : WATCH_WRITE, .size = size });
}

struct sdb_error *stub_insert_again(struct stub *stub)
{
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < stub->point_count && !error; i++) {
		sdb_error_free(send(stub, 'z', &stub->points[i]));
		error = send(stub, 'Z', &stub->points[i]);
	}
	return error;
}

void stub_forget_points(struct stub *stub)
{
	stub->point_count = 0;
}

/*
 * A child has a copy of the memory, with the breakpoints in it; the stub traces it. They are taken out, and it
 * goes on alone. One that shares the memory for a while (vfork) takes those of its parent, too: they are put in again
 * when it is done with it.
 */
struct sdb_error *stub_release_child(struct stub *stub, uint64_t pid, uint64_t tid)
{
	struct rsp_reply reply;
	stub->general = NULL;
	struct sdb_error *error = rsp_order(stub->rsp, "Hgp%" PRIx64 ".%" PRIx64, pid, tid);
	for (size_t i = 0; i < stub->point_count && !error; i++)
		if (stub->points[i].type == SOFTWARE)
			sdb_error_free(send(stub, 'z', &stub->points[i]));
	if (!error)
		error = rsp_askf(stub->rsp, &reply, "D;%" PRIx64, pid);
	return error;
}
