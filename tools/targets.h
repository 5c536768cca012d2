/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_TARGETS_H
#define TOOLS_TARGETS_H

/* What the commands on live targets share: opening what the arguments name, and letting go. */

#include <stackdb/probe.h>
#include <stackdb/target.h>
#include "text.h"
#include "tool.h"

struct targets {
	struct sdb_specs specs;
	struct sdb_target **items;
	size_t count;
	bool json;
	struct sdb_target **followed; /* processes that these made */
	size_t followed_count;
	/* Called before one of those is closed; NULL: nobody needs to know. */
	void (*gone)(void *arg, struct sdb_target *target);
	void *gone_arg;
};

/* argp child for the target arguments and --json; its input is a struct targets. */
extern const struct argp targets_argp;
/* The children of a command about machines, which are named by options alone; the input of the first is a struct targets. */
extern const struct argp_child machines_children[];

/* Opens all of them; complains, and returns the exit status, when one cannot be. */
int targets_open(struct targets *targets);
/* Has the children of all of them wait for targets_follow(); before targets_open(). */
void targets_follow_all(struct targets *targets);
/*
 * Opens a target for the child that HIT tells of, with the number and the options of its parent, calls SETUP
 * for it and adds it to LOOP; it goes on when the handler has returned. One that is gone already is passed
 * over; those that have ended are closed.
 */
struct sdb_error *targets_follow(struct targets *targets, struct sdb_loop *loop, const struct sdb_hit *hit,
				 struct sdb_error *(*setup)(void *arg, struct sdb_target *target), void *arg);
/*
 * Opens all, calls FN(arg, target) for each until one returns something else than STATUS_DONE, and lets go of
 * them. Returns the exit status.
 */
int targets_each(struct targets *targets, int (*fn)(void *arg, struct sdb_target *target), void *arg);
/* `PID 4711 - server`, or `machine 1 - guest`: a line above what is shown of TARGET. */
void targets_put_heading(struct text *to, const struct sdb_target *target);
/* Whether another one of them is laid over item INDEX. */
bool targets_is_base(const struct targets *targets, size_t index);
/* Lets go of all; those that were launched are ended. */
void targets_close(struct targets *targets);
/* Whether one of them has not ended yet. */
bool targets_alive(const struct targets *targets);
/* Has SIGINT, SIGTERM and SIGHUP end the program in an orderly way: targets_interrupted() then. */
void targets_catch_signals(void);
bool targets_interrupted(void);
/* Called from the signal handler; for what waits. */
void targets_on_interrupt(void (*fn)(void *arg), void *arg);

#endif
