/* SPDX-License-Identifier: MIT */
/* The life of a writer: its parts, the state of the kinds of record, its end. */

#include "writer_private.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Weak: a program that writes only some kinds of record (a test) need not link the others. */
#pragma weak symbols_slot
#pragma weak types_slot
#pragma weak functions_slot
#pragma weak variables_slot
#pragma weak code_slot
#pragma weak lines_slot
#pragma weak unwind_slot
#pragma weak expressions_slot
#pragma weak children_slot
#pragma weak files_slot
#pragma weak units_slot
#pragma weak names_slot

static const struct slot_traits *slot_traits(enum writer_slot slot)
{
	switch (slot) {
	case SLOT_SYMBOLS: return &symbols_slot;
	case SLOT_TYPES: return &types_slot;
	case SLOT_FUNCTIONS: return &functions_slot;
	case SLOT_VARIABLES: return &variables_slot;
	case SLOT_CODE: return &code_slot;
	case SLOT_LINES: return &lines_slot;
	case SLOT_UNWIND: return &unwind_slot;
	case SLOT_EXPRESSIONS: return &expressions_slot;
	case SLOT_CHILDREN: return &children_slot;
	case SLOT_FILES: return &files_slot;
	case SLOT_UNITS: return &units_slot;
	case SLOT_NAMES: return &names_slot;
	case SLOT_COUNT: break;
	}
	return NULL;
}

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

static bool allocate(struct sdb_writer *writer, const struct sdb_writer_options *options)
{
	writer->path = strdup(options->path);
	writer->pool = pool_create(options->jobs ? options->jobs : 1, block_scratch_free);
	if (!writer->path || !writer->pool)
		return false;
	for (int part = 0; part < PART_COUNT; part++) {
		writer->parts[part] = block_writer_create(part, writer->pool, options->unpacked);
		if (!writer->parts[part])
			return false;
	}
	for (int slot = 0; slot < SLOT_COUNT; slot++) {
		const struct slot_traits *traits = slot_traits(slot);
		if (!traits)
			continue;
		writer->slots[slot] = calloc(1, traits->size + !traits->size);
		if (!writer->slots[slot])
			return false;
	}
	return true;
}

struct sdb_error *sdb_writer_create(const struct sdb_writer_options *options,
				    struct sdb_writer **writer_ret)
{
	struct sdb_writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return no_memory();
	writer->detail = options->detail ? options->detail : SDB_DETAIL_FULL;
	writer->unpacked = options->unpacked;
	writer->arg = options->arg;
	struct sdb_error *error = allocate(writer, options) ? output_create(writer) : no_memory();
	if (error) {
		sdb_writer_abort(writer);
		return error;
	}
	*writer_ret = writer;
	return NULL;
}

static void free_info(struct sdb_db_info *info)
{
	free((void *)info->build_id);
	free((void *)info->module_name);
	free((void *)info->module_path);
	free((void *)info->debug_path);
	free((void *)info->soname);
	free((void *)info->indexer);
}

void sdb_writer_abort(struct sdb_writer *writer)
{
	if (!writer)
		return;
	pool_destroy(writer->pool); /* first: its jobs use everything else */
	for (int slot = 0; slot < SLOT_COUNT; slot++) {
		const struct slot_traits *traits = slot_traits(slot);
		if (writer->slots[slot] && traits->deinit)
			traits->deinit(writer->slots[slot]);
		free(writer->slots[slot]);
	}
	for (int part = 0; part < PART_COUNT; part++)
		block_writer_destroy(writer->parts[part]);
	for (size_t i = 0; i < writer->meta_count; i++) {
		free(writer->meta[i].key);
		free(writer->meta[i].value);
	}
	free(writer->meta);
	sections_deinit(writer);
	free_info(&writer->info);
	output_discard(writer);
	block_scratch_free(writer->scratch);
	free(writer->path);
	free(writer);
}

