/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_OPEN_H
#define TOOLS_OPEN_H

/*
 * Path of the indexer program: $STACKDB_INDEXER, else beside this program (as built), else where
 * it was installed. For free().
 */
char *open_indexer_path(void);

#endif
