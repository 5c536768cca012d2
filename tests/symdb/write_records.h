/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SYMDB_WRITE_RECORDS_H
#define TESTS_SYMDB_WRITE_RECORDS_H

#include <stackdb/db.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)
/* Says what went wrong. */
#define OK(call) \
	do { \
		struct sdb_error *error_ = (call); \
		if (error_) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, sdb_error_message(error_)); \
			exit(1); \
		} \
	} while (0)
/* It must fail with CODE. */
#define FAILS(call, code) \
	do { \
		struct sdb_error *error_ = (call); \
		CHECK(error_ && sdb_error_code(error_) == (code)); \
		sdb_error_free(error_); \
	} while (0)

/*
 * A database of all the random records of SEED (random_records.h) at PATH. UNPACKED, called with PATH, is as
 * in struct sdb_writer_options.
 */
void write_records(const char *path, uint64_t seed, unsigned jobs, bool (*unpacked)(void *arg, uint64_t size));

#endif
