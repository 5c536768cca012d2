/* SPDX-License-Identifier: MIT */

/* Where databases lie, and the build-ids that they lie under. */

#include "hex.h"
#include <stackdb/store.h>

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_STORE "/var/lib/stackdb"

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

struct sdb_error *sdb_store_directory(char **path_ret)
{
	const char *store = getenv("STACKDB_STORE"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int length;

	if (store && *store)
		length = asprintf(path_ret, "%s", store);
	else if (cache && *cache)
		length = asprintf(path_ret, "%s/stackdb", cache);
	else if (home && *home)
		length = asprintf(path_ret, "%s/.cache/stackdb", home);
	else
		length = asprintf(path_ret, "%s", SYSTEM_STORE);
	return length < 0 ? no_memory() : NULL;
}

static struct sdb_error *path_in(const char *directory, const uint8_t *build_id, size_t length, char **path_ret)
{
	char text[129];

	if (length < 2 || length > 64)
		return sdb_error_new(SDB_ERROR_INVALID, "a build-id has 2 to 64 bytes, not %zu", length);
	hex_of_bytes(build_id, length, text);
	return asprintf(path_ret, "%s/%.2s/%s.sdb", directory, text, text + 2) < 0 ? no_memory() : NULL;
}

struct sdb_error *sdb_store_path(const char *directory, const uint8_t *build_id, size_t length, char **path_ret)
{
	char *own = NULL;
	struct sdb_error *error = directory ? NULL : sdb_store_directory(&own);

	if (!error)
		error = path_in(directory ? directory : own, build_id, length, path_ret);
	free(own);
	return error;
}

struct sdb_error *sdb_store_part_path(const uint8_t *build_id, size_t length, long maker, char **path_ret)
{
	char *whole;
	struct sdb_error *error = sdb_store_path(NULL, build_id, length, &whole);

	if (error)
		return error;
	if (asprintf(path_ret, "%s.part-%ld", whole, maker) < 0) {
		*path_ret = NULL;
		error = no_memory();
	}
	free(whole);
	return error;
}

struct sdb_error *sdb_store_find(const uint8_t *build_id, size_t length, char **path_ret)
{
	char *first;
	struct sdb_error *error = sdb_store_directory(&first);

	*path_ret = NULL;
	for (int i = 0; i < 2 && !error; i++) {
		error = path_in(i ? SYSTEM_STORE : first, build_id, length, path_ret);
		if (!error && access(*path_ret, R_OK) == 0) {
			free(first);
			return NULL;
		}
		if (!error)
			free(*path_ret);
		*path_ret = NULL;
	}
	if (!error)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "no database of this build-id in %s or %s", first, SYSTEM_STORE);
	free(first);
	return error;
}

struct sdb_error *sdb_store_make_parents(const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return no_memory();
	for (char *at = copy + 1; (at = strchr(at, '/')); at++) {
		*at = 0;
		if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
			struct sdb_error *error = sdb_error_errno(errno, "cannot create the directory %s", copy);
			free(copy);
			return error;
		}
		*at = '/';
	}
	free(copy);
	return NULL;
}

struct sdb_error *sdb_build_id_parse(const char *text, uint8_t id_ret[64], size_t *length_ret)
{
	size_t digits = strlen(text);

	if (digits < 4 || digits > 128 || digits % 2 || strspn(text, "0123456789abcdefABCDEF") != digits)
		return sdb_error_new(SDB_ERROR_INVALID, "'%s' is not a build-id: 4 to 128 hexadecimal digits", text);
	for (size_t i = 0; i < digits / 2; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], 0 };
		id_ret[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	*length_ret = digits / 2;
	return NULL;
}

/* ---- the build-id note of an ELF file ------------------------------------------------ */

struct reader {
	int file;
	bool big, wide; /* byte order, ELF class */
};

static uint64_t number(const struct reader *reader, const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value = value << 8 | at[reader->big ? i : size - 1 - i];
	return value;
}

