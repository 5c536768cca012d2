/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PROBE_PRIVATE_H
#define RUNTIME_PROBE_PRIVATE_H

/* Probes from the inside. */

#include "displace.h"
#include "filter.h"
#include "probe.h"
#include <stackdb/probe.h>

#define POINT_BUCKETS 256
#define WATCHES 4
#define AREAS_MAX 16
#define WATCH_MAX (64u << 20) /* bytes that are compared after each instruction */

#define LINKER_HOOK "_dl_debug_state" /* the dynamic linker calls it when it has changed its list of libraries */

enum probe_type { PROBE_PLACES, PROBE_WATCH, PROBE_CALLS, PROBE_EVENTS };

/* A breakpoint: one address, however many probes want it. */
struct point {
	struct point *next; /* in its bucket */
	uint64_t address;
	uint8_t original[INSTRUCTION_MAX];
	uint8_t read;       /* bytes of `original` that are known */
	bool inserted;
	bool exact;         /* what is to be executed instead is known: `displaced`, `slot`; else it is tried again */
	uint64_t slot;      /* 0: the instruction is executed in its place */
	struct displaced displaced;
	struct site *sites;
	unsigned returns;   /* calls whose return is expected here */
};

/* A probe at a point. */
struct site {
	struct site *next_of_probe, *next_at_point;
	struct sdb_probe *probe;
	struct point *point;
	uint64_t entry;     /* of the function that the place belongs to */
	bool hook;          /* where the dynamic linker tells of libraries: places are looked for again */
};

struct sdb_probe {
	struct sdb_probe *next;
	struct sdb_target *target;
	struct sdb_probe_options options;
	enum probe_type type;
	bool enabled, removed;
	bool returns;       /* `after` is for the function's return */
	struct filter *filter; /* NULL: none */
	uint64_t hits;
	struct site *sites;
	size_t site_count;
	char *pattern;      /* to look for again; NULL: it is not pending */
	/* WATCH; hardware places use one, too */
	uint64_t address;
	unsigned size;
	enum sdb_watch access;
	int watch;          /* number of its debug register; -1: none */
	uint64_t last_value;
	uint8_t *bytes;     /* with `software`: SIZE bytes as they were, and room for as many; NULL: not known */
	int64_t number;     /* CALLS: -1: all */
	unsigned kinds;     /* EVENTS */
};

struct area {
	uint64_t low, high; /* slots in the target's memory */
	size_t used;        /* slots */
	struct point **points; /* by slot */
};

struct probes {
	struct sdb_target *target;
	struct sdb_probe *list;
	struct point *buckets[POINT_BUCKETS];
	unsigned depth;     /* of handlers that run: nothing is freed meanwhile */
	bool resume;        /* threads were stopped to change something, from inside of a handler */
	bool sweep;         /* something is to be freed then */
	bool no_scratch;    /* the driver has none: every instruction is executed in its place */
	struct area areas[AREAS_MAX];
	unsigned area_count;
	struct sdb_probe *watches[WATCHES];
	unsigned call_probes; /* that are enabled */
	/* Software watchpoints: all threads are stepped, in turn. */
	unsigned software;    /* that are enabled */
	struct sdb_thread *turn; /* the one that executes an instruction; NULL: none */
	int64_t last_turn;    /* number of the one before */
	unsigned turn_steps;  /* it made without a break */
	/* Events of other threads, that came while one was stepped alone. */
	struct driver_event *deferred;
	size_t deferred_count, deferred_room;
};

/* A call whose return is awaited. */
struct awaited {
	struct sdb_probe *probe;
	struct point *point; /* at the return address */
	uint64_t stack;      /* stack pointer after the return */
	uint64_t entry;
};

/* Probes that a thread has met, for what comes next of it. */
struct probe_list {
	struct sdb_probe **items;
	size_t count, room;
};

/* What thread->probing points to. */
struct thread_probing {
	struct awaited *awaited;
	size_t count, room;
	/* Handlers that come after an instruction, which is being stepped. */
	struct point *after;  /* whose instruction; NULL: none */
	struct probe_list due;
	/* A signal came before the instruction of this point was executed: it is met again, and was told of. */
	struct point *interrupted;
	uint64_t interrupted_stack;
	struct sdb_probe *stepper; /* that wants to be told of single steps; NULL: none */
	unsigned steps;       /* that are left */
	bool ready;           /* it waits for its turn */
	bool through_call;    /* it goes on to the end of a system call instead of making a step */
	bool exiting;
	bool in_call;         /* between entry and exit of a system call */
	int64_t call_number;
	uint64_t call_arguments[6];
	uint16_t call_machine;
	struct probe_list callers; /* that were told of the call's entry */
};

/* ---- probe.c */
struct sdb_error *probe_list_add(struct probe_list *list, struct sdb_probe *probe);
bool probe_list_has(const struct probe_list *list, const struct sdb_probe *probe);
struct sdb_error *probes_get(struct sdb_target *target, struct probes **probes_ret);
/* Calls FN of PROBE, when the thread is one that it wants. */
struct sdb_error *probe_call(struct sdb_probe *probe, sdb_probe_fn fn, struct sdb_hit *hit);
bool probe_wants(const struct sdb_probe *probe, const struct sdb_thread *thread);
/* Whether the filter lets it through, besides. */
bool probe_passes(struct sdb_probe *probe, struct sdb_thread *thread);
struct thread_probing *thread_probing(struct sdb_thread *thread); /* NULL: no memory */

