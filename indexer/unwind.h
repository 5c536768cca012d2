/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_UNWIND_H
#define INDEXER_UNWIND_H

/*
 * Unwind tables: .eh_frame and .debug_frame (cfi.c), the kernel's ORC (orc.c). Each hands over
 * its rows sorted by address and free of overlaps, in the order sdb_writer_add_unwind() wants.
 */

#include "module.h"

typedef struct sdb_error *(*unwind_row_fn)(void *arg, const struct sdb_unwind_row *row);

/* Interprets every FDE of .eh_frame, then of .debug_frame. */
struct sdb_error *cfi_read(struct module *module, unwind_row_fn fn, void *arg);
/* Reads .orc_unwind_ip and .orc_unwind, whatever their version. */
struct sdb_error *orc_read(struct module *module, unwind_row_fn fn, void *arg);

#endif
