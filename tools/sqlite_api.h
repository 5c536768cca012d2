/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SQLITE_API_H
#define TOOLS_SQLITE_API_H

/* SQLite as the program links it, or as a loadable extension is handed it by its host. */

#ifdef STACKDB_SQLITE_EXTENSION
#include <sqlite3ext.h>
extern const struct sqlite3_api_routines *sqlite3_api;
#else
#include <sqlite3.h>
#endif

#endif
