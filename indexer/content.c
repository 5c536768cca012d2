/* SPDX-License-Identifier: MIT */
#include "elf.h"
#include "decompress.h"

#include <stdlib.h>

/*
 * The bytes of sections. What needs no work is handed out as a view of the file. What must be
 * decompressed or relocated is prepared once, by the first thread that asks; others that want the
 * same section wait for it, those that want another one work at the same time.
 */


struct bytes {
	const uint8_t *data;
	size_t size;
	uint8_t *owned; /* or NULL: a view of the file */
};

static struct sdb_error *section_error(const struct elf_file *file, uint32_t index,
				       enum sdb_error_code code, const char *why)
{
	return sdb_error_new(code, "%s: section %u (%.64s): %s", file->path, index,
			     file->sections[index].name, why);
}

/* SHF_COMPRESSED (gABI, "Section Compression"): an ElfNN_Chdr, then the stream. */
static struct sdb_error *decompress_elf(const struct elf_file *file, uint32_t index,
					const uint8_t *raw, size_t size, struct bytes *bytes)
{
	size_t header = elf_is64(file) ? sizeof(Elf64_Chdr) : sizeof(Elf32_Chdr);
	if (size < header)
		return section_error(file, index, SDB_ERROR_CORRUPT, "compression header is cut off");
	uint32_t type = elf_u32(file, raw);
	uint64_t declared = elf_word(file, raw + (elf_is64(file) ? 8 : 4));
	enum compression kind = type == ELFCOMPRESS_ZLIB ? COMPRESSION_ZLIB
			      : type == 2 /* ELFCOMPRESS_ZSTD */ ? COMPRESSION_ZSTD
			      : COMPRESSION_NONE;
	if (kind == COMPRESSION_NONE)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED,
				     "%s: section %u (%.64s): unknown compression type %u",
				     file->path, index, file->sections[index].name, type);
	struct sdb_error *error = decompress_section(kind, raw + header, size - header, declared,
						     &bytes->owned);
	if (error)
		return sdb_error_prefix(error, "%s: section %u (%.64s)", file->path, index,
					file->sections[index].name);
	bytes->data = bytes->owned;
	bytes->size = (size_t)declared;
	return NULL;
}

/* `.zdebug_*`: "ZLIB" and the size in big-endian order, then a zlib stream. */
static struct sdb_error *decompress_gnu(const struct elf_file *file, uint32_t index,
					const uint8_t *raw, size_t size, struct bytes *bytes)
{
	if (size < 12 || memcmp(raw, "ZLIB", 4) != 0) {
		/* The linker leaves a section plain when compression does not shrink it. */
		bytes->data = raw;
		bytes->size = size;
		return NULL;
	}
	uint64_t declared = 0;
	for (int i = 4; i < 12; i++)
		declared = declared << 8 | raw[i];
	struct sdb_error *error = decompress_section(COMPRESSION_ZLIB, raw + 12, size - 12, declared,
						     &bytes->owned);
	if (error)
		return sdb_error_prefix(error, "%s: section %u (%.64s)", file->path, index,
					file->sections[index].name);
	bytes->data = bytes->owned;
	bytes->size = (size_t)declared;
	return NULL;
}

/* One section, decompressed; a view of the file where nothing had to be done. */
static struct sdb_error *read_section(const struct elf_file *file, uint32_t index,
				      struct bytes *bytes)
{
	const struct sdb_section *section = &file->sections[index];
	size_t size;
	*bytes = (struct bytes){ 0 };
	if (section->type == SHT_NOBITS || section->size == 0)
		return NULL;
	const uint8_t *raw = elf_raw_section(file, index, &size);
	if (!raw)
		return section_error(file, index, SDB_ERROR_CORRUPT, "it lies outside the file");
	if (section->flags & SHF_COMPRESSED)
		return decompress_elf(file, index, raw, size, bytes);
	if (strncmp(section->name, ".zdebug_", 8) == 0)
		return decompress_gnu(file, index, raw, size, bytes);
	bytes->data = raw;
	bytes->size = size;
	return NULL;
}

