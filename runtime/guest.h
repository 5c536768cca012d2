/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_GUEST_H
#define RUNTIME_GUEST_H

/*
 * Targets that are machines: physical memory, and addresses translated through the tables that a CPU
 * uses. Everything in a table comes from the guest and is hostile: a translation takes as many
 * steps as there are levels, and reads nothing but physical memory of the machine.
 */

#include "target.h"

/* How addresses are translated; made of a CPU's control registers by arch/paging.c. */
struct paging {
	uint64_t root;   /* physical address of the top table */
	uint8_t levels;  /* 5, 4; 3 (PAE), 2 (32 bits); 0: not at all */
	bool large;      /* 2 levels: there are pages of 4 MiB */
	bool no_execute; /* bit 63 means that */
};

/* Where an address is. */
struct translation {
	uint64_t physical;
	uint64_t left;    /* bytes from there to the end of the page */
	uint64_t page;    /* size of the page */
	bool write, user, execute;
	uint64_t entry;   /* not found: the entry that says so, */
	uint8_t level;    /* and its level, 1: the last; 0 when it was found */
};

struct guest;

/* What the runtime keeps of TARGET as a machine; made when it is first asked for. NULL: no memory. */
struct guest *guest_get(struct sdb_target *target);
void guest_destroy(struct guest *guest);
/* Translations are void: the guest may have changed its tables. */
void guest_forget(struct sdb_target *target);

/* The kernel's own tables, once a personality knows them; until then those of the CPU are used. */
void guest_set_kernel_paging(struct sdb_target *target, const struct paging *paging);
/* Of the kernel, for addresses in the upper half; false: not known yet. */
bool guest_kernel_paging(struct sdb_target *target, struct paging *paging_ret);

/* The tables that CPU (by number from 0) uses now. */
struct sdb_error *guest_cpu_paging(struct sdb_target *target, unsigned cpu, struct paging *paging_ret);

/*
 * Translates ADDRESS. False: it is not mapped; TRANSLATION_RET says where that ended. Nothing is
 * allocated for it. Of a paused machine recent translations are kept, until guest_forget() or a write to its
 * physical memory by guest_write_physical(): nobody else changes its tables then. Of one that runs nothing is: it may
 * change any level of its tables at any time, and tells nobody but its own CPUs; four reads of mapped memory are
 * cheaper than anything that would find out.
 */
bool guest_translate(struct sdb_target *target, const struct paging *paging, uint64_t address,
		       struct translation *translation_ret);

/* Physical memory: all of SIZE bytes, else as many as there are: *DONE_RET. */
struct sdb_error *guest_read_physical(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
					size_t *done_ret);
struct sdb_error *guest_write_physical(struct sdb_target *target, uint64_t address, const void *buffer, size_t size);
/*
 * Where this program has it: *SIZE_RET bytes from ADDRESS on. NULL: the driver does not map it, or it is not RAM. Good while the
 * target is open; but when the machine ends as it is looked at there may be zeros, which only guest_read_physical() can tell.
 */
const uint8_t *guest_map_physical(struct sdb_target *target, uint64_t address, size_t *size_ret);

/* Through tables; as driver.read_memory: *DONE_RET bytes, 0 when the first is not there. */
struct sdb_error *guest_read(struct sdb_target *target, const struct paging *paging, uint64_t address, void *buffer,
			       size_t size, size_t *done_ret);
struct sdb_error *guest_write(struct sdb_target *target, const struct paging *paging, uint64_t address,
				const void *buffer, size_t size);
/* As guest_map_physical(), up to the end of the page at most. */
const uint8_t *guest_map(struct sdb_target *target, const struct paging *paging, uint64_t address, size_t *size_ret);

/*
 * What a machine's driver has for read_memory and write_memory: addresses of the upper half by the kernel's
 * tables, others by those of CPU 0.
 */
struct sdb_error *guest_read_memory(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
				      size_t *done_ret);
struct sdb_error *guest_write_memory(struct sdb_target *target, uint64_t address, const void *buffer, size_t size);

#endif