/* Frees what was removed; without a probe lets the target alone. */
void probes_sweep(struct probes *probes);
struct sdb_error *probes_settle(struct sdb_target *target);
/* The target is another program: places are gone, those of pending probes are looked for in it. */
struct sdb_error *probes_replaced(struct probes *probes);

struct sdb_error *probe_update_points(struct sdb_probe *probe);
/* Whether the driver tells of system calls: for probes on them, and so that none is stepped over by a software watchpoint. */
bool calls_are_told(const struct probes *probes);
/* Has it do so, or not any more; takes effect when threads are resumed. */
struct sdb_error *calls_tell(struct probes *probes);

/* ---- call_probe.c: probes on system calls */
/* THREAD has entered a system call, or come out of one. */
struct sdb_error *call_met(struct probes *probes, const struct driver_event *event, bool *pause_ret);
/* PROBE is about to be freed. */
void call_forget(const struct sdb_probe *probe);

/* ---- place.c: adds places to a probe, none of which is switched on by that */
struct sdb_error *place_at(struct sdb_probe *probe, uint64_t address);
struct sdb_error *place_bind(struct sdb_probe *probe, const char *pattern);
/* Has PROBE look again when libraries are loaded. MISSED, that nothing is there yet, is no error then. */
struct sdb_error *place_pending(struct sdb_probe *probe, const char *pattern, struct sdb_error *missed);
/* The same of a probe that is pending already, in another program. */
struct sdb_error *place_pending_again(struct sdb_probe *probe);
/* Looks for the places of a pending probe in what was loaded since. */
struct sdb_error *probe_find_again(struct sdb_probe *probe);

/* ---- point.c */
struct point *point_find(const struct probes *probes, uint64_t address);
struct sdb_error *point_get(struct probes *probes, uint64_t address, struct point **point_ret);
/* Puts the breakpoint in, or takes it out, as its sites and returns need it. */
struct sdb_error *point_update(struct probes *probes, struct point *point);
/*
 * Has the driver prepare the target for the death of this program, as it does with the first memory for rewritten
 * instructions: also where threads are only stepped.
 */
struct sdb_error *points_protect(struct probes *probes, uint64_t address);
/* Finds out what is to be executed instead of the instruction. */
struct sdb_error *point_complete(struct probes *probes, struct point *point);
struct sdb_error *point_lift(struct probes *probes, struct point *point);
/* The point whose rewritten instruction PC lies in; NULL: none. */
struct point *point_of_slot(const struct probes *probes, uint64_t pc);
struct sdb_error *points_update_all(struct probes *probes);
/* Takes threads out of rewritten instructions, since these go away. */
struct sdb_error *points_leave(struct probes *probes);
void points_free_unused(struct probes *probes);
void points_forget(struct probes *probes); /* the target is another program */

/* ---- step.c: going on from a breakpoint */
/* Has THREAD leave POINT when it goes on; where it cannot do so by itself, it executes the instruction now. */
struct sdb_error *step_off(struct probes *probes, struct sdb_thread *thread, struct point *point, bool *pause_ret);
/* Whether what THREAD stopped for is still to be told. */
bool step_is_deferred(const struct probes *probes, const struct sdb_thread *thread);
/* THREAD is not there any more: events of it that were put off are void. */
void step_drop_deferred(struct probes *probes, const struct sdb_thread *thread);
/* PROBE is to be told when the instruction of the point has been executed. */
struct sdb_error *step_due(struct sdb_thread *thread, struct sdb_probe *probe);
/* THREAD made a step: handlers are called. */
struct sdb_error *step_done(struct probes *probes, struct sdb_thread *thread, bool executed, bool *pause_ret);
/* A signal is about to be delivered to THREAD, which may be in the middle of a step. */
struct sdb_error *step_interrupted(struct probes *probes, struct sdb_thread *thread, bool *pause_ret);
/* Nobody is told of steps for PROBE any more. */
void steps_forget(struct probes *probes, const struct sdb_probe *probe);
/* Whether THREAD goes on by one instruction. */
bool step_wanted(const struct probes *probes, const struct sdb_thread *thread);
/* Whether THREAD is at a system call, or is to begin one again. */
struct sdb_error *step_at_call(struct sdb_thread *thread, bool *call_ret);

/* ---- software.c */
struct sdb_error *software_set(struct probes *probes, struct sdb_probe *probe);
struct sdb_error *software_clear(struct probes *probes, struct sdb_probe *probe);
/* Compares what is watched, after THREAD has executed an instruction. */
struct sdb_error *software_compare(struct probes *probes, struct sdb_thread *thread, bool *pause_ret);
/* THREAD goes on when it is its turn. */
struct sdb_error *turn_wait(struct probes *probes, struct sdb_thread *thread);
/* Gives the turn to the next one that waits for it, when nobody has it. */
struct sdb_error *turn_give(struct probes *probes);
/* THREAD, if it has the turn, has not any more. */
void turn_over(struct probes *probes, const struct sdb_thread *thread);

/* ---- returns.c */
struct sdb_error *returns_await(struct sdb_probe *probe, struct sdb_thread *thread, uint64_t entry);
struct sdb_error *returns_met(struct probes *probes, struct sdb_thread *thread, struct point *point, struct sdb_hit *hit);
void returns_forget(struct probes *probes, struct thread_probing *probing, const struct sdb_probe *probe);

/* ---- watch.c */
struct sdb_error *watch_set(struct probes *probes, struct sdb_probe *probe);
struct sdb_error *watch_clear(struct probes *probes, struct sdb_probe *probe);
struct sdb_error *watch_new_thread(struct probes *probes, struct sdb_thread *thread);
struct sdb_error *watch_met(struct probes *probes, const struct driver_event *event, bool *pause_ret);

#endif
