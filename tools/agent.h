/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_AGENT_H
#define TOOLS_AGENT_H

/* `stackdb agent`: one machine that is watched, and the parts of it. Everything has a fixed size. */

#include "json.h"
#include "targets.h"

#include <stackdb/probe.h>
#include <stackdb/system.h>

struct agent;
struct agent_tasks;
struct agent_modules;
struct agent_calls;
struct agent_text;

struct agent_machine {
	struct agent *agent;
	const struct sdb_spec *spec;
	struct sdb_target *target;    /* NULL: it is not there */
	struct agent_tasks *tasks;
	struct agent_modules *modules;
	struct agent_calls *calls;
	struct agent_text *text;      /* NULL: the kernel's code is not watched */
	uint64_t uptime, base;        /* at the last scan */
	double patience;              /* until when it is looked for after a reset, in seconds of the monotonic clock */
	unsigned failures;            /* scans in a row that could not be believed */
	bool was_there;
	bool halted;                  /* somebody holds it, and that was told */
	char trouble[256];            /* that was told last: it is told once */
};

struct agent {
	struct targets targets;       /* what the arguments name; opened one by one, again and again */
	struct agent_machine *machines;
	struct sdb_loop *loop;        /* NULL: no machine has probes */
	char **probes;
	size_t probe_count;
	double interval;
	uint64_t memory_limit;
	uint64_t text_bytes;          /* of code that are compared with each scan */
	uint64_t scans, times;
	bool initial, wait, no_text;
	const char *output;
	struct text out;
};

/* Begins a line that tells of EVENT; the caller adds members and ends it with json_end(). */
void agent_tell(struct agent_machine *machine, const char *event, struct json *json);
/* Tells that something could not be done, once; frees ERROR. */
void agent_trouble(struct agent_machine *machine, const char *what, struct sdb_error *error);

/* ---- agent_tasks.c: processes, modules and calls, each compared with what there was at the last scan */
struct agent_tasks *agent_tasks_create(size_t limit);
void agent_tasks_destroy(struct agent_tasks *tasks);
struct sdb_error *agent_tasks_scan(struct agent_machine *machine, bool first);
/* A probe tells that a task begins, executes another program, or has ended. */
struct sdb_error *agent_tasks_event(struct agent_machine *machine, const struct sdb_hit *hit);
struct agent_modules *agent_modules_create(void);
void agent_modules_destroy(struct agent_modules *modules);
/* *CHANGED_RET: some came or went. */
struct sdb_error *agent_modules_scan(struct agent_machine *machine, bool first, bool *changed_ret);
struct agent_calls *agent_calls_create(void);
void agent_calls_destroy(struct agent_calls *calls);
struct sdb_error *agent_calls_scan(struct agent_machine *machine, bool first);

/* ---- agent_text.c: the code of the kernel, compared with a copy in a file that has no name */
struct sdb_error *agent_text_create(struct agent_text **text_ret);
void agent_text_destroy(struct agent_text *text);
/* Compares the next BYTES of code; what is new is copied. MODULES: they have changed since. */
struct sdb_error *agent_text_scan(struct agent_machine *machine, uint64_t bytes, bool modules);

#endif
