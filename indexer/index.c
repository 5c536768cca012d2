/* SPDX-License-Identifier: MIT */

/* Indexing one module, from opening its files to the finished database. */

#include <stackdb/indexer.h>
#include <stackdb/store.h>

#include "btf.h"
#include "dwarf/gather.h"
#include "unwind.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define INDEXER "stackdb " STACKDB_VERSION

/* Something that is written while other things are gathered or written. */
struct aside {
	struct indexing *indexing;
	struct sdb_error *(*fn)(struct indexing *indexing);
	struct sdb_error *error;
	pthread_t thread;
	bool running;
};

struct indexing {
	struct sdb_index_options options;
	struct sdb_index_result *result;
	double begun;
	struct module *module;
	struct sdb_names *names;
	struct sdb_writer *writer;
	struct module_symbol *symbols;
	size_t symbol_count;
	uint32_t *symbol_names; /* provisional: name and version of each symbol */
	struct gather gather;
	bool has_dwarf;
	struct btf *btf;
	const uint32_t *ranks;      /* final numbers of names; the writer's */
	struct aside unwind_aside, lines_aside, symbols_aside;
};

static void no_warning(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static struct sdb_error *no_memory(const char *path)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "%s: out of memory", path);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void progress(struct indexing *indexing, double share)
{
	if (indexing->options.progress)
		indexing->options.progress(indexing->options.arg, share);
}

/* ---- work beside other work ------------------------------------------------------------ */

static void *aside_run(void *arg)
{
	struct aside *aside = arg;

	aside->error = aside->fn(aside->indexing);
	return NULL;
}

/* With one thread it is done at once. */
static void aside_start(struct aside *aside, struct indexing *indexing, struct sdb_error *(*fn)(struct indexing *indexing))
{
	aside->indexing = indexing;
	aside->fn = fn;
	aside->running = indexing->options.jobs > 1 && pthread_create(&aside->thread, NULL, aside_run, aside) == 0;
	if (!aside->running)
		aside_run(aside);
}

/* Waits for all that was started; the first error, ERROR if there is one. */
static struct sdb_error *asides_wait(struct indexing *indexing, struct sdb_error *error)
{
	struct aside *asides[] = { &indexing->unwind_aside, &indexing->lines_aside, &indexing->symbols_aside };

	for (size_t i = 0; i < sizeof(asides) / sizeof(*asides); i++) {
		if (asides[i]->running)
			pthread_join(asides[i]->thread, NULL);
		asides[i]->running = false;
		if (!error)
			error = asides[i]->error;
		else
			sdb_error_free(asides[i]->error);
		asides[i]->error = NULL;
	}
	return error;
}

/* ---- where the database goes, and whether it is there already ----------------------- */

static struct sdb_error *choose_output(struct indexing *indexing, const char *path)
{
	const struct sdb_db_info *info = module_info(indexing->module);
	char **to = &indexing->result->path;

	if (indexing->options.output) {
		*to = strdup(indexing->options.output);
		return *to ? NULL : no_memory(path);
	}
	if (info->build_id_length == 0)
		return sdb_error_new(SDB_ERROR_INVALID, "%s: it has no build-id to file it under: "
				     "name the database to write", path);
	struct sdb_error *error = sdb_store_path(indexing->options.store, info->build_id, info->build_id_length, to);
	return error ? error : sdb_store_make_parents(*to);
}

static bool meta_is(struct sdb_db *db, const char *key, const char *value)
{
	char *found = NULL;
	struct sdb_error *error = sdb_db_meta(db, key, &found);
	bool same = !error && found && strcmp(found, value) == 0;

	sdb_error_free(error);
	free(found);
	return same;
}

/* Same program, at least the detail, same input: nothing to do. */
static bool is_up_to_date(const struct indexing *indexing)
{
	const struct sdb_db_info *info = module_info(indexing->module), *have;
	struct sdb_db *db;
	char size[32];
	struct sdb_error *error = sdb_db_open(indexing->result->path, NULL, &db);

	if (error) {
		sdb_error_free(error);
		return false;
	}
	have = sdb_db_info(db);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)module_input_size(indexing->module));
	/* What was left unpacked will do for one who is in a hurry. */
	bool packed = indexing->options.unpacked || have->packed;
	bool same = packed && have->build_id_length == info->build_id_length && have->build_id_length &&
		    memcmp(have->build_id, info->build_id, info->build_id_length) == 0 &&
		    have->indexer && strcmp(have->indexer, INDEXER) == 0 &&
		    have->detail >= indexing->options.detail && meta_is(db, "input_size", size);
	sdb_db_close(db);
	return same;
}