static bool copy_string(const char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

struct sdb_error *sdb_writer_info(struct sdb_writer *writer, const struct sdb_db_info *info)
{
	struct sdb_db_info copy = writer->info; /* keeps the counts */
	copy.build_id_length = info->build_id_length;
	copy.elf_machine = info->elf_machine;
	copy.elf_type = info->elf_type;
	copy.elf_class = info->elf_class;
	copy.elf_data = info->elf_data;
	copy.entry = info->entry;
	copy.warnings = info->warnings;
	uint8_t *build_id = malloc(info->build_id_length + 1);
	if (build_id && info->build_id_length)
		memcpy(build_id, info->build_id, info->build_id_length);
	copy.build_id = build_id;
	bool ok = build_id;
	ok &= copy_string(&copy.module_name, info->module_name);
	ok &= copy_string(&copy.module_path, info->module_path);
	ok &= copy_string(&copy.debug_path, info->debug_path);
	ok &= copy_string(&copy.soname, info->soname);
	ok &= copy_string(&copy.indexer, info->indexer);
	if (!ok) {
		free_info(&copy);
		return no_memory();
	}
	free_info(&writer->info);
	writer->info = copy;
	writer->has_info = true;
	return NULL;
}

struct sdb_error *writer_meta_row(struct sdb_writer *writer, const char *key, const char *format, ...)
{
	struct meta_row *rows = realloc(writer->meta, (writer->meta_count + 1) * sizeof(*rows));
	if (!rows)
		return no_memory();
	writer->meta = rows;
	struct meta_row *row = &rows[writer->meta_count];
	va_list args;
	va_start(args, format);
	int length = vasprintf(&row->value, format, args);
	va_end(args);
	if (length < 0)
		return no_memory();
	row->key = strdup(key);
	if (!row->key) {
		free(row->value);
		return no_memory();
	}
	writer->meta_count++;
	return NULL;
}

struct sdb_error *sdb_writer_meta(struct sdb_writer *writer, const char *key, const char *value)
{
	for (size_t i = 0; i < writer->meta_count; i++) {
		if (strcmp(writer->meta[i].key, key) == 0)
			return sdb_error_new(SDB_ERROR_INVALID, "meta key `%s` is set twice", key);
	}
	return writer_meta_row(writer, key, "%s", value);
}

struct block_writer *writer_part(struct sdb_writer *writer, enum part part)
{
	return writer->parts[part];
}

void *writer_slot(struct sdb_writer *writer, enum writer_slot slot)
{
	return writer->slots[slot];
}

struct sdb_db_info *writer_info(struct sdb_writer *writer)
{
	return &writer->info;
}

enum sdb_detail writer_detail(const struct sdb_writer *writer)
{
	return writer->detail;
}

/* What the parts learned of themselves becomes the content of one. */
static struct sdb_error *write_models(struct sdb_writer *writer)
{
	struct buffer *to;
	bool fresh;
	for (int part = 0; part < PART_MODELS; part++) {
		size_t size;
		const uint8_t *record = block_writer_models(writer->parts[part], &size);
		if (size == 0)
			continue;
		struct sdb_error *error = block_begin(writer->parts[PART_MODELS], (uint64_t)part, &to,
						      &fresh);
		if (error)
			return error;
		put_bytes(to, record, size);
	}
	return block_writer_end(writer->parts[PART_MODELS]);
}

/* All records become blocks. */
static struct sdb_error *collect(struct sdb_writer *writer)
{
	for (int slot = 0; slot < SLOT_COUNT; slot++) {
		const struct slot_traits *traits = slot_traits(slot);
		if (!writer->slots[slot] || !traits->finish)
			continue;
		struct sdb_error *error = traits->finish(writer, writer->slots[slot]);
		if (error)
			return error;
	}
	/* Texts of names are written by a job: only when it is done is its part complete. */
	pool_wait(writer->pool, &writer->scratch);
	struct sdb_error *error = NULL;
	for (int part = 0; part < PART_MODELS && !error; part++)
		error = block_writer_seal(writer->parts[part]);
	return error ? error : sections_checksums(writer);
}

/* All blocks become what is stored. */
static struct sdb_error *pack(struct sdb_writer *writer)
{
	for (int part = 0; part < PART_MODELS; part++)
		block_writer_pack(writer->parts[part]);
	pool_wait(writer->pool, &writer->scratch);
	struct sdb_error *error = write_models(writer);
	pool_wait(writer->pool, &writer->scratch);
	return error ? error : meta_gather(writer, SCHEMA_FORMAT_VERSION);
}

struct sdb_error *sdb_writer_finish(struct sdb_writer *writer, uint64_t *size_ret)
{
	bool done = false;
	struct sdb_error *error = collect(writer);
	if (!error && writer->unpacked)
		error = unpacked_write(writer, size_ret, &done);
	if (!error && !done)
		error = pack(writer);
	if (!error && !done && !writer->temporary)
		error = output_create(writer);
	if (!error && !done)
		error = output_write(writer, SCHEMA_FORMAT_VERSION, size_ret);
	sdb_writer_abort(writer); /* frees it; what was renamed stays */
	return error;
}
