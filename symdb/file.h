/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_FILE_H
#define SYMDB_FILE_H

/*
 * How SQLite reads a database: a file system layer (sqlite.org/vfs.html) for files that
 * nobody writes. It takes no locks, and reads some pages ahead: a row's pages stand behind each other.
 */

/* The layer's name for sqlite3_open_v2(), NULL when it cannot be had. */
const char *file_layer(void);

#endif
