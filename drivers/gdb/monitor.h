/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_MONITOR_H
#define DRIVERS_GDB_MONITOR_H

/* What QEMU's human monitor prints, taken apart. The text may be anything. */

#include "runtime/driver.h"

/* A part of the machine's physical address space that is memory. */
struct monitor_range {
	uint64_t low, high;   /* HIGH is behind it */
	uint64_t offset;      /* in its block */
	char block[64];       /* the name of the block, `/objects/` left out */
};

/* The most ranges and CPUs that are believed. */
#define MONITOR_MAX_RANGES 1024
#define MONITOR_MAX_CPUS 4096

/* Of `info mtree -f`: what the CPUs see. Ordered; *RANGES_RET is malloc'ed. CORRUPT: it is no such text. */
struct sdb_error *monitor_ranges(const char *text, struct monitor_range **ranges_ret, size_t *count_ret);
/* Of `info registers`, of one CPU or all: CPU, by its number; false: it is not there, or not all of what matters. */
bool monitor_registers(const char *text, unsigned cpu, struct driver_cpu *cpu_ret);
/* Of `gpa2hva ADDRESS`. */
bool monitor_host_address(const char *text, uint64_t *address_ret);
/* Of `xp /COUNTxb ADDRESS`: COUNT bytes; false: not as many. */
bool monitor_bytes(const char *text, uint8_t *bytes, size_t count);

#endif
