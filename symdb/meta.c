/* SPDX-License-Identifier: MIT */
/* Identity and totals to rows of `meta` and back. */

#include "meta.h"
#include "checksum.h"
#include "writer_private.h"
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* The numbers of struct sdb_db_info and the keys they have. */
static const struct {
	const char *key;
	size_t offset, size;
} numbers[] = {
#define NUMBER(name) { #name, offsetof(struct sdb_db_info, name), \
		       sizeof(((struct sdb_db_info *)0)->name) }
	NUMBER(elf_machine), NUMBER(elf_type), NUMBER(elf_class), NUMBER(elf_data), NUMBER(detail),
	NUMBER(entry), NUMBER(names), NUMBER(files), NUMBER(units), NUMBER(types),
	NUMBER(functions), NUMBER(variables), NUMBER(symbols), NUMBER(codes), NUMBER(lines),
	NUMBER(unwind_rows), NUMBER(warnings),
#undef NUMBER
};

static const struct {
	const char *key;
	size_t offset;
} strings[] = {
#define STRING(name) { #name, offsetof(struct sdb_db_info, name) }
	STRING(module_name), STRING(module_path), STRING(debug_path), STRING(soname),
	STRING(indexer),
#undef STRING
};

enum { ARRAY_NUMBERS = sizeof(numbers) / sizeof(*numbers),
       ARRAY_STRINGS = sizeof(strings) / sizeof(*strings) };

static uint64_t load_number(const struct sdb_db_info *info, size_t offset, size_t size)
{
	const uint8_t *at = (const uint8_t *)info + offset;
	switch (size) {
	case 1: return *at;
	case 2: return *(const uint16_t *)at;
	case 4: return *(const uint32_t *)at;
	default: return *(const uint64_t *)at;
	}
}

static bool store_number(struct sdb_db_info *info, size_t offset, size_t size, uint64_t value)
{
	uint8_t *at = (uint8_t *)info + offset;
	switch (size) {
	case 1: *at = (uint8_t)value; break;
	case 2: *(uint16_t *)at = (uint16_t)value; break;
	case 4: *(uint32_t *)at = (uint32_t)value; break;
	default: *(uint64_t *)at = value; break;
	}
	return load_number(info, offset, size) == value;
}

uint64_t meta_checksum(char *const *keys, char *const *values, size_t count)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i], "checksum") == 0)
			continue;
		hash = checksum64(hash, keys[i], strlen(keys[i]) + 1);
		hash = checksum64(hash, values[i], strlen(values[i]) + 1);
	}
	return hash;
}

/* ---- writing ---------------------------------------------------------------- */

static struct sdb_error *gather_identity(struct sdb_writer *writer, int format)
{
	struct sdb_db_info *info = &writer->info;
	info->detail = writer->detail;
	struct sdb_error *error = writer_meta_row(writer, "format", "%d", format);
	for (size_t i = 0; i < ARRAY_NUMBERS && !error; i++)
		error = writer_meta_row(writer, numbers[i].key, "%" PRIu64,
					load_number(info, numbers[i].offset, numbers[i].size));
	for (size_t i = 0; i < ARRAY_STRINGS && !error; i++) {
		const char *value = *(const char **)((char *)info + strings[i].offset);
		if (value)
			error = writer_meta_row(writer, strings[i].key, "%s", value);
	}
	if (error || !info->build_id_length)
		return error;
	struct buffer hex = { 0 };
	for (size_t i = 0; i < info->build_id_length; i++) {
		char digits[3];
		snprintf(digits, sizeof(digits), "%02x", info->build_id[i]);
		put_bytes(&hex, digits, 2);
	}
	put_u8(&hex, 0);
	error = hex.failed ? sdb_error_new(SDB_ERROR_MEMORY, "out of memory") :
			     writer_meta_row(writer, "build_id", "%s", (char *)hex.data);
	buffer_deinit(&hex);
	return error;
}

static struct sdb_error *gather_parts(struct sdb_writer *writer)
{
	struct sdb_error *error = NULL;
	for (int part = 0; part < PART_COUNT && !error; part++) {
		struct part_totals totals = { 0 };
		const struct stored_block *block;
		for (size_t i = 0; (block = block_writer_block(writer->parts[part], i)); i++) {
			if (i == 0)
				totals.first = block->first;
			totals.blocks++;
			totals.raw += block->raw_size;
			totals.stored += block->size;
		}
		char key[64];
		snprintf(key, sizeof(key), "part.%s", part_traits[part].name);
		error = writer_meta_row(writer, key, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
					totals.blocks, totals.first, totals.raw, totals.stored);
	}
	return error;
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct meta_row *)a)->key, ((const struct meta_row *)b)->key);
}

