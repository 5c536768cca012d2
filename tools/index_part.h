/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_INDEX_PART_H
#define TOOLS_INDEX_PART_H

#include <stackdb/indexer.h>

/*
 * Makes the database of a part of FILE, as sdb_indexing_start_part() asks for it: of the code at the addresses that
 * standard input has, a hexadecimal number a line. When that is not everything, a process of its own that nobody waits
 * for then makes the whole one. OPTIONS: how. Returns an exit status.
 */
int index_part(const char *file, const struct sdb_index_options *options);

#endif
