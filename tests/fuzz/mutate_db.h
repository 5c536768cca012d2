/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_MUTATE_DB_H
#define TESTS_FUZZ_MUTATE_DB_H

#include <stddef.h>
#include <stdint.h>

/* Changes what is inside the database in DATA; its new size, or 0 when it could not. */
size_t mutate_database(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