struct sdb_error *meta_gather(struct sdb_writer *writer, int format)
{
	struct sdb_error *error = gather_identity(writer, format);
	if (!error)
		error = gather_parts(writer);
	if (error)
		return error;
	if (writer->meta_count > 1)
		qsort(writer->meta, writer->meta_count, sizeof(*writer->meta), compare_rows);
	uint64_t hash = 0;
	for (size_t i = 0; i < writer->meta_count; i++) {
		const struct meta_row *row = &writer->meta[i];
		if (i > 0 && strcmp(row[-1].key, row->key) == 0)
			return sdb_error_new(SDB_ERROR_INVALID, "meta key `%s` is set twice",
					     row->key);
		hash = checksum64(hash, row->key, strlen(row->key) + 1);
		hash = checksum64(hash, row->value, strlen(row->value) + 1);
	}
	return writer_meta_row(writer, "checksum", "%016" PRIx64, hash);
}

/* ---- reading ---------------------------------------------------------------- */

const char *meta_value(const struct meta *meta, const char *key)
{
	size_t low = 0, high = meta->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(meta->keys[middle], key);
		if (order == 0)
			return meta->values[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool parse_number(const char **text, int base, uint64_t *value_ret)
{
	char *end;
	if (**text == '-' || **text == '+' || **text == '\0')
		return false;
	*value_ret = strtoull(*text, &end, base);
	bool ok = end != *text && (*end == '\0' || *end == ' ');
	*text = *end == ' ' ? end + 1 : end;
	return ok;
}

static bool parse_value(const struct meta *meta, const char *key, int base, uint64_t *value_ret)
{
	const char *text = meta_value(meta, key);
	return text && parse_number(&text, base, value_ret) && *text == '\0';
}

static bool parse_build_id(struct meta *meta)
{
	const char *text = meta_value(meta, "build_id");
	if (!text)
		return true;
	size_t length = strlen(text) / 2;
	uint8_t *id = malloc(length + 1);
	if (!id)
		return false;
	meta->info.build_id = id;
	meta->info.build_id_length = length;
	for (size_t i = 0; i < length; i++) {
		unsigned byte;
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		id[i] = (uint8_t)byte;
	}
	return true;
}

static bool parse_parts(struct meta *meta)
{
	for (int part = 0; part < PART_COUNT; part++) {
		char key[64];
		snprintf(key, sizeof(key), "part.%s", part_traits[part].name);
		const char *text = meta_value(meta, key);
		struct part_totals *totals = &meta->parts[part];
		if (!text || !parse_number(&text, 10, &totals->blocks) ||
		    !parse_number(&text, 10, &totals->first) ||
		    !parse_number(&text, 10, &totals->raw) ||
		    !parse_number(&text, 10, &totals->stored))
			return false;
	}
	return true;
}

bool meta_parse(struct meta *meta, const char **what_ret)
{
	uint64_t checksum, format;
	*what_ret = "the checksum of its identity is wrong";
	if (!parse_value(meta, "checksum", 16, &checksum) ||
	    checksum != meta_checksum(meta->keys, meta->values, meta->count))
		return false;
	*what_ret = "its identity makes no sense";
	for (size_t i = 0; i < ARRAY_NUMBERS; i++) {
		uint64_t value;
		if (!parse_value(meta, numbers[i].key, 10, &value) ||
		    !store_number(&meta->info, numbers[i].offset, numbers[i].size, value))
			return false;
	}
	for (size_t i = 0; i < ARRAY_STRINGS; i++)
		*(const char **)((char *)&meta->info + strings[i].offset) =
			meta_value(meta, strings[i].key);
	if (!parse_value(meta, "format", 10, &format) ||
	    !parse_value(meta, "sections.checksum", 16, &meta->sections_checksum) ||
	    !parse_value(meta, "segments.checksum", 16, &meta->segments_checksum))
		return false;
	meta->info.format_version = (uint32_t)format;
	meta->info.packed = format != SCHEMA_FORMAT_UNPACKED;
	return parse_build_id(meta) && parse_parts(meta);
}

void meta_deinit(struct meta *meta)
{
	for (size_t i = 0; i < meta->count; i++) {
		free(meta->keys[i]);
		free(meta->values[i]);
	}
	free(meta->keys);
	free(meta->values);
	free((void *)meta->info.build_id);
	memset(meta, 0, sizeof(*meta));
}
