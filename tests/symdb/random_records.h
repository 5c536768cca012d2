/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SYMDB_RANDOM_RECORDS_H
#define TESTS_SYMDB_RANDOM_RECORDS_H

/*
 * Records made of random numbers: number ID of a kind is the same each time it is asked for, so that
 * what was written need not be kept. Whatever a record points to is valid until the next one.
 */

#include <stackdb/model.h>

enum { RANDOM_NAMES = 3000, RANDOM_FILES = 40, RANDOM_UNITS = 30, RANDOM_TYPES = 3000, RANDOM_FUNCTIONS = 2500,
       RANDOM_VARIABLES = 1500, RANDOM_CODES = 1200, RANDOM_EXPRESSIONS = 100 };

void random_seed(uint64_t seed); /* before the first; which records these are */

void random_name(uint32_t number, char text[64]); /* not sorted, some long, some almost equal */
struct sdb_expression random_expression(uint32_t number); /* the shared ones, from 0 */
void random_type(sdb_type_id id, struct sdb_type *type_ret);
void random_function(sdb_function_id id, struct sdb_function *function_ret);
void random_variable(sdb_variable_id id, struct sdb_variable *variable_ret);
/* NUMBER from 0; in order of address. */
void random_code(uint32_t number, struct sdb_code *code_ret);
uint64_t random_code_address(uint32_t number);

#endif
