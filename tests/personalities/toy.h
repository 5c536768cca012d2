/* SPDX-License-Identifier: MIT */
#ifndef TOY_H
#define TOY_H

/* What the toy system (toy_kernel.c) has in its memory, for itself and for who looks at it from outside. */

#include <stdint.h>

#define TOY_MAGIC "TOY-SYS"

struct toy_task {
	char name[16];
	uint32_t number, user;
	uint32_t next;      /* address; 0: the last */
	uint32_t pc, sp;    /* where it goes on */
};

struct toy_system {
	char magic[8];
	uint32_t version;
	uint32_t tasks;     /* address of the first one */
	uint32_t current;   /* and of the one that runs */
	uint32_t ticks;
	char words[48];     /* its log */
};

#endif
