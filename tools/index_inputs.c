/* SPDX-License-Identifier: MIT */
#include "index_inputs.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <elf.h>
#include <stackdb/store.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 64

static struct index_input *add(struct index_inputs *inputs, const char *path, uint64_t size)
{
	if (inputs->count == inputs->capacity) {
		inputs->capacity = inputs->capacity ? inputs->capacity * 2 : 16;
		inputs->items = tool_realloc(inputs->items, inputs->capacity, sizeof(*inputs->items));
	}
	struct index_input *input = &inputs->items[inputs->count++];
	*input = (struct index_input){ .path = tool_strdup(path), .size = size };
	return input;
}

void index_inputs_add_file(struct index_inputs *inputs, const char *path)
{
	struct stat state;
	add(inputs, path, stat(path, &state) == 0 ? (uint64_t)state.st_size : 0);
}

void index_inputs_deinit(struct index_inputs *inputs)
{
	for (size_t i = 0; i < inputs->count; i++) {
		free(inputs->items[i].path);
		free(inputs->items[i].debug_path);
	}
	free(inputs->items);
	*inputs = (struct index_inputs){ 0 };
}

/* Whether FD is an ELF file that is not a core dump. */
static bool is_module(int fd)
{
	unsigned char header[18];
	if (pread(fd, header, sizeof(header), 0) != sizeof(header) || memcmp(header, "\177ELF", 4) != 0)
		return false;
	unsigned type = header[5] == 2 ? header[16] << 8 | header[17] : header[17] << 8 | header[16];
	return type >= ET_REL && type <= ET_DYN;
}

/* Numbers of the file's own width and byte order, at fixed places of its headers. */
struct header_reader {
	int fd;
	bool wide, big;
};

static uint64_t number_at(const struct header_reader *reader, const unsigned char *bytes, unsigned size)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | bytes[reader->big ? i : size - 1 - i];
	return value;
}

/* Offset and size of the section with header number INDEX, and the offset of its name. */
static bool section_at(const struct header_reader *reader, uint64_t table, unsigned entry_size,
		       unsigned index, uint64_t *name_ret, uint64_t *offset_ret, uint64_t *size_ret)
{
	unsigned char header[64];
	size_t need = reader->wide ? 64 : 40;
	if (entry_size < need
	    || pread(reader->fd, header, need, (off_t)(table + (uint64_t)index * entry_size)) != (ssize_t)need)
		return false;
	*name_ret = number_at(reader, header, 4);
	*offset_ret = number_at(reader, header + (reader->wide ? 24 : 16), reader->wide ? 8 : 4);
	*size_ret = number_at(reader, header + (reader->wide ? 32 : 20), reader->wide ? 8 : 4);
	return number_at(reader, header + 4, 4) != SHT_NOBITS;
}

/* Whether there is DWARF in the file: only a hint which of two files is the debug file. */
static bool has_debug_sections(int fd)
{
	unsigned char header[64];
	struct header_reader reader = { .fd = fd };
	uint64_t name, names_offset, names_size, offset, size;
	if (pread(fd, header, sizeof(header), 0) != sizeof(header))
		return false;
	reader.wide = header[4] == ELFCLASS64;
	reader.big = header[5] == ELFDATA2MSB;
	uint64_t table = number_at(&reader, header + (reader.wide ? 40 : 32), reader.wide ? 8 : 4);
	const unsigned char *counts = header + (reader.wide ? 58 : 46);
	unsigned entry_size = (unsigned)number_at(&reader, counts, 2);
	unsigned count = (unsigned)number_at(&reader, counts + 2, 2);
	unsigned names = (unsigned)number_at(&reader, counts + 4, 2);
	if (!section_at(&reader, table, entry_size, names, &name, &names_offset, &names_size))
		return false;
	for (unsigned i = 0; i < count; i++) {
		char text[16] = "";
		if (section_at(&reader, table, entry_size, i, &name, &offset, &size) && name < names_size
		    && pread(fd, text, sizeof(text) - 1, (off_t)(names_offset + name)) > 0
		    && (strcmp(text, ".debug_info") == 0 || strcmp(text, ".zdebug_info") == 0))
			return true;
	}
	return false;
}

static void examine_file(struct index_inputs *inputs, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	struct stat state;
	if (fstat(fd, &state) == 0 && S_ISREG(state.st_mode) && is_module(fd)) {
		uint8_t id[64];
		size_t length = 0;
		sdb_error_free(sdb_build_id_of_file(path, id, &length));
		if (length) {
			struct index_input *input = add(inputs, path, (uint64_t)state.st_size);
			memcpy(input->build_id, id, length);
			input->build_id_length = length;
			input->has_debug = has_debug_sections(fd);
		} else {
			inputs->without_build_id++;
		}
	}
	close(fd);
}

static bool walk(struct index_inputs *inputs, const char *directory, unsigned depth)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, alphasort);
	if (count < 0)
		return false;
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		struct stat state;
		struct text path = TEXT_EMPTY;
		text_format(&path, "%s/%s", directory, name);
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0
		    && lstat(text_string(&path), &state) == 0) {
			if (S_ISREG(state.st_mode))
				examine_file(inputs, path.data);
			else if (S_ISDIR(state.st_mode) && depth < MAX_DEPTH)
				walk(inputs, path.data, depth + 1);
		}
		free(path.data);
		free(entries[i]);
	}
	free(entries);
	return true;
}

static int by_build_id(const void *a, const void *b)
{
	const struct index_input *x = *(struct index_input *const *)a, *y = *(struct index_input *const *)b;
	if (x->build_id_length != y->build_id_length)
		return x->build_id_length < y->build_id_length ? -1 : 1;
	int order = memcmp(x->build_id, y->build_id, x->build_id_length);
	return order ? order : x < y ? -1 : x > y; /* then as they were found */
}

static void drop(struct index_input *input)
{
	free(input->path);
	input->path = NULL;
}

/* Makes one input of each group of files with the same build-id. */
static void merge_group(struct index_input **group, size_t count)
{
	struct index_input *stripped = NULL, *debug = NULL;
	for (size_t i = 0; i < count; i++) {
		struct index_input **slot = group[i]->has_debug ? &debug : &stripped;
		if (*slot)
			drop(group[i]);
		else
			*slot = group[i];
	}
	if (stripped && debug) {
		stripped->debug_path = debug->path;
		stripped->size += debug->size;
		debug->path = NULL;
	}
}

static void merge(struct index_inputs *inputs, size_t first)
{
	size_t count = inputs->count - first;
	struct index_input **order = tool_alloc(count * sizeof(*order));
	for (size_t i = 0; i < count; i++)
		order[i] = &inputs->items[first + i];
	if (count > 1)
		qsort(order, count, sizeof(*order), by_build_id);
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count; end++)
			if (order[end]->build_id_length != order[i]->build_id_length
			    || memcmp(order[end]->build_id, order[i]->build_id, order[i]->build_id_length) != 0)
				break;
		merge_group(order + i, end - i);
	}
	free(order);
	size_t kept = first;
	for (size_t i = first; i < inputs->count; i++)
		if (inputs->items[i].path)
			inputs->items[kept++] = inputs->items[i];
	inputs->count = kept;
}

bool index_inputs_add_directory(struct index_inputs *inputs, const char *directory)
{
	size_t first = inputs->count;
	bool read = walk(inputs, directory, 0);
	merge(inputs, first);
	return read;
}
