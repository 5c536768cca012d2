/* SPDX-License-Identifier: MIT */
/*
 * A database whose blocks are stored as they are: whoever meets a module for the first time waits
 * for it only so long as it takes to read the debuginfo, and it is packed afterwards.
 */

#include "writer_private.h"
#include <stdlib.h>

static struct sdb_error *write_file(struct sdb_writer *writer, uint64_t *size_ret)
{
	for (int part = 0; part < PART_MODELS; part++)
		block_writer_leave(writer->parts[part]);
	struct sdb_error *error = meta_gather(writer, SCHEMA_FORMAT_UNPACKED);
	return error ? error : output_write(writer, SCHEMA_FORMAT_UNPACKED, size_ret);
}

/* Of the rows of `meta` only the COUNT first of KEPT stay. */
static void take_back_meta(struct sdb_writer *writer, const struct meta_row *kept, size_t count)
{
	for (size_t i = 0; i < writer->meta_count; i++) {
		bool keep = false;
		for (size_t k = 0; k < count && !keep; k++)
			keep = kept[k].key == writer->meta[i].key;
		if (!keep) {
			free(writer->meta[i].key);
			free(writer->meta[i].value);
		}
	}
	for (size_t i = 0; i < count; i++)
		writer->meta[i] = kept[i];
	writer->meta_count = count;
}

struct sdb_error *unpacked_write(struct sdb_writer *writer, uint64_t *size_ret, bool *done_ret)
{
	size_t count = writer->meta_count;
	uint64_t size;
	*done_ret = false;
	for (int part = 0; part < PART_MODELS; part++)
		if (!block_writer_held(writer->parts[part]))
			return NULL;
	struct meta_row *kept = calloc(count + 1, sizeof(*kept));
	if (!kept)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++)
		kept[i] = writer->meta[i];
	struct sdb_error *error = write_file(writer, &size);
	if (!error) {
		if (size_ret)
			*size_ret = size;
		*done_ret = !writer->unpacked(writer->arg, size);
	}
	take_back_meta(writer, kept, count);
	free(kept);
	for (int part = 0; part < PART_MODELS && !error && !*done_ret; part++)
		block_writer_take_back(writer->parts[part]);
	return error;
}
