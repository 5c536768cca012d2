/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PROBE_H
#define RUNTIME_PROBE_H

/* Probes as the rest of the runtime sees them. */

#include "target.h"
#include <stackdb/probe.h>

/* Whether anything is to be noticed of TARGET while it runs. */
bool probes_active(const struct sdb_target *target);
/* Puts back what stood where the probes are, and frees them. */
void probes_remove_all(struct sdb_target *target);
/* Lets THREAD go on, as the probes need it. */
struct sdb_error *probes_go(struct sdb_thread *thread);
/* The same for every thread that is stopped. */
struct sdb_error *probes_go_all(struct sdb_target *target);
/* A personality has found out that KIND has happened to THREAD: what SDB_HIT_* tells of is told, with NUMBER. */
struct sdb_error *probes_tell(struct sdb_target *target, enum sdb_hit_kind kind, struct sdb_thread *thread, int64_t number,
			      bool *pause_ret);
/* What the probes make of EVENT; then the thread has gone on, or stays where it is. */
struct sdb_error *probes_handle(struct sdb_target *target, const struct driver_event *event);
/* An event that came while another thread was stepped; false: there is none. */
bool probes_next_deferred(struct sdb_target *target, struct driver_event *event_ret);
/* The same for EVENT, by somebody else who steps a thread of TARGET. */
struct sdb_error *probes_defer(struct sdb_target *target, const struct driver_event *event);
/* Whether a handler of TARGET runs; then all go on when it has returned. */
bool probes_go_later(struct sdb_target *target);
/* Whether TARGET has a breakpoint of its own at ADDRESS. */
bool probes_has_point(const struct sdb_target *target, uint64_t address);
/* THREAD has ended. */
void probes_thread_gone(struct sdb_thread *thread);
/* The address that PC, in a rewritten instruction, stands for. */
uint64_t probes_true_pc(const struct sdb_target *target, uint64_t pc);

#endif
