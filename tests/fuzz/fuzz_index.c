/* SPDX-License-Identifier: MIT */

/*
 * A whole ELF file from anywhere. Whatever the indexer makes of it, a database that it says is
 * done must be sound: it opens and verifies. So must be one of a part of it.
 */

#include "ask.h"
#include <stackdb/indexer.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(struct sdb_error *error, const char *what)
{
	if (error == NULL)
		return;
	fprintf(stderr, "%s of a new database: %s\n", what, sdb_error_message(error));
	abort();
}

static void index_as(struct sdb_index_options options, const char *input)
{
	struct sdb_index_result result = { 0 };
	struct sdb_db *db;
	struct sdb_error *error = sdb_index_file(input, &options, &result);

	if (error != NULL) {
		sdb_error_free(error);
		return;
	}
	sdb_index_result_free(&result);
	must(sdb_db_open(options.output, NULL, &db), "opening");
	must(sdb_db_verify(db), "verifying");
	ask_everything(db);
	sdb_db_close(db);
	unlink(options.output);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char output[128];
	/* Where code of objects, libraries and programs begins. */
	static const uint64_t addresses[] = { 0, 4, 0x20, 0x1000, 0x1040, 0x1130, 0x11a0, 0x401000, 0x401136 };
	struct sdb_index_options options = {
		.jobs = 1, .output = output, .force = true, .root = "/nonexistent",
	};
	const char *input = scratch_file("input.elf", data, size);

	snprintf(output, sizeof(output), "%s/output.sdb", scratch_directory());
	index_as(options, input);
	options.addresses = addresses;
	options.address_count = sizeof(addresses) / sizeof(*addresses);
	index_as(options, input);
	return 0;
}
