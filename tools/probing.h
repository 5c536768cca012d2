/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_PROBING_H
#define TOOLS_PROBING_H

/*
 * Probes of the commands `probetargets` and `dumptarget`: placed by name (probing.c), their hits printed
 * (probing_hits.c), and what is done besides (probing_actions.c).
 */

#include "targets.h"
#include <stackdb/probe.h>

enum { PROBING_PRINTS = 32, PROBING_MATCHES = 16, PROBING_ACTIONS = 32 };

/* `--enable A,B`: when A is met B is switched on, or off. */
struct probing_switch {
	const char *when, *what; /* numbers of arguments, from 1, or their texts */
	bool on;
};

struct probing_actions {
	const char *sets[PROBING_ACTIONS]; /* assignments: `variable = expression`, `$register = expression` */
	unsigned set_count;
	struct probing_switch switches[PROBING_ACTIONS];
	unsigned switch_count;
	unsigned steps;     /* single steps after a hit; 0: none */
	int signal;         /* that the thread is sent; 0: none */
	bool abort;         /* return from the function at once */
	uint64_t abort_value;
};

/* What was asked for, in all targets. */
struct probing_argument {
	const char *text;
	const char *what;   /* without the `ID:` in front */
	int id;             /* of the target; -1: all */
	uint64_t hits;
	bool there;         /* it was found somewhere */
	bool failed;        /* it was complained of its filter */
};

struct probing {
	struct targets *targets;
	struct sdb_loop *loop;
	struct text out;
	bool quiet;      /* only counts, at the end */
	bool returns;    /* of functions, too */
	bool after;      /* after the instruction, too */
	bool locals;
	bool backtrace;
	bool inlined;
	bool hardware;
	bool software;   /* variables are watched by single-stepping */
	bool follow;     /* processes that they make, too */
	const char *at, *until; /* begin when the one is met, end when the other is; NULL: at once, never */
	const char *prints[PROBING_PRINTS]; /* expressions to print */
	unsigned print_count;
	struct sdb_probe_filter filter;
	struct sdb_probe_match matches[PROBING_MATCHES];
	struct probing_actions actions;
	uint64_t limit;  /* of hits; 0: none */
	uint64_t hits;
	bool done;       /* the limit is reached */
	int64_t thread;  /* 0: all */
	struct probing_argument *arguments;
	size_t argument_count;
	struct probing_place **places;
	size_t count;
};

/* A probe in one target. */
struct probing_place {
	struct probing *probing;
	struct probing_argument *argument; /* NULL: of --at and --until */
	const char *what;
	struct sdb_target *target;
	struct sdb_probe *probe; /* NULL: it is not there */
	bool watch;      /* it is a variable */
	bool begun;      /* of --at: it was met */
};

/* Takes TEXT for one more probe: `[ID:]SYMBOL`, `FILE:LINE`, `0xADDRESS`; a variable is watched. */
void probing_add(struct probing *probing, const char *text);
/* Places them all in the targets. */
struct sdb_error *probing_place_all(struct probing *probing);
/* Lets the targets run until they end, the limit is reached or the program is interrupted. */
struct sdb_error *probing_run(struct probing *probing);
void probing_summary(struct probing *probing);
/* Complains about places that were never there, and filters that made no sense; true: there were places missing. */
bool probing_missed(struct probing *probing);
void probing_deinit(struct probing *probing);

/* ---- probing_hits.c: handlers, whose argument is the place */
struct sdb_error *probing_on_hit(void *arg, struct sdb_hit *hit);
struct sdb_error *probing_on_at(void *arg, struct sdb_hit *hit);
struct sdb_error *probing_on_until(void *arg, struct sdb_hit *hit);

/* ---- probing_actions.c */
/* Parse an option's argument; false: it cannot be understood. */
bool probing_parse_switch(struct probing_actions *actions, char *text, bool on);
bool probing_parse_signal(const char *text, int *number_ret);
/* Whether an argument begins switched off, since another one switches it on. */
bool probing_begins_off(const struct probing *probing, const struct probing_argument *argument);
/* Does what is to be done at HIT of PLACE. */
struct sdb_error *probing_act(struct probing_place *place, struct sdb_hit *hit);

#endif