/* Looks through SIZE bytes of notes; true when the build-id was among them. */
static bool search_notes(const struct reader *reader, const uint8_t *at, size_t size, uint8_t id_ret[64],
			 size_t *length_ret)
{
	while (size >= 12) {
		uint64_t name = number(reader, at, 4), length = number(reader, at + 4, 4);
		uint64_t name_end = 12 + ((name + 3) & ~UINT64_C(3)), end = name_end + ((length + 3) & ~UINT64_C(3));
		if (name_end > size || name_end + length > size)
			return false;
		if (number(reader, at + 8, 4) == NT_GNU_BUILD_ID && name == 4 && memcmp(at + 12, "GNU", 4) == 0 &&
		    length > 0 && length <= 64) {
			memcpy(id_ret, at + name_end, length);
			*length_ret = length;
			return true;
		}
		if (end >= size)
			return false;
		at += end;
		size -= end;
	}
	return false;
}

static bool notes_at(const struct reader *reader, uint64_t offset, uint64_t size, uint8_t id_ret[64], size_t *length_ret)
{
	uint8_t notes[65536];

	if (size > sizeof(notes))
		size = sizeof(notes);
	ssize_t got = pread(reader->file, notes, size, (off_t)offset);
	return got > 0 && search_notes(reader, notes, (size_t)got, id_ret, length_ret);
}

/* Program headers (SEGMENTS) or section headers: those that are notes. */
static bool search_table(const struct reader *reader, const uint8_t *header, bool segments, uint8_t id_ret[64],
			 size_t *length_ret)
{
	bool wide = reader->wide;
	unsigned word = wide ? 8 : 4;
	uint64_t table = number(reader, header + (segments ? (wide ? 32 : 28) : (wide ? 40 : 32)), word);
	unsigned entry = (unsigned)number(reader, header + (segments ? (wide ? 54 : 42) : (wide ? 58 : 46)), 2);
	unsigned count = (unsigned)number(reader, header + (segments ? (wide ? 56 : 44) : (wide ? 60 : 48)), 2);
	unsigned minimum = segments ? (wide ? 56 : 32) : (wide ? 64 : 40);

	for (unsigned i = 0; entry >= minimum && i < count; i++) {
		uint8_t bytes[64];
		if (pread(reader->file, bytes, minimum, (off_t)(table + (uint64_t)i * entry)) != (ssize_t)minimum)
			return false;
		unsigned type = (unsigned)number(reader, bytes + (segments ? 0 : 4), 4);
		uint64_t offset = number(reader, bytes + (segments ? (wide ? 8 : 4) : (wide ? 24 : 16)), word);
		uint64_t size = number(reader, bytes + (segments ? (wide ? 32 : 16) : (wide ? 32 : 20)), word);
		if (type == (segments ? PT_NOTE : SHT_NOTE) && notes_at(reader, offset, size, id_ret, length_ret))
			return true;
	}
	return false;
}

struct sdb_error *sdb_build_id_of_file(const char *path, uint8_t id_ret[64], size_t *length_ret)
{
	struct reader reader = { .file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	uint8_t header[64] = { 0 };
	struct stat status;

	*length_ret = 0;
	if (reader.file < 0)
		return sdb_error_errno(errno, "cannot open %s", path);
	bool elf = fstat(reader.file, &status) == 0 && S_ISREG(status.st_mode) &&
		   pread(reader.file, header, sizeof(header), 0) >= 52 && memcmp(header, ELFMAG, SELFMAG) == 0;
	reader.wide = header[EI_CLASS] == ELFCLASS64;
	reader.big = header[EI_DATA] == ELFDATA2MSB;
	if (elf && !search_table(&reader, header, true, id_ret, length_ret))
		search_table(&reader, header, false, id_ret, length_ret);
	close(reader.file);
	return elf ? NULL : sdb_error_new(SDB_ERROR_CORRUPT, "%s: not an ELF file", path);
}
