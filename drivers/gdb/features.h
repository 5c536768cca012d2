/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_FEATURES_H
#define DRIVERS_GDB_FEATURES_H

/* What a stub can do (qSupported) and which registers it has (qXfer:features, GDB manual appendix G). */

#include "rsp.h"
#include "runtime/arch/arch.h"

#define FEATURES_REGISTERS_MAX 1024
#define FEATURES_GENERAL_NUMBERS 24

/* Where a register of the stub's goes. */
enum features_place {
	PLACE_NONE,  /* nowhere: it is only kept when others are written */
	PLACE_FILE,  /* the register file, at `offset` */
	PLACE_CPU,   /* struct driver_cpu, at `offset` */
	PLACE_TAGS,  /* tag word of the x87, that FXSAVE abridges */
};

struct features_register {
	uint32_t number;   /* for p and P */
	uint32_t at;       /* byte of g's reply */
	uint16_t size;
	uint16_t offset;
	uint8_t copied;    /* bytes of it that are taken */
	uint8_t room;      /* bytes that they take there: what is above is zero */
	uint8_t place;     /* enum features_place */
	uint8_t group;     /* enum register_group, of PLACE_FILE and PLACE_TAGS */
};

struct features {
	bool multiprocess, no_ack, vcont, pass_signals, binary_read, physical_mode;
	bool xfer_features, xfer_exec_file, xfer_auxv, xfer_libraries, xfer_threads;
	bool write_one;   /* P works */
	bool control;     /* it tells control registers: a CPU */
	const struct architecture *architecture; /* NULL: the description names none that is known */
	struct features_register *registers;     /* in the order of g's reply */
	size_t register_count, size;             /* SIZE: bytes of g's reply */
	int pc, sp;                              /* index in `registers`; -1: none */
};

/* Asks RSP for all that; switches acknowledgements off where that is offered. */
struct sdb_error *features_negotiate(struct rsp *rsp, struct features *features);
void features_deinit(struct features *features);

/* Reads an object of the stub's (qXfer:OBJECT:read:ANNEX) of at most LIMIT bytes; *DATA_RET is malloc'ed, with a NUL. */
struct sdb_error *features_object(struct rsp *rsp, const char *object, const char *annex, size_t limit, char **data_ret,
				  size_t *size_ret);

/* Without a description: the registers that a reply of SIZE bytes to g has. False: nothing is known of that size. */
bool features_assume(struct features *features, size_t size);
/* Adds the registers that the description TEXT (changed) has; INCLUDE is called for each xi:include. For fuzzing, too. */
struct sdb_error *features_describe(struct features *features, char *text, size_t size,
				    struct sdb_error *(*include)(void *arg, const char *annex), void *arg);
/* Puts the registers that were described in order. */
struct sdb_error *features_arrange(struct features *features);
/* Where the register NAME belongs. */
void features_place(const char *name, struct features_register *entry);

#endif
