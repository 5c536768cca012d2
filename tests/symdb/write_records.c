/* SPDX-License-Identifier: MIT */
#include "write_records.h"
#include "random_records.h"
#include "symdb/writer.h"
#include <string.h>

/* Name N of the random records becomes whatever rank it has: the database's names are these. */
static void write_names(struct sdb_writer *writer, struct sdb_names *names)
{
	const uint32_t *ranks;
	char text[64];

	for (uint32_t i = 1; i <= RANDOM_NAMES; i++) {
		random_name(i, text);
		CHECK(sdb_names_intern(names, text, strlen(text)) != UINT32_MAX);
	}
	OK(sdb_writer_freeze_names(writer, names, &ranks));
}

static void write_files(struct sdb_writer *writer)
{
	char texts[RANDOM_FILES][64];
	const char *paths[RANDOM_FILES];

	for (int i = 0; i < RANDOM_FILES; i++) {
		snprintf(texts[i], sizeof(texts[i]), "/src/dir%02d/file%02d.c", i / 3, i);
		paths[i] = texts[i];
	}
	OK(sdb_writer_files(writer, paths, RANDOM_FILES));
}

static void write_expressions(struct sdb_writer *writer)
{
	struct sdb_expression shared[RANDOM_EXPRESSIONS];
	uint8_t bytes[RANDOM_EXPRESSIONS][64];

	for (uint32_t i = 0; i < RANDOM_EXPRESSIONS; i++) {
		struct sdb_expression from = random_expression(i);
		memcpy(bytes[i], from.bytes, from.length);
		shared[i] = (struct sdb_expression){ bytes[i], from.length };
	}
	OK(sdb_writer_expressions(writer, shared, RANDOM_EXPRESSIONS));
}

void write_records(const char *path, uint64_t seed, unsigned jobs, bool (*unpacked)(void *arg, uint64_t size))
{
	struct sdb_writer_options options = { .path = path, .jobs = jobs, .unpacked = unpacked, .arg = (void *)path };
	struct sdb_db_info info = { .module_name = "random", .module_path = "/random", .indexer = "test" };
	struct sdb_names *names = sdb_names_create();
	struct sdb_writer *writer;

	CHECK(names);
	random_seed(seed);
	OK(sdb_writer_create(&options, &writer));
	OK(sdb_writer_info(writer, &info));
	write_names(writer, names);
	write_files(writer);
	write_expressions(writer);
	for (uint32_t i = 1; i <= RANDOM_UNITS; i++) {
		struct sdb_unit unit = { .name = i, .directory = 1, .producer = 2, .language = 12, .version = 5 };
		OK(sdb_writer_add_unit(writer, &unit));
	}
	for (uint32_t i = 1; i <= RANDOM_TYPES; i++) {
		struct sdb_type type;
		random_type(i, &type);
		OK(sdb_writer_add_type(writer, &type));
	}
	for (uint32_t i = 1; i <= RANDOM_FUNCTIONS; i++) {
		struct sdb_function function;
		random_function(i, &function);
		OK(sdb_writer_add_function(writer, &function));
	}
	for (uint32_t i = 1; i <= RANDOM_VARIABLES; i++) {
		struct sdb_variable variable;
		random_variable(i, &variable);
		OK(sdb_writer_add_variable(writer, &variable));
	}
	for (uint32_t i = 0; i < RANDOM_CODES; i++) {
		struct sdb_code code;
		random_code(i, &code);
		OK(sdb_writer_add_code(writer, &code));
	}
	OK(sdb_writer_finish(writer, NULL));
	sdb_names_destroy(names);
}