/* ---- gathering ------------------------------------------------------------------------ */

static struct sdb_error *gather_symbols(struct indexing *indexing)
{
	struct sdb_error *error = module_symbols(indexing->module, &indexing->symbols, &indexing->symbol_count);

	if (error)
		return error;
	indexing->symbol_names = calloc(indexing->symbol_count + 1, 2 * sizeof(*indexing->symbol_names));
	if (!indexing->symbol_names)
		return no_memory(indexing->result->path);
	for (size_t i = 0; i < indexing->symbol_count; i++) {
		const struct module_symbol *symbol = &indexing->symbols[i];
		const char *texts[2] = { symbol->name, symbol->version };
		for (int t = 0; t < 2; t++) {
			uint32_t id = texts[t] ? sdb_names_intern(indexing->names, texts[t], strlen(texts[t])) : 0;
			if (id == UINT32_MAX)
				return no_memory(indexing->result->path);
			indexing->symbol_names[2 * i + (size_t)t] = id;
		}
	}
	return NULL;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct sdb_range *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

/* Where code can be: what lies elsewhere was dropped by the linker. */
static struct sdb_error *find_executable(struct indexing *indexing)
{
	const struct sdb_section *sections;
	size_t count = module_sections(indexing->module, &sections), found = 0;
	struct sdb_range *ranges = calloc(count + 1, sizeof(*ranges));

	if (!ranges)
		return no_memory(indexing->result->path);
	for (size_t i = 0; i < count; i++)
		if ((sections[i].flags & 6) == 6 && sections[i].size) /* SHF_ALLOC | SHF_EXECINSTR */
			ranges[found++] = (struct sdb_range){ sections[i].address,
							      sections[i].address + sections[i].size };
	if (found > 1)
		qsort(ranges, found, sizeof(*ranges), compare_ranges);
	indexing->gather.dwarf.executable = ranges;
	indexing->gather.dwarf.executable_count = found;
	indexing->gather.sections = sections;
	indexing->gather.section_count = count;
	return NULL;
}

static struct sdb_error *intern_units(struct indexing *indexing)
{
	const struct dwarf *dwarf = &indexing->gather.dwarf;

	for (uint32_t i = 0; i < dwarf->unit_count; i++) {
		const char *texts[3] = { dwarf->units[i]->name, dwarf->units[i]->comp_dir, dwarf->units[i]->producer };
		for (int t = 0; t < 3; t++)
			if (texts[t] && sdb_names_intern(indexing->names, texts[t], strlen(texts[t])) == UINT32_MAX)
				return no_memory(indexing->result->path);
	}
	return NULL;
}

/* Line tables need no other numbers than those of files. */
static struct sdb_error *write_lines(struct indexing *indexing)
{
	return lines_write(&indexing->gather, indexing->writer);
}

static struct sdb_error *gather_dwarf(struct indexing *indexing)
{
	struct gather *gather = &indexing->gather;
	struct sdb_error *error = find_executable(indexing);

	gather->detail = indexing->options.detail;
	gather->jobs = indexing->options.jobs;
	gather->names = indexing->names;
	gather->units = calloc((size_t)gather->dwarf.unit_count + 1, sizeof(*gather->units));
	gather->files = sdb_names_create();
	gather->worker_count = gather->jobs < MAX_WORKERS ? gather->jobs : MAX_WORKERS;
	gather->workers = calloc(gather->worker_count, sizeof(*gather->workers));
	if (!error && (!gather->units || !gather->files || !gather->workers || !intern_init(&gather->functions) ||
		       !intern_init(&gather->variables) || !intern_init(&gather->expressions) ||
		       !brief_lock_init(&gather->lock)))
		error = no_memory(indexing->result->path);
	if (!error)
		error = lines_gather(gather);
	if (!error)
		error = files_number(gather);
	if (!error)
		aside_start(&indexing->lines_aside, indexing, write_lines);
	progress(indexing, 0.1);
	if (!error && gather->detail >= SDB_DETAIL_FULL)
		error = types_gather(gather);
	progress(indexing, 0.4);
	if (!error)
		error = gather_units(gather, code_gather);
	gather_free_workers(gather, 1); /* the first one writes types */
	progress(indexing, 0.6);
	return error ? error : intern_units(indexing);
}

static void gather_free(struct gather *gather)
{
	const struct sdb_range *executable = gather->dwarf.executable;

	lines_free(gather);
	types_free(gather);
	for (uint32_t i = 0; gather->units && i < gather->dwarf.unit_count; i++) {
		free(gather->units[i].nodes);
		free(gather->units[i].scopes);
		free(gather->units[i].bounds);
		buffer_deinit(&gather->units[i].code);
	}
	free(gather->units);
	gather_free_workers(gather, 0);
	free(gather->workers);
	free(gather->file_ids);
	free(gather->paths);
	free(gather->codes);
	free(gather->references);
	intern_deinit(&gather->functions);
	intern_deinit(&gather->variables);
	intern_deinit(&gather->expressions);
	sdb_names_destroy(gather->files);
	dwarf_close(&gather->dwarf);
	free((void *)executable);
}

/* ---- writing -------------------------------------------------------------------------- */

static struct sdb_error *write_layout(struct indexing *indexing)
{
	const struct sdb_section *sections;
	const struct sdb_segment *segments;
	size_t section_count = module_sections(indexing->module, &sections);
	size_t segment_count = module_segments(indexing->module, &segments);
	struct sdb_error *error = NULL;