static struct sdb_error *make_private(const struct elf_file *file, uint32_t index,
				      struct bytes *bytes)
{
	if (bytes->owned || bytes->size == 0)
		return NULL;
	bytes->owned = malloc(bytes->size);
	if (!bytes->owned)
		return section_error(file, index, SDB_ERROR_MEMORY, "no memory to relocate it");
	memcpy(bytes->owned, bytes->data, bytes->size);
	bytes->data = bytes->owned;
	return NULL;
}

static struct sdb_error *prepare_one(struct elf_file *file, uint32_t index, struct bytes *bytes)
{
	struct sdb_error *error = read_section(file, index, bytes);
	if (error || file->extra[index].relocation == 0)
		return error;
	error = make_private(file, index, bytes);
	if (!error)
		elf_relocate(file, index, file->sections[index].address, bytes->owned, bytes->size);
	return error;
}

/* Sections of one name, each at its `address` in the whole. */
static struct sdb_error *prepare_chain(struct elf_file *file, uint32_t first, struct bytes *whole)
{
	uint64_t total = 0;
	for (uint32_t i = first; i; i = file->extra[i].next_same) {
		/* they share no bytes of the file: a small one cannot ask for a lot of memory */
		if (__builtin_add_overflow(total, file->sections[i].size, &total) ||
		    total > file->size)
			return section_error(file, i, SDB_ERROR_CORRUPT,
					     "sections of that name are bigger than the file");
	}
	whole->owned = malloc(total ? total : 1);
	if (!whole->owned)
		return section_error(file, first, SDB_ERROR_MEMORY, "no memory to join sections");
	whole->data = whole->owned;
	whole->size = (size_t)total;
	for (uint32_t i = first; i; i = file->extra[i].next_same) {
		size_t size;
		uint64_t at = file->sections[i].address;
		const uint8_t *raw = elf_raw_section(file, i, &size);
		if (!raw && file->sections[i].size)
			return section_error(file, i, SDB_ERROR_CORRUPT, "it lies outside the file");
		if (size)
			memcpy(whole->owned + at, raw, size);
		elf_relocate(file, i, at, whole->owned + at, size);
	}
	return NULL;
}

static void finish(struct elf_file *file, uint32_t index, const struct bytes *bytes,
		   const struct sdb_error *error)
{
	struct elf_section *extra = &file->extra[index];
	pthread_mutex_lock(&file->lock);
	if (error) {
		free(bytes->owned);
		extra->failure = strdup(sdb_error_message(error));
		extra->failure_code = sdb_error_code(error);
		extra->state = ELF_CONTENT_FAILED;
	} else {
		extra->owned = bytes->owned;
		extra->content.data = bytes->data;
		extra->content.size = bytes->size;
		extra->content.mapped = file->mapped && bytes->data && !bytes->owned;
		extra->content.address = file->sections[index].address;
		extra->state = ELF_CONTENT_READY;
	}
	pthread_cond_broadcast(&file->prepared);
	pthread_mutex_unlock(&file->lock);
}

struct sdb_error *elf_content(struct elf_file *file, uint32_t index, struct section_data *data_ret)
{
	*data_ret = (struct section_data){ 0 };
	if (index == 0 || index >= file->section_count)
		return NULL;
	struct elf_section *extra = &file->extra[index];
	pthread_mutex_lock(&file->lock);
	while (extra->state == ELF_CONTENT_BUSY)
		pthread_cond_wait(&file->prepared, &file->lock);
	enum elf_content_state state = extra->state;
	if (state == ELF_CONTENT_UNREAD)
		extra->state = ELF_CONTENT_BUSY;
	pthread_mutex_unlock(&file->lock);

	/* READY and FAILED are for ever: what they say may be read without the lock. */
	struct sdb_error *error = NULL;
	if (state == ELF_CONTENT_UNREAD) {
		struct bytes bytes = { 0 };
		error = extra->next_same ? prepare_chain(file, index, &bytes)
					 : prepare_one(file, index, &bytes);
		finish(file, index, &bytes, error);
	} else if (state == ELF_CONTENT_FAILED) {
		error = sdb_error_new(extra->failure_code, "%s",
				      extra->failure ? extra->failure : "no memory");
	}
	if (!error)
		*data_ret = extra->content;
	return error;
}
