/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_PROCESS_GUEST_PROCESS_H
#define DRIVERS_PROCESS_GUEST_PROCESS_H

/*
 * The driver os-process: a process inside a machine as a target of its own, laid over the machine's.
 *
 * All that it knows of the system in the machine it asks the personality of its base for; all that it
 * does to the machine it does through the base's driver. The machine stops and goes on as a whole: a
 * process that is paused holds it (runtime/overlay.h), and so does a thread that has met something until it
 * goes on (its `state` is set then); several may.
 */

#include "runtime/overlay.h"
#include "runtime/personality.h"
#include "runtime/target.h"

extern const struct driver driver_process;

/* A watchpoint that the base's driver keeps for us. */
struct guest_watch {
	uint64_t address;
	unsigned size;
	bool reads;
};

struct guest_process {
	struct sdb_target *target, *base;
	struct overlay overlay;
	bool added;             /* to the base's list */
	uint64_t memory;        /* of its address space: another one after exec */
	struct paging paging;
	bool have_paging;       /* and it cannot have changed since */
	bool holding;           /* the machine is paused for it */
	bool ended;
	struct sdb_error *trouble; /* of an event that could not be dealt with; given by the next wait */
	struct driver_event *queue; /* events of ours that wait() has not given yet */
	size_t queued, queue_room;
	uint64_t *breakpoints;
	size_t breakpoint_count, breakpoint_room;
	struct guest_watch *watches;
	size_t watch_count, watch_room;
	int epoll, wakeup;      /* what is polled from outside; -1 until then */
	int64_t checked;        /* when it was seen to be alive, in milliseconds */
};

static inline struct guest_process *guest_process_of(const struct sdb_target *target)
{
	return target->state;
}

/* ---- open.c */
struct sdb_error *guest_process_open(struct sdb_target *target);
void guest_process_close(struct sdb_target *target);

/* ---- threads.c */
/* The task of the base that THREAD is. NOT_FOUND: it has ended. */
struct sdb_error *guest_process_task(const struct sdb_thread *thread, struct sdb_thread **task_ret);
struct sdb_error *guest_process_refresh(struct sdb_target *target);
/* Whether TASK of the base is a thread of the process; then it is also one of the target. */
bool guest_process_owns(struct guest_process *process, struct sdb_thread *task, struct sdb_thread **thread_ret);
/* Notices that the process has ended, or executes another program: an event then. */
struct sdb_error *guest_process_check(struct guest_process *process);
struct sdb_error *guest_process_thread_name(struct sdb_thread *thread, char **name_ret);
struct sdb_error *guest_process_thread_state(struct sdb_thread *thread, char **state_ret);
struct sdb_error *guest_process_thread_user(struct sdb_thread *thread, uint32_t *user_ret);

/* ---- memory.c */
struct sdb_error *guest_process_read(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
				     size_t *done_ret);
struct sdb_error *guest_process_write(struct sdb_target *target, uint64_t address, const void *buffer, size_t size);
struct sdb_error *guest_process_regions(struct sdb_target *target, struct space *space);
struct sdb_error *guest_process_file_path(struct sdb_target *target, const struct sdb_region *region, char **path_ret);

/* ---- registers.c */
/* Whether TASK, that is stopped, is on a CPU and there in user mode. */
struct sdb_error *guest_process_in_user_mode(struct sdb_thread *task, bool *user_ret);
struct sdb_error *guest_process_read_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file);
struct sdb_error *guest_process_write_registers(struct sdb_thread *thread, enum register_group group, const uint8_t *file);

/* ---- run.c */
struct sdb_error *guest_process_pause(struct sdb_target *target);
struct sdb_error *guest_process_detach(struct sdb_target *target);
struct sdb_error *guest_process_resume(struct sdb_thread *thread, enum driver_step step);
/* Executes one instruction of TASK, whose machine is held. *EXECUTED_RET: it did not end in a fault. */
struct sdb_error *guest_process_step_task(struct sdb_target *base, struct sdb_thread *task, bool *executed_ret);

/* ---- events.c */
struct sdb_error *guest_process_wait(struct sdb_target *target, int timeout, struct driver_event *event_ret);
struct sdb_error *guest_process_descriptor(struct sdb_target *target, int *descriptor_ret);
void guest_process_wake(struct sdb_target *target);
void guest_process_queue(struct guest_process *process, const struct driver_event *event);
/* KIND happened to THREAD, that stands there, and the machine with it, until it is resumed. */
struct sdb_error *guest_process_stop(struct guest_process *process, struct sdb_thread *thread, enum driver_event_kind kind,
				     int64_t number);
/* Those of threads are void, since nobody looks for them any more. */
void guest_process_drop_events(struct guest_process *process);
bool guest_process_is_queued(const struct guest_process *process, const struct sdb_thread *thread);
/* What the base offers: see struct overlay. */
bool guest_process_take(struct sdb_target *target, const struct driver_event *event);

/* ---- points.c */
struct sdb_error *guest_process_insert_breakpoint(struct sdb_target *target, uint64_t address);
struct sdb_error *guest_process_remove_breakpoint(struct sdb_target *target, uint64_t address);
struct sdb_error *guest_process_insert_watch(struct sdb_target *target, uint64_t address, unsigned size, bool reads);
struct sdb_error *guest_process_remove_watch(struct sdb_target *target, uint64_t address, unsigned size, bool reads);
bool guest_process_has_breakpoint(const struct guest_process *process, uint64_t address);
bool guest_process_watches(const struct guest_process *process, uint64_t address);
/* Has TASK, that is no thread of the process, go on behind the breakpoint that it met at ADDRESS. */
struct sdb_error *guest_process_pass(struct guest_process *process, struct sdb_thread *task, uint64_t address);
/* Takes all of them out: the process has ended, or is another program. */
void guest_process_remove_points(struct guest_process *process);

#endif
