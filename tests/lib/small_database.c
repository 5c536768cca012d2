/* SPDX-License-Identifier: MIT */
#include "small_database.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

void small_database_must(struct sdb_error *error)
{
	if (error)
		errx(1, "%s", sdb_error_message(error));
}

static void number_names(struct sdb_writer *writer, struct sdb_names *names,
			 const struct small_database *what)
{
	const uint32_t *all;
	uint32_t *provisional = calloc(what->count, sizeof(*provisional));
	if (!provisional)
		err(1, "names");
	for (size_t i = 1; i < what->count; i++)
		provisional[i] = sdb_names_intern(names, what->texts[i], strlen(what->texts[i]));
	small_database_must(sdb_writer_freeze_names(writer, names, &all));
	for (size_t i = 1; i < what->count; i++)
		what->ranks[i] = all[provisional[i]];
	free(provisional);
}

struct sdb_db *small_database_make(const struct small_database *what)
{
	struct sdb_writer_options options = { .path = what->path, .detail = SDB_DETAIL_FULL };
	struct sdb_db_info info = { .module_name = "m", .module_path = "/m", .indexer = "test",
				    .elf_machine = 62, .elf_class = 2, .elf_data = 1,
				    .detail = SDB_DETAIL_FULL };
	struct sdb_unit unit = { .language = what->language, .version = 5 };
	struct sdb_names *names = sdb_names_create();
	struct sdb_writer *writer;
	struct sdb_db *db;

	small_database_must(sdb_writer_create(&options, &writer));
	small_database_must(sdb_writer_info(writer, &info));
	number_names(writer, names, what);
	small_database_must(sdb_writer_files(writer, NULL, 0));
	small_database_must(sdb_writer_expressions(writer, NULL, 0));
	small_database_must(sdb_writer_add_unit(writer, &unit));
	what->fill(writer);
	small_database_must(sdb_writer_finish(writer, NULL));
	sdb_names_destroy(names);
	small_database_must(sdb_db_open(what->path, NULL, &db));
	return db;
}