	for (size_t i = 0; i < section_count && !error; i++)
		error = sdb_writer_add_section(indexing->writer, &sections[i]);
	for (size_t i = 0; i < segment_count && !error; i++)
		error = sdb_writer_add_segment(indexing->writer, &segments[i]);
	return error;
}

static struct sdb_error *write_symbols(struct indexing *indexing)
{
	const uint32_t *ranks = indexing->ranks;
	struct sdb_error *error = NULL;

	for (size_t i = 0; i < indexing->symbol_count && !error; i++) {
		struct sdb_symbol symbol = indexing->symbols[i].symbol;
		symbol.name = ranks[indexing->symbol_names[2 * i]];
		symbol.version = ranks[indexing->symbol_names[2 * i + 1]];
		error = sdb_writer_add_symbol(indexing->writer, &symbol);
	}
	return error;
}

struct unwind_arg {
	struct indexing *indexing;
	uint64_t rows;
};

static struct sdb_error *write_row(void *arg, const struct sdb_unwind_row *row)
{
	struct unwind_arg *to = arg;

	to->rows++;
	return sdb_writer_add_unwind(to->indexing->writer, row);
}

static struct sdb_error *write_unwind(struct indexing *indexing)
{
	struct unwind_arg arg = { indexing, 0 };
	struct sdb_error *error = cfi_read(indexing->module, write_row, &arg);

	if (!error)
		error = orc_read(indexing->module, write_row, &arg);
	indexing->result->unwind_rows = arg.rows;
	return error;
}

static struct sdb_error *write_btf(struct indexing *indexing)
{
	struct btf_places places = { .symbols = indexing->symbols, .symbol_count = indexing->symbol_count,
		.address_size = module_info(indexing->module)->elf_class == 1 ? 4 : 8 };

	places.section_count = module_sections(indexing->module, &places.sections);
	return btf_write(indexing->btf, indexing->writer, indexing->ranks, &places);
}

static struct sdb_error *write_records(struct indexing *indexing)
{
	struct sdb_error *error = NULL;

	aside_start(&indexing->symbols_aside, indexing, write_symbols);
	if (indexing->has_dwarf)
		error = gather_write(&indexing->gather, indexing->writer, indexing->ranks);
	else if (indexing->btf)
		error = write_btf(indexing);
	return asides_wait(indexing, error);
}

static void count_content(struct indexing *indexing)
{
	struct sdb_index_result *result = indexing->result;
	const struct gather *gather = &indexing->gather;

	result->symbols = indexing->symbol_count;
	result->types = types_count(gather);
	result->functions = gather->functions.count;
	result->lines = gather->line_rows;
	result->debug_size = gather->dwarf.info_size;
	result->partial = gather->dwarf.dropped;
}

static bool tell_unpacked(void *arg, uint64_t size)
{
	struct indexing *indexing = arg;

	indexing->result->output_size = size;
	indexing->result->seconds = now() - indexing->begun;
	return indexing->options.unpacked(indexing->options.arg, indexing->result);
}

static struct sdb_error *create_writer(struct indexing *indexing)
{
	struct sdb_writer_options options = { .path = indexing->result->path, .jobs = indexing->options.jobs,
					      .detail = indexing->options.detail, .arg = indexing };

	if (indexing->options.unpacked)
		options.unpacked = tell_unpacked;

	return sdb_writer_create(&options, &indexing->writer);
}

static struct sdb_error *finish_database(struct indexing *indexing)
{
	struct sdb_db_info info = *module_info(indexing->module);
	char size[32];
	struct sdb_error *error = sdb_writer_freeze_names(indexing->writer, indexing->names, &indexing->ranks);

