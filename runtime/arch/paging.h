/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_ARCH_PAGING_H
#define RUNTIME_ARCH_PAGING_H

/* Page tables of x86 (SDM volume 3A, chapter 4): what the control registers say, and a walk. */

#include "../guest.h"

/* How a CPU with these registers translates. */
struct paging paging_of_cpu(const struct driver_cpu *cpu);
/* Walks the tables; false: not mapped. Reads physical memory of TARGET only. */
bool paging_walk(struct sdb_target *target, const struct paging *paging, uint64_t address,
		 struct translation *translation_ret);

#endif
