/* SPDX-License-Identifier: MIT */
/*
 * Prints what the BTF of an ELF file becomes, as text: dump_btf FILE [BASE]
 */

#include "fake_writer.h"
#include "indexer/btf.h"

#include <stdlib.h>

static void warn(void *arg, const char *message)
{
	(void)arg;
	fprintf(stderr, "warning: %s\n", message);
}

static int fail(struct sdb_error *error)
{
	fprintf(stderr, "dump_btf: %s\n", sdb_error_message(error));
	sdb_error_free(error);
	return 1;
}

int main(int argc, char **argv)
{
	struct module_options options = { .warn = warn };
	struct module *module;
	struct btf *btf;
	struct module_symbol *symbols = NULL;
	const uint32_t *ranks;
	if (argc < 2) {
		fprintf(stderr, "usage: dump_btf FILE [BASE]\n");
		return 2;
	}
	struct btf_places places = { 0 };
	struct sdb_error *error = module_open(argv[1], &options, &module);
	if (!error)
		error = btf_load(module, argc > 2 ? argv[2] : NULL, &btf);
	if (!error)
		error = module_symbols(module, &symbols, &places.symbol_count);
	if (error)
		return fail(error);
	if (!btf) {
		fprintf(stderr, "dump_btf: %s: no BTF\n", argv[1]);
		return 1;
	}
	places.symbols = symbols;
	places.section_count = module_sections(module, &places.sections);
	struct sdb_names *names = sdb_names_create();
	struct sdb_writer *writer = fake_writer_create(stdout);
	error = btf_intern(btf, names, "unit");
	if (!error)
		error = sdb_writer_freeze_names(writer, names, &ranks);
	if (!error)
		error = btf_write(btf, writer, ranks, &places);
	if (!error && fake_writer_problem(writer))
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s", fake_writer_problem(writer));
	fake_writer_destroy(writer);
	sdb_names_destroy(names);
	btf_close(btf);
	free(symbols);
	module_close(module);
	return error ? fail(error) : 0;
}