	info.indexer = INDEXER;
	info.detail = indexing->options.detail;
	if (!error)
		error = write_layout(indexing);
	if (!error)
		error = write_records(indexing);
	info.warnings = module_warnings(indexing->module);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)module_input_size(indexing->module));
	if (!error)
		error = sdb_writer_info(indexing->writer, &info);
	if (!error)
		error = sdb_writer_meta(indexing->writer, "input_size", size);
	if (!error && indexing->gather.dwarf.dropped)
		error = sdb_writer_meta(indexing->writer, "partial", "1");
	progress(indexing, 0.9);
	if (error)
		return error;
	error = sdb_writer_finish(indexing->writer, &indexing->result->output_size);
	indexing->writer = NULL;
	return error;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static struct sdb_error *index_module(struct indexing *indexing)
{
	struct gather *gather = &indexing->gather;
	bool wants_dwarf = indexing->options.detail > SDB_DETAIL_SYMBOLS;
	const struct dwarf_addresses near = { indexing->options.addresses, indexing->options.address_count };
	struct preparation *preparation = wants_dwarf ? dwarf_prepare(indexing->module, indexing->options.jobs) : NULL;
	struct sdb_error *error = gather_symbols(indexing);

	module_prepare_finish(preparation);
	if (!error)
		error = create_writer(indexing);
	if (!error)
		aside_start(&indexing->unwind_aside, indexing, write_unwind);
	if (!error && wants_dwarf)
		error = dwarf_open(indexing->module, indexing->options.addresses ? &near : NULL, &gather->dwarf);
	indexing->has_dwarf = gather->dwarf.unit_count > 0;
	if (!error && indexing->has_dwarf)
		error = gather_dwarf(indexing);
	if (!error && !indexing->has_dwarf && indexing->options.detail >= SDB_DETAIL_FULL)
		error = btf_load(indexing->module, NULL, &indexing->btf);
	if (!error && indexing->btf)
		error = btf_intern(indexing->btf, indexing->names, module_info(indexing->module)->module_name);
	count_content(indexing);
	if (!error)
		error = finish_database(indexing);
	error = asides_wait(indexing, error);
	sdb_writer_abort(indexing->writer); /* when it is not finished */
	indexing->writer = NULL;
	return error;
}

static struct sdb_error *index_opened(struct indexing *indexing, const char *path)
{
	struct sdb_index_result *result = indexing->result;
	struct sdb_error *error = choose_output(indexing, path);

	result->input_size = module_input_size(indexing->module);
	if (error)
		return error;
	if (!indexing->options.force && is_up_to_date(indexing)) {
		result->up_to_date = true;
		return NULL;
	}
	indexing->names = sdb_names_create();
	if (!indexing->names)
		return no_memory(path);
	error = index_module(indexing);
	btf_close(indexing->btf);
	if (indexing->has_dwarf)
		gather_free(&indexing->gather);
	else
		dwarf_close(&indexing->gather.dwarf);
	free(indexing->symbols);
	free(indexing->symbol_names);
	sdb_names_destroy(indexing->names);
	return error;
}

struct sdb_error *sdb_index_file(const char *path, const struct sdb_index_options *options,
				 struct sdb_index_result *result)
{
	struct indexing indexing = { .result = result, .begun = now() };

	*result = (struct sdb_index_result){ 0 };
	if (options)
		indexing.options = *options;
	if (indexing.options.jobs == 0) {
		long processors = sysconf(_SC_NPROCESSORS_ONLN);
		indexing.options.jobs = processors > 0 ? (unsigned)processors : 1;
	}
	if (indexing.options.detail == 0)
		indexing.options.detail = SDB_DETAIL_FULL;
	struct module_options opening = { indexing.options.root, indexing.options.debug_file,
		indexing.options.warning ? indexing.options.warning : no_warning, indexing.options.arg };
	struct sdb_error *error = module_open(path, &opening, &indexing.module);
	if (!error)
		error = index_opened(&indexing, path);
	if (indexing.module) {
		result->warnings = module_warnings(indexing.module);
		module_close(indexing.module);
	}
	result->seconds = now() - indexing.begun;
	progress(&indexing, 1);
	if (error)
		sdb_index_result_free(result);
	return error;
}

void sdb_index_result_free(struct sdb_index_result *result)
{
	free(result->path);
	*result = (struct sdb_index_result){ 0 };
}
