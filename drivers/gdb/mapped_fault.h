/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_MAPPED_FAULT_H
#define DRIVERS_GDB_MAPPED_FAULT_H

/*
 * A file that is mapped may be truncated by somebody else, at any moment: what is behind its end then raises
 * SIGBUS when it is touched. No check of its size before each use closes that gap, and a copy by the kernel (pread,
 * process_vm_readv) for each word of a page table is a hundred times slower. So while something is mapped a handler
 * of SIGBUS puts zeros in the place of a range whose file has gone, and notes that; readers ask
 * mapped_fault_happened() after they have read, and what was read then is no answer. A SIGBUS elsewhere is
 * passed on to whoever handled it before.
 */

#include <stdbool.h>
#include <stddef.h>

struct mapped_range;

/* Guards SIZE bytes at BASE, a mapping of this program; NULL: no memory, or too many are guarded already. */
struct mapped_range *mapped_fault_guard(void *base, size_t size);
/* Before it is unmapped. */
void mapped_fault_release(struct mapped_range *range);
/* Whether something in it was not there when it was touched. */
bool mapped_fault_happened(const struct mapped_range *range);

#endif
